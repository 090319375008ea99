package main

import (
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

type gorilla struct{}

type gorillaPeer struct {
	*websocket.Conn
	pongs chan string
}

func newGorillaPeer(c *websocket.Conn) *gorillaPeer {
	p := &gorillaPeer{c, make(chan string, 1)}
	c.SetReadLimit(largest)
	c.SetPongHandler(func(payload string) error {
		p.pongs <- payload
		return nil
	})
	return p
}

func (gorilla) dial(url, mode string) (peer, string, error) {
	c, response, err := (&websocket.Dialer{EnableCompression: mode != "off"}).Dial(url, nil)
	if err != nil {
		return nil, "", err
	}
	return newGorillaPeer(c), response.Header.Get("Sec-WebSocket-Extensions"), nil
}

func (gorilla) accept(w http.ResponseWriter, r *http.Request, mode string) (peer, error) {
	u := websocket.Upgrader{Subprotocols: []string{"echo"}, EnableCompression: mode != "off"}
	c, err := u.Upgrade(w, r, nil)
	if err != nil {
		return nil, err
	}
	return newGorillaPeer(c), nil
}

func (p *gorillaPeer) read() (bool, []byte, error) {
	kind, data, err := p.ReadMessage()
	return kind == websocket.TextMessage, data, err
}

// A part that is larger than the write buffer leaves in more fragments than one.
func (p *gorillaPeer) write(text bool, parts ...[]byte) error {
	kind := websocket.BinaryMessage
	if text {
		kind = websocket.TextMessage
	}
	if len(parts) == 1 {
		return p.WriteMessage(kind, parts[0])
	}
	w, err := p.NextWriter(kind)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return w.Close()
}

func (p *gorillaPeer) ping() error {
	if err := p.WriteControl(websocket.PingMessage, []byte("are you there?"), time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if <-p.pongs != "are you there?" {
		return errors.New("the pong's payload is not the ping's")
	}
	return nil
}

func (p *gorillaPeer) close(code int, reason string) error {
	return p.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Minute))
}

func (p *gorillaPeer) closed(err error) (int, string, bool) {
	e, ok := errors.AsType[*websocket.CloseError](err)
	if !ok {
		return 0, "", false
	}
	return e.Code, e.Text, true
}

func (p *gorillaPeer) end() { p.Close() }
