package autobahn

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// ownCases are the cases that the testsuite lacks.
func ownCases() []*Case {
	return slices.Concat(
		numbered("H.1", lengthForms()),
		headers(),
		numbered("H.3", greatLengths()),
		numbered("H.4", manyFragments()),
		numbered("H.5", ownCloseCodes()),
		numbered("H.6", octetwise()),
		numbered("H.7", offers()),
		numbered("H.8", answers()),
		numbered("H.9", slices.Concat(wrongDeflate(), brokenStreams())),
		numbered("H.10", brokenPromises()),
	)
}

// lengthForms is H.1: payload lengths in a longer form than they need, then the least of each
// form, which is legal.
func lengthForms() (cases []*Case) {
	name := map[LengthForm]string{Form16: "16", Form64: "64"}
	long := func(form LengthForm, n int) {
		s := strings.Repeat("*", n)
		cases = append(cases, &Case{
			Description: fmt.Sprintf("A text message of %d octets whose length has the %s-bit form.", n, name[form]),
			Expectation: "The connection fails with 1002. The RFC binds the sender; a receiver that takes the message is not strict.",
			Section:     "RFC 6455, 5.2",
			Steps:       send(text(s).form(form)),
			Outcomes:    []Outcome{{Verdict: OK}, {Verdict: NonStrict, Events: []Event{textEvent(s)}, Close: &normal}},
			Close:       failed(1002),
			Kill:        true,
		})
		if n > 125 {
			return
		}
		cases = append(cases, &Case{
			Description: fmt.Sprintf("A ping of %d octets whose length has the %s-bit form.", n, name[form]),
			Expectation: "The connection fails with 1002: the length of a control frame has seven bits.",
			Section:     "RFC 6455, 5.5",
			Steps:       send(ping(s).form(form)),
			Outcomes:    []Outcome{{Verdict: OK}, {Verdict: NonStrict, Events: []Event{pongEvent(s)}, Close: &normal}},
			Close:       failed(1002),
			Kill:        true,
		})
	}
	for _, n := range []int{0, 1, 125} {
		long(Form16, n)
	}
	for _, n := range []int{0, 1, 125, 126, 65535} {
		long(Form64, n)
	}
	for _, n := range []int{126, 65535, 65536} {
		s := strings.Repeat("*", n)
		cases = append(cases, &Case{
			Description: fmt.Sprintf("A text message of %d octets, its length in the form that it needs.", n),
			Expectation: comesBack, Section: "RFC 6455, 5.2",
			Steps: send(text(s)), Outcomes: ok(textEvent(s)), Close: normal, Kill: true,
		})
	}
	return cases
}

// headers is H.2: every header with a short payload, outside a fragmented message and inside
// one, then those with the mask that our role must not have.
func headers() (cases []*Case) {
	for rsv := range byte(8) {
		for op := range byte(16) {
			for bits := range 4 {
				c := header1(rsv, op, bits&2 != 0, bits&1 != 0, false)
				c.ID = fmt.Sprintf("H.2.%d", int(rsv)<<6|int(op)<<2|bits+1)
				cases = append(cases, c)
			}
		}
	}
	for op := range byte(16) {
		for bits := range 4 {
			c := header1(0, op, bits&2 != 0, bits&1 != 0, true)
			c.ID = fmt.Sprintf("H.2.%d", 512+(int(op)<<2|bits+1))
			cases = append(cases, c)
		}
	}
	return cases
}

// header1 is the case of one header. It says by itself, not by what the parser thinks, what
// has to become of it.
func header1(rsv, op byte, fin, inside, wrongMask bool) *Case {
	f := &Frame{Fin: fin, RSV: rsv, Opcode: op, Payload: []byte("Hello"), WrongMask: wrongMask}
	if op == opClose {
		f.Payload = closePayload(1000, "")
	}
	c := &Case{Section: "RFC 6455, 5.2", Kill: true}
	c.Description = fmt.Sprintf("A frame: %s.", describeFrame(op, rsv, fin, uint64(len(f.Payload)), nil))
	if wrongMask {
		c.Description = strings.TrimSuffix(c.Description, ".") + ", masked by a server or not masked by a client."
	}
	message := ""
	if inside {
		c.Description += " It comes inside a fragmented message."
		c.Steps = send(text("a").unfinished())
		message = "a"
	}
	isControl := op >= 8
	because := ""
	switch {
	case rsv != 0:
		because = "no extension gives the reserved bits a meaning"
	case op > 2 && op < 8 || op > 10:
		because = "the opcode is reserved"
	case wrongMask:
		because, c.Section = "a client masks its frames, and a server does not", "RFC 6455, 5.1"
	case isControl && !fin:
		because, c.Section = "a control frame is not fragmented", "RFC 6455, 5.5"
	case op == opContinuation && !inside:
		because, c.Section = "there is nothing to continue", "RFC 6455, 5.4"
	case !isControl && op != opContinuation && inside:
		because, c.Section = "a message does not begin inside another", "RFC 6455, 5.4"
	}
	if because != "" {
		c.Expectation = "The connection fails with 1002: " + because + "."
		// A message and a ping behind the frame, which a peer that let it pass would answer.
		c.Steps = append(c.Steps, send(f, ping(""))...)
		c.Outcomes, c.Close = ok(), failed(1002)
		return c
	}
	c.Close = normal
	switch op {
	case opClose:
		c.Expectation = cleanly
		c.Steps = append(c.Steps, Step{Frame: f, Close: true})
		c.Outcomes = ok()
	case opPing:
		c.Expectation = "A pong with the same payload. Clean close with 1000."
		c.Steps = append(c.Steps, send(f)...)
		c.Outcomes = ok(pongEvent("Hello"))
	case opPong:
		c.Expectation = "Nothing for the pong, and a pong for the ping behind it. Clean close with 1000."
		c.Steps = append(c.Steps, send(f, ping("?"))...)
		c.Outcomes = ok(pongEvent("?"))
	default:
		c.Expectation = comesBack
		c.Steps = append(c.Steps, send(f)...)
		message += "Hello"
		if !fin {
			c.Steps = append(c.Steps, send(text("!").continuation())...)
			message += "!"
		}
		c.Outcomes = ok(Event{Kind: "message", Data: []byte(message), Binary: op == opBinary})
	}
	return c
}

// greatLengths is H.3: lengths with the top bit, then those that no peer has room for, then
// those of control frames, which have none of these.
func greatLengths() (cases []*Case) {
	top := []uint64{1 << 63, 1<<63 + 5, math.MaxUint64, math.MaxUint64 - 1, math.MaxUint64 - 3, math.MaxUint64 - 9, math.MaxUint64 - 13}
	great := []uint64{math.MaxInt64, math.MaxInt64 - 13, 1 << 62, 1 << 32, 1<<32 - 1, 1 << 31, 1<<31 - 1}
	header := func(op byte, n uint64) []Step {
		return send((&Frame{Fin: true, Opcode: op, Form: Form64, Payload: []byte("Hello")}).length(n))
	}
	for op := range byte(3) {
		for _, n := range top {
			c := &Case{
				Description: fmt.Sprintf("The header of a frame, %s, of %#x octets, and the first five of them.", opcodeName(op), n),
				Expectation: "The connection fails with 1002: the top bit of a payload length is 0.",
				Section:     "RFC 6455, 5.2", Outcomes: ok(), Close: failed(1002), Kill: true,
			}
			if op == opContinuation {
				c.Steps = send(text("a").unfinished())
			}
			c.Steps = append(c.Steps, header(op, n)...)
			cases = append(cases, c)
		}
	}
	for _, n := range great {
		rest := append(send(text("0123456789").unfinished()), header(opContinuation, n)...)
		for i, steps := range [][]Step{header(opText, n), rest, header(opBinary, n)} {
			cases = append(cases, &Case{
				Description: fmt.Sprintf("The header of a %s frame of %#x octets%s, and the first five of them.", []string{"text", "text", "binary"}[i], n, []string{"", ", the second of a message", ""}[i]),
				Expectation: "The RFC leaves limits to the peer. One that has a limit can tell by the header, and fails the connection with 1009; one that has none waits.",
				Section:     "RFC 6455, 10.4", Steps: steps, Outcomes: ok(), Close: failed(1009), Kill: true,
				Informational: "Limits are the peer's own.",
			})
		}
	}
	for _, op := range []byte{opClose, opPing, opPong} {
		for _, n := range slices.Concat(top, great) {
			cases = append(cases, &Case{
				Description: fmt.Sprintf("The header of a %s frame of %#x octets, and the first five of them.", opcodeName(op), n),
				Expectation: "The connection fails with 1002: a control frame has 125 octets at most.",
				Section:     "RFC 6455, 5.5", Steps: header(op, n), Outcomes: ok(), Close: failed(1002), Kill: true,
			})
		}
	}
	return cases
}

// manyFragments is H.4.
func manyFragments() (cases []*Case) {
	limited := failed(1008, 1009)
	for _, tt := range []struct {
		n        int
		fragment string
		chop     bool
	}{{1000, "", false}, {1000, "b", false}, {1000, "b", true}, {1000000, "", false}, {1000000, "b", false}, {20000, "", true}} {
		f := text(tt.fragment).continuation().unfinished()
		steps := send(text("a").unfinished(), f, text("c").continuation())
		steps[1].Repeat = tt.n - 1
		steps[1].Alone = tt.chop
		message := "a" + strings.Repeat(tt.fragment, tt.n) + "c"
		c := &Case{
			Description: fmt.Sprintf("A text message of %d fragments of %d octets.", tt.n, len(tt.fragment)),
			Expectation: comesBack,
			Section:     "RFC 6455, 5.4", Limit: time.Minute, Kill: true,
			Outcomes: ok(textEvent(message)), Close: normal, Steps: steps,
		}
		if tt.chop {
			c.Description = strings.TrimSuffix(c.Description, ".") + ", each in a write of its own."
		}
		if tt.n > 1000 {
			c.Section = "RFC 6455, 10.4"
			c.Expectation = "The message comes back, or the connection fails with 1008 or 1009, for a peer may have a limit. It takes time in proportion, and no more."
			c.Outcomes = append(c.Outcomes, Outcome{Verdict: OK, Close: &limited})
		}
		cases = append(cases, c)
	}
	const payload = "\xf2\x48\xcd\xc9\xc9\x07\x00" // "Hello", RFC 7692, 7.2.3.1
	first, last := binaryFrame(payload[:3]).rsv(4).unfinished(), binaryFrame(payload[3:]).continuation()
	steps := send(first, binaryFrame("").continuation().unfinished(), last)
	steps[1].Repeat = 1000000 - 1
	return append(cases, &Case{
		Description: "A compressed message with 1000000 empty fragments in the middle.",
		Expectation: "The message comes back, or the connection fails with 1008 or 1009, for a peer may have a limit. It takes time in proportion, and no more.",
		Section:     "RFC 6455, 10.4", Limit: time.Minute, Kill: true, Steps: steps, Close: normal,
		Outcomes: []Outcome{{Verdict: OK, Events: []Event{binaryEvent("Hello")}}, {Verdict: OK, Close: &limited}},
		Deflate:  &Deflate{Requests: []DeflateRequest{{}}},
	})
}

// ownCloseCodes is H.5: every code that the RFC or the registry names, and the ends of every
// range.
func ownCloseCodes() []*Case {
	codes := []uint16{0, 1, 999}
	for code := uint16(1000); code <= 1020; code++ {
		codes = append(codes, code)
	}
	codes = append(codes, 1999, 2000, 2999, 3000, 3003, 3008, 3999, 4000, 4999, 5000, 5001, 32767, 32768, 65535)
	cases := closeCodes("H.5", codes)
	for _, c := range cases {
		c.Outcomes, c.Kill, c.KeepOpen = ok(), true, true
		c.Close.NeedsCode = !slices.Contains(c.Close.Codes, 1000)
		c.CodeDecides = c.Informational == ""
	}
	return cases
}

// octetwise is H.6: cases of the testsuite, with every octet in a write of its own.
func octetwise() (cases []*Case) {
	wanted := []string{"1.1.2", "1.1.3", "1.2.3", "2.5", "3.1", "4.1.2", "5.1", "5.15", "6.2.2", "6.3.1", "6.3.2", "7.1.3", "7.1.5", "7.3.2", "7.3.4", "7.3.6", "7.5.1", "7.7.1", "7.9.1"}
	for _, c := range withoutCompression() {
		if !slices.Contains(wanted, c.ID) {
			continue
		}
		c.Description = "As " + c.ID + ", octet by octet: " + c.Description
		for i := range c.Steps {
			c.Steps[i].Chop = 1
		}
		cases = append(cases, c)
	}
	return cases
}
