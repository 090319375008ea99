package conn

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// TestRegistryFaults fails operation 0, 1, 2, ... of the transport in each way, while Shutdown or the want of memory ends a connection that is in the middle of a message. Whatever fails: it ends within the timeouts, and
// nothing is held or counted in the end.
func TestRegistryFaults(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(t *testing.T, r *Registry, c *Conn)
	}{
		{"Shutdown", func(t *testing.T, r *Registry, c *Conn) {
			if err := r.Shutdown(t.Context()); err != nil {
				t.Errorf("Shutdown returns %v", err)
			}
		}},
		{"shed", func(t *testing.T, r *Registry, c *Conn) {
			c.shed()
			<-c.done()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			injectAll(t, conntest.Kinds(), func(f *conntest.Fault) {
				synctest.Test(t, func(t *testing.T) {
					ours, theirs := conntest.Pipe(64 << 10)
					r := &Registry{}
					c := New(conntest.Tap(t, f.Wrap(ours), conntest.Server), RoleServer, nil, &Config{Registry: r})
					p := New(theirs, RoleClient, nil, nil)
					go echo(c)
					go p.Read()
					go func() {
						p.Write(Binary, pattern(100))
						f := conntest.Frame{Fin: true, Opcode: conntest.Binary, Masked: true, Payload: pattern(100_000)}.Append(nil)
						theirs.Write(f[:90_000])
					}()
					time.Sleep(time.Second)
					began := time.Now()
					tt.end(t, r, c)
					if took := time.Since(began); took > DefaultCloseTimeout {
						t.Errorf("it took %v", took)
					}
					synctest.Wait()
					if r.Len() != 0 || r.Buffered() != 0 || r.dying.Load() != 0 {
						t.Errorf("%d connections with %d bytes, %d dying", r.Len(), r.Buffered(), r.dying.Load())
					}
					p.CloseNow()
				})
			})
		})
	}
}
