package main

import (
	"net/http"

	"github.com/lxzan/gws"
)

var gwsCompression = gws.PermessageDeflate{
	Enabled: true, ServerContextTakeover: true, ClientContextTakeover: true, Threshold: 1,
}

var gwsUpgrader = gws.NewUpgrader(&gwsEcho{}, &gws.ServerOption{
	PermessageDeflate: gwsCompression, CheckUtf8Enabled: true, ReadMaxPayloadSize: maxMessage, WriteMaxPayloadSize: maxMessage,
})

func gwsServe(w http.ResponseWriter, r *http.Request) {
	c, err := gwsUpgrader.Upgrade(w, r)
	if err != nil {
		return
	}
	c.ReadLoop()
}

func gwsDial(url string, answer bool) ([]byte, error) {
	echo := &gwsEcho{answer: answer}
	c, _, err := gws.NewClient(echo, &gws.ClientOption{
		Addr: url, PermessageDeflate: gwsCompression, CheckUtf8Enabled: true, ReadMaxPayloadSize: maxMessage, WriteMaxPayloadSize: maxMessage,
	})
	if err != nil {
		return nil, err
	}
	c.ReadLoop()
	return echo.first, nil
}

type gwsEcho struct {
	gws.BuiltinEventHandler
	answer bool
	first  []byte
}

func (e *gwsEcho) OnPing(c *gws.Conn, payload []byte) { c.WritePong(payload) }

func (e *gwsEcho) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	if e.answer {
		e.first = append([]byte(nil), m.Bytes()...)
		c.WriteClose(1000, nil)
		return
	}
	c.WriteMessage(m.Opcode, m.Bytes())
}
