package conntest

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The opcodes of RFC 6455, 5.2.
const (
	Continuation byte = 0x0
	Text         byte = 0x1
	Binary       byte = 0x2
	Close        byte = 0x8
	Ping         byte = 0x9
	Pong         byte = 0xA
)

// The reserved bits in the field RSV of [Frame].
const (
	RSV1 byte = 4
	RSV2 byte = 2
	RSV3 byte = 1
)

// maxControl is the longest payload of a control frame: RFC 6455, 5.5.
const maxControl = 125

// Frame is a frame of RFC 6455, 5.2, legal or not.
type Frame struct {
	Fin     bool
	RSV     byte // RSV1, RSV2 and RSV3, 0 to 7
	Opcode  byte // 0 to 15
	Masked  bool
	Key     [4]byte
	Payload []byte // never masked

	// What only Append uses, to write what is not legal. LengthForm is the number of bytes that the length takes,
	// 1, 3 or 9, or 0 for the minimal number; in one byte only the low 7 bits of the length fit.
	// DeclaredLength, if not nil, is written as the length whatever Payload is.
	LengthForm     int
	DeclaredLength *uint64
}

// Append appends the frame as it is to b, also if it is illegal. It does not retain b.
func (f Frame) Append(b []byte) []byte {
	b0 := f.RSV&7<<4 | f.Opcode&15
	if f.Fin {
		b0 |= 0x80
	}
	length := uint64(len(f.Payload))
	if f.DeclaredLength != nil {
		length = *f.DeclaredLength
	}
	form := f.LengthForm
	if form == 0 {
		form = minimalForm(length)
	}
	var mask byte
	if f.Masked {
		mask = 0x80
	}
	switch form {
	case 1:
		b = append(b, b0, mask|byte(length&0x7F))
	case 3:
		b = append(b, b0, mask|126)
		b = binary.BigEndian.AppendUint16(b, uint16(length))
	case 9:
		b = append(b, b0, mask|127)
		b = binary.BigEndian.AppendUint64(b, length)
	default:
		panic(fmt.Sprintf("hawser/conntest: LengthForm %d", form))
	}
	if !f.Masked {
		return append(b, f.Payload...)
	}
	b = append(b, f.Key[:]...)
	for i, c := range f.Payload {
		b = append(b, c^f.Key[i%4])
	}
	return b
}

// minimalForm returns how many bytes the length takes.
func minimalForm(length uint64) int {
	switch {
	case length <= 125:
		return 1
	case length <= math.MaxUint16:
		return 3
	}
	return 9
}

// String describes the frame on one line, its payload as text where it is printable.
func (f Frame) String() string {
	var s strings.Builder
	s.WriteString(opcodeName(f.Opcode))
	if !f.Fin {
		s.WriteString(" (to be continued)")
	}
	for i, name := range []string{"RSV3", "RSV2", "RSV1"} {
		if f.RSV>>i&1 == 1 {
			s.WriteString(" " + name)
		}
	}
	if f.Masked {
		fmt.Fprintf(&s, " masked with %x", f.Key)
	}
	fmt.Fprintf(&s, ", %d bytes", len(f.Payload))
	p := f.Payload
	if f.Opcode == Close && len(p) >= 2 {
		fmt.Fprintf(&s, ", code %d", binary.BigEndian.Uint16(p))
		p = p[2:]
	}
	if len(p) > 0 {
		s.WriteString(": " + show(p))
	}
	return s.String()
}

// show returns the beginning of p, quoted if it is text, else in hexadecimal.
func show(p []byte) string {
	const most = 64
	cut := ""
	if len(p) > most {
		p, cut = p[:most], "..."
	}
	if strings.IndexFunc(string(p), func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) < 0 {
		return fmt.Sprintf("%q%s", p, cut)
	}
	return hex.EncodeToString(p) + cut
}

func opcodeName(o byte) string {
	switch o {
	case Continuation:
		return "continuation"
	case Text:
		return "text"
	case Binary:
		return "binary"
	case Close:
		return "close"
	case Ping:
		return "ping"
	case Pong:
		return "pong"
	}
	return fmt.Sprintf("opcode %#x", o)
}

// Violation is a rule that the bytes break.
type Violation struct {
	Section string // such as "RFC 6455, 5.5.1"
	Detail  string
}

func (v *Violation) Error() string { return v.Section + ": " + v.Detail }

func violates(section, format string, args ...any) *Violation {
	return &Violation{"RFC 6455, " + section, fmt.Sprintf(format, args...)}
}

// ParseFrame parses the frame at the beginning of b, and is strict about everything that can be
// known from one frame without its sender: reserved bits are 0, the opcode is known, the length takes
// the minimal number of bytes, control frames are short and not fragmented. The error is a
// [*Violation] and comes as soon as the bytes that show it are there. n is the length of the frame;
// 0 without an error means that b does not hold it all yet. It does not retain b.
func ParseFrame(b []byte) (f Frame, n int, err error) { return parseFrame(b, 0) }

func parseFrame(b []byte, allowed byte) (Frame, int, error) {
	f, header, length, err := parseHeader(b, allowed)
	if err != nil || header == 0 || uint64(len(b)-header) < length {
		return Frame{}, 0, err
	}
	n := header + int(length)
	f.Payload = append([]byte{}, b[header:n]...)
	if f.Masked {
		for i := range f.Payload {
			f.Payload[i] ^= f.Key[i%4]
		}
	}
	return f, n, nil
}

// parseHeader returns the frame without its payload, the length of its header and that of its
// payload. A header of 0 bytes without an error means that b does not hold it all yet.
func parseHeader(b []byte, allowed byte) (f Frame, header int, length uint64, err error) {
	if len(b) < 1 {
		return f, 0, 0, nil
	}
	f.Fin = b[0]&0x80 != 0
	f.RSV = b[0] >> 4 & 7
	f.Opcode = b[0] & 15
	control := f.Opcode >= 8
	switch {
	case f.RSV&^allowed != 0:
		return f, 0, 0, violates("5.2", "reserved bits %03b", f.RSV)
	case f.Opcode > Binary && f.Opcode < Close || f.Opcode > Pong:
		return f, 0, 0, violates("5.2", "reserved opcode %#x", f.Opcode)
	case control && !f.Fin:
		return f, 0, 0, violates("5.5", "fragmented %s", opcodeName(f.Opcode))
	case f.RSV&RSV1 != 0 && (control || f.Opcode == Continuation):
		// RFC 7692 gives RSV1 its meaning; no other extension is known here.
		return f, 0, 0, &Violation{"RFC 7692, 6", "RSV1 on " + opcodeName(f.Opcode)}
	}
	if len(b) < 2 {
		return f, 0, 0, nil
	}
	f.Masked = b[1]&0x80 != 0
	form := 1
	length = uint64(b[1] & 0x7F)
	if control && length > maxControl {
		return f, 0, 0, violates("5.5", "%s of more than 125 bytes", opcodeName(f.Opcode))
	}
	switch length {
	case 126:
		form = 3
		if len(b) < 4 {
			return f, 0, 0, nil
		}
		length = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		form = 9
		if len(b) < 10 {
			return f, 0, 0, nil
		}
		length = binary.BigEndian.Uint64(b[2:])
	}
	switch {
	case length > math.MaxInt64:
		return f, 0, 0, violates("5.2", "top bit of the length is set: %#x", length)
	case form != minimalForm(length):
		return f, 0, 0, violates("5.2", "length %d in %d bytes", length, form)
	}
	header = 1 + form
	if f.Masked {
		if len(b) < header+4 {
			return f, 0, 0, nil
		}
		header += copy(f.Key[:], b[header:])
	}
	return f, header, length, nil
}

// Role is the side of a connection that an endpoint is on.
type Role int

// The roles.
const (
	Server Role = iota
	Client
)

// String returns "server" or "client".
func (r Role) String() string {
	if r == Client {
		return "client"
	}
	return "server"
}

// Message is a data message that is complete: its fragments joined, and inflated if it was compressed.
type Message struct {
	Opcode     byte // Text or Binary
	Payload    []byte
	Frames     int // how many frames it came in
	Compressed bool
}

// Wire checks everything that RFC 6455, 5 and 7 ask of one sender: it is fed all the bytes that this
// endpoint wrote behind the opening handshake. It is not safe for concurrent use.
type Wire struct {
	sender    Role
	allowRSV  byte
	fixedKeys bool
	deflate   bool
	takeover  bool

	buf      []byte // the beginning of a frame
	offset   int    // where in the stream it is
	err      error
	frames   []Frame
	ends     []int // for each frame, the index of the message that it completes, or -1
	messages []Message
	keys     [][4]byte // the last few
	partial  *Message  // fragments came, the last is still to come
	history  []byte    // what the inflater may refer to
	closed   bool
}

// keptKeys is how many masking keys are remembered: enough to see a short cycle, and few enough that
// honest randomness collides once in a billion frames.
const keptKeys = 4

// NewWire returns a Wire for what an endpoint in this role sends.
func NewWire(sender Role) *Wire { return &Wire{sender: sender} }

// AllowFixedKeys lets a client use its masking keys again, for a test that fixed their source.
func (w *Wire) AllowFixedKeys() { w.fixedKeys = true }

// PermessageDeflate says that permessage-deflate was negotiated (RFC 7692): RSV1 may be set on the
// first frame of a message, which is then inflated, with the window of the messages before it if
// the sender keeps its context.
func (w *Wire) PermessageDeflate(contextTakeover bool) {
	w.allowRSV, w.deflate, w.takeover = RSV1, true, contextTakeover
}

// Frames returns the frames so far, whose payloads are as they were sent. The result is valid until
// the next call to Feed.
func (w *Wire) Frames() []Frame { return w.frames }

// Messages returns the complete data messages so far. The result is valid until the next call to
// Feed.
func (w *Wire) Messages() []Message { return w.messages }

// Closed reports whether a Close frame was sent.
func (w *Wire) Closed() bool { return w.closed }

// Feed takes the next bytes of the stream, cut anywhere. It returns the first violation, an error
// that wraps a [*Violation] and says which frame is to blame, and returns it again on each later
// call. It does not retain p.
func (w *Wire) Feed(p []byte) error {
	if w.err == nil {
		w.buf = append(w.buf, p...)
		w.err = w.parse()
	}
	return w.err
}

// End says that the stream has ended, and returns an error if it ended inside a frame.
func (w *Wire) End() error {
	if w.err == nil && len(w.buf) > 0 {
		w.err = w.blame(errors.New("the stream ends inside this frame"))
	}
	return w.err
}

// blame adds to err which frame is at fault.
func (w *Wire) blame(err error) error {
	return fmt.Errorf("frame %d of the %s, at byte %d (% x): %w",
		len(w.frames), w.sender, w.offset, w.buf[:min(16, len(w.buf))], err)
}

// parse takes all complete frames from buf.
func (w *Wire) parse() error {
	for len(w.buf) > 0 {
		h, header, _, err := parseHeader(w.buf, w.allowRSV)
		if err != nil {
			return w.blame(err)
		}
		if header > 0 {
			// What the header shows is an error before the payload has come.
			if err := w.checkHeader(h); err != nil {
				return w.blame(err)
			}
		}
		// The header was accepted: what may still be wrong is only that there is too little.
		f, n, _ := parseFrame(w.buf, w.allowRSV)
		if n == 0 {
			return nil
		}
		end, err := w.take(f)
		if err != nil {
			return w.blame(err)
		}
		w.frames = append(w.frames, f)
		w.ends = append(w.ends, end)
		w.buf = w.buf[n:]
		w.offset += n
	}
	return nil
}

// checkHeader checks a header against the role of the sender and the frames before it. It changes
// nothing, because it sees the same header again with each Feed.
func (w *Wire) checkHeader(f Frame) error {
	switch {
	case w.sender == Client && !f.Masked:
		return violates("5.1", "a client MUST mask all frames that it sends")
	case w.sender == Server && f.Masked:
		return violates("5.1", "a server MUST NOT mask any frames that it sends")
	case w.closed && f.Opcode != Ping && f.Opcode != Pong:
		// Only data frames are forbidden behind a Close, and a second Close makes no sense; a ping must still be answered.
		return violates("5.5.1", "%s after the Close frame", opcodeName(f.Opcode))
	case f.Opcode == Continuation && w.partial == nil:
		return violates("5.4", "continuation without a message to continue")
	case (f.Opcode == Text || f.Opcode == Binary) && w.partial != nil:
		return violates("5.4", "%s inside a fragmented message", opcodeName(f.Opcode))
	case f.Masked && !w.fixedKeys && w.stale(f.Key):
		return violates("5.3", "masking key %x is not fresh, after %x", f.Key, w.keys)
	}
	return nil
}

// stale reports whether the key was used a short while ago, or counts up from the last one.
func (w *Wire) stale(key [4]byte) bool {
	for _, k := range w.keys {
		if k == key {
			return true
		}
	}
	if len(w.keys) == 0 {
		return false
	}
	last := w.keys[len(w.keys)-1]
	return binary.BigEndian.Uint32(key[:]) == binary.BigEndian.Uint32(last[:])+1 ||
		binary.LittleEndian.Uint32(key[:]) == binary.LittleEndian.Uint32(last[:])+1
}

// take checks a whole frame and returns the index of the message that it completes, or -1.
func (w *Wire) take(f Frame) (int, error) {
	if f.Masked {
		w.keys = append(w.keys, f.Key)
		w.keys = w.keys[max(0, len(w.keys)-keptKeys):]
	}
	switch f.Opcode {
	case Close:
		w.closed = true
		return -1, CheckClose(f.Payload)
	case Ping, Pong:
		return -1, nil
	}
	if f.Opcode != Continuation {
		w.partial = &Message{Opcode: f.Opcode, Compressed: f.RSV&RSV1 != 0}
	}
	m := w.partial
	m.Payload = append(m.Payload, f.Payload...)
	m.Frames++
	if !f.Fin {
		return -1, nil
	}
	w.partial = nil
	if m.Compressed {
		if err := w.inflate(m); err != nil {
			return -1, err
		}
	}
	if m.Opcode == Text && !utf8.Valid(m.Payload) {
		return -1, violates("8.1", "text message is not UTF-8: %s", show(m.Payload))
	}
	w.messages = append(w.messages, *m)
	return len(w.messages) - 1, nil
}

// inflate replaces the payload of m as RFC 7692, 7.2.2 says.
func (w *Wire) inflate(m *Message) error {
	const (
		tail   = "\x00\x00\xff\xff"     // what the sender took away
		final  = "\x01\x00\x00\xff\xff" // an empty last block, so that the reader comes to its end
		window = 1 << 15
	)
	in := io.MultiReader(bytes.NewReader(m.Payload), strings.NewReader(tail+final))
	out, err := io.ReadAll(flate.NewReaderDict(in, w.history))
	if err != nil {
		return &Violation{"RFC 7692, 7.2.2", fmt.Sprintf("compressed message: %v", err)}
	}
	m.Payload = out
	if w.takeover {
		w.history = append(w.history, out...)
		w.history = w.history[max(0, len(w.history)-window):]
	}
	return nil
}

// CheckClose checks the payload of a Close frame: it is empty, or a status code that may be sent and a
// reason in UTF-8. The error is a [*Violation].
func CheckClose(p []byte) error {
	switch {
	case len(p) == 0:
		return nil
	case len(p) == 1:
		return violates("5.5.1", "Close with a payload of one byte")
	}
	code := binary.BigEndian.Uint16(p)
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
	case code == 1004, code == 1005, code == 1006, code == 1015:
		return violates("7.4.1", "status code %d MUST NOT be sent", code)
	default:
		return violates("7.4.2", "status code %d is not in use", code)
	}
	if !utf8.Valid(p[2:]) {
		return violates("5.5.1", "reason is not UTF-8: %s", show(p[2:]))
	}
	return nil
}

// ClosePayload returns the payload of a Close frame: nothing if the code is 1005 (No Status Rcvd).
// The caller owns the result.
func ClosePayload(code uint16, reason string) []byte {
	if code == 1005 {
		return nil
	}
	return append(binary.BigEndian.AppendUint16(nil, code), reason...)
}

// Hex returns the bytes that s spells in hexadecimal, where white space means nothing. It panics if
// s is something else. The caller owns the result.
func Hex(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic("hawser/conntest: " + err.Error())
	}
	return b
}
