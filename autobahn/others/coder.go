package main

import (
	"context"
	"net/http"

	"github.com/coder/websocket"
)

func coderServe(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover})
	if err != nil {
		return
	}
	coderEcho(c, false)
}

func coderDial(url string, answer bool) ([]byte, error) {
	c, _, err := websocket.Dial(context.Background(), url, &websocket.DialOptions{CompressionMode: websocket.CompressionContextTakeover})
	if err != nil {
		return nil, err
	}
	return coderEcho(c, answer)
}

func coderEcho(c *websocket.Conn, answer bool) ([]byte, error) {
	defer c.CloseNow()
	c.SetReadLimit(maxMessage)
	for {
		t, b, err := c.Read(context.Background())
		if err != nil || answer {
			return b, err
		}
		if err := c.Write(context.Background(), t, b); err != nil {
			return nil, err
		}
	}
}
