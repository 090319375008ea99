package deflate_test

import (
	"testing"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/handshake"
)

// configOf makes every Config of which negotiation can tell, and nil, from a
// number: 2 bits of takeover and 5 for each window, of which some are out of range.
func configOf(n uint16) *deflate.Config {
	if n>>12 == 0xf {
		return nil
	}
	return &deflate.Config{
		ServerContextTakeover: n&1 != 0,
		ClientContextTakeover: n&2 != 0,
		ServerMaxWindowBits:   int(n>>2&31) - 8,
		ClientMaxWindowBits:   int(n>>7&31) - 8,
	}
}

// FuzzNegotiate: for any field and any two sides the server and the client agree
// with the oracle on the field as offers and as a response, and with each other
// on what the one offers and the other answers.
func FuzzNegotiate(f *testing.F) {
	for i, test := range acceptCases {
		f.Add(test.offers, uint16(i*977), uint16(i*31))
	}
	for i, test := range responseErrors {
		f.Add(test.response, uint16(i*31), uint16(i*977))
	}
	for i, element := range someElements {
		f.Add(element+","+someElements[len(someElements)-1-i], uint16(i*2003), uint16(0xf000))
	}
	f.Fuzz(func(t *testing.T, field string, client, server uint16) {
		checkPair(t, configOf(client), configOf(server))
		list, err := handshake.ParseExtensions([]string{field})
		if err != nil {
			return
		}
		checkServer(t, field, configOf(server))
		checkClient(t, field, configOf(client))
		// Whatever comes before it, a valid offer is found.
		all := append(list, extensions(t, "permessage-deflate; client_max_window_bits=9")...)
		if _, _, ok := deflate.Accept(all, configOf(server)); ok != (configOf(server) != nil) {
			t.Fatalf("%q and a valid offer are declined", field)
		}
	})
}
