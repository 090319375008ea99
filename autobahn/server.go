package autobahn

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// A FuzzingServer runs cases against the clients that connect to it, as the testsuite's
// server does: a client asks /getCaseCount, then connects to /runCase?case=N&agent=A for
// each N from 1 on and sends every message back; /updateReports?agent=A says that it is done.
// /getCaseInfo?case=N and /getCaseStatus?case=N&agent=A tell about a case and its verdict.
// Clients may connect for several cases at once.
type FuzzingServer struct {
	// OnUpdate, if not nil, is called when a client asks for the reports, which is the
	// time to write them. It has to be set before Serve.
	OnUpdate func(agent string)

	cfg   *Config
	cases []*Case

	mu      sync.Mutex
	results map[[2]string]*Result // by agent and case
	changed chan struct{}         // closed, and made anew, when there is a new result
	started time.Time
	conns   map[net.Conn]bool
	closed  bool
	active  sync.WaitGroup
}

// NewFuzzingServer returns a server for the cases that the configuration selects. The error
// is about the selection.
func NewFuzzingServer(config *Config) (*FuzzingServer, error) {
	cfg := config.withDefaults()
	cases, err := cfg.Select("client")
	if err != nil {
		return nil, err
	}
	return &FuzzingServer{
		cfg: cfg, cases: cases, started: time.Now(),
		results: make(map[[2]string]*Result), changed: make(chan struct{}), conns: make(map[net.Conn]bool),
	}, nil
}

// Serve accepts clients until the listener or the server is closed. Then it returns nil or,
// if the listener failed for another reason, the error.
func (s *FuzzingServer) Serve(ln net.Listener) error {
	for {
		conn, err := ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		if !s.track(conn) {
			conn.Close()
			return nil
		}
		go func() {
			defer s.forget(conn)
			s.handle(conn)
		}()
	}
}

// Close cuts the connections that are there, and waits for their cases to end. It does not
// close the listener.
func (s *FuzzingServer) Close() {
	s.mu.Lock()
	s.closed = true
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.active.Wait()
}

func (s *FuzzingServer) track(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[conn] = true
	s.active.Add(1)
	return true
}

func (s *FuzzingServer) forget(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	delete(s.conns, conn)
	s.mu.Unlock()
	s.active.Done()
}

// Report returns what is known of a client so far, or of all of them if agent is empty.
func (s *FuzzingServer) Report(agent string) *Report {
	report := &Report{Role: "client", Started: s.started, Messages: s.cfg.messages()}
	s.mu.Lock()
	for key, r := range s.results {
		if agent == "" || key[0] == agent {
			report.Results = append(report.Results, r)
		}
	}
	s.mu.Unlock()
	report.finish()
	return report
}

// Cases returns the cases that clients are given, in order. The caller owns the result.
func (s *FuzzingServer) Cases() []*Case { return slices.Clone(s.cases) }

// handle serves one connection.
func (s *FuzzingServer) handle(conn net.Conn) {
	conn.SetDeadline(time.Now().Add(max(s.cfg.Timeout, 5*time.Second)))
	req, o, err := readRequest(conn)
	if req == nil {
		return
	}
	query := req.URL.Query()
	agent := query.Get("agent")
	c, missing := s.caseOf(query)
	switch {
	case err != nil:
		refuse(conn, &o, http.StatusBadRequest, err.Error())
	case req.URL.Path == "/runCase" && c != nil && agent != "":
		s.runCase(conn, req, o, c, agent)
		return
	case req.URL.Path == "/getCaseCount":
		s.answer(conn, req, o, func() string { return strconv.Itoa(len(s.cases)) })
	case req.URL.Path == "/getCaseInfo" && c != nil:
		s.answer(conn, req, o, func() string { return toJSON(map[string]string{"id": c.ID, "description": c.Description}) })
	case req.URL.Path == "/getCaseStatus" && c != nil && agent != "":
		s.answer(conn, req, o, func() string {
			r := s.await(conn, agent, c.ID)
			if r == nil {
				return ""
			}
			return toJSON(map[string]string{"behavior": string(r.Behavior)})
		})
	case req.URL.Path == "/updateReports" && agent != "":
		s.answer(conn, req, o, func() string {
			if s.OnUpdate != nil {
				s.OnUpdate(agent)
			}
			return ""
		})
	case missing != nil:
		refuse(conn, &o, http.StatusNotFound, missing.Error())
	default:
		refuse(conn, &o, http.StatusNotFound, "the paths are /getCaseCount, /runCase?case=N&agent=A, /getCaseInfo?case=N, /getCaseStatus?case=N&agent=A and /updateReports?agent=A")
	}
	if c != nil && agent != "" && err != nil && req.URL.Path == "/runCase" {
		r := &Result{Case: c, Agent: agent, Started: time.Now(), Request: o.request, Response: o.response}
		r.notOpened("The opening handshake failed: " + err.Error() + ".")
		s.store(r)
	}
}

// caseOf is the case that a query names, by its place in the selection or by its identifier.
func (s *FuzzingServer) caseOf(query url.Values) (*Case, error) {
	if id := query.Get("casetuple"); id != "" {
		for _, c := range s.cases {
			if c.ID == id {
				return c, nil
			}
		}
		return nil, fmt.Errorf("there is no case %q", id)
	}
	if n := query.Get("case"); n != "" {
		i, err := strconv.Atoi(n)
		if err != nil || i < 1 || i > len(s.cases) {
			return nil, fmt.Errorf("there is no case number %q: there are %d", n, len(s.cases))
		}
		return s.cases[i-1], nil
	}
	return nil, nil
}

// runCase runs a case against the client that asked for it. What came of it is stored before the
// connection is closed: a client that sees the end may ask for the report at once.
func (s *FuzzingServer) runCase(conn net.Conn, req *http.Request, o opening, c *Case, agent string) {
	r := &Result{Case: c, Agent: agent, Started: time.Now()}
	session := &session{c: c, cfg: s.cfg, conn: conn, weServe: true}
	answer := c.Answer
	if c.Deflate != nil {
		offered := req.Header.Values("Sec-WebSocket-Extensions")
		if text, p, ok := c.Deflate.answer(join(offered)); ok && c.Deflate.binds(p, true) {
			answer = text
			session.deflater, session.inflater = p.codecs(true)
			session.p.compressed = true
		}
	}
	err := answerRequest(conn, req, &o, answer)
	r.Request, r.Response = o.request, o.response
	if err != nil {
		r.notOpened("The opening handshake failed: " + err.Error() + ".")
		s.store(r)
		return
	}
	conn.SetDeadline(time.Time{})
	session.play(o.rest)
	session.judge(r)
	r.Duration = time.Since(r.Started)
	s.store(r)
}

func join(lines []string) (all string) {
	for i, l := range lines {
		if i > 0 {
			all += ", "
		}
		all += l
	}
	return all
}

// answer sends one text message, or none, and closes.
func (s *FuzzingServer) answer(conn net.Conn, req *http.Request, o opening, text func() string) {
	if answerRequest(conn, req, &o, "") != nil {
		return
	}
	conn.SetDeadline(time.Time{})
	c := &Case{Close: normal, KeepOpen: true}
	if t := text(); t != "" {
		c.Steps = send(&Frame{Fin: true, Opcode: opText, Payload: []byte(t)})
	}
	c.Steps = append(c.Steps, closing(closePayload(1000, "")))
	(&session{c: c, cfg: s.cfg, conn: conn, weServe: true}).play(o.rest)
}

// store keeps a result.
func (s *FuzzingServer) store(r *Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return // it was cut, and says nothing of the client
	}
	s.results[[2]string{r.Agent, r.Case.ID}] = r
	close(s.changed)
	s.changed = make(chan struct{})
	if s.cfg.Progress != nil {
		s.cfg.Progress(r)
	}
}

// await waits for a result, for as long as the client waits.
func (s *FuzzingServer) await(conn net.Conn, agent, id string) *Result {
	left := make(chan struct{})
	go func() {
		// The client has nothing to say, so that what comes is the end of the connection.
		conn.Read(make([]byte, 1))
		close(left)
	}()
	defer func() {
		conn.SetReadDeadline(time.Unix(1, 0))
		<-left
		conn.SetReadDeadline(time.Time{})
	}()
	for {
		s.mu.Lock()
		r, changed := s.results[[2]string{agent, id}], s.changed
		s.mu.Unlock()
		if r != nil {
			return r
		}
		select {
		case <-changed:
		case <-left:
			return nil
		}
	}
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("autobahn: " + err.Error())
	}
	return string(b)
}
