//go:build !unix

package conn

import "net"

// newTryWrite returns nil: control frames are written by a goroutine of their own where a write cannot be tried.
func newTryWrite(net.Conn) func(p []byte) (n int, err error) { return nil }
