//go:build race

package main

// Under the race detector, the cases of millions of frames are left to the other runs.
const (
	tooMany  = "9.3.*,9.4.*,9.5.*,9.6.*,H.4.*"
	messages = 3
)
