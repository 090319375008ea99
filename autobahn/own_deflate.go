package autobahn

import (
	"fmt"
	"slices"
	"strings"
)

// The parameters of permessage-deflate, and values for them, of which few fit one or the other.
var (
	deflateParameters = []string{"server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits", "client_max_window_bits"}
	deflateValues     = []string{"", "=0", "=1", "=7", "=8", "=9", "=15", "=16", "=08", "=+8", "=-9", "=1e1", `="10"`, "=256", "=" + strings.Repeat("1", 40)}
)

// offers is H.7: a server gets offers of permessage-deflate, of which it has to decline those
// with an error.
func offers() (cases []*Case) {
	add := func(offer string, allowed *Allowed, mayRefuse bool) {
		c := &Case{
			Role:        "server",
			Description: "The offer " + offer,
			Expectation: "The server declines, for the offer is not valid. The message comes back.",
			Section:     "RFC 7692, 7.1", Steps: send(text(hello)), Outcomes: ok(textEvent(hello)), Close: normal, Kill: true,
			Offer: offer, Allowed: allowed, MayRefuse: mayRefuse,
		}
		if mayRefuse {
			c.Expectation = "The server refuses the handshake or declines, for this has not the grammar of an offer."
			c.Section = "RFC 6455, 9.1"
		} else if allowed != nil {
			c.Expectation = "The server declines, or gives an answer that fits the offer. The message comes back."
		}
		cases = append(cases, c)
	}
	const name = "permessage-deflate"
	add(name, &Allowed{}, false)
	add(name+"; unknown", nil, false)
	add(name+"; unknown=1", nil, false)
	add(strings.ToUpper(name), &Allowed{}, false)
	for _, p := range deflateParameters {
		for _, v := range deflateValues {
			var allowed *Allowed
			bits, isBits := map[string]int{"=8": 8, "=9": 9, "=15": 15, `="10"`: 10}[v]
			switch {
			case p == "server_no_context_takeover" && v == "":
				allowed = &Allowed{ServerFresh: true}
			case p == "client_no_context_takeover" && v == "":
				allowed = &Allowed{}
			case p == "server_max_window_bits" && isBits:
				allowed = &Allowed{ServerBits: bits}
			case p == "client_max_window_bits" && (isBits || v == ""):
				allowed = &Allowed{ClientBits: true, MaxClientBits: bits}
			}
			add(name+"; "+p+v, allowed, false)
		}
		add(name+"; "+p+"=", nil, true)
		again := p
		if strings.HasSuffix(p, "bits") {
			again += "=10"
		}
		add(name+"; "+again+"; "+again, nil, false)
		add(name+"; "+again+"; unknown, "+name, &Allowed{}, false) // the second of the two is valid
	}
	for _, broken := range []string{name + ";", "; " + name, name + "; =1", name + "; a=\"", name + "; a=b c", "permessage deflate", name + "; server_max_window_bits=\"1\x00\""} {
		add(broken, nil, true)
	}
	add(name+"; server_max_window_bits=7, "+name+"; unknown, "+name, &Allowed{}, false) // the third of the three is valid
	return cases
}

// answers is H.8: a client gets answers with extensions that it cannot have offered.
func answers() (cases []*Case) {
	const name = "permessage-deflate"
	all := []string{"unknown", name + "; unknown", name + ", " + name, name + "; ", name + "; =1"}
	for _, p := range deflateParameters {
		isBits := strings.HasSuffix(p, "bits")
		for _, v := range deflateValues {
			if !isBits && v == "" || isBits && slices.Contains([]string{"=8", "=9", "=15", `="10"`}, v) {
				continue // valid, if the offer allows it
			}
			all = append(all, name+"; "+p+v)
		}
		again := p
		if isBits {
			again += "=10"
		}
		all = append(all, name+"; "+p+"=", name+"; "+again+"; "+again)
	}
	for _, a := range all {
		cases = append(cases, &Case{
			Role:        "client",
			Description: "The answer " + a,
			Expectation: "The client fails the connection: it cannot have offered this.",
			Section:     "RFC 6455, 4.1", Steps: send(text(hello)), Outcomes: ok(), Close: failed(1002, 1010), Kill: true,
			Answer: a,
		})
	}
	return cases
}

// wrongDeflate is H.9: compressed messages that have to be refused, and some that look as if.
func wrongDeflate() (cases []*Case) {
	const fresh = "Hello" // each case has a connection of its own
	compressed := func(payload string) *Frame { return binaryFrame(payload).rsv(4) }
	any1 := &Deflate{Requests: []DeflateRequest{{}}}
	const whole = "\xf2\x48\xcd\xc9\xc9\x07\x00" // RFC 7692, 7.2.3.1
	good := func(description, payload, message, section string) {
		cases = append(cases, &Case{Description: description, Expectation: comesBack, Section: section,
			Steps: send(compressed(payload)), Outcomes: ok(binaryEvent(message)), Close: normal})
	}
	bad := func(description, section string, codes []uint16, frames ...*Frame) {
		cases = append(cases, &Case{Description: description, Expectation: "The connection fails: this cannot be inflated.", Section: section,
			Steps: send(frames...), Outcomes: ok(), Close: failed(codes...)})
	}
	good("A compressed message.", whole, fresh, "RFC 7692, 7.2.3.1")
	good("A compressed message with a stored block.", "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", fresh, "RFC 7692, 7.2.3.3")
	good("A compressed message with a final block.", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", fresh, "RFC 7692, 7.2.3.4")
	good("A compressed message of two blocks.", "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", fresh, "RFC 7692, 7.2.3.5")
	good("An empty message, compressed.", "\x00", "", "RFC 7692, 7.2.3.6")
	inflating := []uint16{1007, 1002}
	const section = "RFC 7692, 7.2.2"
	bad("Octets that are no DEFLATE stream.", section, inflating, compressed("\xff\xff\xff\xff\xff"))
	bad("A stored block whose length does not match its complement.", section, inflating, compressed("\x00\x05\x00\xfa\xfe\x48\x65\x6c\x6c\x6f\x00"))
	bad("A block with a code that is none.", section, inflating, compressed("\x04\x00\x00\x00\x00"))
	bad("A distance to before the beginning.", section, inflating, compressed("\x02\x02\x00"))
	bad("A stream that is cut in a stored block.", section, inflating, compressed("\x00\xff\xff\x00\x00\x48"))
	bad("RSV1 on the second fragment of a compressed message.", "RFC 7692, 6", []uint16{1002}, compressed(whole[:3]).unfinished(), compressed(whole[3:]).continuation())
	bad("RSV1 on a ping.", "RFC 7692, 6", []uint16{1002}, ping("?").rsv(4))
	bad("RSV2 beside RSV1.", "RFC 6455, 5.2", []uint16{1002}, compressed(whole).rsv(6))
	cases = append(cases, &Case{Description: "A compressed text that is not UTF-8.", Expectation: failsUTF8, Section: textSection,
		Steps: send(text("\x00\x02\x00\xfd\xff\xc0\xaf\x00").rsv(4)), Outcomes: ok(), Close: bad1007})
	cases = append(cases, &Case{Description: "A compressed message in fragments of one octet, with a ping between each two.", Expectation: comesBack, Section: "RFC 7692, 6",
		Steps: pingedFragments(whole), Outcomes: ok(slices.Concat(slices.Repeat([]Event{pongEvent("?")}, len(whole)), []Event{binaryEvent(fresh)})...), Close: normal})
	for _, c := range cases {
		c.Deflate, c.Kill = any1, true
	}
	for _, d := range []*Deflate{{Requests: []DeflateRequest{{MaxWindowBits: 9}}}, {Requests: []DeflateRequest{{NoContextTakeover: true, MaxWindowBits: 9}}}} {
		// As a server we ask for a window of 9 bits and break our word in no way: this only
		// makes sure that such a window is used as it was agreed on.
		cases = append(cases, &Case{Description: fmt.Sprintf("A message of 4 KiB, twice. %s.", d), Expectation: "The messages come back, in a stream that keeps to the window that was agreed on.",
			Section: "RFC 7692, 7.1.2", Rounds: &Rounds{Count: 2, Binary: true, Size: 4096, Message: func(int) []byte { return corpora[4].message(3, 4096) }},
			Deflate: d, Close: normal, Kill: true})
	}
	return cases
}

// pingedFragments are fragments of one octet of a compressed binary message, each with a ping
// behind it.
func pingedFragments(payload string) []Step {
	var frames []*Frame
	for i := range len(payload) {
		f := binaryFrame(payload[i : i+1]).with(func(f *Frame) { f.Fin = i == len(payload)-1 })
		if i > 0 {
			f.Opcode = opContinuation
		} else {
			f.RSV = 4
		}
		if i == len(payload)-1 {
			frames = append(frames, ping("?"), f)
		} else {
			frames = append(frames, f, ping("?"))
		}
	}
	return send(frames...)
}
