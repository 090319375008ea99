package autobahn

import (
	"fmt"
	"slices"
	"strings"
)

const (
	cleanly       = "Clean close with 1000."
	closeSection  = "RFC 6455, 5.5.1"
	failsOrDrops  = "The connection fails with 1002, or is dropped."
	undefinedCode = "RFC 6455, 7.4.2 does not say what becomes of such a code."
)

// closes is group 7. The Close frame is ours, so that no outcome is a reason to close.
func closes() []*Case {
	bye := closing(closePayload(1000, ""))
	const afterClose = "Hello World!"
	basic := []*Case{
		{Description: "A text message, then a Close frame.", Expectation: "The message comes back. Clean close with 1000.", Steps: send(text(afterClose)), Outcomes: ok(textEvent(afterClose)), Close: normal},
		{Description: "Two Close frames.", Expectation: "Clean close with 1000; the second is ignored.", Steps: append([]Step{bye}, send(&Frame{Fin: true, Opcode: opClose})...), Close: normal},
		{Description: "A Close frame, then a ping.", Expectation: "Clean close with 1000, no pong.", Steps: append([]Step{bye}, send(ping(""))...), Close: normal},
		{Description: "A Close frame, then a text message.", Expectation: "Clean close with 1000; the message does not come back.", Steps: append([]Step{bye}, send(text(afterClose))...), Close: normal},
		{Description: "A fragment of a message, then a Close frame, then the last fragment.", Expectation: cleanly,
			Steps: slices.Concat(send(text("fragment1").unfinished()), []Step{bye}, send(text("fragment2").continuation())), Close: normal},
		{Description: "A text message of 256 KiB, a short one, a Close frame and a ping.",
			Expectation: "Whether the messages come back depends on whether a peer handles the Close frame before it has sent them.",
			Steps:       slices.Concat(send(text(repeat(payloadText, 256<<10)), text(afterClose)), []Step{bye}, send(ping(""))),
			Outcomes:    okOr(textEvent(afterClose)), Close: normal,
			Informational: "The RFC leaves open which of the two a peer handles first."},
	}
	structure := []*Case{
		{Description: "A Close frame without payload.", Expectation: cleanly, Steps: []Step{closing(nil)}, Close: normal},
		{Description: "A Close frame with a payload of one octet.", Expectation: failsOrDrops, Steps: []Step{closing([]byte("a"))}, Close: CloseRule{ByUs: true, Codes: []uint16{1002}}},
		{Description: "A Close frame with a code.", Expectation: cleanly, Steps: []Step{bye}, Close: normal},
		{Description: "A Close frame with a code and a reason.", Expectation: cleanly, Steps: []Step{closing(closePayload(1000, afterClose))}, Close: normal},
		{Description: "A Close frame with the longest reason, of 123 octets.", Expectation: cleanly, Steps: []Step{closing(closePayload(1000, strings.Repeat("*", 123)))}, Close: normal},
		{Description: "A Close frame with a reason of 124 octets, one too many.", Expectation: failsOrDrops, Section: "RFC 6455, 5.5",
			Steps: []Step{closing(closePayload(1000, strings.Repeat("*", 124)))}, Close: CloseRule{ByUs: true, Codes: []uint16{1002}}},
	}
	reason := []*Case{{Description: "A Close frame whose reason is not UTF-8.", Expectation: "The connection fails with 1002 or 1007, or is dropped.",
		Steps: []Step{closing(closePayload(1000, kosme+"\xed\xa0\x80edited"))}, Close: CloseRule{ByUs: true, Codes: []uint16{1002, 1007}}}}
	all := slices.Concat(numbered("7.1", basic), numbered("7.3", structure), numbered("7.5", reason),
		closeCodes("7.7", []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999}),
		closeCodes("7.9", []uint16{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999}),
		closeCodes("7.13", []uint16{5000, 65535}))
	for _, c := range all {
		c.Kill = true
		c.CodeDecides = c.Informational == ""
		c.KeepOpen = c.ID != "7.1.1"
		if c.Outcomes == nil {
			c.Outcomes = ok()
		}
		if c.Section == "" {
			c.Section = closeSection
		}
	}
	return all
}

// closeCodes are cases of one Close frame each, with a code and no reason.
func closeCodes(group string, codes []uint16) (cases []*Case) {
	for _, code := range codes {
		c := &Case{Steps: []Step{closing(closePayload(code, ""))}, Section: "RFC 6455, 7.4"}
		switch {
		case code >= 5000:
			c.Description = fmt.Sprintf("A Close frame with the code %d, which is in no range.", code)
			c.Expectation = undefinedCode
			c.Close = CloseRule{ByUs: true, Codes: []uint16{1000, code, 1002}}
			c.Informational = undefinedCode
		case code >= 1012 && code <= 1014:
			c.Description = fmt.Sprintf("A Close frame with the code %d, which is younger than RFC 6455.", code)
			c.Expectation = "Clean close with 1000 or the same code, or 1002 of a peer that does not know it."
			c.Section = "RFC 6455, 7.4.2"
			c.Close = CloseRule{ByUs: true, Codes: []uint16{1000, code, 1002}}
		case validCode(code):
			c.Description = fmt.Sprintf("A Close frame with the code %d.", code)
			c.Expectation = "Clean close with 1000 or the same code."
			c.Close = CloseRule{ByUs: true, Codes: []uint16{1000, code}, Clean: true}
		default:
			c.Description = fmt.Sprintf("A Close frame with the code %d, which must not be sent.", code)
			c.Expectation = failsOrDrops
			c.Close = CloseRule{ByUs: true, Codes: []uint16{1002}}
		}
		cases = append(cases, c)
	}
	return numbered(group, cases)
}

// validCode reports whether a Close frame may have the code: RFC 6455, 7.4.1, and 1012 to
// 1014 of IANA's registry.
func validCode(code uint16) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
}
