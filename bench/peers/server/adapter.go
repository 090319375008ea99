//go:build linux

package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// An adapter is one library, at the settings that its author recommends.
type adapter struct {
	Name string `json:"name"`
	// Module is the library's module path, "" for the references, which have none.
	Module string `json:"module,omitempty"`
	// Raw says that the server speaks no WebSocket: it returns the bytes that come.
	Raw bool `json:"raw,omitempty"`
	// Compress has the modes of permessage-deflate beside "off".
	Compress []string `json:"compress,omitempty"`
	NoTLS    bool     `json:"no_tls,omitempty"`
	// Settings says which settings were chosen and who recommends them, in a sentence or two.
	Settings string `json:"settings"`

	serve func(ln net.Listener, s *setup) error
}

// adapters has a line for each library: its file is named after it.
var adapters = []*adapter{
	&hawserAdapter, &hawserPushAdapter, &gorillaAdapter, &coderAdapter, &gobwasAdapter, &wsutilAdapter, &gwsAdapter, &nbioAdapter, &fasthttpAdapter, &xnetAdapter,
	&rawAdapter, &rawepollAdapter,
}

func find(name string) *adapter {
	i := slices.IndexFunc(adapters, func(a *adapter) bool { return a.Name == name })
	if i < 0 {
		return nil
	}
	return adapters[i]
}

// supports says why a cannot serve as s wants.
func (a *adapter) supports(s *setup) error {
	if s.compress != "off" && !slices.Contains(a.Compress, s.compress) {
		return fmt.Errorf("%s has no compression mode %q", a.Name, s.compress)
	}
	if s.tls != nil && a.NoTLS {
		return fmt.Errorf("%s has no TLS", a.Name)
	}
	return nil
}

// A setup is what the command line asks for.
type setup struct {
	handler  string
	compress string
	buffer   int
	wait     time.Duration // of handler wait
	tls      *tls.Config
	pem      certificate
	conns    atomic.Int64
}

func newSetup(handler, compress string, useTLS bool, buffer int) (*setup, error) {
	if !slices.Contains([]string{"echo", "sleep", "wait", "deep", "broadcast"}, handler) {
		return nil, fmt.Errorf("there is no handler %q", handler)
	}
	if !slices.Contains([]string{"off", "context", "nocontext"}, compress) {
		return nil, fmt.Errorf("there is no compression mode %q", compress)
	}
	s := &setup{handler: handler, compress: compress, buffer: buffer}
	if useTLS {
		var err error
		if s.pem, err = newCertificate(); err != nil {
			return nil, err
		}
		if s.tls, err = s.pem.config(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// waitMark is the first octet of a message for which handler wait waits. The load generator has the same constant.
const waitMark = '!'

// work is what the handler does with a message before it replies. It does not retain message.
func (s *setup) work(message []byte) {
	switch s.handler {
	case "wait":
		// As a handler does that asks a database: the goroutine is parked, the thread is free.
		if len(message) > 0 && message[0] == waitMark {
			time.Sleep(s.wait)
		}
	case "sleep":
		nanosleep(100 * time.Microsecond)
	case "deep":
		deep()
	}
}

// workFrame is work for the references, which know no messages: with one message in flight, what a read returns begins with the frame of one. It unmasks the first octet
// of a payload of less than 64 KiB.
func (s *setup) workFrame(b []byte) {
	if s.handler != "wait" {
		s.work(nil)
		return
	}
	key := 2
	if len(b) > 1 && b[1]&0x7f == 126 {
		key = 4
	}
	if len(b) > key+4 {
		first := [1]byte{b[key+4] ^ b[key]}
		s.work(first[:])
	}
}

// nanosleep blocks the thread, as a handler does that waits for a file or for C code. time.Sleep would take 1 ms in a process that is otherwise idle: the runtime
// waits for its timers in epoll_wait, in milliseconds.
func nanosleep(d time.Duration) {
	ts := syscall.NsecToTimespec(d.Nanoseconds())
	for syscall.Nanosleep(&ts, &ts) == syscall.EINTR {
	}
}

// deep uses 8 KiB of stack, about what encoding/json and log/slog use.
//
//go:noinline
func deep() {
	var frame [8 << 10]byte
	touch(&frame)
}

//go:noinline
func touch(frame *[8 << 10]byte) {
	for i := 0; i < len(frame); i += 512 {
		frame[i]++
	}
}

// writeTimeout bounds each write of a broadcast, in every adapter: a server that sends to many must not wait for one for ever, and some libraries have a timeout
// by default.
const writeTimeout = 10 * time.Second

// wrap puts TLS around a listener if it was asked for.
func (s *setup) wrap(ln net.Listener) net.Listener {
	if s.tls == nil {
		return ln
	}
	return tls.NewListener(ln, s.tls)
}

// serveHTTP serves h on net/http. The server has no settings: none of the libraries recommends any.
func (s *setup) serveHTTP(ln net.Listener, h http.Handler) error {
	return (&http.Server{Handler: h}).Serve(s.wrap(ln))
}

// A set holds the open connections for broadcasts.
type set[T comparable] struct {
	mu    sync.Mutex
	conns []T
}

func (h *set[T]) add(c T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns = append(h.conns, c)
}

func (h *set[T]) remove(c T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.conns, c); i >= 0 {
		last := len(h.conns) - 1
		h.conns[i] = h.conns[last]
		h.conns = h.conns[:last]
	}
}

// each calls f for every connection. One broadcast runs at a time, so f is not called twice at once.
func (h *set[T]) each(f func(T)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		f(c)
	}
}
