package conn

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/conntest"
)

// jsonOf returns about n bytes of JSON, different for each i.
func jsonOf(i, n int) []byte {
	var b strings.Builder
	for j := 0; b.Len() < n; j++ {
		fmt.Fprintf(&b, `{"symbol":"HWS%d","bid":%d.%02d,"ask":%d.%02d,"depth":%d},`, j%7, 100+i, j%100, 101+i, (j*7)%100, i*j)
	}
	return []byte(b.String()[:n])
}

func TestPrepared(t *testing.T) {
	configs := map[string]*Config{
		"plain":       nil,
		"no_takeover": {Compression: &deflate.Config{}},
		"takeover":    {Compression: &deflate.Config{ServerContextTakeover: true, ClientContextTakeover: true}},
		"small_windows": {Compression: &deflate.Config{ServerContextTakeover: true, ClientContextTakeover: true,
			ServerMaxWindowBits: 8, ClientMaxWindowBits: 9, Level: deflate.LevelBest}},
		"without_threshold": {Compression: &deflate.Config{Threshold: -1}},
	}
	// One message for all connections, written between others that refer to it.
	for _, kind := range []MessageType{Text, Binary, Text | Uncompressed} {
		for _, size := range []int{0, 1, 100, 1000, 40000} {
			m, err := Prepare(kind, jsonOf(0, size))
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for name, cfg := range configs {
				client, server := Pipe(cfg)
				for _, ends := range [][2]*Conn{{client, server}, {server, client}} {
					wg.Go(func() {
						for i := range 3 {
							if err := errors.Join(ends[0].Write(Text, jsonOf(i, 500)), ends[0].WritePrepared(m), ends[0].WritePrepared(m)); err != nil {
								t.Errorf("7.2/%s: %v", name, err)
								return
							}
						}
					})
					wg.Go(func() {
						for i := range 9 {
							got, err := ends[1].Read()
							want, wantType := jsonOf(0, size), kind&^Uncompressed
							if i%3 == 0 {
								want, wantType = jsonOf(i/3, 500), Text
							}
							if err != nil || !bytes.Equal(got.Data, want) || got.Type != wantType {
								t.Errorf("7.2/%s/%v/%d: message %d is %v of %d bytes, %v", name, kind, size, i, got.Type, len(got.Data), err)
								return
							}
						}
					})
				}
				t.Cleanup(func() { client.CloseNow(); server.CloseNow() })
			}
			wg.Wait()
			if kind&Uncompressed != 0 && m.compressed != nil {
				t.Error("7.2/a message was compressed that must not be")
			}
		}
	}
}

// TestPreparedOnce: it is compressed once for all that have agreed on the same.
func TestPreparedOnce(t *testing.T) {
	m, err := Prepare(Text, jsonOf(0, 1000))
	if err != nil {
		t.Fatal(err)
	}
	cfg := &Config{Compression: &deflate.Config{}}
	for range 10 {
		client, server := Pipe(cfg)
		defer client.CloseNow()
		defer server.CloseNow()
		server.WritePrepared(m)
		client.WritePrepared(m)
	}
	if len(m.compressed) != 1 {
		t.Errorf("compressed %d times", len(m.compressed))
	}
	_, server := Pipe(cfg)
	defer server.CloseNow()
	conntest.ShouldNotAllocate(t, func() { m.forms(server.compression) })
}

func TestPrepareRefuses(t *testing.T) {
	if _, err := Prepare(0, nil); err != ErrInvalidMessageType {
		t.Errorf("no type: %v", err)
	}
	if _, err := Prepare(Text, []byte{0xff}); err != ErrInvalidUTF8 {
		t.Errorf("5.6/invalid text: %v", err)
	}
	if _, err := Prepare(Binary|Uncompressed, []byte{0xff}); err != nil {
		t.Error(err)
	}
	m, _ := Prepare(Text, []byte("x"))
	c, _ := Pipe(nil)
	c.CloseNow()
	if err := c.WritePrepared(m); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}
