//go:build darwin || dragonfly || freebsd || openbsd

package evloop

// Writev is Write of all of v, in one system call where there is one for that. n counts the bytes of all. It does not retain v.
func (c *Conn) Writev(v [][]byte) (n int, err error) {
	for _, p := range v {
		m, err := c.Write(p)
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
