//go:build linux

package main

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A parser checks what a server sends on one connection: the order, type and length of every message, and the content of all small messages and of some large ones. It
// keeps nothing of what it is fed.
type parser struct {
	w    *wire
	text bool
	// compressing is set when permessage-deflate was agreed on; context when the server's compressor keeps its window.
	compressing, context bool

	head [10]byte
	have int // of head

	payload   bool // between a header and the end of its payload
	remaining int
	control   bool
	fin       bool
	within    bool // a message has begun
	deflated  bool
	got       int // bytes of the message so far
	check     bool

	count      int64 // messages
	compressed int64

	// For the content of compressed messages.
	captured, window []byte
	offset           int // in the raw stream
}

var errClosed = errors.New("the server closed the connection")

const (
	// alwaysChecked is the size up to which every message's content is compared; of larger ones it is one in sixteen.
	alwaysChecked = 4 << 10
	// checkedCompressed is how many compressed messages are inflated on each connection.
	checkedCompressed = 4
)

// feed returns how many messages b has completed.
func (p *parser) feed(b []byte) (messages int, err error) {
	if p.w.raw {
		return p.feedRaw(b)
	}
	for len(b) > 0 {
		if !p.payload {
			if b, err = p.header(b); err != nil {
				return messages, err
			}
			if !p.payload {
				break
			}
		}
		n := min(p.remaining, len(b))
		if !p.control {
			if err := p.content(b[:n]); err != nil {
				return messages, err
			}
		}
		p.remaining -= n
		b = b[n:]
		if p.remaining > 0 {
			break
		}
		p.payload = false
		if p.fin && !p.control {
			if err := p.end(); err != nil {
				return messages, err
			}
			messages++
		}
	}
	return messages, nil
}

// header takes bytes until it has a whole frame header, and returns the rest.
func (p *parser) header(b []byte) ([]byte, error) {
	for {
		need := 2
		if p.have >= 2 {
			switch p.head[1] & 0x7f {
			case 126:
				need = 4
			case 127:
				need = 10
			}
		}
		if n := min(need-p.have, len(b)); n > 0 {
			copy(p.head[p.have:], b[:n])
			p.have += n
			b = b[n:]
		}
		if p.have < need {
			return b, nil
		}
		if need > 2 || p.head[1]&0x7f < 126 {
			break
		}
	}
	p.have = 0
	first := p.head[0]
	switch n := p.head[1]; {
	case n&0x80 != 0:
		return nil, fmt.Errorf("the server masks")
	case n == 126:
		p.remaining = int(binary.BigEndian.Uint16(p.head[2:]))
	case n == 127:
		p.remaining = int(binary.BigEndian.Uint64(p.head[2:]))
	default:
		p.remaining = int(n)
	}
	p.payload = true
	p.fin = first&0x80 != 0
	opcode := first & 0x0f
	p.control = opcode >= 8
	want := byte(opcodeBinary)
	if p.text {
		want = opcodeText
	}
	switch {
	case opcode == opcodeClose:
		return nil, errClosed
	case p.control:
		return b, nil
	case p.within != (opcode == 0) || !p.within && opcode != want:
		return nil, fmt.Errorf("a frame with opcode %d came, but the messages are of opcode %d", opcode, want)
	case first&rsv1 != 0 && !p.compressing:
		return nil, fmt.Errorf("RSV1 is set, but no extension was agreed on")
	}
	if !p.within {
		p.within, p.got = true, 0
		p.deflated = first&rsv1 != 0
		if p.compressing {
			p.check = p.count < checkedCompressed
			p.captured = p.captured[:0]
		} else {
			p.check = len(p.w.payloads[0]) <= alwaysChecked || p.count%16 == 0
		}
	}
	return b, nil
}

func (p *parser) want() []byte { return p.w.payloads[int(p.count%int64(len(p.w.payloads)))] }

func (p *parser) content(b []byte) error {
	switch {
	case p.compressing:
		if p.check {
			p.captured = append(p.captured, b...)
		}
	case p.check:
		want := p.want()
		if p.got+len(b) > len(want) || !bytes.Equal(b, want[p.got:p.got+len(b)]) {
			return fmt.Errorf("message %d is not what was sent", p.count)
		}
	}
	p.got += len(b)
	return nil
}

func (p *parser) end() error {
	switch {
	case p.compressing && p.check:
		if err := p.inflate(); err != nil {
			return fmt.Errorf("message %d: %w", p.count, err)
		}
	case !p.compressing && p.got != len(p.want()):
		return fmt.Errorf("message %d has %d bytes, but %d were sent", p.count, p.got, len(p.want()))
	}
	if p.deflated {
		p.compressed++
	}
	p.within = false
	p.count++
	return nil
}

// inflate checks a compressed message. A server may send a message as it is.
func (p *parser) inflate() error {
	plain := p.captured
	if p.deflated {
		r := flate.NewReaderDict(io.MultiReader(bytes.NewReader(p.captured), bytes.NewReader([]byte("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))), p.window)
		var err error
		if plain, err = io.ReadAll(r); err != nil {
			return fmt.Errorf("cannot be inflated: %w", err)
		}
		if p.context {
			p.window = append(p.window, plain...)
			p.window = p.window[max(len(p.window)-32<<10, 0):]
		}
	}
	if !bytes.Equal(plain, p.want()) {
		return errors.New("the inflated message is not what was sent")
	}
	return nil
}

// feedRaw compares a stream with what was sent: frames that are all alike.
func (p *parser) feedRaw(b []byte) (messages int, err error) {
	frame := p.w.bytes[:p.w.ends[0]]
	for len(b) > 0 {
		if p.offset == 0 {
			p.check = len(frame) <= alwaysChecked || p.count%16 == 0
		}
		n := min(len(frame)-p.offset, len(b))
		if p.check && !bytes.Equal(b[:n], frame[p.offset:p.offset+n]) {
			return messages, fmt.Errorf("message %d is not what was sent", p.count)
		}
		b = b[n:]
		if p.offset += n; p.offset == len(frame) {
			p.offset = 0
			p.count++
			messages++
		}
	}
	return messages, nil
}
