package hawser_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser"
)

// TestFrontDoor goes through each function of the package once: the work, and the tests of it, are in package conn.
func TestFrontDoor(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := hawser.Accept(w, r, nil)
		if err != nil {
			return
		}
		go func() {
			for m := range c.Messages() {
				c.Write(m.Type, m.Data)
			}
		}()
	}))
	defer server.Close()
	c, err := hawser.Dial(t.Context(), strings.Replace(server.URL, "http", "ws", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(hawser.Binary, []byte("x")); err != nil {
		t.Error(err)
	}
	if m, err := c.Read(); err != nil || m.Type != hawser.Binary || string(m.Data) != "x" {
		t.Errorf("echo: %v %q, %v", m.Type, m.Data, err)
	}
	if err := c.Close(hawser.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}

	x, y := hawser.Pipe(nil)
	if x.Role() != hawser.RoleClient || y.Role() != hawser.RoleServer || x.State() != hawser.StateOpen {
		t.Errorf("Pipe: roles %v, %v, state %v", x.Role(), y.Role(), x.State())
	}
	m, err := hawser.Prepare(hawser.Text|hawser.Uncompressed, []byte("p"))
	if err != nil {
		t.Fatal(err)
	}
	if err := x.WritePrepared(m); err != nil {
		t.Error(err)
	}
	if m, err := y.Read(); err != nil || string(m.Data) != "p" {
		t.Errorf("prepared: %q, %v", m.Data, err)
	}
	x.CloseNow()
	y.CloseNow()

	n := hawser.New(discard{}, hawser.RoleServer, []byte{0x88, 0x80, 0, 0, 0, 0}, nil)
	if _, err := n.Read(); err == nil || !strings.Contains(err.Error(), "1005") {
		t.Errorf("New: %v", err)
	}
}

// discard is a stream that takes everything and has nothing.
type discard struct{}

func (discard) Read([]byte) (int, error)    { return 0, io.EOF }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }

// TestFrontDoorAdapters goes through the functions that take connections, as TestFrontDoor does.
func TestFrontDoorAdapters(t *testing.T) {
	observer := hawser.LogObserver(slog.New(slog.DiscardHandler))
	server := httptest.NewServer(hawser.EventHandler(&hawser.Events{
		Message: func(c *hawser.Conn, m hawser.Message) { c.Write(m.Type, m.Data) },
	}, &hawser.Config{Observer: observer}))
	defer server.Close()
	c, err := hawser.Dial(t.Context(), strings.Replace(server.URL, "http", "ws", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if err := hawser.WriteJSON(t.Context(), c, []int{1, 2}); err != nil {
		t.Error(err)
	}
	var got []int
	if err := hawser.ReadJSON(t.Context(), c, &got); err != nil || !slices.Equal(got, []int{1, 2}) {
		t.Errorf("%v, %v", got, err)
	}
	if n := len(hawser.EventLoopStats()); runtime.GOOS == "linux" && n == 0 { // one has answered
		t.Error("there are no event loops")
	}
	m, err := hawser.Prepare(hawser.Binary, []byte("all"))
	if err != nil {
		t.Fatal(err)
	}
	if failed := hawser.Broadcast(m, slices.Values([]*hawser.Conn{c})); failed != 0 {
		t.Errorf("%d have not taken it", failed)
	}
	nc := hawser.NetConn(c, hawser.Binary)
	b := make([]byte, 3)
	if _, err := io.ReadFull(nc, b); err != nil || string(b) != "all" {
		t.Errorf("%q, %v", b, err)
	}
	if err := nc.Close(); err != nil {
		t.Error(err)
	}
}
