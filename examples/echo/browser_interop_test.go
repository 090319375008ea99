//go:build browser

package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestBrowserInterop: Chromium's WebSocket, driven without the page's code, against each style and each mode of compression. It always offers permessage-deflate.
func TestBrowserInterop(t *testing.T) {
	p := newPage(t)
	for _, style := range []string{"pull", "push"} {
		for _, mode := range []string{"off", "takeover", "no-takeover"} {
			t.Run(style+"/"+mode, func(t *testing.T) {
				s := startWith(t, mode, style)
				p.call(t, "Page.navigate", object{"url": s.url})
				p.wait(t, `text("#state") === "OPEN"`) // the page is there, with a connection of its own
				extensions := p.eval(t, fmt.Sprintf(`(async () => { %s })()`, strings.ReplaceAll(conversation, "URL", fmt.Sprintf("%q", s.ws()))))
				if got := strings.HasPrefix(fmt.Sprint(extensions), "permessage-deflate"); got != (mode != "off") {
					t.Errorf("the extensions are %q", extensions)
				}
				if err := s.stop(); err != nil { // which waits for the connections, and so for what they log
					t.Error(err)
				}
				if !strings.Contains(s.log.String(), "Chromium has had enough") {
					t.Error("the close reason did not arrive")
				}
			})
		}
	}
}

// conversation sends messages with the sizes on both sides of every form of the payload length (RFC 6455, 5.2), and larger ones, and compares what comes back.
const conversation = `
const connect = () => new Promise((resolve, reject) => {
	const socket = new WebSocket(URL);
	socket.binaryType = "arraybuffer";
	socket.onopen = () => resolve(socket);
	socket.onclose = (e) => reject(new Error("cannot connect: " + e.code));
});
const echo = (socket, data) => new Promise((resolve, reject) => {
	socket.onclose = (e) => reject(new Error("closed with " + e.code));
	socket.onmessage = (e) => resolve(e.data);
	socket.send(data);
});
const close = (socket, code, reason) => new Promise((resolve, reject) => {
	socket.onclose = (e) => e.wasClean && e.code === code ? resolve() : reject(new Error("closed with " + e.code));
	socket.close(code, reason);
});
const socket = await connect();
for (const n of [0, 1, 125, 126, 127, 65535, 65536, 1 << 20, 4 << 20]) {
	const text = "é".repeat(n >> 1) + (n % 2 === 1 ? "." : "");
	if (await echo(socket, text) !== text) throw new Error("text of " + n + " bytes came back as another");
	const binary = Uint8Array.from({ length: n }, (_, i) => i * 7);
	const got = new Uint8Array(await echo(socket, binary));
	if (got.length !== n || got.some((b, i) => b !== binary[i])) throw new Error("binary of " + n + " bytes came back as another");
}
const { extensions } = socket;
await close(socket, 1000, "");
await close(await connect(), 4000, "Chromium has had enough");
return extensions;
`
