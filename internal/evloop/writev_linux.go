package evloop

import "golang.org/x/sys/unix"

// Writev is Write of all of v, in one system call where there is one for that. n counts the bytes of all. It does not retain v.
func (c *Conn) Writev(v [][]byte) (n int, err error) {
	if !c.acquire() {
		return 0, ErrClosed
	}
	defer c.release()
	total := 0
	for _, p := range v {
		total += len(p)
	}
	for {
		n, err = c.writev(v)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN || err == nil && n < total:
			return max(n, 0), ErrWouldBlock
		case err != nil:
			return 0, err
		default:
			return n, nil
		}
	}
}

func (c *Conn) writev(v [][]byte) (n int, err error) {
	if calls := c.loop.calls; calls != nil {
		return writeBy(calls, int(c.fd), v...)
	}
	return unix.Writev(int(c.fd), v)
}
