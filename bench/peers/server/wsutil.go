//go:build linux

package main

import (
	"compress/flate"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
)

// "The higher-level example of WebSocket echo server" of gobwas's README, the first one there: ws.UpgradeHTTP, then a goroutine with wsutil.ReadClientData and
// WriteServerMessage. The README's limit of 1 MiB is kept. Compression is example/autobahn's wsflateHandler, which reuses its reader and writer: no context takeover;
// the level is 1, as in the other libraries, instead of the example's 9, so that libraries are compared and not levels.
var wsutilAdapter = adapter{
	Name:     "wsutil",
	Module:   "github.com/gobwas/ws",
	Compress: []string{"nocontext"},
	Settings: "README of gobwas/ws, the higher-level example: UpgradeHTTP, a goroutine with wsutil.ReadClientData and WriteServerMessage, SetMaxMessageSize(1 MiB). Compression: example/autobahn, wsflate.Reader and Writer kept for the connection, level 1 instead of the example's 9. Broadcast: CompileFrame, then Write with a write deadline.",
	serve: func(ln net.Listener, s *setup) error {
		var all set[net.Conn]
		wsutil.SetMaxMessageSize(1 << 20)
		return s.serveHTTP(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s.compress != "off" {
				serveWsflate(w, r, s)
				return
			}
			conn, _, _, err := ws.UpgradeHTTP(r, w)
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if s.handler == "broadcast" {
					all.add(conn)
					defer all.remove(conn)
				}
				s.conns.Add(1)
				defer s.conns.Add(-1)
				for {
					msg, op, err := wsutil.ReadClientData(conn)
					if err != nil {
						return
					}
					s.work(msg)
					if s.handler == "broadcast" {
						frame, err := ws.CompileFrame(ws.NewFrame(op, true, msg))
						if err != nil {
							return
						}
						all.each(func(c net.Conn) {
							c.SetWriteDeadline(time.Now().Add(writeTimeout))
							c.Write(frame)
						})
					} else if wsutil.WriteServerMessage(conn, op, msg) != nil {
						return
					}
				}
			}()
		}))
	},
}

func serveWsflate(w http.ResponseWriter, r *http.Request, s *setup) {
	extension := wsflate.Extension{Parameters: wsflate.DefaultParameters}
	upgrader := ws.HTTPUpgrader{Negotiate: extension.Negotiate}
	conn, _, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		return
	}
	defer conn.Close()
	s.conns.Add(1)
	defer s.conns.Add(-1)
	compress := wsflate.NewWriter(nil, func(w io.Writer) wsflate.Compressor {
		f, _ := flate.NewWriter(w, flate.BestSpeed) // a valid level
		return f
	})
	decompress := wsflate.NewReader(nil, func(r io.Reader) wsflate.Decompressor { return flate.NewReader(r) })
	var state wsflate.MessageState
	control := wsutil.ControlFrameHandler(conn, ws.StateServerSide)
	reader := wsutil.Reader{
		Source: conn, State: ws.StateServerSide | ws.StateExtended, OnIntermediate: control, Extensions: []wsutil.RecvExtension{&state},
	}
	writer := wsutil.NewWriter(conn, ws.StateServerSide|ws.StateExtended, 0)
	writer.SetExtensions(&state)
	for {
		h, err := reader.NextFrame()
		if err != nil {
			return
		}
		if h.OpCode.IsControl() {
			if control(h, &reader) != nil {
				return
			}
			continue
		}
		s.work(nil) // it has no handler that looks at compressed messages
		writer.ResetOp(h.OpCode)
		var src io.Reader = &reader
		var dst io.Writer = writer
		compressed := state.IsCompressed()
		if compressed {
			decompress.Reset(src)
			compress.Reset(dst)
			src, dst = decompress, compress
		}
		if _, err := io.Copy(dst, src); err != nil {
			return
		}
		if compressed {
			if compress.Close() != nil {
				return
			}
		}
		if writer.Flush() != nil {
			return
		}
	}
}
