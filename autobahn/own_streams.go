package autobahn

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// A stream is a DEFLATE stream that is written bit by bit, with references that no compressor
// would make (RFC 1951, 3.1.1).
type stream struct {
	b    []byte
	used int // bits of the last octet
}

// bits adds the n lower bits of v, the lowest first.
func (s *stream) bits(v, n int) {
	for i := range n {
		if s.used == 0 {
			s.b = append(s.b, 0)
		}
		s.b[len(s.b)-1] |= byte(v>>i&1) << s.used
		s.used = (s.used + 1) % 8
	}
}

// code adds a Huffman code of n bits, the highest first.
func (s *stream) code(v, n int) {
	for i := range n {
		s.bits(v>>(n-1-i), 1)
	}
}

// stored adds a block of the octets as they are.
func (s *stream) stored(p string) {
	s.bits(0, 3)
	s.used = 0
	s.b = append(s.b, byte(len(p)), byte(len(p)>>8), ^byte(len(p)), ^byte(len(p)>>8))
	s.b = append(s.b, p...)
}

// back adds a block of the fixed codes with the one reference of three octets, to so many
// octets before: a power of two, or one more than that.
func (s *stream) back(distance int) {
	s.bits(1<<1, 3)
	s.code(1, 7) // the length 3
	for i, d := range distanceCodes {
		if more := distance - int(d.base); more >= 0 && more < 1<<d.extra {
			s.code(i, 5)
			s.bits(more, int(d.extra))
		}
	}
	s.code(0, 7)
}

// message is the payload of a message (RFC 7692, 7.2.1).
func (s *stream) message() string {
	s.bits(0, 3)
	return string(s.b)
}

// cutStreams are compressed messages, of a block with the fixed codes and of one with its own.
var cutStreams = []struct{ name, octets string }{
	{"the fixed codes", "4a4e2c4e553050c84f53482fca2f2d5030d051000b1922840ca14226082123a8902542c818a6d10c216602153332458899ea280000"},
	{"its own codes", "6ccec10980300c85e155328087bc360d761c11f55851dc5f909428f1fa91f0fe793a17626a2b6d47bb76e2811e82138cc4291955a7dc1fd54dcc52712b66f975a77da1c61095583222a680f9272621d64024e640eba7e706"},
}

// brokenStreams are the cases of H.9 whose octets are made bit by bit: codes that stand for
// nothing, and messages that are cut behind each octet.
func brokenStreams() (cases []*Case) {
	bad := func(description, payload string) {
		cases = append(cases, &Case{Description: description, Expectation: "The connection fails: this cannot be inflated.", Section: "RFC 7692, 7.2.2",
			Steps: send(binaryFrame(payload).rsv(4)), Outcomes: ok(), Close: failed(1007, 1002), Deflate: &Deflate{Requests: []DeflateRequest{{}}}, Kill: true})
	}
	for _, sym := range []int{286, 287} {
		var s stream
		s.bits(1<<1, 3)
		s.code(0b11000000+sym-280, 8)
		bad(fmt.Sprintf("A block with the length code %d, which stands for nothing.", sym), s.message())
	}
	for _, sym := range []int{30, 31} {
		var s stream
		s.stored("Hello")
		s.bits(1<<1, 3)
		s.code(1, 7)
		s.code(sym, 5)
		s.code(0, 7)
		bad(fmt.Sprintf("A block with the distance code %d, which stands for nothing.", sym), s.message())
	}
	var s stream
	s.bits(3<<1, 3)
	bad("A block of the type 3, which does not exist.", s.message())
	for _, c := range cutStreams {
		whole, err := hex.DecodeString(c.octets)
		if err != nil {
			panic("autobahn: " + err.Error())
		}
		for n := 1; n < len(whole); n++ {
			if _, err := newInflater(15, true).message(whole[:n]); err == nil {
				continue // with the last octet gone, and the four that are appended, it is whole
			}
			bad(fmt.Sprintf("The first %d of %d octets of a message in a block with %s.", n, len(whole), c.name), string(whole[:n]))
		}
	}
	return cases
}

// brokenPromises is H.10: we bind ourselves to a smaller window, or to no context takeover,
// and refer to what is beyond. The references just within are there too, for those have to be
// taken.
func brokenPromises() (cases []*Case) {
	add := func(d Deflate, description, expectation, section string, outcomes []Outcome, rule CloseRule, payloads ...string) {
		d.Requests = []DeflateRequest{{}}
		c := &Case{Description: description, Expectation: expectation, Section: section, Outcomes: outcomes, Close: rule, Deflate: &d, Kill: true}
		for _, p := range payloads {
			c.Steps = append(c.Steps, send(binaryFrame(p).rsv(4))...)
		}
		cases = append(cases, c)
	}
	const lenient = "The connection fails with 1007. The RFC binds the sender; a receiver that keeps more than it has to, and takes the message, is not strict."
	fails := failed(1007, 1002)
	for _, bits := range []int{8, 9, 10, 12, 14} {
		for _, distance := range []int{1 << bits, 1<<bits + 1} {
			octets := string(corpora[1].message(1, distance))
			var s stream
			s.stored(octets)
			s.back(distance)
			whole := ok(binaryEvent(octets + octets[:3]))
			d := Deflate{OwnWindowBits: bits}
			description := fmt.Sprintf("We have a window of %d octets, and refer to %d octets before.", 1<<bits, distance)
			if distance == 1<<bits {
				add(d, description, comesBack, "RFC 7692, 7.1.2", whole, normal, s.message())
				continue
			}
			whole[0].Verdict, whole[0].Close = NonStrict, &normal
			add(d, description, lenient, "RFC 7692, 7.1.2", slices.Concat(ok(), whole), fails, s.message())
		}
	}
	const first = "\xf2\x48\xcd\xc9\xc9\x07\x00" // "Hello", RFC 7692, 7.2.3.1
	fresh := Deflate{OwnNoContextTakeover: true}
	add(fresh, "We do without context takeover, and send the same message twice.", strings.Replace(comesBack, "message comes", "messages come", 1), "RFC 7692, 7.1.1",
		ok(binaryEvent("Hello"), binaryEvent("Hello")), normal, first, first)
	var s stream
	s.back(5)
	add(fresh, "We do without context takeover, and refer to the message before.", lenient, "RFC 7692, 7.1.1",
		[]Outcome{{Verdict: OK, Events: []Event{binaryEvent("Hello")}}, {Verdict: NonStrict, Events: []Event{binaryEvent("Hello"), binaryEvent("Hel")}, Close: &normal}},
		fails, first, s.message())
	return cases
}
