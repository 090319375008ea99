package conn

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// TestWriteContextTLS: crypto/tls cannot go on after a write that a deadline has cut, so a context must not cut one.
func TestWriteContextTLS(t *testing.T) {
	certificate := testCertificate(t)
	for _, role := range []Role{RoleServer, RoleClient} {
		inBubble(t, "2.9/context_ends_in_the_middle/"+[...]string{"server", "client"}[role], func(t *testing.T) {
			ours, theirs := conntest.Pipe(16 << 10)
			var x, y net.Conn
			x = tls.Server(ours, &tls.Config{Certificates: []tls.Certificate{certificate}})
			y = tls.Client(theirs, &tls.Config{InsecureSkipVerify: true})
			if role == RoleClient {
				x = tls.Client(ours, &tls.Config{InsecureSkipVerify: true})
				y = tls.Server(theirs, &tls.Config{Certificates: []tls.Certificate{certificate}})
			}
			shaken := make(chan error)
			go func() { shaken <- y.(*tls.Conn).HandshakeContext(t.Context()) }()
			if err := errors.Join(x.(*tls.Conn).HandshakeContext(t.Context()), <-shaken); err != nil {
				t.Fatal(err)
			}
			c, p := New(x, role, nil, nil), New(y, 1-role, nil, nil)
			defer c.CloseNow()
			defer p.CloseNow()
			// Nobody reads.
			for i, size := range []int{100, 300 << 10, 5000} {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				b := stamped(0, i, size)
				switch err := c.WriteContext(ctx, Binary, b); i {
				case 0:
					if err != nil {
						t.Fatal(err)
					}
				default: // the last one waits for the rest of the one before
					wantInterrupted(t, err, i == 1, context.DeadlineExceeded)
				}
				cancel()
				clear(b) // it is the caller's again
			}
			read := make(chan [][]byte)
			go func() {
				var got [][]byte
				for m, err := range p.Messages() {
					if err != nil {
						t.Error(err)
					}
					got = append(got, bytes.Clone(m.Data))
				}
				read <- got
			}()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for i := range 5 {
				if err := c.WriteContext(ctx, Binary, stamped(1, i, 70000)); err != nil {
					t.Errorf("afterwards: %v", err)
				}
				if err := c.Send(Binary, stamped(2, i, 1000)); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			}
			if err := c.Close(1000, ""); err != nil {
				t.Errorf("Close: %v", err)
			}
			want := [][]byte{stamped(0, 0, 100), stamped(0, 1, 300<<10)}
			for i := range 5 {
				want = append(want, stamped(1, i, 70000), stamped(2, i, 1000))
			}
			if got := <-read; !slices.EqualFunc(got, want, bytes.Equal) {
				t.Errorf("%d messages came, want %d", len(got), len(want))
			}
		})
	}
}
