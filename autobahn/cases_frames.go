package autobahn

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const hello = "Hello, world!"

// notUTF8 are octets that no text may have, for pings and binary messages.
const notUTF8 = "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"

// framing is group 1: text and binary messages of every form of the payload length.
func framing() (cases []*Case) {
	for group, kind := range []string{"text", "binary"} {
		unit, frame, event := "*", text, textEvent
		if kind == "binary" {
			unit, frame, event = "\xfe", binaryFrame, binaryEvent
		}
		for i, n := range []int{0, 125, 126, 127, 128, 65535, 65536, 65536} {
			c := &Case{
				ID:          fmt.Sprintf("1.%d.%d", group+1, i+1),
				Description: fmt.Sprintf("A %s message of %d octets.", kind, n),
				Expectation: "The message comes back. Clean close with 1000.",
				Section:     "RFC 6455, 5.2",
				Steps:       send(frame(strings.Repeat(unit, n))),
				Outcomes:    ok(event(strings.Repeat(unit, n))),
				Close:       normal,
				Kill:        true,
			}
			if n >= 65535 {
				c.Limit = 10 * time.Second
			}
			if i == 7 {
				c.Description = fmt.Sprintf("A %s message of %d octets, in writes of 997 octets.", kind, n)
				c.Steps[0].Chop = 997
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// pings is group 2.
func pings() []*Case {
	ten, tenPongs := []*Frame{}, []Event{}
	for i := range 10 {
		payload := fmt.Sprintf("payload-%d", i)
		ten, tenPongs = append(ten, ping(payload)), append(tenPongs, pongEvent(payload))
	}
	long := strings.Repeat("\xfe", 125)
	const unasked = "unsolicited pong payload"
	bye := closing(closePayload(1000, ""))
	cases := []*Case{
		{Description: "A ping without payload.", Steps: send(ping("")), Outcomes: ok(pongEvent(""))},
		{Description: "A ping with a short text.", Steps: send(ping(hello)), Outcomes: ok(pongEvent(hello))},
		{Description: "A ping with octets that are not UTF-8.", Steps: send(ping(notUTF8)), Outcomes: ok(pongEvent(notUTF8))},
		{Description: "A ping with 125 octets.", Steps: send(ping(long)), Outcomes: ok(pongEvent(long))},
		{
			Description: "A ping with 126 octets.",
			Expectation: "The connection fails at once with 1002: a control frame has at most 125 octets.",
			Section:     "RFC 6455, 5.5",
			Steps:       send(ping(long + "\xfe")), Outcomes: ok(), Close: failed(1002), Kill: true,
		},
		{Description: "A ping with 125 octets, octet by octet.", Steps: chopped(1, ping(long)), Outcomes: ok(pongEvent(long))},
		{Description: "A pong that nobody asked for, without payload, then a Close frame.", Section: "RFC 6455, 5.5.3",
			Expectation: "Nothing but a clean close with 1000.", Steps: append(send(pong("")), bye), Outcomes: ok()},
		{Description: "A pong that nobody asked for, with a payload, then a Close frame.", Section: "RFC 6455, 5.5.3",
			Expectation: "Nothing but a clean close with 1000.", Steps: append(send(pong(unasked)), bye), Outcomes: ok()},
		{Description: "A pong that nobody asked for, then a ping.", Section: "RFC 6455, 5.5.3",
			Expectation: "A pong for the ping, nothing for the pong. Clean close with 1000.",
			Steps:       send(pong(unasked), ping("ping payload")), Outcomes: ok(pongEvent("ping payload"))},
		{Description: "Ten pings, each with a payload of its own.", Expectation: "Ten pongs. The RFC asks for the last only; the testsuite wants all. Clean close with 1000.",
			Steps: send(ten...), Outcomes: ok(tenPongs...), Limit: 3 * time.Second},
		{Description: "Ten pings, each with a payload of its own, octet by octet.", Expectation: "Ten pongs. The RFC asks for the last only; the testsuite wants all. Clean close with 1000.",
			Steps: chopped(1, ten...), Outcomes: ok(tenPongs...), Limit: 3 * time.Second},
	}
	for _, c := range cases {
		if c.Section == "" {
			c.Section = "RFC 6455, 5.5.2"
		}
		if c.Expectation == "" {
			c.Expectation = "A pong with the same payload. Clean close with 1000."
		}
		if c.Close.Codes == nil {
			c.Close = normal
		}
	}
	return numbered("2", cases)
}

// reservedBits is group 3.
func reservedBits() []*Case {
	then := []*Frame{text(hello), nil, ping("")}
	after := func(f *Frame) []*Frame {
		frames := slices.Clone(then)
		frames[1] = f
		return frames
	}
	cases := []*Case{
		{Description: "A text message with RSV 1.", Steps: send(text(hello).rsv(1)), Outcomes: ok()},
		{Description: "A text message, one with RSV 2, and a ping.", Steps: send(after(text(hello).rsv(2))...)},
		{Description: "A text message, one with RSV 3, and a ping, each frame in a write of its own.", Steps: alone(after(text(hello).rsv(3))...)},
		{Description: "A text message, one with RSV 4, and a ping, octet by octet.", Steps: chopped(1, after(text(hello).rsv(4))...)},
		{Description: "A binary message with RSV 5.", Steps: send(binaryFrame(notUTF8).rsv(5)), Outcomes: ok()},
		{Description: "A binary message with RSV 6 (a ping, by the testsuite's own description).", Steps: send(binaryFrame(hello).rsv(6)), Outcomes: ok()},
		{Description: "A Close frame with RSV 7.", Steps: send((&Frame{Fin: true, Opcode: opClose}).rsv(7)), Outcomes: ok()},
	}
	return numbered("3", failing(cases, "the reserved bits are 0 where no extension gives them a meaning", "RFC 6455, 5.2"))
}

// opcodes is group 4.
func opcodes() []*Case {
	const payload = "reserved opcode payload"
	group := func(first byte) []*Case {
		after := func(op byte, s string) []*Frame { return []*Frame{text(hello), text(s).opcode(op), ping("")} }
		cases := []*Case{
			{Steps: send(text("").opcode(first)), Outcomes: ok()},
			{Steps: send(text(payload).opcode(first + 1)), Outcomes: ok()},
			{Steps: send(after(first+2, "")...)},
			{Steps: send(after(first+3, hello)...)},
			{Steps: chopped(1, after(first+4, hello)...)},
		}
		for i, c := range cases {
			op := first + byte(i)
			switch i {
			case 0, 2:
				c.Description = fmt.Sprintf("A frame with the reserved opcode %d and no payload.", op)
			default:
				c.Description = fmt.Sprintf("A frame with the reserved opcode %d and a payload.", op)
			}
			if i >= 2 {
				c.Description = "A text message, then: " + c.Description + " Then a ping."
			}
			if i == 4 {
				c.Description += " Octet by octet."
			}
		}
		return failing(cases, "the opcode is reserved", "RFC 6455, 5.2")
	}
	return slices.Concat(numbered("4.1", group(3)), numbered("4.2", group(11)))
}

// failing fills in what cases have in common in which the peer has to fail the connection:
// with 1002, having answered what came before, which is a text, or having dropped it.
func failing(cases []*Case, because, section string) []*Case {
	for _, c := range cases {
		c.Close = failed(1002)
		c.Kill = true
		c.Section = section
		if c.Outcomes == nil {
			c.Outcomes = okOr(textEvent(hello))
			c.Expectation = "The first message comes back, then the connection fails with 1002: " + because + ". There is no pong."
		} else if c.Expectation == "" {
			c.Expectation = "The connection fails at once with 1002: " + because + "."
		}
	}
	return cases
}

// numbered gives cases the identifiers group.1, group.2 and so on.
func numbered(group string, cases []*Case) []*Case {
	for i, c := range cases {
		c.ID = fmt.Sprintf("%s.%d", group, i+1)
	}
	return cases
}

// closePayload is the payload of a Close frame.
func closePayload(code uint16, reason string) []byte {
	return append([]byte{byte(code >> 8), byte(code)}, reason...)
}
