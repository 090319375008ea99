//go:build !(linux || darwin || dragonfly || freebsd || openbsd)

package evloop

import "net"

func newPoller() (Poller, error) { return nil, ErrUnsupported }

// Adopt returns [ErrUnsupported] here.
func Adopt(net.Conn) (fd int, err error) { return -1, ErrUnsupported }

// Duplicate returns [ErrUnsupported] here.
func Duplicate(net.Conn) (fd int, err error) { return -1, ErrUnsupported }

// A Listener does not exist here.
type Listener struct{}

// Listen returns [ErrUnsupported] here.
func (g *Group) Listen(net.Listener, func(fd int, remote net.Addr)) (*Listener, error) {
	return nil, ErrUnsupported
}

// Close does nothing here.
func (a *Listener) Close() error { return nil }

// Read returns [ErrUnsupported] here.
func (c *Conn) Read([]byte) (n int, err error) { return 0, ErrUnsupported }

// Write returns [ErrUnsupported] here.
func (c *Conn) Write([]byte) (n int, err error) { return 0, ErrUnsupported }

// Writev returns [ErrUnsupported] here.
func (c *Conn) Writev([][]byte) (n int, err error) { return 0, ErrUnsupported }

// Shutdown returns [ErrUnsupported] here.
func (c *Conn) Shutdown() error { return ErrUnsupported }

// CloseWrite returns [ErrUnsupported] here.
func (c *Conn) CloseWrite() error { return ErrUnsupported }
