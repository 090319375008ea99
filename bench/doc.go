// Package bench measures hawser: the framing core and whole connections (go test -bench . ./bench), and holds the guard, which fails on what can be counted instead
// of timed (go test ./bench). README.md says how to run, record and read it. It exports nothing.
package bench
