//go:build unix && !linux

package conn

// receiveQueue reads a socket. How much is left behind a read, only Linux tells.
type receiveQueue struct {
	tcp, drained bool
	left         int
}

func (*receiveQueue) ask(int) {}

func (*receiveQueue) read(fd int, p []byte) (n int, wait bool, err error) { return readNow(fd, p) }
