package autobahn

import "testing"

func TestParseExtensions(t *testing.T) {
	for _, tt := range []struct {
		in string
		n  int // -1: an error
	}{
		{"", 0}, {"a", 1}, {"a, b;c;d=1", 2}, {`a; b="c"`, 1}, {"a;", -1}, {",", -1}, {"a=b", -1}, {`a; b=""`, -1}, {"a; b=c d", -1}, {"a; =b", -1}, {"a; b\x7f", -1},
	} {
		all, err := parseExtensions(tt.in)
		if err != nil != (tt.n < 0) || err == nil && len(all) != tt.n {
			t.Errorf("6455 9.1, %q: %v, %v", tt.in, all, err)
		}
	}
}

func TestDeflateOfferAndAnswer(t *testing.T) {
	plain, strict := DeflateRequest{}, DeflateRequest{NoContextTakeover: true, MaxWindowBits: 9}
	const full = "permessage-deflate; client_no_context_takeover; client_max_window_bits"
	for _, tt := range []struct {
		name     string
		requests []DeflateRequest
		offer    string // of us as a client
		offered  string // to us as a server
		answer   string
	}{
		{"7692_7.1/plain", []DeflateRequest{plain}, full, "permessage-deflate", "permessage-deflate"},
		{"7692_7.1/plain_of_a_full_offer", []DeflateRequest{plain}, full, "permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=12",
			"permessage-deflate; server_no_context_takeover; server_max_window_bits=10"},
		{"7692_7.1.2.2/window_was_not_offered", []DeflateRequest{strict}, full + "; server_no_context_takeover; server_max_window_bits=9", "permessage-deflate", ""},
		{"7692_7.1.2.2/window", []DeflateRequest{strict}, full + "; server_no_context_takeover; server_max_window_bits=9", "x, permessage-deflate; client_max_window_bits",
			"permessage-deflate; client_no_context_takeover; client_max_window_bits=9"},
		{"7692_7.1/second_choice", []DeflateRequest{strict, plain}, full + "; server_no_context_takeover; server_max_window_bits=9, " + full, "permessage-deflate", "permessage-deflate"},
		{"7692_7.1/invalid", []DeflateRequest{plain}, full, "permessage-deflate; server_max_window_bits=7", ""},
		{"6455_9.1/no_grammar", []DeflateRequest{plain}, full, "permessage-deflate;", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &Deflate{Requests: tt.requests}
			if offer := d.offer(); offer != tt.offer {
				t.Errorf("the offer %q, want %q", offer, tt.offer)
			}
			if answer, _, ok := d.answer(tt.offered); answer != tt.answer || ok != (tt.answer != "") {
				t.Errorf("the answer %q, want %q", answer, tt.answer)
			}
		})
	}
}

// A case about our own limits is for peers that agree to them.
func TestOwnLimits(t *testing.T) {
	window := &Deflate{Requests: []DeflateRequest{{}}, OwnWindowBits: 9}
	fresh := &Deflate{Requests: []DeflateRequest{{}}, OwnNoContextTakeover: true}
	if got, want := window.offer(), "permessage-deflate; client_no_context_takeover; client_max_window_bits=9"; got != want {
		t.Errorf("the offer %q, want %q", got, want)
	}
	for _, tt := range []struct {
		name     string
		d        *Deflate
		response string // of the server, to our offer
		binds    bool
	}{
		{"7692_7.1.2.2/window", window, "permessage-deflate; client_max_window_bits=9", true},
		{"7692_7.1.2.2/another_window", window, "permessage-deflate; client_max_window_bits=8", false},
		{"7692_7.1.2.2/no_window", window, "permessage-deflate", false},
		{"7692_7.1.1.2/no_takeover", fresh, "permessage-deflate; client_no_context_takeover", true},
		{"7692_7.1.1.2/takeover", fresh, "permessage-deflate", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _, err := agreed(tt.response)
			if err != nil || tt.d.binds(p, false) != tt.binds {
				t.Errorf("%q binds: %v, %v", tt.response, !tt.binds, err)
			}
		})
	}
	for _, tt := range []struct {
		name    string
		d       *Deflate
		offered string // by the client, to us
		answer  string
		binds   bool
	}{
		{"7692_7.1.2.1/window", window, "permessage-deflate", "permessage-deflate; server_max_window_bits=9", true},
		{"7692_7.1.2.1/the_client_wants_a_smaller_one", window, "permessage-deflate; server_max_window_bits=8", "permessage-deflate; server_max_window_bits=8", false},
		{"7692_7.1.1.1/no_takeover", fresh, "permessage-deflate", "permessage-deflate; server_no_context_takeover", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer, p, ok := tt.d.answer(tt.offered)
			if answer != tt.answer || !ok || tt.d.binds(p, true) != tt.binds {
				t.Errorf("%q is answered with %q, which binds us: %v", tt.offered, answer, tt.d.binds(p, true))
			}
		})
	}
}

func TestAgreed(t *testing.T) {
	for _, tt := range []struct {
		answer string
		ok     bool
		err    bool
	}{
		{"", false, false},
		{"permessage-deflate", true, false},
		{"permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; client_max_window_bits=15", true, false},
		{"permessage-deflate; client_max_window_bits", false, true},
		{"permessage-deflate; server_max_window_bits", false, true},
		{"permessage-deflate; server_max_window_bits=08", false, true},
		{"permessage-deflate; server_no_context_takeover=1", false, true},
		{"permessage-deflate; unknown", false, true},
		{"permessage-deflate; server_no_context_takeover; server_no_context_takeover", false, true},
		{"permessage-deflate, permessage-deflate", false, true},
		{"other", false, true},
		{"permessage-deflate; =", false, true},
	} {
		if p, ok, err := agreed(tt.answer); ok != tt.ok || (err != nil) != tt.err {
			t.Errorf("7692 7.1, %q: %+v, %v, %v", tt.answer, p, ok, err)
		}
	}
}

func TestAllowed(t *testing.T) {
	for _, tt := range []struct {
		name    string
		allowed *Allowed
		answer  string
		ok      bool
	}{
		{"7.1/nothing", nil, "permessage-deflate", false},
		{"7.1/anything", &Allowed{}, "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9", true},
		{"7.1.2.1/window_too_great", &Allowed{ServerBits: 9}, "permessage-deflate; server_max_window_bits=10", false},
		{"7.1.2.1/window_left_out", &Allowed{ServerBits: 9}, "permessage-deflate", false},
		{"7.1.2.1/window", &Allowed{ServerBits: 9}, "permessage-deflate; server_max_window_bits=8", true},
		{"7.1.1.1/takeover", &Allowed{ServerFresh: true}, "permessage-deflate", false},
		{"7.1.2.2/not_offered", &Allowed{}, "permessage-deflate; client_max_window_bits=10", false},
		{"7.1.2.2/offered", &Allowed{ClientBits: true}, "permessage-deflate; client_max_window_bits=10", true},
		{"7.1.2.2/greater_than_offered", &Allowed{ClientBits: true, MaxClientBits: 9}, "permessage-deflate; client_max_window_bits=10", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _, err := agreed(tt.answer)
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.allowed.check(tt.answer, p); (err == nil) != tt.ok {
				t.Error(err)
			}
		})
	}
}
