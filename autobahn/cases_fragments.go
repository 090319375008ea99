package autobahn

import "strings"

// fragmentation is group 5.
func fragmentation() []*Case {
	first, second := text("fragment1").unfinished(), text("fragment2").continuation()
	both := textEvent("fragment1fragment2")
	pinged := []*Frame{first, ping("ping payload"), second}
	pinging := []Event{pongEvent("ping payload"), both}

	// 5.9 to 5.14: a continuation of nothing, and a text message behind it.
	orphan := text("non-continuation payload").continuation()
	last, notLast := []*Frame{orphan, text(hello)}, []*Frame{orphan.unfinished(), text(hello)}
	nothing := ok()

	repeated := func(fin bool) (frames []*Frame) {
		for range 2 {
			f := text("fragment1").continuation()
			f.Fin = fin
			frames = append(frames, f, text("fragment2").unfinished(), text("fragment3").continuation())
		}
		return frames
	}
	slow := func(send func(...*Frame) []Step) (steps []Step) {
		middle := func(s string) *Frame { return text(s).continuation().unfinished() }
		steps = append(steps, send(first, middle("fragment2"), ping("pongme 1!"))...)
		steps = append(steps, Step{Pause: true})
		return append(steps, send(middle("fragment3"), middle("fragment4"), ping("pongme 2!"), text("fragment5").continuation())...)
	}
	slowly := ok(pongEvent("pongme 1!"), pongEvent("pongme 2!"), textEvent("fragment1fragment2fragment3fragment4fragment5"))

	const (
		inOne     = " All in one write."
		perFrame  = " Each frame in a write of its own."
		octetwise = " Octet by octet."
		orphanFin = "A continuation frame with FIN where there is nothing to continue, then a text message."
		orphanMid = "A continuation frame without FIN where there is nothing to continue, then a text message."
		noStart   = "The connection fails at once with 1002: there is no message to continue."
		noSplit   = "The connection fails at once with 1002: a control frame must not be fragmented."
	)
	cases := []*Case{
		{Description: "A ping in two fragments.", Expectation: noSplit, Section: "RFC 6455, 5.5", Steps: send(ping("fragment1").unfinished(), second), Outcomes: nothing},
		{Description: "A pong in two fragments.", Expectation: noSplit, Section: "RFC 6455, 5.5", Steps: send(pong("fragment1").unfinished(), second), Outcomes: nothing},
		{Description: "A text message in two fragments." + inOne, Steps: send(first, second), Outcomes: ok(both)},
		{Description: "A text message in two fragments." + perFrame, Steps: alone(first, second), Outcomes: ok(both)},
		{Description: "A text message in two fragments." + octetwise, Steps: chopped(1, first, second), Outcomes: ok(both)},
		{Description: "A text message in two fragments, with a ping between." + inOne, Steps: send(pinged...), Outcomes: ok(pinging...)},
		{Description: "A text message in two fragments, with a ping between." + perFrame, Steps: alone(pinged...), Outcomes: ok(pinging...)},
		{Description: "A text message in two fragments, with a ping between." + octetwise, Steps: chopped(1, pinged...), Outcomes: ok(pinging...)},
		{Description: orphanFin + inOne, Expectation: noStart, Steps: send(last...), Outcomes: nothing},
		{Description: orphanFin + perFrame, Expectation: noStart, Steps: alone(last...), Outcomes: nothing},
		{Description: orphanFin + octetwise, Expectation: noStart, Steps: chopped(1, last...), Outcomes: nothing},
		{Description: orphanMid + inOne, Expectation: noStart, Steps: send(notLast...), Outcomes: nothing},
		{Description: orphanMid + perFrame, Expectation: noStart, Steps: alone(notLast...), Outcomes: nothing},
		{Description: orphanMid + octetwise, Expectation: noStart, Steps: chopped(1, notLast...), Outcomes: nothing},
		{Description: "A text message in two fragments, then a continuation frame without FIN, then a text message." + inOne,
			Expectation: "The message comes back, then the connection fails with 1002: there is no message to continue.",
			Steps:       send(first, second, text("fragment3").continuation().unfinished(), text("fragment4")), Outcomes: okOr(both)},
		{Description: "Twice: a continuation frame without FIN, where there is nothing to continue, then a text message in two fragments.",
			Expectation: noStart, Steps: send(repeated(false)...), Outcomes: nothing},
		{Description: "Twice: a continuation frame with FIN, where there is nothing to continue, then a text message in two fragments.",
			Expectation: noStart, Steps: send(repeated(true)...), Outcomes: nothing},
		{Description: "A text message in two fragments whose second has the opcode of text again.",
			Expectation: "The connection fails at once with 1002: all fragments but the first are continuation frames.",
			Steps:       send(first, text("fragment2")), Outcomes: nothing},
		{Description: "A text message in five fragments: two and a ping, a second's wait, two more, another ping, and the last.",
			Expectation: "The first ping is answered before the message is complete; then the second; then the message comes back. Clean close with 1000.",
			Steps:       slow(send), Outcomes: slowly},
		{Description: "As 5.19, with each frame in a write of its own.",
			Expectation: "As 5.19: how octets are cut into writes means nothing.",
			Steps:       slow(alone), Outcomes: slowly},
	}
	for _, c := range cases {
		if c.Section == "" {
			c.Section = "RFC 6455, 5.4"
		}
		if c.Close = normal; strings.Contains(c.Expectation, "fails") {
			c.Close, c.Kill = failed(1002), true
		}
		if c.Expectation == "" {
			c.Expectation = "The message comes back, behind the pong if there was a ping. Clean close with 1000."
		}
	}
	return numbered("5", cases)
}
