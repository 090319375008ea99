package deflate_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/conntest"
)

func TestCheckResponse(t *testing.T) {
	asks := &deflate.Config{ServerMaxWindowBits: 10, ClientMaxWindowBits: 11}
	for _, test := range []struct {
		name     string
		c        *deflate.Config
		response string
		want     deflate.Params
		ok       bool
	}{
		{"5/declined", &takeover, "", deflate.Params{}, false},
		{"5/declined_and_off", nil, "", deflate.Params{}, false},
		{"5/among_others", &takeover, "x, permessage-deflate, y", deflate.Params{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}, true},
		{"7.1.3/simplest", &takeover, "permessage-deflate", deflate.Params{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}, true},
		{"7.1.1.1/unasked", &takeover, "permessage-deflate; server_no_context_takeover", deflate.Params{ServerNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}, true},
		{"7.1.1.2/obeyed", &takeover, "permessage-deflate; client_no_context_takeover", deflate.Params{ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}, true},
		{"7.1.1.2/hint_is_kept", &deflate.Config{ServerContextTakeover: true}, "permessage-deflate", deflate.Params{ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}, true},
		{"7.1.2.1/unasked", &takeover, "permessage-deflate; server_max_window_bits=8", deflate.Params{ServerMaxWindowBits: 8, ClientMaxWindowBits: 15}, true},
		{"7.1.2.1/same_as_offered", config(10, 0), "permessage-deflate; server_max_window_bits=10", deflate.Params{ServerMaxWindowBits: 10, ClientMaxWindowBits: 15}, true},
		{"7.1.2.1/smaller_than_offered", config(10, 0), "permessage-deflate; server_max_window_bits=9", deflate.Params{ServerMaxWindowBits: 9, ClientMaxWindowBits: 15}, true},
		{"7.1.2.2/obeyed", &takeover, "permessage-deflate; client_max_window_bits=9", deflate.Params{ServerMaxWindowBits: 15, ClientMaxWindowBits: 9}, true},
		{"7.1.2.2/hint_is_kept", config(0, 9), "permessage-deflate", deflate.Params{ServerMaxWindowBits: 15, ClientMaxWindowBits: 9}, true},
		{"7.1.2.2/larger_than_the_hint", config(0, 9), "permessage-deflate; client_max_window_bits=12", deflate.Params{ServerMaxWindowBits: 15, ClientMaxWindowBits: 9}, true},
		{"7/everything", asks, `permessage-deflate; client_max_window_bits="10"; server_max_window_bits=9; client_no_context_takeover; server_no_context_takeover`,
			deflate.Params{ServerNoContextTakeover: true, ClientNoContextTakeover: true, ServerMaxWindowBits: 9, ClientMaxWindowBits: 10}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var list []handshake.Extension
			if test.response != "" {
				list = extensions(t, test.response)
				checkClient(t, test.response, test.c)
			}
			if p, ok, err := deflate.CheckResponse(list, test.c); p != test.want || ok != test.ok || err != nil {
				t.Errorf("%q gives\n     %+v, %v, %v\nwant %+v, %v", test.response, p, ok, err, test.want, test.ok)
			}
		})
	}
}

// responseErrors has what a client must fail.
var responseErrors = []struct {
	name     string
	c        *deflate.Config
	response string
	want     deflate.Error
}{
	{"5/not_offered", nil, "permessage-deflate; x", deflate.Error{Section: "5", Detail: "permessage-deflate was not offered"}},
	{"5/two_elements", &takeover, "permessage-deflate, permessage-deflate", deflate.Error{Section: "5", Detail: "permessage-deflate is accepted twice"}},
	{"5/two_elements_apart", &takeover, "permessage-deflate, x, permessage-deflate; x", deflate.Error{Section: "5", Detail: "permessage-deflate is accepted twice"}},
	{"7/unknown_parameter", &takeover, "permessage-deflate; x=1", deflate.Error{Parameter: "x", Value: "1", Section: "7", Detail: `parameter "x" is not defined`}},
	{"7/long_unknown_parameter", &takeover, "permessage-deflate; " + strings.Repeat("x", 99), deflate.Error{Parameter: strings.Repeat("x", 64) + "...", Section: "7", Detail: `parameter "` + strings.Repeat("x", 64) + `..." is not defined`}},
	{"7/repeated_parameter", &takeover, "permessage-deflate; server_no_context_takeover; server_no_context_takeover", deflate.Error{Parameter: "server_no_context_takeover", Section: "7", Detail: "server_no_context_takeover is repeated"}},
	{"7.1.1.1/with_a_value", &takeover, "permessage-deflate; server_no_context_takeover=true", deflate.Error{Parameter: "server_no_context_takeover", Value: "true", Section: "7.1.1.1", Detail: `server_no_context_takeover is "true", expected no value`}},
	{"7.1.1.1/not_confirmed", &deflate.Config{ClientContextTakeover: true}, "permessage-deflate; client_no_context_takeover", deflate.Error{Parameter: "server_no_context_takeover", Section: "7.1.1.1", Detail: "server_no_context_takeover was offered, and the response does not have it"}},
	{"7.1.1.2/with_a_value", &takeover, "permessage-deflate; client_no_context_takeover=true", deflate.Error{Parameter: "client_no_context_takeover", Value: "true", Section: "7.1.1.2", Detail: `client_no_context_takeover is "true", expected no value`}},
	{"7.1.2.1/without_a_value", &takeover, "permessage-deflate; server_max_window_bits", deflate.Error{Parameter: "server_max_window_bits", Section: "7.1.2.1", Detail: "server_max_window_bits has no value, expected an integer from 8 to 15 without leading zeros"}},
	{"7.1.2.1/too_small", &takeover, "permessage-deflate; server_max_window_bits=7", deflate.Error{Parameter: "server_max_window_bits", Value: "7", Section: "7.1.2.1", Detail: `server_max_window_bits is "7", expected an integer from 8 to 15 without leading zeros`}},
	// CVE-2026-2229: a client crashed.
	{"7.1.2.1/far_too_large", &takeover, "permessage-deflate; server_max_window_bits=" + strings.Repeat("9", 99), deflate.Error{Parameter: "server_max_window_bits", Value: strings.Repeat("9", 64) + "...", Section: "7.1.2.1",
		Detail: `server_max_window_bits is "` + strings.Repeat("9", 64) + `...", expected an integer from 8 to 15 without leading zeros`}},
	{"7.1.2.1/leading_zero", &takeover, "permessage-deflate; server_max_window_bits=08", deflate.Error{Parameter: "server_max_window_bits", Value: "08", Section: "7.1.2.1", Detail: `server_max_window_bits is "08", expected an integer from 8 to 15 without leading zeros`}},
	{"7.1.2.1/larger_than_offered", config(10, 0), "permessage-deflate; server_max_window_bits=11", deflate.Error{Parameter: "server_max_window_bits", Value: "11", Section: "7.1.2.1", Detail: `server_max_window_bits is "11", more than was offered`}},
	{"7.1.2.1/not_confirmed", config(10, 0), "permessage-deflate; server_no_context_takeover", deflate.Error{Parameter: "server_max_window_bits", Section: "7.1.2.1", Detail: "server_max_window_bits was offered, and the response does not have it"}},
	{"7.1.2.2/without_a_value", &takeover, "permessage-deflate; client_max_window_bits", deflate.Error{Parameter: "client_max_window_bits", Section: "7.1.2.2", Detail: "client_max_window_bits has no value, expected an integer from 8 to 15 without leading zeros"}},
	{"7.1.2.2/too_large", &takeover, "permessage-deflate; client_max_window_bits=16", deflate.Error{Parameter: "client_max_window_bits", Value: "16", Section: "7.1.2.2", Detail: `client_max_window_bits is "16", expected an integer from 8 to 15 without leading zeros`}},
}

func TestCheckResponseRefuses(t *testing.T) {
	for _, test := range responseErrors {
		t.Run(test.name, func(t *testing.T) {
			p, ok, err := deflate.CheckResponse(extensions(t, test.response), test.c)
			got, typed := errors.AsType[*deflate.Error](err)
			switch {
			case !typed || *got != test.want:
				t.Errorf("error is\n     %+v\nwant %+v", err, test.want)
			case got.Error() != "deflate: "+test.want.Detail+" (RFC 7692, "+test.want.Section+")":
				t.Errorf("error reads %q", got)
			case ok || p != deflate.Params{}:
				t.Errorf("with an error: %+v, %v", p, ok)
			}
			checkClient(t, test.response, test.c)
		})
	}
}

// checkError checks what holds for every error of CheckResponse.
func checkError(t testing.TB, err error) {
	t.Helper()
	e, ok := errors.AsType[*deflate.Error](err)
	if !ok {
		t.Fatalf("error %v is a %T", err, err)
	}
	if e.Section == "" || e.Detail == "" || len(e.Error()) > 300 || len(e.Parameter)+len(e.Value) > 2*67 {
		t.Fatalf("error %+v", *e)
	}
	if (e.Parameter == "") != (e.Section == "5") {
		t.Fatalf("error %+v", *e)
	}
}

func TestCheckResponseAllocations(t *testing.T) {
	list := extensions(t, deflate.Offer(&deflate.Config{})+"=9")
	conntest.ShouldNotAllocate(t, func() {
		if _, ok, err := deflate.CheckResponse(list, &deflate.Config{}); !ok || err != nil {
			t.Fatal(ok, err)
		}
	})
}
