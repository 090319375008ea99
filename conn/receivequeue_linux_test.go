package conn

import (
	"encoding/binary"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestINQ(t *testing.T) {
	message := func(level, kind, n uint32) []byte {
		oob := make([]byte, syscall.CmsgSpace(4))
		binary.NativeEndian.PutUint32(oob[syscall.SizeofCmsghdr-8:], level)
		binary.NativeEndian.PutUint32(oob[syscall.SizeofCmsghdr-4:], kind)
		binary.NativeEndian.PutUint32(oob[syscall.CmsgLen(0):], n)
		return oob
	}
	for _, tt := range []struct {
		name string
		oob  []byte
		want int32
	}{
		{"empty_queue", message(unix.IPPROTO_TCP, unix.TCP_INQ, 0), 0},
		{"bytes_wait", message(unix.IPPROTO_TCP, unix.TCP_INQ, 70000), 70000},
		{"another_option", message(unix.IPPROTO_TCP, unix.TCP_INFO, 0), -1},
		{"another_level", message(unix.SOL_SOCKET, unix.TCP_INQ, 0), -1},
		{"cut", message(unix.IPPROTO_TCP, unix.TCP_INQ, 0)[:syscall.CmsgLen(4)-1], -1},
		{"none", nil, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := inq(tt.oob); got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}

// TestSocketEmptied: a queue that was empty is believed only after a write that was begun later has succeeded.
func TestSocketEmptied(t *testing.T) {
	if !inqTellsEnds() {
		t.Skip("this kernel does not tell")
	}
	a, b := tcpPair(t)
	s := newSocket(a)
	s.queue.turns = turnsBeforeAsking
	b.Write([]byte("xy"))
	step := 0
	err := s.enter(func(fd uintptr) bool {
		s.entered(fd)
		p := make([]byte, 1)
		for {
			n, wait, err := s.read(fd, p)
			switch {
			case wait:
				return false
			case n != 1 || err != nil:
				t.Errorf("read %d, %v", n, err)
				return true
			}
			step++
			if s.emptied() {
				t.Error("believed before any write")
			}
			s.tryWrite([]byte("z"))
			if got, want := s.emptied(), step == 2; got != want {
				t.Errorf("after byte %d and a write: %v", step, got)
			}
			if step == 2 {
				return true
			}
		}
	})
	if err != nil || step != 2 {
		t.Errorf("%v after %d bytes", err, step)
	}
	s.enter(func(fd uintptr) bool {
		if s.entered(fd); s.emptied() {
			t.Error("believed in the next turn, which something has caused")
		}
		return true
	})
	if _, ok, _ := s.writeHeld([]byte("x")); ok {
		t.Error("the descriptor is used after the last turn")
	}
}
