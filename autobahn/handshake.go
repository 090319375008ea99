package autobahn

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// maxHead is the longest head of a request or a response that the suite reads.
const maxHead = 64 << 10

// acceptKey is the Sec-WebSocket-Accept of a key (RFC 6455, 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// readHead reads the head of a request or a response, with the empty line that ends it.
// What has come behind it is rest.
func readHead(r io.Reader) (head, rest []byte, err error) {
	var all []byte
	chunk := make([]byte, 4096)
	for {
		n, err := r.Read(chunk)
		all = append(all, chunk[:n]...)
		if end := bytes.Index(all, []byte("\r\n\r\n")); end >= 0 {
			return all[:end+4], all[end+4:], nil
		}
		if len(all) > maxHead {
			return all, nil, fmt.Errorf("a head of more than %d octets", maxHead)
		}
		if err != nil {
			return all, nil, err
		}
	}
}

// dialTCP opens the connection to the host of a ws or wss URL.
func dialTCP(ctx context.Context, u *url.URL, config *tls.Config) (net.Conn, error) {
	var d net.Dialer
	switch u.Scheme {
	case "ws":
		return d.DialContext(ctx, "tcp", hostPort(u, "80"))
	case "wss":
		td := tls.Dialer{NetDialer: &d, Config: config}
		return td.DialContext(ctx, "tcp", hostPort(u, "443"))
	}
	return nil, fmt.Errorf("the scheme of %q is neither ws nor wss", u)
}

func hostPort(u *url.URL, port string) string {
	if u.Port() != "" {
		port = u.Port()
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// An opening is an opening handshake, as text for the report, and what became of it.
type opening struct {
	request, response string
	extensions        string // the server's Sec-WebSocket-Extensions
	rest              []byte // what the peer sent behind its head
}

// shakeHands is the client's opening handshake (RFC 6455, 4.1).
func shakeHands(conn net.Conn, u *url.URL, offer string) (o opening, err error) {
	nonce := make([]byte, 16)
	rand.Read(nonce)
	key := base64.StdEncoding.EncodeToString(nonce)
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", u.RequestURI(), u.Host)
	fmt.Fprintf(&b, "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n", key)
	if offer != "" {
		fmt.Fprintf(&b, "Sec-WebSocket-Extensions: %s\r\n", offer)
	}
	b.WriteString("\r\n")
	o.request = b.String()
	if _, err := io.WriteString(conn, o.request); err != nil {
		return o, err
	}
	head, rest, err := readHead(conn)
	o.response, o.rest = string(head), rest
	if err != nil {
		return o, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), nil)
	if err != nil {
		return o, err
	}
	o.extensions = strings.Join(resp.Header.Values("Sec-WebSocket-Extensions"), ", ")
	switch {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		err = fmt.Errorf("the answer is %q", resp.Status)
	case !hasToken(resp.Header, "Upgrade", "websocket"):
		err = errors.New("the answer has no Upgrade: websocket")
	case !hasToken(resp.Header, "Connection", "Upgrade"):
		err = errors.New("the answer has no Connection: Upgrade")
	case resp.Header.Get("Sec-WebSocket-Accept") != acceptKey(key):
		err = errors.New("the answer's Sec-WebSocket-Accept does not belong to the key")
	case resp.Header.Get("Sec-WebSocket-Protocol") != "":
		err = errors.New("the answer has a subprotocol, which was not asked for")
	}
	return o, err
}

// readRequest reads the client's half of an opening handshake (RFC 6455, 4.2.1).
func readRequest(conn net.Conn) (req *http.Request, o opening, err error) {
	head, rest, err := readHead(conn)
	o.request, o.rest = string(head), rest
	if err != nil {
		return nil, o, err
	}
	req, err = http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return nil, o, err
	}
	switch {
	case req.Method != http.MethodGet:
		err = fmt.Errorf("the method is %s", req.Method)
	case !req.ProtoAtLeast(1, 1):
		err = fmt.Errorf("the version is %s", req.Proto)
	case req.Host == "":
		err = errors.New("there is no Host")
	case !hasToken(req.Header, "Upgrade", "websocket"):
		err = errors.New("there is no Upgrade: websocket")
	case !hasToken(req.Header, "Connection", "Upgrade"):
		err = errors.New("there is no Connection: Upgrade")
	case req.Header.Get("Sec-WebSocket-Version") != "13":
		err = errors.New("Sec-WebSocket-Version is not 13")
	case len(req.Header.Values("Sec-WebSocket-Key")) != 1 || !isNonce(req.Header.Get("Sec-WebSocket-Key")):
		err = errors.New("Sec-WebSocket-Key is not 16 octets in base64, once")
	}
	return req, o, err
}

func isNonce(key string) bool {
	nonce, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(nonce) == 16
}

// answerRequest is the server's half (RFC 6455, 4.2.2).
func answerRequest(conn net.Conn, req *http.Request, o *opening, extensions string) error {
	o.extensions = extensions
	o.response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + acceptKey(req.Header.Get("Sec-WebSocket-Key")) + "\r\n"
	if extensions != "" {
		o.response += "Sec-WebSocket-Extensions: " + extensions + "\r\n"
	}
	o.response += "\r\n"
	_, err := io.WriteString(conn, o.response)
	return err
}

// refuse answers a request that is no opening handshake, or asks for nothing that is there.
func refuse(conn net.Conn, o *opening, status int, why string) {
	o.response = fmt.Sprintf("HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s\n",
		status, http.StatusText(status), len(why)+1, why)
	io.WriteString(conn, o.response)
}

// hasToken reports whether a list in a header has the token, in any case of letters.
func hasToken(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for item := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(item), token) {
				return true
			}
		}
	}
	return false
}
