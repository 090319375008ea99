package conn

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	// maxResponseHead bounds what a server or a proxy can make Dial read before it decides.
	maxResponseHead = 16 << 10
	// maxErrorBody is how much of a refusal's body a HandshakeError keeps.
	maxErrorBody = 1 << 10
	// errorBodyTimeout bounds the wait for it: the answer is known, and a body without a length ends when the server closes.
	errorBodyTimeout = time.Second
)

// exchange sends the head of a request, GET or CONNECT, and reads the head of the answer. buffered has the bytes that came behind it; resp.Body reads those and more.
func exchange(nc net.Conn, head []byte) (resp *http.Response, buffered []byte, err error) {
	if _, err := nc.Write(head); err != nil {
		return nil, nil, &HandshakeError{Err: err}
	}
	in := &responseReader{r: nc, rest: maxResponseHead}
	br := bufio.NewReader(in)
	for {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			return nil, nil, &HandshakeError{Err: in.cause(err)}
		}
		switch {
		// "All valid status codes are within the range of 100 to 599, inclusive." RFC 9110, 15
		case resp.StatusCode < 100:
			return nil, nil, &HandshakeError{Err: fmt.Errorf("malformed HTTP status code %.20q", resp.Status)}
		// "a client MUST be able to parse one or more 1xx responses received prior to a final response" RFC 9110, 15.2. 101 is final here.
		case resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols:
			continue
		}
		buffered, _ = br.Peek(br.Buffered())
		return resp, buffered, nil
	}
}

// dialRefusal returns the error for an answer that is not the one that was asked for, with as much of its body as there is.
func dialRefusal(nc net.Conn, resp *http.Response, err error) *HandshakeError {
	nc.SetReadDeadline(time.Now().Add(errorBodyTimeout))
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	return &HandshakeError{Status: resp.StatusCode, Header: resp.Header, Body: body, Err: err}
}

// A responseReader reads at most rest bytes from r, and keeps the error that ended it: http.ReadResponse says of a line that was cut only that it is malformed.
type responseReader struct {
	r    io.Reader
	rest int
	err  error
}

func (r *responseReader) Read(p []byte) (n int, err error) {
	if r.rest == 0 {
		r.err = fmt.Errorf("the response head is larger than %d bytes", maxResponseHead)
		return 0, r.err
	}
	n, r.err = r.r.Read(p[:min(len(p), r.rest)])
	r.rest -= n
	return n, r.err
}

// cause returns why http.ReadResponse returned err.
func (r *responseReader) cause(err error) error {
	switch r.err {
	case nil:
		return err
	case io.EOF:
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w, %w", err, io.ErrUnexpectedEOF)
		}
		return fmt.Errorf("the server closed the connection without a complete response: %w", err)
	}
	return r.err
}
