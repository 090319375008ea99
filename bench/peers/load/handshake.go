//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// request is the client's half of the opening handshake, with the example key of RFC 6455, 1.3. It has an Origin, as that of a browser does: one of the servers wants it.
func request(o *options) []byte {
	extensions := ""
	switch o.compress {
	case "context":
		extensions = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
	case "nocontext":
		extensions = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
	}
	return fmt.Appendf(nil, "GET /ws HTTP/1.1\r\nHost: %[1]s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: http://%[1]s\r\n%[2]s\r\n", o.addr, extensions)
}

var errShort = errors.New("the response is not complete")

// response checks the server's half, and returns its extensions and what came behind it. The error is errShort while bytes are missing.
func response(b []byte) (extensions string, rest []byte, err error) {
	head, rest, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		if len(b) > 4096 {
			return "", nil, errors.New("the response is too long")
		}
		return "", nil, errShort
	}
	lines := strings.Split(string(head), "\r\n")
	if !strings.HasPrefix(lines[0], "HTTP/1.1 101") {
		return "", nil, fmt.Errorf("the response is %q", lines[0])
	}
	accept := ""
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); strings.ToLower(name) {
		case "sec-websocket-accept":
			accept = value
		case "sec-websocket-extensions":
			extensions = value
		}
	}
	if accept != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		return "", nil, fmt.Errorf("Sec-WebSocket-Accept is %q", accept)
	}
	return extensions, rest, nil
}

// agreed says what the server's answer to the offer means: whether the window is kept in each direction, and how large our compressor's may be.
func agreed(o *options, extensions string) (clientBits int, serverContext bool, err error) {
	if o.compress == "off" {
		if extensions != "" {
			return 0, false, fmt.Errorf("the server chose %q, but nothing was offered", extensions)
		}
		return 15, false, nil
	}
	clientBits, serverContext = 15, true
	clientContext := true
	for i, p := range strings.Split(extensions, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch {
		case i == 0 && name != "permessage-deflate":
			return 0, false, fmt.Errorf("the server chose %q, not permessage-deflate", extensions)
		case name == "client_max_window_bits" && value != "":
			if clientBits, err = strconv.Atoi(strings.Trim(value, `"`)); err != nil || clientBits < 8 || clientBits > 15 {
				return 0, false, fmt.Errorf("the server's answer %q has bad window bits", extensions)
			}
		case name == "client_no_context_takeover":
			clientContext = false
		case name == "server_no_context_takeover":
			serverContext = false
		}
	}
	if want := o.compress == "context"; clientContext != want || serverContext != want {
		return 0, false, fmt.Errorf("the server chose %q, which is not mode %q in both directions", extensions, o.compress)
	}
	return clientBits, serverContext, nil
}
