package conn

import (
	"encoding/binary"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// receiveQueue asks with each read of a TCP socket how much is left behind it (TCP_INQ of Linux), because the read that would find nothing costs as much as a short one. It belongs to whose
// turn it is to read.
type receiveQueue struct {
	tcp   bool // it may be asked
	asked bool
	turns uint8
	// drained: the last read left nothing behind it, and neither bytes nor an end waited.
	drained bool
	left    int      // how many bytes the last read left behind, 0 if that is not known
	oob     [32]byte // a control message with one int
}

// turnsBeforeAsking is how often a connection has to have something to read before it is worth two system calls to save one a message.
const turnsBeforeAsking = 4

// ask makes the kernel tell, on a connection that lasts.
func (q *receiveQueue) ask(fd int) {
	if !q.tcp || q.asked {
		return
	}
	if q.turns++; q.turns <= turnsBeforeAsking {
		return
	}
	if inqTellsEnds() {
		// Not MPTCP, which a *net.TCPConn may be, too: bytes may wait in one of its connections that its own queue does not have yet.
		protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
		q.asked = err == nil && protocol == unix.IPPROTO_TCP && unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_INQ, 1) == nil
	}
	q.tcp = q.asked // ask once
}

// read reads what is there without waiting. wait means that nothing is.
func (q *receiveQueue) read(fd int, p []byte) (n int, wait bool, err error) {
	if !q.asked {
		return readNow(fd, p)
	}
	q.drained = false
	for {
		n, oobn, _, _, err := syscall.Recvmsg(fd, p, q.oob[:], 0)
		switch err {
		case nil:
			left := inq(q.oob[:oobn])
			q.drained, q.left = n > 0 && left == 0, max(int(left), 0)
			return n, false, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, true, nil
		default:
			return 0, false, os.NewSyscallError("recvmsg", err)
		}
	}
}

// inq returns the number in a control message of TCP_INQ, -1 if oob is none.
func inq(oob []byte) int32 {
	const (
		header = syscall.SizeofCmsghdr // a length, and then two ints: level and type
		int32s = 4
	)
	data := syscall.CmsgLen(0)
	if len(oob) < data+int32s || binary.NativeEndian.Uint32(oob[header-2*int32s:]) != unix.IPPROTO_TCP ||
		binary.NativeEndian.Uint32(oob[header-int32s:]) != unix.TCP_INQ {
		return -1
	}
	return int32(binary.NativeEndian.Uint32(oob[data:]))
}

// inqTellsEnds reports whether TCP_INQ counts an end of the stream that waits, as kernels since 5.1 do. Before, a connection that ended with its last bytes would never be read
// again. It is tried once, on a loopback connection.
var inqTellsEnds = sync.OnceValue(func() bool {
	a, b, err := loopbackPair()
	if err != nil {
		return false
	}
	defer syscall.Close(a)
	defer syscall.Close(b)
	if unix.SetsockoptInt(b, unix.IPPROTO_TCP, unix.TCP_INQ, 1) != nil {
		return false
	}
	if _, err := syscall.Write(a, []byte("x")); err != nil {
		return false
	}
	if syscall.Shutdown(a, syscall.SHUT_WR) != nil {
		return false
	}
	// On loopback the end is there as soon as it is sent, or almost.
	ready := []unix.PollFd{{Fd: int32(b), Events: unix.POLLRDHUP}}
	if n, err := unix.Poll(ready, 100); n != 1 || err != nil {
		return false
	}
	var p [2]byte
	oob := make([]byte, 64)
	n, oobn, _, _, err := syscall.Recvmsg(b, p[:], oob, 0)
	return n == 1 && err == nil && inq(oob[:oobn]) > 0
})

// loopbackPair returns two descriptors of one blocking TCP connection. The runtime's poller has no part in it: it may be called in a synctest bubble.
func loopbackPair() (a, b int, err error) {
	open := func() (fd int) {
		if err == nil {
			fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		}
		return fd
	}
	l := open()
	if err != nil {
		return 0, 0, err
	}
	defer syscall.Close(l)
	if err := syscall.Bind(l, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, 0, err
	}
	if err := syscall.Listen(l, 1); err != nil {
		return 0, 0, err
	}
	addr, err := syscall.Getsockname(l)
	if err != nil {
		return 0, 0, err
	}
	if a = open(); err != nil {
		return 0, 0, err
	}
	// A filter that drops packets even here must not hold the first connection up.
	syscall.SetsockoptTimeval(a, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &probeTimeout)
	syscall.SetsockoptTimeval(l, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &probeTimeout)
	if err = syscall.Connect(a, addr); err == nil {
		b, _, err = syscall.Accept4(l, syscall.SOCK_CLOEXEC)
	}
	if err != nil {
		syscall.Close(a)
		return 0, 0, err
	}
	return a, b, nil
}

var probeTimeout = syscall.Timeval{Usec: 100_000}
