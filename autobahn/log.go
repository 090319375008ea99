package autobahn

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// maxLog is how many lines of a case's log are kept; the last ones are always there.
const maxLog = 60

// A LogEntry is one line of what happened on the wire.
type LogEntry struct {
	At   time.Duration `json:"at"`   // since the connection was open
	Side string        `json:"side"` // "sent", "received" or "note"
	Text string        `json:"text"`
	Hex  string        `json:"hex,omitempty"` // the first octets of the payload
}

// A wireLog keeps the first lines and the last ones.
type wireLog struct {
	begin   time.Time
	entries []LogEntry
	tail    []LogEntry
	skipped int
}

func (l *wireLog) add(side, text string, octets []byte) {
	e := LogEntry{At: time.Since(l.begin), Side: side, Text: text, Hex: hex.EncodeToString(octets[:min(len(octets), 32)])}
	if len(octets) > 32 {
		e.Hex += "…"
	}
	if len(l.entries) < maxLog {
		l.entries = append(l.entries, e)
		return
	}
	if len(l.tail) == maxLog/4 {
		l.tail = l.tail[1:]
		l.skipped++
	}
	l.tail = append(l.tail, e)
}

func (l *wireLog) note(format string, args ...any) { l.add("note", fmt.Sprintf(format, args...), nil) }

func (l *wireLog) all() []LogEntry {
	if l.skipped > 0 {
		l.entries = append(l.entries, LogEntry{At: l.tail[0].At, Side: "note", Text: strconv.Itoa(l.skipped) + " lines left out"})
	}
	return append(l.entries, l.tail...)
}

// opcodeName is the RFC's word for an opcode.
func opcodeName(op byte) string {
	switch op {
	case opContinuation:
		return "continuation"
	case opText:
		return "text"
	case opBinary:
		return "binary"
	case opClose:
		return "close"
	case opPing:
		return "ping"
	case opPong:
		return "pong"
	}
	return fmt.Sprintf("opcode %d", op)
}

// describeFrame is a line for a frame: what its header says, and what its payload is.
func describeFrame(opcode, rsv byte, fin bool, length uint64, payload []byte) string {
	s := opcodeName(opcode)
	if !fin {
		s += ", no FIN"
	}
	if rsv != 0 {
		s += fmt.Sprintf(", RSV %d", rsv)
	}
	s += fmt.Sprintf(", %d octets", length)
	if opcode == opClose && len(payload) >= 2 {
		s += fmt.Sprintf(", code %d", uint16(payload[0])<<8|uint16(payload[1]))
		payload = payload[2:]
	}
	if len(payload) > 0 {
		s += ", " + excerpt(payload)
	}
	return s
}

// excerpt is the beginning of a payload, as text if it is one.
func excerpt(b []byte) string {
	const most = 60
	if len(b) == 0 {
		return "(empty)"
	}
	cut := b[:min(len(b), most)]
	for n := len(cut); n > most-utf8.UTFMax && len(cut) < len(b); n-- {
		if utf8.Valid(cut[:n]) {
			cut = cut[:n]
			break
		}
	}
	s := "0x" + hex.EncodeToString(b[:min(len(b), most/2)])
	if utf8.Valid(cut) {
		s = strconv.Quote(string(cut))
		if len(cut) == len(b) {
			return s
		}
	} else if len(b) <= most/2 {
		return s
	}
	return fmt.Sprintf("%s… (%d octets)", s, len(b))
}
