package autobahn

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// kosme is valid UTF-8 of two and three octets, and the beginning of most texts here that are not.
const kosme = "\u03ba\u1f79\u03c3\u03bc\u03b5"

// bad1007 is the end of a connection over which came text that is not UTF-8. The peer has to
// have noticed.
var bad1007 = CloseRule{Codes: []uint16{1007}, Fatal: true}

const (
	comesBack  = "The message comes back. Clean close with 1000."
	failsUTF8  = "The connection fails with 1007: the text is not UTF-8."
	failsEarly = "The first part is accepted. The second fails the connection at once, with 1007, for no text can go on like this. " +
		"A peer that waits for the end of the message is not strict, and has to fail it then."
	textSection = "RFC 6455, 8.1"
)

// texts is group 6.
func texts() []*Case {
	const umlauts = "Hello-µ@ßöäüàá-UTF-8!!"
	middle := "middle frame payload"
	empty := func() *Frame { return text("") }
	first := numbered("6.1", []*Case{
		{Description: "An empty text message.", Steps: send(empty()), Outcomes: ok(textEvent(""))},
		{Description: "A text message in three empty fragments.", Steps: send(empty().unfinished(), empty().continuation().unfinished(), empty().continuation()), Outcomes: ok(textEvent(""))},
		{Description: "A text message in three fragments, of which the first and the last are empty.",
			Steps: send(empty().unfinished(), text(middle).continuation().unfinished(), empty().continuation()), Outcomes: ok(textEvent(middle))},
	})
	const half = len("Hello-µ@ßöä")
	second := numbered("6.2", []*Case{
		{Description: "A valid text in one frame: " + umlauts, Steps: send(text(umlauts)), Outcomes: ok(textEvent(umlauts))},
		{Description: "A valid text in two fragments, cut between two characters: " + umlauts,
			Steps: send(text(umlauts[:half]).unfinished(), text(umlauts[half:]).continuation()), Outcomes: ok(textEvent(umlauts))},
		{Description: "A valid text in fragments of one octet: " + umlauts, Steps: send(fragments(opText, []byte(umlauts), 1)...), Outcomes: ok(textEvent(umlauts))},
		{Description: "A valid text in fragments of one octet: " + kosme, Steps: send(fragments(opText, []byte(kosme), 1)...), Outcomes: ok(textEvent(kosme))},
	})
	cases := slices.Concat(first, second)
	for _, c := range cases {
		c.Expectation, c.Close = comesBack, normal
	}

	const surrogate = kosme + "\xed\xa0\x80edited"
	third := numbered("6.3", []*Case{
		{Description: "A text that is not UTF-8, in one frame.", Steps: send(text(surrogate))},
		{Description: "A text that is not UTF-8, in fragments of one octet.", Steps: send(fragments(opText, []byte(surrogate), 1)...)},
	})
	for _, c := range third {
		c.Expectation, c.Close, c.Outcomes, c.Kill = failsUTF8, bad1007, ok(), true
	}
	cases = slices.Concat(cases, third, failFast(), utf8Sequences())
	for _, c := range cases {
		c.Section = textSection
	}
	return cases
}

// failFast is 6.4: the octet that makes a text invalid comes alone, a second before the rest.
func failFast() []*Case {
	const beyond = "\xf4\x90\x80\x80" // U+110000; its second octet is the impossible one
	const all = kosme + beyond + "edited"
	whole := uint64(len(all))
	script := func(oneFrame bool, a, b int) *Case {
		c := &Case{Kill: true, Close: bad1007, Expectation: failsEarly,
			Outcomes: []Outcome{{Verdict: OK, Events: []Event{timeout("A")}}, {Verdict: NonStrict, Events: []Event{timeout("A"), timeout("B")}}}}
		parts := []string{all[:a], all[a:b], all[b:]}
		how := "in three fragments"
		if oneFrame {
			how = "in three pieces of one frame"
		}
		for i, part := range parts {
			var s Step
			switch {
			case !oneFrame:
				f := text(part).with(func(f *Frame) { f.Fin = i == 2 })
				if i > 0 {
					f.Opcode = opContinuation
				}
				s.Frame = f
			case i == 0:
				s.Frame = text(part).unfinished().length(whole)
			default:
				s.More = []byte(part)
			}
			c.Steps = append(c.Steps, s)
			if i < 2 {
				c.Steps = append(c.Steps, Step{Pause: true, Answer: i == 1, Tag: "AB"[i : i+1]})
			}
		}
		if oneFrame {
			c.Steps = append(c.Steps, send(text("").continuation())...)
		}
		c.Description = fmt.Sprintf("A text that is not UTF-8, %s with a wait between: %x, then %x, then %x.", how, parts[0], parts[1], parts[2])
		return c
	}
	const a = len(kosme)
	return numbered("6.4", []*Case{script(false, a, a+4), script(false, a+1, a+2), script(true, a, a+4), script(true, a+1, a+2)})
}

// utf8Sequences is 6.5 to 6.23: Markus Kuhn's decoder stress test, and more of its kind.
func utf8Sequences() (cases []*Case) {
	for i, g := range utf8Groups() {
		for j, s := range g.texts {
			c := &Case{ID: fmt.Sprintf("6.%d.%d", i+5, j+1), Steps: send(text(s)), Kill: true}
			if utf8.ValidString(s) {
				c.Description = fmt.Sprintf("%s. Valid, in one frame: %x.", g.title, s)
				c.Expectation, c.Outcomes, c.Close = comesBack, ok(textEvent(s)), normal
			} else {
				c.Description = fmt.Sprintf("%s. Not valid, in one frame: %x.", g.title, s)
				c.Expectation, c.Outcomes, c.Close = failsUTF8, ok(), bad1007
			}
			cases = append(cases, c)
		}
	}
	return cases
}

type utf8Group struct {
	title string
	texts []string
}

func utf8Groups() []utf8Group {
	var prefixes []string
	for n := range len(kosme) {
		prefixes = append(prefixes, kosme[:n+1])
	}
	var continuations strings.Builder
	for b := 0x80; b < 0xbf; b++ {
		continuations.WriteByte(byte(b))
	}
	var lonely []string
	for _, r := range [][2]int{{0xc0, 0xdf}, {0xe0, 0xef}, {0xf0, 0xf7}, {0xf8, 0xfb}, {0xfc, 0xfd}} {
		var s strings.Builder
		for b := r[0]; b < r[1]; b++ {
			s.Write([]byte{byte(b), ' '})
		}
		lonely = append(lonely, s.String())
	}
	cut := []string{
		"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80",
		"\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf",
	}
	nonCharacters := []string{"\ufffe", "\uffff"}
	for plane := rune(0); plane <= 0x10; plane++ {
		for _, r := range []rune{plane<<16 | 0xfffe, plane<<16 | 0xffff} {
			if s := string(r); len(s) == 4 {
				nonCharacters = append(nonCharacters, s)
			}
		}
	}
	return []utf8Group{
		{"Some UTF-8", []string{"hello$world", "hello\u00a2world", "hello\u20acworld", "hello\U00024b62world", kosme}},
		{"A prefix of a text with characters of several octets", prefixes},
		{"The first sequence of a length", []string{"\x00", "\u0080", "\u0800", "\U00010000"}},
		{"The first sequence of five or six octets", []string{"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"}},
		{"The last sequence of a length", []string{"\x7f", "\u07ff", "\uffff", "\U0010ffff"}},
		{"The last sequence of four, five or six octets", []string{"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf"}},
		{"A boundary", []string{"\ud7ff", "\ue000", "\ufffd", "\U0010ffff", "\xf4\x90\x80\x80"}},
		{"Continuation octets where none may be", []string{"\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80", "\x80\xbf\x80\xbf", "\x80\xbf\x80\xbf\x80", "\x80\xbf\x80\xbf\x80\xbf", continuations.String()}},
		{"First octets, each with a space behind it", lonely},
		{"A sequence without its last octet", cut},
		{"Sequences without their last octets, one after the other", []string{strings.Join(cut, "")}},
		{"Octets that appear nowhere in UTF-8", []string{"\xfe", "\xff", "\xfe\xfe\xff\xff"}},
		{"A slash in too many octets", []string{"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf"}},
		{"The last sequence that is too long for what it says", []string{"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf"}},
		{"NUL in too many octets", []string{"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80"}},
		{"A surrogate", []string{"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf"}},
		{"A pair of surrogates", []string{
			"\xed\xa0\x80\xed\xb0\x80", "\xed\xa0\x80\xed\xbf\xbf", "\xed\xad\xbf\xed\xb0\x80", "\xed\xad\xbf\xed\xbf\xbf",
			"\xed\xae\x80\xed\xb0\x80", "\xed\xae\x80\xed\xbf\xbf", "\xed\xaf\xbf\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf",
		}},
		{"A code point that is no character, and is valid", nonCharacters},
		{"A special", []string{"\ufff9", "\ufffa", "\ufffb", "\ufffc", "\ufffd", "\ufffe", "\uffff"}},
	}
}
