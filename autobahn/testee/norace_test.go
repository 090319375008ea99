//go:build !race

package main

const (
	tooMany  = ""
	messages = 50
)
