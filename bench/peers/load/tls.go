//go:build linux

package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"
)

// A tlsConn is driven by a goroutine of its own: crypto/tls wants a net.Conn.
type tlsConn struct {
	*tls.Conn
	parser parser
	wire   *wire
	buf    []byte
}

// runTLS is modes closed and idle over TLS.
func runTLS(o *options, r *Result, gate func(string) error) error {
	raiseLimit()
	w, err := newWire(o, 15)
	if err != nil {
		return err
	}
	conns := make([]*tlsConn, o.conns)
	if err := each(conns, 64, func(c **tlsConn) (err error) {
		*c, err = dialTLS(o, w)
		return err
	}); err != nil {
		return err
	}
	defer func() {
		for _, c := range conns {
			c.NetConn().Close()
		}
	}()
	if o.mode == "idle" {
		if err := each(conns, 64, func(c **tlsConn) error {
			_, err := (*c).closed(o, 0)
			return err
		}); err != nil {
			return err
		}
		return gate("idle")
	}
	if o.mode != "closed" {
		return fmt.Errorf("mode %q has no TLS", o.mode)
	}
	return measure(o, r, gate, func(d time.Duration, _ bool) (total int64, err error) {
		var mu sync.Mutex
		err = each(conns, len(conns), func(c **tlsConn) error {
			n, err := (*c).closed(o, d)
			mu.Lock()
			defer mu.Unlock()
			total += n
			return err
		})
		return total, err
	})
}

// each calls f for all elements, at most parallel at a time, and returns the first error.
func each[T any](s []T, parallel int, f func(*T) error) error {
	var wg sync.WaitGroup
	errs := make(chan error, 1)
	slots := make(chan struct{}, parallel)
	for i := range s {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := f(&s[i]); err != nil {
				select {
				case errs <- err:
				default:
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

func dialTLS(o *options, w *wire) (*tlsConn, error) {
	nc, err := net.Dial("tcp", o.addr)
	if err != nil {
		return nil, err
	}
	c := &tlsConn{
		Conn:   tls.Client(nc, &tls.Config{InsecureSkipVerify: true}), // the certificate is made when the server starts
		wire:   w,
		parser: parser{w: w, text: o.text},
		buf:    make([]byte, 16<<10),
	}
	c.SetDeadline(time.Now().Add(patience))
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	if !o.raw {
		if _, err := c.Write(request(o)); err != nil {
			return nil, err
		}
		var head []byte
		for {
			n, err := c.Read(c.buf)
			if err != nil {
				return nil, err
			}
			head = append(head, c.buf[:n]...)
			if _, _, err = response(head); err == nil {
				break
			} else if err != errShort {
				return nil, err
			}
		}
	}
	c.SetDeadline(time.Time{})
	return c, nil
}

// closed sends a message for each reply until d has passed, and returns how many came.
func (c *tlsConn) closed(o *options, d time.Duration) (count int64, err error) {
	c.SetDeadline(time.Now().Add(d + patience))
	deadline := time.Now().Add(d)
	outstanding := o.inflight
	if _, err := c.Write(c.wire.bytes); err != nil {
		return count, err
	}
	for outstanding > 0 {
		n, err := c.Read(c.buf)
		if err != nil {
			return count, err
		}
		m, err := c.parser.feed(c.buf[:n])
		if err != nil {
			return count, err
		}
		count += int64(m)
		outstanding -= m
		if m > 0 && time.Now().Before(deadline) {
			if _, err := c.Write(c.wire.bytes[:c.wire.ends[m-1]]); err != nil {
				return count, err
			}
			outstanding += m
		}
	}
	return count, nil
}
