package differential

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	coder "github.com/coder/websocket"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	gorilla "github.com/gorilla/websocket"
	"github.com/hawser-go/hawser/conn"
	"github.com/hawser-go/hawser/frame"
	"github.com/lxzan/gws"
)

// limit is the size of the largest message that each implementation is told to accept, so that none of them believes a length.
const limit = 1 << 16

// A verdict is what a server made of what a client sent: the messages that it delivered. A frame is accepted if what follows it is.
type verdict struct {
	messages []string
	rule     *frame.ProtocolError // why the engine delivered no more, nil if it took all or a Close frame came
}

type implementation func(input []byte, v *verdict)

// judge returns the verdict. However an implementation ends, the messages that it had delivered are what counts.
func (impl implementation) judge(input []byte) (v verdict) {
	defer func() { _ = recover() }()
	impl(input, &v)
	return v
}

// wire is a connection that reads input and then ends. What is written to it is lost.
type wire struct {
	in    bytes.Reader
	ended bool // the end was read
}

func newWire(input []byte) *wire {
	w := new(wire)
	w.in.Reset(input)
	return w
}

func (w *wire) Read(p []byte) (n int, err error) {
	n, err = w.in.Read(p)
	w.ended = w.ended || err != nil
	return n, err
}

func (w *wire) Write(p []byte) (int, error)      { return len(p), nil }
func (w *wire) Close() error                     { return nil }
func (w *wire) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (w *wire) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2} }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// hijacked is a ResponseWriter over a wire.
type hijacked struct {
	*httptest.ResponseRecorder
	w *wire
}

func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.w, bufio.NewReadWriter(bufio.NewReader(h.w), bufio.NewWriter(h.w)), nil
}

// opening returns what an implementation needs to upgrade.
func opening(w *wire) (http.ResponseWriter, *http.Request) {
	r := httptest.NewRequest("GET", "http://example.com/", nil)
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	return hijacked{httptest.NewRecorder(), w}, r
}

func message(op int, p []byte) string { return fmt.Sprintf("%d %q", op, p) }

func engine(input []byte) (v verdict) {
	c := conn.New(newWire(input), conn.RoleServer, nil, &conn.Config{MessageLimit: limit})
	for m, err := range c.Messages() {
		if err != nil {
			break
		}
		v.messages = append(v.messages, message(int(m.Type), m.Data))
	}
	c.CloseNow()
	v.rule, _ = errors.AsType[*frame.ProtocolError](c.CloseInfo())
	return v
}

// others are the implementations that the engine is compared with.
var others = []implementation{
	func(input []byte, v *verdict) {
		w := newWire(input)
		u := gorilla.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
		rw, r := opening(w)
		c, err := u.Upgrade(rw, r, nil)
		if err != nil {
			panic(err)
		}
		c.SetReadLimit(limit)
		for {
			op, p, err := c.ReadMessage()
			if err != nil {
				break
			}
			v.messages = append(v.messages, message(op, p))
		}
	},
	func(input []byte, v *verdict) {
		w := newWire(input)
		rw, r := opening(w)
		c, err := coder.Accept(rw, r, &coder.AcceptOptions{InsecureSkipVerify: true, CompressionMode: coder.CompressionDisabled})
		if err != nil {
			panic(err)
		}
		defer c.CloseNow()
		c.SetReadLimit(limit)
		for {
			op, p, err := c.Read(context.Background())
			if err != nil {
				break
			}
			v.messages = append(v.messages, message(int(op), p))
		}
	},
	func(input []byte, v *verdict) {
		w := newWire(input)
		state := ws.StateServerSide
		control := wsutil.ControlFrameHandler(w, state)
		r := &wsutil.Reader{Source: w, State: state, CheckUTF8: true, MaxFrameSize: limit, OnIntermediate: control}
		for {
			h, err := r.NextFrame()
			if err == nil && h.OpCode.IsControl() {
				if err = control(h, r); err == nil {
					continue
				}
			}
			var p []byte
			if err == nil {
				if p, err = io.ReadAll(r); err == nil && !w.ended {
					v.messages = append(v.messages, message(int(h.OpCode), p))
					continue
				}
			}
			return
		}
	},
	func(input []byte, v *verdict) {
		w := newWire(input)
		rw, r := opening(w)
		h := &gwsHandler{v: v}
		c, err := gws.NewUpgrader(h, &gws.ServerOption{CheckUtf8Enabled: true, ReadMaxPayloadSize: limit}).Upgrade(rw, r)
		if err != nil {
			panic(err)
		}
		c.ReadLoop()
	},
}

type gwsHandler struct {
	gws.BuiltinEventHandler
	v *verdict
}

func (h *gwsHandler) OnMessage(_ *gws.Conn, m *gws.Message) {
	h.v.messages = append(h.v.messages, message(int(m.Opcode), m.Bytes()))
	m.Close()
}
