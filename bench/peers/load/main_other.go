//go:build !linux

// Command load is the load generator of the comparison. It runs on Linux.
package main

import "log"

func main() { log.Fatal("load: the comparison runs on Linux only") }
