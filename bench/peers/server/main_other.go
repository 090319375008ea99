//go:build !linux

// Command server is one WebSocket server with a choice of libraries. It runs on Linux.
package main

import "log"

func main() { log.Fatal("server: the comparison runs on Linux only") }
