package handshake

import (
	"fmt"
	"net/http"

	"github.com/hawser-go/hawser/internal/httpfield"
)

// The limits of a [Head] by default.
const (
	DefaultHeadBytes  = 16 << 10
	DefaultHeadFields = 64
)

// A Head reads the head of one HTTP/1.1 request, request line and fields, from
// the bytes as they come (RFC 9112, 2.1). It looks at each byte once, however
// the head was cut on its way, and reports the first byte that cannot be right
// when it comes. It copies nothing: it knows where in the head each part lies.
//
// It is stricter than RFC 9112 demands: a line that ends in LF alone, a CR that
// no LF follows and a field on several lines are errors, and so is every white
// space that the grammar does not have. It is lenient where the RFC asks for
// it: one empty line before the request line is skipped (2.2). Bytes from 0x80
// may stand in a field value, and in the request-target, which [CheckHead] then
// refuses.
type Head struct {
	maxBytes, maxFields int

	state  headState
	at     int // b[:at] has been read
	start  int // where the part that is being read began
	method span
	target span
	major  int
	minor  int
	fields []fieldSpan
	err    error

	b    []byte // the head once it is complete
	text string // b as a string, once it was needed

	// What CheckHead returns, and what it needs meanwhile.
	request Request
	lines   []string
	params  []Param
}

// A span is b[from:to] of a head.
type span struct{ from, to int32 }

type fieldSpan struct{ name, value span }

// A headState says what comes next.
type headState uint8

const (
	atHead          headState = iota // the request line, or an empty line before it
	behindEmptyLine                  // the LF of that
	inMethod
	inTarget
	inVersion
	atLineEnd   // the LF behind a CR
	atLineStart // a field, or the empty line that ends the head
	inName
	beforeValue // white space, or the value
	inValue
	atHeadEnd // the last LF
	headComplete
)

// NewHead returns a Head that refuses a head of more than maxBytes bytes, the
// empty line included, or more than maxFields field lines. Zero means the
// defaults of 16 KiB and 64.
func NewHead(maxBytes, maxFields int) *Head {
	if maxBytes == 0 {
		maxBytes = DefaultHeadBytes
	}
	if maxFields == 0 {
		maxFields = DefaultHeadFields
	}
	if maxBytes < 0 || maxBytes > 1<<30 || maxFields < 0 {
		panic(fmt.Sprintf("hawser/handshake: a Head of %d bytes and %d fields", maxBytes, maxFields))
	}
	return &Head{maxBytes: maxBytes, maxFields: maxFields}
}

// keepFields bounds what a Head that is used again keeps of a large one.
const keepFields = 64

// Reset makes h ready for another head. What [CheckHead] returned for h is
// emptied, and h does not retain any bytes.
func (h *Head) Reset() {
	*h = Head{
		maxBytes: h.maxBytes, maxFields: h.maxFields,
		fields: kept(h.fields), lines: kept(h.lines), params: kept(h.params),
		request: Request{Subprotocols: kept(h.request.Subprotocols), Extensions: kept(h.request.Extensions)},
	}
}

// kept returns the empty slice of s for another use, unless it is large.
func kept[T any](s []T) []T {
	if cap(s) > keepFields {
		return nil
	}
	clear(s[:cap(s)])
	return s[:0]
}

// Parse reads on in the head that b starts with. b has all bytes that have come
// so far: those of the call before, unchanged, with new ones behind.
//
// It returns the length of the head when it is complete. Bytes behind it are
// not looked at. If it is not complete, Parse returns 0.
//
// An error is an [*Error] with status 400, 414 or 431 and "Connection: close",
// because nobody knows where the next request would begin. It is final.
//
// h refers to b once the head is complete, until Reset is called.
func (h *Head) Parse(b []byte) (n int, err error) {
	if h.err != nil {
		return 0, h.err
	}
	end := min(len(b), h.maxBytes)
	for h.state != headComplete && h.at < end && h.err == nil {
		h.step(b[:end])
	}
	if h.err == nil && h.state != headComplete && h.at == h.maxBytes {
		h.tooLarge()
	}
	switch {
	case h.err != nil:
		return 0, h.err
	case h.state != headComplete:
		return 0, nil
	}
	h.b = b[:h.at:h.at]
	return h.at, nil
}

// step reads on until the state changes, or b ends. There is at least one byte.
func (h *Head) step(b []byte) {
	c := b[h.at]
	switch h.state {
	case atHead:
		// "a server that is expecting to receive and parse a request-line SHOULD
		// ignore at least one empty line (CRLF) received prior to the
		// request-line." RFC 9112, 2.2
		if h.at == 0 && c == '\r' {
			h.next(behindEmptyLine, 1)
			return
		}
		h.next(inMethod, 0)
	case behindEmptyLine:
		if c != '\n' {
			h.bareCR()
			return
		}
		h.next(atHead, 1)
	case inMethod:
		// method = token
		h.at += httpfield.TokenLen(b[h.at:])
		if h.at == len(b) {
			return
		}
		if b[h.at] != ' ' || h.at == h.start {
			h.malformed("3", "the method", b[h.at])
			return
		}
		h.method = h.part()
		h.next(inTarget, 1)
	case inTarget:
		for h.at < len(b) && b[h.at] > ' ' && b[h.at] != 0x7f {
			h.at++
		}
		if h.at == len(b) {
			return
		}
		if b[h.at] != ' ' || h.at == h.start {
			h.malformed("3", "the request-target", b[h.at])
			return
		}
		h.target = h.part()
		h.next(inVersion, 1)
	case inVersion:
		h.version(b)
	case atLineEnd:
		if c != '\n' {
			h.bareCR()
			return
		}
		h.next(atLineStart, 1)
	case atLineStart:
		h.lineStart(c)
	case inName:
		h.at += httpfield.TokenLen(b[h.at:])
		if h.at == len(b) {
			return
		}
		// "A server MUST reject, with a response status code of 400 (Bad
		// Request), any received request message that contains whitespace
		// between a header field name and colon." RFC 9112, 5.1
		if b[h.at] != ':' || h.at == h.start {
			h.malformed("5.1", "a field name", b[h.at])
			return
		}
		h.fields = append(h.fields, fieldSpan{name: h.part()})
		h.next(beforeValue, 1)
	case beforeValue:
		if c == ' ' || c == '\t' {
			h.next(beforeValue, 1)
			return
		}
		h.next(inValue, 0)
	case inValue:
		h.at += httpfield.ValueLen(b[h.at:])
		if h.at == len(b) {
			return
		}
		if b[h.at] != '\r' {
			h.malformed("5.5", "a field value", b[h.at])
			return
		}
		value := h.part()
		for value.to > value.from && (b[value.to-1] == ' ' || b[value.to-1] == '\t') {
			value.to--
		}
		h.fields[len(h.fields)-1].value = value
		h.next(atLineEnd, 1)
	case atHeadEnd:
		if c != '\n' {
			h.bareCR()
			return
		}
		h.next(headComplete, 1)
	}
}

// version reads "HTTP/" DIGIT "." DIGIT CR (RFC 9112, 2.3).
func (h *Head) version(b []byte) {
	const form = "HTTP/d.d\r"
	for ; h.at < len(b); h.at++ {
		c := b[h.at]
		want := form[h.at-h.start]
		switch {
		case want == 'd' && '0' <= c && c <= '9':
			h.major, h.minor = h.minor, int(c-'0')
		case want == 'd' || c != want:
			h.malformed("3", "the HTTP version", c)
			return
		case c == '\r':
			h.next(atLineEnd, 1)
			return
		}
	}
}

// lineStart looks at the first byte behind a line.
func (h *Head) lineStart(c byte) {
	switch {
	case c == '\r':
		h.next(atHeadEnd, 1)
	case c == ' ' || c == '\t':
		// "A server that receives an obs-fold in a request message that is not
		// within a "message/http" container MUST either reject the message" or
		// unfold it (RFC 9112, 5.2). "A recipient that receives whitespace
		// between the start-line and the first header field MUST either reject
		// the message as invalid or" skip the line (RFC 9112, 2.2).
		h.fail(http.StatusBadRequest, "RFC 9112, 5.2", "a line of the request head starts with white space, at byte %d; a field must stand on one line", h.at)
	case len(h.fields) == h.maxFields:
		h.fail(http.StatusRequestHeaderFieldsTooLarge, "RFC 6585, 5", "the request head has more than %d field lines", h.maxFields)
	default:
		h.next(inName, 0)
	}
}

// next goes on with another state behind skip bytes.
func (h *Head) next(s headState, skip int) {
	h.state = s
	h.at += skip
	h.start = h.at
}

// part returns what has been read since the state began.
func (h *Head) part() span { return span{int32(h.start), int32(h.at)} }

func (h *Head) fail(status int, section, format string, args ...any) {
	e := newError(status, section, format, args...)
	e.Header = http.Header{"Connection": {"close"}}
	h.err = e
}

func (h *Head) malformed(section, part string, c byte) {
	rfc := "RFC 9112, "
	if section == "5.5" {
		rfc = "RFC 9110, "
	}
	h.fail(http.StatusBadRequest, rfc+section, "%s has the byte %#02x at byte %d of the request head", part, c, h.at)
}

func (h *Head) bareCR() {
	// "A recipient of such a bare CR MUST consider that element to be invalid or
	// replace each bare CR with SP". RFC 9112, 2.2
	h.fail(http.StatusBadRequest, "RFC 9112, 2.2", "a CR without LF at byte %d of the request head", h.at-1)
}

func (h *Head) tooLarge() {
	// "A server that receives a request-target longer than any URI it wishes to
	// parse MUST respond with a 414 (URI Too Long) status code". RFC 9112, 3
	if h.state == inTarget {
		h.fail(http.StatusRequestURITooLong, "RFC 9112, 3", "the request line is longer than %d bytes", h.maxBytes)
		return
	}
	h.fail(http.StatusRequestHeaderFieldsTooLarge, "RFC 6585, 5", "the request head is larger than %d bytes", h.maxBytes)
}

// Method returns the method. It and what the other methods return are views of
// what Parse was given, valid until Reset is called. They are empty while the
// head is not complete.
func (h *Head) Method() []byte { return h.view(h.method) }

// Target returns the request-target.
func (h *Head) Target() []byte { return h.view(h.target) }

// Version returns the version of HTTP, 1 and 1 for HTTP/1.1.
func (h *Head) Version() (major, minor int) { return h.major, h.minor }

// Fields returns how many field lines there are.
func (h *Head) Fields() int { return len(h.fields) }

// Field returns the name and the value of field line i, without white space
// around the value. It panics unless 0 <= i < h.Fields().
func (h *Head) Field(i int) (name, value []byte) {
	return h.view(h.fields[i].name), h.view(h.fields[i].value)
}

func (h *Head) view(s span) []byte {
	if h.state != headComplete {
		return nil
	}
	return h.b[s.from:s.to:s.to]
}

// string is view for a string. The first call copies the head, the only copy
// that there is.
func (h *Head) string(s span) string {
	if h.text == "" {
		h.text = string(h.b)
	}
	return h.text[s.from:s.to]
}

// values returns the values of the field name, in order. It is valid until the
// next call to values.
func (h *Head) values(name string) []string {
	h.lines = h.lines[:0]
	for _, f := range h.fields {
		if int(f.name.to-f.name.from) == len(name) && httpfield.EqualFold(h.string(f.name), name) {
			h.lines = append(h.lines, h.string(f.value))
		}
	}
	return h.lines
}
