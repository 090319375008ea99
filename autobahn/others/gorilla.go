package main

import (
	"net/http"

	"github.com/gorilla/websocket"
)

var gorillaUpgrader = websocket.Upgrader{EnableCompression: true}

func gorillaServe(w http.ResponseWriter, r *http.Request) {
	c, err := gorillaUpgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	gorillaEcho(c, false)
}

func gorillaDial(url string, answer bool) ([]byte, error) {
	d := websocket.Dialer{EnableCompression: true}
	c, _, err := d.Dial(url, nil)
	if err != nil {
		return nil, err
	}
	return gorillaEcho(c, answer)
}

func gorillaEcho(c *websocket.Conn, answer bool) ([]byte, error) {
	defer c.Close()
	for {
		t, b, err := c.ReadMessage()
		if err != nil || answer {
			return b, err
		}
		if err := c.WriteMessage(t, b); err != nil {
			return nil, err
		}
	}
}
