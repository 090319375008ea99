//go:build !linux

package main

import "log"

func main() { log.Fatal("peers: the comparison runs on Linux only") }
