package deflate_test

import (
	"testing"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/conntest"
)

var takeover = deflate.Config{ServerContextTakeover: true, ClientContextTakeover: true}

// config returns takeover with window bits.
func config(serverBits, clientBits int) *deflate.Config {
	c := takeover
	c.ServerMaxWindowBits, c.ClientMaxWindowBits = serverBits, clientBits
	return &c
}

func TestOffer(t *testing.T) {
	for _, test := range []struct {
		name string
		c    *deflate.Config
		want string
	}{
		{"5/off", nil, ""},
		{"7.1.1/no_takeover_is_the_default", &deflate.Config{}, "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"},
		{"7.1.1/takeover", &takeover, "permessage-deflate; client_max_window_bits"},
		{"7.1.1.1/by_the_client", &deflate.Config{ClientContextTakeover: true}, "permessage-deflate; server_no_context_takeover; client_max_window_bits"},
		{"7.1.1.2/by_the_server", &deflate.Config{ServerContextTakeover: true}, "permessage-deflate; client_no_context_takeover; client_max_window_bits"},
		{"7.1.2.1/server_window", config(10, 0), "permessage-deflate; server_max_window_bits=10; client_max_window_bits"},
		{"7.1.2.2/client_window", config(0, 9), "permessage-deflate; client_max_window_bits=9"},
		{"7.1.2/largest_windows", config(15, 15), "permessage-deflate; client_max_window_bits"},
		{"7.1.2/no_limit", config(-1, -1), "permessage-deflate; client_max_window_bits"},
		{"7.1.2/below_the_range", config(1, 7), "permessage-deflate; server_max_window_bits=8; client_max_window_bits=8"},
		{"7.1.2/above_the_range", config(16, 99), "permessage-deflate; client_max_window_bits"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := deflate.Offer(test.c); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// acceptCases has conversations: offers and what the server answers, "" if it
// declines.
var acceptCases = []struct {
	name     string
	c        *deflate.Config
	offers   string
	response string
}{
	{"5/off", nil, "permessage-deflate", ""},
	{"5/declines_other_extensions", &takeover, "permessage-foo, x; y=1", ""},
	{"5/finds_it_among_others", &takeover, "permessage-foo; client_no_context_takeover, permessage-deflate, x", "permessage-deflate"},
	{"5/first_offer_is_preferred", &takeover, "permessage-deflate; server_max_window_bits=9, permessage-deflate", "permessage-deflate; server_max_window_bits=9"},
	{"5/next_offer_is_tried", &takeover, "permessage-deflate; server_max_window_bits=7, permessage-deflate; x, permessage-deflate; client_no_context_takeover", "permessage-deflate; client_no_context_takeover"},
	{"5/every_offer_is_invalid", &takeover, "permessage-deflate; server_max_window_bits, permessage-deflate; x", ""},
	{"5.2/quoted_value", &takeover, `permessage-deflate; server_max_window_bits="10"`, "permessage-deflate; server_max_window_bits=10"},
	{"7/name_in_capitals", &takeover, "Permessage-Deflate", ""},
	{"7/unknown_parameter", &takeover, "permessage-deflate; x", ""},
	{"7/unknown_parameter_with_value", &takeover, "permessage-deflate; client_max_window_bits; x=15", ""},
	{"7/repeated_parameter", &takeover, "permessage-deflate; client_max_window_bits; client_max_window_bits", ""},
	{"7/repeated_parameter_with_value", &takeover, "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10", ""},
	{"7.1.1.1/with_a_value", &takeover, "permessage-deflate; server_no_context_takeover=1", ""},
	{"7.1.1.1/honoured", &takeover, "permessage-deflate; server_no_context_takeover", "permessage-deflate; server_no_context_takeover"},
	{"7.1.1.1/said_unasked", &deflate.Config{ClientContextTakeover: true}, "permessage-deflate", "permessage-deflate; server_no_context_takeover"},
	{"7.1.1.2/with_a_value", &takeover, "permessage-deflate; client_no_context_takeover=1", ""},
	{"7.1.1.2/hint_is_used", &takeover, "permessage-deflate; client_no_context_takeover", "permessage-deflate; client_no_context_takeover"},
	{"7.1.1.2/asked_for", &deflate.Config{ServerContextTakeover: true}, "permessage-deflate", "permessage-deflate; client_no_context_takeover"},
	{"7.1.2.1/without_a_value", &takeover, "permessage-deflate; server_max_window_bits", ""},
	{"7.1.2.1/leading_zero", &takeover, "permessage-deflate; server_max_window_bits=08", ""},
	{"7.1.2.1/too_small", &takeover, "permessage-deflate; server_max_window_bits=7", ""},
	{"7.1.2.1/too_large", &takeover, "permessage-deflate; server_max_window_bits=16", ""},
	{"7.1.2.1/smallest", &takeover, "permessage-deflate; server_max_window_bits=8", "permessage-deflate; server_max_window_bits=8"},
	{"7.1.2.1/largest", &takeover, "permessage-deflate; server_max_window_bits=15", "permessage-deflate; server_max_window_bits=15"},
	{"7.1.2.1/smaller_than_offered", config(9, 0), "permessage-deflate; server_max_window_bits=12", "permessage-deflate; server_max_window_bits=9"},
	{"7.1.2.1/never_larger_than_offered", config(12, 0), "permessage-deflate; server_max_window_bits=9", "permessage-deflate; server_max_window_bits=9"},
	{"7.1.2.1/said_unasked", config(12, 0), "permessage-deflate", "permessage-deflate; server_max_window_bits=12"},
	{"7.1.2.2/leading_zero", &takeover, "permessage-deflate; client_max_window_bits=010", ""},
	{"7.1.2.2/too_small", &takeover, "permessage-deflate; client_max_window_bits=0", ""},
	{"7.1.2.2/too_large", &takeover, "permessage-deflate; client_max_window_bits=16", ""},
	{"7.1.2.2/sign", &takeover, "permessage-deflate; client_max_window_bits=+8", ""},
	{"7.1.2.2/without_a_value", config(0, 10), "permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=10"},
	{"7.1.2.2/nothing_to_limit", &takeover, "permessage-deflate; client_max_window_bits", "permessage-deflate"},
	{"7.1.2.2/hint_is_used", &takeover, "permessage-deflate; client_max_window_bits=11", "permessage-deflate; client_max_window_bits=11"},
	{"7.1.2.2/smaller_than_the_hint", config(0, 10), "permessage-deflate; client_max_window_bits=11", "permessage-deflate; client_max_window_bits=10"},
	{"7.1.2.2/hint_is_smaller", config(0, 12), "permessage-deflate; client_max_window_bits=11", "permessage-deflate; client_max_window_bits=11"},
	{"7.1.2.2/not_offered", config(0, 10), "permessage-deflate", "permessage-deflate; client_no_context_takeover"},
	{"7.1.3/simplest", &takeover, "permessage-deflate", "permessage-deflate"},
	{"7.1.3/fallback", &takeover, "permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; client_max_window_bits", "permessage-deflate; server_max_window_bits=10"},
	{"7/default_and_a_browser", &deflate.Config{}, "permessage-deflate; client_max_window_bits", "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
	{"7/everything", config(8, 9), "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15; client_max_window_bits=15",
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; client_max_window_bits=9"},
}

func TestAccept(t *testing.T) {
	for _, test := range acceptCases {
		t.Run(test.name, func(t *testing.T) {
			_, response, ok := deflate.Accept(extensions(t, test.offers), test.c)
			if ok != (test.response != "") || response != test.response {
				t.Errorf("%q\nis answered %q, %v\nand not     %q", test.offers, response, ok, test.response)
			}
			checkServer(t, test.offers, test.c)
		})
	}
}

// A value can only be empty in a list that comes from elsewhere: the grammar of
// RFC 6455, 9.1 has no such value.
func TestEmptyValue(t *testing.T) {
	for _, name := range parameterNames {
		t.Run("7.1/"+name, func(t *testing.T) {
			list := []handshake.Extension{{Name: deflate.Name, Params: []handshake.Param{{Name: name, HasValue: true}}}}
			if p, response, ok := deflate.Accept(list, &takeover); ok {
				t.Errorf("accepted with %q and %+v", response, p)
			}
			_, ok, err := deflate.CheckResponse(list, &takeover)
			if ok || err == nil {
				t.Errorf("a client takes it")
			} else {
				checkError(t, err)
			}
		})
		for _, field := range []string{"permessage-deflate; " + name + "=", "permessage-deflate; " + name + `=""`} {
			if list, err := handshake.ParseExtensions([]string{field}); err == nil {
				t.Errorf("9.1: %q is read as %+v", field, list)
			}
		}
	}
}

func TestAcceptAllocations(t *testing.T) {
	for _, test := range []struct {
		name, offers string
		c            *deflate.Config
		want         float64
	}{
		{"5/off", "permessage-deflate; client_max_window_bits", nil, 0},
		{"5/no_offer", "x; y=1, z", &takeover, 0},
		{"7/declines", "permessage-deflate; x, permessage-deflate; server_max_window_bits=99", &takeover, 0},
		{"7/browser", "permessage-deflate; client_max_window_bits", &deflate.Config{}, 0},
		{"7/browser_with_takeover", "permessage-deflate; client_max_window_bits", &takeover, 0},
		{"7/browser_with_a_window", "permessage-deflate; client_max_window_bits", config(12, 12), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			list := extensions(t, test.offers)
			f := func() { deflate.Accept(list, test.c) }
			if test.want == 0 {
				conntest.ShouldNotAllocate(t, f)
			} else if n := testing.AllocsPerRun(200, f); n != test.want && !conntest.RaceEnabled {
				t.Errorf("%v allocations, want %v", n, test.want)
			}
		})
	}
}
