package evloop

import "net"

// Calls are the system calls on descriptors that are no poller's: with them and a [Poller] a group runs over sockets that are not the system's, and each of its operations can be made to fail. Errors are the
// system's. The calls may come from any goroutine.
type Calls interface {
	// Duplicate returns another descriptor of c, as the function [Duplicate] does.
	Duplicate(c net.Conn) (fd int, err error)
	// Read and Write do not wait. Write writes all of v, one behind the other, or a part; where the system has no such call, v is one slice.
	Read(fd int, p []byte) (n int, err error)
	Write(fd int, v ...[]byte) (n int, err error)
	Shutdown(fd, how int) error
}

// Duplicate is the function [Duplicate], for descriptors that become this group's.
func (g *Group) Duplicate(c net.Conn) (fd int, err error) {
	if g.cfg.Calls != nil {
		return g.cfg.Calls.Duplicate(c)
	}
	return Duplicate(c)
}

// readBy and writeBy give calls a copy: the arguments of an interface's methods escape to the heap, and those of the system's calls need not.

func readBy(calls Calls, fd int, p []byte) (n int, err error) {
	b := make([]byte, len(p))
	n, err = calls.Read(fd, b)
	copy(p, b[:max(n, 0)])
	return n, err
}

func writeBy(calls Calls, fd int, v ...[]byte) (n int, err error) {
	copies := make([][]byte, len(v))
	for i, p := range v {
		copies[i] = append([]byte(nil), p...)
	}
	return calls.Write(fd, copies...)
}
