package autobahn

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The payloads of the long messages, repeated as often as it takes. Their lengths are not
// powers of two, so that no block of a message looks like the one before.
const (
	payloadText   = "conform-7/"
	payloadBinary = "\x00\xfe\x23\xfa\xf0"
)

// repeat returns n octets of unit after unit.
func repeat(unit string, n int) string {
	return strings.Repeat(unit, n/len(unit)+1)[:n]
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

// limits is group 9: long messages, many fragments, many writes, many round trips.
func limits() (cases []*Case) {
	kinds := []string{"text", "binary"}
	units := []string{payloadText, payloadBinary}
	one := func(id string, kind, size, fragment, chop int, limit time.Duration, how string) {
		message := func(int) []byte { return []byte(repeat(units[kind], size)) }
		cases = append(cases, &Case{
			ID:          id,
			Description: fmt.Sprintf("A %s message of %s%s.", kinds[kind], octets(size), how),
			Expectation: "The message comes back. Clean close with 1000.",
			Section:     "RFC 6455, 5.4",
			Rounds:      &Rounds{Count: 1, Binary: kind == 1, Size: size, Message: message, Fragment: fragment, Chop: chop},
			Close:       normal,
			Limit:       limit,
		})
	}
	const s = time.Second
	for kind := range kinds {
		for i, size := range []int{64 * kib, 256 * kib, mib, 4 * mib, 8 * mib, 16 * mib} {
			limit := 100 * s
			if i < 2 || kind == 1 && i < 4 {
				limit = 10 * s
			}
			one(fmt.Sprintf("9.%d.%d", 1+kind, i+1), kind, size, 0, 0, limit, "")
		}
	}
	for kind := range kinds {
		for i, size := range []int{64, 256, kib, 4 * kib, 16 * kib, 64 * kib, 256 * kib, mib, 4 * mib} {
			one(fmt.Sprintf("9.%d.%d", 3+kind, i+1), kind, 4*mib, size, 0, 100*s, ", in fragments of "+octets(size))
		}
	}
	for kind := range kinds {
		for i, size := range []int{64, 128, 256, 512, 1024, 2048} {
			one(fmt.Sprintf("9.%d.%d", 5+kind, i+1), kind, mib, 0, size, 1000*s, ", in writes of "+octets(size))
		}
	}
	for kind := range kinds {
		for i, size := range []int{0, 16, 64, 256, 1024, 4096} {
			unit := "*"
			if kind == 1 {
				unit = "\xfe"
			}
			message := []byte(strings.Repeat(unit, size))
			cases = append(cases, &Case{
				ID:          fmt.Sprintf("9.%d.%d", 7+kind, i+1),
				Description: fmt.Sprintf("1000 %s messages of %s, each sent when the one before has come back.", kinds[kind], octets(size)),
				Expectation: "All messages come back. Clean close with 1000.",
				Section:     "RFC 6455, 5.2",
				Rounds:      &Rounds{Count: 1000, Binary: kind == 1, Size: size, Message: func(int) []byte { return message }},
				Close:       normal,
				Limit:       []time.Duration{60 * s, 60 * s, 60 * s, 120 * s, 240 * s, 480 * s}[i],
			})
		}
	}
	return cases
}

func octets(n int) string {
	switch {
	case n > 0 && n%mib == 0:
		return fmt.Sprintf("%d MiB", n/mib)
	case n > 0 && n%kib == 0:
		return fmt.Sprintf("%d KiB", n/kib)
	}
	return fmt.Sprintf("%d octets", n)
}

// autoFragmentation is group 10.
func autoFragmentation() []*Case {
	message := strings.Repeat("*", 65536)
	return numbered("10.1", []*Case{{
		Description: "A text message of 65536 octets in fragments of 1300.",
		Expectation: "The message comes back. Clean close with 1000.",
		Section:     "RFC 6455, 5.4",
		Steps:       send(fragments(opText, []byte(message), 1300)...),
		Outcomes:    ok(textEvent(message)),
		Close:       normal,
		Kill:        true,
		Limit:       10 * time.Second,
	}})
}

// withoutCompression are the cases of groups 1 to 10.
func withoutCompression() []*Case {
	return slices.Concat(framing(), pings(), reservedBits(), opcodes(), fragmentation(), texts(), closes(), limits(), autoFragmentation())
}
