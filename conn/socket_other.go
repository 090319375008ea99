//go:build !unix

package conn

import "net"

// A socket is not used through its descriptor here: control frames are written by a goroutine of their own, and a read waits in net.Conn.Read.
type socket struct {
	queue struct{ left int }
	fill  func(fd uintptr) bool
}

func newSocket(net.Conn) *socket { return nil }

func (*socket) tryWrite([]byte) (int, error)                       { panic("no socket") }
func (*socket) writeHeld([]byte) (n int, ok bool, err error)       { panic("no socket") }
func (*socket) enter(func(fd uintptr) bool) error                  { panic("no socket") }
func (*socket) entered(uintptr)                                    { panic("no socket") }
func (*socket) read(uintptr, []byte) (n int, wait bool, err error) { panic("no socket") }
func (*socket) emptied() bool                                      { panic("no socket") }
func (*socket) shutdown() error                                    { panic("no socket") }
