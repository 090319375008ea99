//go:build linux

package main

import (
	"net"
	"net/http"
	"time"

	"github.com/lesismal/llib/std/crypto/tls"
	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

// IOModMixed, as the author runs it in his own comparison (lesismal/go-websocket-benchmark, frameworks/nbio_mixed/server.go): MaxBlockingOnline 10,000, the
// default, ReleaseWebsocketPayload, KeepaliveTime 0, BlockingModAsyncWrite false, the read deadline cleared after the upgrade. README, "Different IOMod": mixed
// "aims to keep a balance between performance and cpu/mem cost in different scenarios". Up to 10,000 connections have a goroutine each, more are polled.
// For a broadcast the README recommends BlockingModAsyncWrite, which avoids head-of-line blocking, so it is on there.
var nbioAdapter = adapter{
	Name:     "nbio",
	Module:   "github.com/lesismal/nbio",
	Compress: []string{"nocontext"},
	Settings: "IOModMixed as in the author's own comparison: MaxBlockingOnline 10,000, ReleaseWebsocketPayload, KeepaliveTime 0, BlockingModAsyncWrite off (on for broadcast, as the README says). TLS: its own engine with llib.",
	serve: func(ln net.Listener, s *setup) error {
		logging.SetLevel(logging.LevelNone)
		var all set[*websocket.Conn]
		upgrader := websocket.NewUpgrader()
		upgrader.KeepaliveTime = 0
		upgrader.BlockingModAsyncWrite = s.handler == "broadcast"
		upgrader.EnableCompression(s.compress != "off")
		upgrader.OnOpen(func(c *websocket.Conn) {
			if s.handler == "broadcast" {
				all.add(c)
			}
			s.conns.Add(1)
		})
		upgrader.OnClose(func(c *websocket.Conn, _ error) {
			s.conns.Add(-1)
			if s.handler == "broadcast" {
				all.remove(c)
			}
		})
		upgrader.OnMessage(func(c *websocket.Conn, mt websocket.MessageType, data []byte) {
			s.work(data)
			if s.handler == "broadcast" {
				all.each(func(c *websocket.Conn) {
					c.SetWriteDeadline(time.Now().Add(writeTimeout))
					c.WriteMessage(mt, data)
				})
				return
			}
			c.WriteMessage(mt, data)
		})
		config := nbhttp.Config{
			Network:                 "tcp",
			IOMod:                   nbhttp.IOModMixed,
			MaxBlockingOnline:       10000,
			MaxLoad:                 100000, // the default of 10,000 would refuse the last of 10,000 connections while an old one is being closed
			ReleaseWebsocketPayload: true,
			Listen:                  func(string, string) (net.Listener, error) { return ln, nil },
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := upgrader.Upgrade(w, r, nil)
				if err != nil {
					return
				}
				c.SetReadDeadline(time.Time{})
			}),
		}
		if s.tls == nil {
			config.Addrs = []string{ln.Addr().String()}
		} else {
			pair, err := tls.X509KeyPair(s.pem.cert, s.pem.key)
			if err != nil {
				return err
			}
			config.AddrsTLS = []string{ln.Addr().String()}
			config.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
		}
		engine := nbhttp.NewEngine(config)
		if err := engine.Start(); err != nil {
			return err
		}
		select {}
	},
}
