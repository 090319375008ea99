package autobahn

import (
	"fmt"
	"strings"
	"time"
)

// The sizes of the messages of groups 12 and 13, how long a case may take, and the longest
// fragments, where the messages are fragmented.
var compressionSizes = []struct {
	size     int
	limit    time.Duration
	fragment int
}{
	{16, 60 * time.Second, 0},
	{64, 60 * time.Second, 0},
	{256, 120 * time.Second, 0},
	{1024, 240 * time.Second, 0},
	{4096, 480 * time.Second, 0},
	{8192, 480 * time.Second, 0},
	{16384, 480 * time.Second, 0},
	{32768, 480 * time.Second, 0},
	{65536, 480 * time.Second, 0},
	{131072, 480 * time.Second, 0},
	{8192, 480 * time.Second, 256},
	{16384, 480 * time.Second, 256},
	{32768, 480 * time.Second, 256},
	{65536, 480 * time.Second, 256},
	{131072, 480 * time.Second, 256},
	{131072, 480 * time.Second, 1024},
	{131072, 480 * time.Second, 4096},
	{131072, 480 * time.Second, 32768},
}

const compressedMessages = 1000

// compression is groups 12, with messages of different kinds, and 13, with different
// parameters.
func compression() (cases []*Case) {
	for i, d := range corpora {
		cases = append(cases, compressed(fmt.Sprintf("12.%d", i+1), d, &Deflate{Requests: []DeflateRequest{{}}})...)
	}
	for i, requests := range [][]DeflateRequest{
		{{}},
		{{NoContextTakeover: true}},
		{{MaxWindowBits: 9}},
		{{MaxWindowBits: 15}},
		{{NoContextTakeover: true, MaxWindowBits: 9}},
		{{NoContextTakeover: true, MaxWindowBits: 15}},
		{{NoContextTakeover: true, MaxWindowBits: 9}, {NoContextTakeover: true}, {}},
	} {
		cases = append(cases, compressed(fmt.Sprintf("13.%d", i+1), corpora[0], &Deflate{Requests: requests})...)
	}
	return cases
}

// compressed is the eighteen cases of a group.
func compressed(group string, d *corpus, deflate *Deflate) (cases []*Case) {
	for _, s := range compressionSizes {
		how := ""
		if s.fragment > 0 {
			how = ", in fragments of at most " + octets(s.fragment)
		}
		cases = append(cases, &Case{
			Description: fmt.Sprintf("%d compressed messages of %s of %s%s. %s.", compressedMessages, octets(s.size), d.title, how, deflate),
			Expectation: "All messages come back. Clean close with 1000.",
			Section:     "RFC 7692, 7",
			Rounds: &Rounds{Count: compressedMessages, Binary: d.binary, Size: s.size, Fragment: s.fragment,
				Message: func(i int) []byte { return d.message(i, s.size) }},
			Deflate: deflate,
			Close:   normal,
			Limit:   s.limit,
		})
	}
	return numbered(group, cases)
}

// String describes what is asked of the peer.
func (d *Deflate) String() string {
	var all []string
	for _, r := range d.Requests {
		var s []string
		if r.NoContextTakeover {
			s = append(s, "no context takeover")
		}
		if r.MaxWindowBits > 0 {
			s = append(s, fmt.Sprintf("a window of %d bits", r.MaxWindowBits))
		}
		if s == nil {
			s = []string{"nothing"}
		}
		all = append(all, strings.Join(s, " and "))
	}
	return "The peer is asked for " + strings.Join(all, ", or else ")
}
