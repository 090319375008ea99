package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/coder/websocket"
)

type coder struct{}

type coderPeer struct{ *websocket.Conn }

var coderModes = map[string]websocket.CompressionMode{
	"off": websocket.CompressionDisabled, "takeover": websocket.CompressionContextTakeover, "no-takeover": websocket.CompressionNoContextTakeover,
}

func (coder) dial(url, mode string) (peer, string, error) {
	c, response, err := websocket.Dial(context.Background(), url, &websocket.DialOptions{CompressionMode: coderModes[mode], CompressionThreshold: 1})
	if err != nil {
		return nil, "", err
	}
	c.SetReadLimit(largest)
	return coderPeer{c}, response.Header.Get("Sec-WebSocket-Extensions"), nil
}

func (coder) accept(w http.ResponseWriter, r *http.Request, mode string) (peer, error) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"echo"}, CompressionMode: coderModes[mode], CompressionThreshold: 1})
	if err != nil {
		return nil, err
	}
	c.SetReadLimit(largest)
	return coderPeer{c}, nil
}

func (p coderPeer) read() (bool, []byte, error) {
	kind, data, err := p.Read(context.Background())
	return kind == websocket.MessageText, data, err
}

func (p coderPeer) write(text bool, parts ...[]byte) error {
	kind := websocket.MessageBinary
	if text {
		kind = websocket.MessageText
	}
	if len(parts) == 1 {
		return p.Write(context.Background(), kind, parts[0])
	}
	w, err := p.Writer(context.Background(), kind)
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

func (p coderPeer) ping() error { return p.Ping(context.Background()) }

func (p coderPeer) close(code int, reason string) error {
	return p.Close(websocket.StatusCode(code), reason)
}

func (p coderPeer) closed(err error) (int, string, bool) {
	e, ok := errors.AsType[websocket.CloseError](err)
	return int(e.Code), e.Reason, ok
}

func (p coderPeer) end() { p.CloseNow() }
