package autobahn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patient is for peers that do what they have to, on a machine that is busy.
var patient = Config{Timeout: 30 * time.Second, Quiet: 10 * time.Millisecond, Messages: 3, Agent: "Peer 1.0"}

// listen serves every connection on an address of this machine with handle, and returns the URL.
func listen(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return "ws://" + ln.Addr().String() + "/echo"
}

// echoServer is a right server, which takes compression as it is asked for.
func echoServer(t *testing.T) string {
	return listen(t, func(conn net.Conn) {
		req, o, err := readRequest(conn)
		if err != nil {
			refuse(conn, &o, http.StatusBadRequest, err.Error())
			return
		}
		peer := &wrongPeer{}
		offered := req.Header.Get("Sec-WebSocket-Extensions")
		answer, p, ok := (&Deflate{Requests: []DeflateRequest{{}}}).answer(offered)
		if ok {
			peer.deflater, peer.inflater = p.codecs(true)
		}
		if answerRequest(conn, req, &o, answer) == nil {
			peer.run(conn)
		}
	})
}

func TestTestServer(t *testing.T) {
	config := patient
	config.Cases, config.Exclude = "1.*,2.*,5.19,7.*,12.1.1,13.5.2,H.1.*,H.7.*", "7.1.6"
	shown := 0
	config.Progress = func(*Result) { shown++ }
	report := Test(t, echoServer(t), &config)
	if !report.Pass() || shown != len(report.Results) || report.Results[0].Case.ID != "1.1.1" || report.Role != "server" {
		t.Errorf("%d results, %d shown, pass %v", len(report.Results), shown, report.Pass())
	}
}

func TestTestServerErrors(t *testing.T) {
	for _, u := range []string{"http://127.0.0.1", "ws://", "%", "ws:opaque"} {
		if _, err := TestServer(t.Context(), u, nil); err == nil {
			t.Errorf("%q: no error", u)
		}
	}
	if _, err := TestServer(t.Context(), "ws://127.0.0.1:1", &Config{Cases: "8.*"}); err == nil {
		t.Error("no such case: no error")
	}
	report, err := TestServer(t.Context(), "wss://127.0.0.1:1", &Config{Cases: "1.1.1,7.1.6"})
	if err != nil || report.Pass() || !strings.Contains(report.Results[0].Why, "cannot be reached") || report.Results[1].Behavior != Informational {
		t.Errorf("nobody listens: %v, %+v", err, report)
	}
	ctx, stop := context.WithCancel(t.Context())
	report, err = TestServer(ctx, listen(t, func(conn net.Conn) {
		readRequest(conn)
		stop()
		io.Copy(io.Discard, conn)
	}), &patient)
	if !errors.Is(err, context.Canceled) || len(report.Results) != 0 {
		t.Errorf("cancelled: %v, %d results", err, len(report.Results))
	}
	if _, err := dialTCP(t.Context(), &url.URL{Scheme: "http"}, nil); err == nil {
		t.Error("another scheme: no error")
	}
}

// RFC 6455, 4.1: what a server may answer, and what it may not.
func TestAnswersOfServers(t *testing.T) {
	const good = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: KEY\r\n"
	for _, tt := range []struct{ name, answer, want string }{
		{"4.1/good", good + "\r\n", ""},
		{"4.1/status", "HTTP/1.1 400 Bad Request\r\n\r\n", `the answer is "400 Bad Request"`},
		{"4.1/no_upgrade", strings.Replace(good, "WebSocket", "other", 1) + "\r\n", "no Upgrade"},
		{"4.1/no_connection", strings.Replace(good, "keep-alive, Upgrade", "close", 1) + "\r\n", "no Connection"},
		{"4.1/key", strings.Replace(good, "KEY", "other", 1) + "\r\n", "does not belong to the key"},
		{"4.1/subprotocol", good + "Sec-WebSocket-Protocol: x\r\n\r\n", "has a subprotocol"},
		{"4.1/extension", good + "Sec-WebSocket-Extensions: x\r\n\r\n", "none was offered"},
		{"4.1/no_http", "hello\r\n\r\n", "malformed"},
		{"4.1/cut", "HTTP/1.1 101", "EOF"},
		{"4.1/too_long", "HTTP/1.1 101 " + strings.Repeat("x", maxHead+5000) + "\r\n\r\n", "a head of more than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := patient
			config.Cases = "1.1.1"
			u := listen(t, func(conn net.Conn) {
				req, _, err := readRequest(conn)
				if err != nil {
					return
				}
				io.WriteString(conn, strings.Replace(tt.answer, "KEY", acceptKey(req.Header.Get("Sec-WebSocket-Key")), 1))
				if tt.want == "" {
					(&wrongPeer{}).run(conn)
				}
			})
			report, err := TestServer(t.Context(), u, &config)
			if err != nil {
				t.Fatal(err)
			}
			if r := report.Results[0]; r.Pass() != (tt.want == "") || !strings.Contains(r.Why, tt.want) {
				t.Errorf("%s: %s", r.Behavior, r.Why)
			}
		})
	}
}

// A case about an offer that has no grammar takes a 400, and one about compression an answer
// that cannot be read for a failure.
func TestAnswersToOffers(t *testing.T) {
	for _, tt := range []struct {
		id, answer string
		behavior   Verdict
	}{
		{"H.7.20", "HTTP/1.1 400 Bad Request\r\n\r\n", OK},
		{"H.7.2", "HTTP/1.1 400 Bad Request\r\n\r\n", Failed},
		{"H.7.2", "permessage-deflate", Failed},
		{"H.7.1", "permessage-deflate; x", Failed},
		{"H.7.1", "permessage-deflate", OK},
		{"12.1.1", "permessage-deflate; x", Failed},
	} {
		config := patient
		config.Cases = tt.id
		u := listen(t, func(conn net.Conn) {
			req, o, err := readRequest(conn)
			switch {
			case err != nil:
			case strings.HasPrefix(tt.answer, "HTTP"):
				io.WriteString(conn, tt.answer)
			case answerRequest(conn, req, &o, tt.answer) == nil:
				(&wrongPeer{}).run(conn)
			}
		})
		report, err := TestServer(t.Context(), u, &config)
		if err != nil {
			t.Fatal(err)
		}
		if r := report.Results[0]; r.Behavior != tt.behavior {
			t.Errorf("%s answered with %q: %s %s", tt.id, tt.answer, r.Behavior, r.Why)
		}
	}
}

// fuzzing starts a server for clients.
func fuzzing(t *testing.T, config *Config) (*FuzzingServer, string) {
	t.Helper()
	s, err := NewFuzzingServer(config)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		ln.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
		s.Close()
	})
	return s, "ws://" + ln.Addr().String()
}

// visit is a client's connection to a path: it echoes, or returns the message that came.
func visit(t *testing.T, u, offer string, echo bool) (message string, err error) {
	t.Helper()
	parsed, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dialTCP(t.Context(), parsed, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	o, err := shakeHands(conn, parsed, offer)
	if err != nil {
		return "", err
	}
	peer := &wrongPeer{client: true}
	if p, ok, err := agreed(o.extensions); err != nil {
		return "", err
	} else if ok {
		peer.deflater, peer.inflater = p.codecs(false)
	}
	if echo {
		peer.run(&readAhead{conn, o.rest})
		return "", nil
	}
	p := parser{}
	b := o.rest
	buf := make([]byte, 4096)
	for {
		p.feed(b, func(h header, payload []byte) *violation {
			if h.opcode == opText {
				message = string(payload)
			} else {
				peer.write(conn, &Frame{Fin: true, Opcode: opClose, Payload: closePayload(1000, "")})
			}
			return nil
		})
		n, err := conn.Read(buf)
		if err != nil {
			return message, nil
		}
		b = buf[:n]
	}
}

// A readAhead is a connection of which something has been read already.
type readAhead struct {
	net.Conn
	rest []byte
}

func (c *readAhead) Read(b []byte) (int, error) {
	if len(c.rest) > 0 {
		n := copy(b, c.rest)
		c.rest = c.rest[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

func TestFuzzingServer(t *testing.T) {
	config := patient
	config.Cases = "1.1.2,2.10,7.1.6,13.3.1,13.4.1"
	shown := 0
	config.Progress = func(*Result) { shown++ }
	s, u := fuzzing(t, &config)
	updated := ""
	s.OnUpdate = func(agent string) { updated = agent }
	if n, err := visit(t, u+"/getCaseCount", "", false); n != "5" || err != nil {
		t.Fatalf("getCaseCount: %q, %v", n, err)
	}
	if info, err := visit(t, u+"/getCaseInfo?case=1", "", false); !strings.Contains(info, `"id":"1.1.2"`) || err != nil {
		t.Errorf("getCaseInfo: %q, %v", info, err)
	}
	status := make(chan string)
	go func() {
		// Asked for before there is any.
		text, _ := visit(t, u+"/getCaseStatus?case=5&agent=me", "", false)
		status <- text
	}()
	for n := range s.Cases() {
		offer := ""
		if n == 3 {
			offer = "permessage-deflate; client_max_window_bits"
		}
		if _, err := visit(t, fmt.Sprintf("%s/runCase?case=%d&agent=me", u, n+1), offer, true); err != nil {
			t.Errorf("case %d: %v", n+1, err)
		}
	}
	if text := <-status; text != `{"behavior":"UNIMPLEMENTED"}` {
		t.Errorf("getCaseStatus: %q", text)
	}
	if _, err := visit(t, u+"/runCase?casetuple=1.1.2&agent=you", "", true); err != nil {
		t.Error(err)
	}
	if _, err := visit(t, u+"/getCaseStatus?casetuple=1.1.2&agent=you", "", false); err != nil {
		t.Error(err)
	}
	if _, err := visit(t, u+"/updateReports?agent=me", "", false); err != nil || updated != "me" {
		t.Errorf("updateReports of %q: %v", updated, err)
	}
	for i, want := range []Verdict{OK, OK, Informational, OK, Unimplemented} {
		if r := s.Report("me").Results[i]; r.Behavior != want {
			t.Errorf("%s: %s, want %s: %s\n%s", r.Case.ID, r.Behavior, want, r.Why, logText(r))
		}
	}
	if n := len(s.Report("").Results); n != 6 || shown != 6 {
		t.Errorf("%d results of all clients, %d shown", n, shown)
	}
}

func TestFuzzingServerRefuses(t *testing.T) {
	config := patient
	config.Cases = "1.1.2"
	s, u := fuzzing(t, &config)
	for _, path := range []string{"/", "/runCase", "/runCase?case=1", "/runCase?case=2&agent=a", "/runCase?case=x&agent=a", "/runCase?casetuple=9.9.9&agent=a", "/getCaseInfo", "/updateReports"} {
		if _, err := visit(t, u+path, "", false); err == nil || !strings.Contains(err.Error(), "404") {
			t.Errorf("%s: %v", path, err)
		}
	}
	const head = "GET /runCase?case=1&agent=a HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	for _, tt := range []struct{ old, new string }{
		{"GET", "POST"}, {"HTTP/1.1", "HTTP/1.0"}, {"Host: h\r\n", "Host:\r\n"}, {"websocket", "other"}, {"Connection: Upgrade", "Connection: close"},
		{"Version: 13", "Version: 8"}, {"AAAAAAAAAAAAAAAAAAAAAA==", "AAAA"}, {"GET", "\x00"}, {head, "GET / HTTP/1.1\r\n"},
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(u, "ws://"))
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, strings.Replace(head, tt.old, tt.new, 1))
		conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		conn.Close()
		if strings.Contains(string(answer), "101") || strings.Contains(tt.new, "V") && !strings.Contains(string(answer), "400") {
			t.Errorf("6455 4.2.1, %q: %q", tt.new, answer)
		}
	}
	if r := s.Report("a").Results; len(r) != 1 || !strings.Contains(r[0].Why, "opening handshake failed") {
		t.Errorf("the handshakes that failed: %+v", r)
	}
	if _, err := NewFuzzingServer(&Config{Cases: "x"}); err == nil {
		t.Error("no such case: no error")
	}
}

// A client that goes away while it waits for a verdict, and a server that is closed with
// clients connected.
func TestFuzzingServerCut(t *testing.T) {
	config := patient
	config.Cases = "1.1.2"
	s, err := NewFuzzingServer(&config)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- s.Serve(ln) }()
	connect := func(path string) net.Conn {
		u := &url.URL{Scheme: "ws", Host: ln.Addr().String(), Path: path, RawQuery: "case=1&agent=a"}
		conn, err := dialTCP(t.Context(), u, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := shakeHands(conn, u, ""); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	left := connect("/getCaseStatus")
	left.Close()
	waits, plays := connect("/getCaseStatus"), connect("/runCase")
	defer waits.Close()
	defer plays.Close()
	s.Close()
	if n := len(s.Report("").Results); n != 0 {
		t.Errorf("%d results of cases that were cut", n)
	}
	late, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
	ln.Close()
	if err := s.Serve(brokenListener{ln}); err == nil {
		t.Error("a listener that breaks: no error")
	}
}

type brokenListener struct{ net.Listener }

func (brokenListener) Accept() (net.Conn, error) { return nil, errors.New("broken") }

func TestReportFiles(t *testing.T) {
	config := patient
	config.Cases = "1.1.2,6.4.1,7.1.6,12.2.1,H.1.1"
	config.Timeout = time.Second
	report, err := TestServer(t.Context(), listen(t, func(conn net.Conn) {
		req, o, err := readRequest(conn)
		if err == nil && answerRequest(conn, req, &o, "") == nil {
			(&wrongPeer{lenient: true}).run(conn)
		}
	}), &config)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "new")
	if err := report.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string][]string{
		"index.json":               {`"Peer 1.0": {`, `"1.1.2": {`, `"behavior": "OK"`, `"remoteCloseCode": 1000`, `"reportfile": "peer_1_0_case_1_1_2.json"`, `"UNIMPLEMENTED"`},
		"more.json":                {`"H.1.1": {`},
		"peer_1_0_case_6_4_1.json": {`"section": "RFC 6455, 8.1"`, `"behavior": "FAILED"`, `"text": "continuation, no FIN, 4 octets, 0xf4908080"`},
		"peer_1_0_case_h_1_1.json": {`"expectedClose"`},
		"index.html":               {"Peer 1.0", "7.1.6", "INFORMATIONAL", "https://www.rfc-editor.org/rfc/rfc6455#section-8.1", "f4908080", "GET /echo HTTP/1.1"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s lacks %s", name, want)
			}
		}
	}
	if strings.Contains(string(report.Index(false)), "H.1.1") {
		t.Error("our own cases are in index.json")
	}
	file := filepath.Join(dir, "index.html")
	if err := report.WriteFiles(file); err == nil {
		t.Error("a folder that is a file: no error")
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub", "index.json"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteFiles(filepath.Join(dir, "sub")); err == nil {
		t.Error("a file that is a folder: no error")
	}
	if !strings.Contains(report.Results[1].failure(), "6455, 8.1") {
		t.Errorf("the failure says %s", report.Results[1].failure())
	}
	if err := report.WriteHTML(brokenWriter{}); err == nil {
		t.Error("a writer that breaks: no error")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, http.ErrBodyNotAllowed }
