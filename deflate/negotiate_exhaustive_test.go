package deflate_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/handshake"
)

var parameterNames = []string{
	"server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits", "client_max_window_bits",
}

// parameterForms has what can be said of a parameter, NAME being its name. RELIABILITY X1.
var parameterForms = []string{
	"", "; NAME", "; NAME=0", "; NAME=7", "; NAME=8", "; NAME=9", "; NAME=15", "; NAME=16", "; NAME=08", "; NAME=+8",
	`; NAME="10"`, `; NAME="1\0"`, "; NAME; NAME", "; NAME=10; NAME=10", "; NAME; NAME=10",
}

// manyConfigs has every combination of takeover and of some window bits.
var manyConfigs = func() (configs []*deflate.Config) {
	for _, server := range []bool{false, true} {
		for _, client := range []bool{false, true} {
			for _, serverBits := range []int{0, 8, 10, 15} {
				for _, clientBits := range []int{-1, 3, 9, 14, 16} {
					configs = append(configs, &deflate.Config{
						ServerContextTakeover: server, ClientContextTakeover: client,
						ServerMaxWindowBits: serverBits, ClientMaxWindowBits: clientBits,
					})
				}
			}
		}
	}
	return append(configs, nil)
}()

// everyElement calls f with every permessage-deflate element in which each
// parameter has one of the forms.
func everyElement(f func(element string)) {
	var add func(element string, names []string)
	add = func(element string, names []string) {
		if len(names) == 0 {
			f(element)
			return
		}
		for _, form := range parameterForms {
			add(element+strings.ReplaceAll(form, "NAME", names[0]), names[1:])
		}
	}
	add("permessage-deflate", parameterNames)
}

// someElements are for lists, and for what is not about one of the four: three that
// every server may accept, then what must be passed over.
var someElements = []string{
	"permessage-deflate",
	"permessage-deflate; client_max_window_bits",
	"permessage-deflate; server_no_context_takeover; server_max_window_bits=9",
	"permessage-deflate; client_no_context_takeover; client_max_window_bits=11",
	"permessage-deflate; client_max_window_bits; server_max_window_bits=10",
	"permessage-deflate; server_max_window_bits",
	"permessage-deflate; client_max_window_bits=7",
	"permessage-deflate; server_no_context_takeover; server_no_context_takeover",
	"permessage-deflate; client_no_context_takeover=true",
	"permessage-deflate; server_max_window_bits=15; x",
	"permessage-deflate; x=10; client_max_window_bits",
	"permessage-deflate; Server_Max_Window_Bits=10",
	"permessage-deflate; server_max_window_bits=8.0",
	"permessage-deflate; server_max_window_bits=0x8",
	"permessage-deflate; server_max_window_bits=-8",
	"permessage-deflate; server_max_window_bits=18446744073709551626",
	"permessage-deflate; client_max_window_bits=115",
	"permessage-deflate; client_max_window_bits=1e",
	"Permessage-Deflate",
	"permessage-bzip2; client_max_window_bits",
	"x-webkit-deflate-frame",
}

func everyList(f func(list string)) {
	for _, a := range someElements {
		f(a)
		for _, b := range someElements {
			f(a + ", " + b)
			for _, c := range someElements {
				f(a + ", " + b + ", " + c)
			}
		}
	}
}

func extensions(t testing.TB, field string) []handshake.Extension {
	t.Helper()
	list, err := handshake.ParseExtensions([]string{field})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func checkServer(t testing.TB, field string, c *deflate.Config) {
	t.Helper()
	offer, want, wantOK := serverOracle(field, c)
	p, response, ok := deflate.Accept(extensions(t, field), c)
	if p != want || ok != wantOK {
		t.Fatalf("server of %+v was offered %q:\n got %+v, %v\nwant %+v, %v", c, field, p, ok, want, wantOK)
	}
	if !ok {
		if response != "" {
			t.Fatalf("server of %+v declines %q with %q", c, field, response)
		}
		return
	}
	if list := rfcParse(response); len(list) != 1 || list[0].name != "permessage-deflate" || !list[0].rfcValid(true) ||
		!rfcAnswers(offer, list[0]) || rfcParams(list[0]) != p {
		t.Fatalf("server of %+v answers %q with %q, which does not say %+v", c, field, response, p)
	}
	if s := handshake.FormatExtensions(extensions(t, response)); s != response {
		t.Fatalf("the response %q reads back as %q", response, s)
	}
}

func checkClient(t testing.TB, field string, c *deflate.Config) {
	t.Helper()
	want, wantOK, valid := clientOracle(field, deflate.Offer(c), c)
	p, ok, err := deflate.CheckResponse(extensions(t, field), c)
	if p != want || ok != wantOK || (err == nil) != valid {
		t.Fatalf("client of %+v got %q:\n got %+v, %v, %v\nwant %+v, %v, valid %v", c, field, p, ok, err, want, wantOK, valid)
	}
	if err != nil {
		checkError(t, err)
	}
}

func TestEveryElement(t *testing.T) {
	for _, role := range []struct {
		name  string
		check func(testing.TB, string, *deflate.Config)
	}{{"7/as_an_offer", checkServer}, {"7/as_a_response", checkClient}} {
		t.Run(role.name, func(t *testing.T) {
			random, cases := rand.New(rand.NewPCG(7, 692)), 0
			everyElement(func(element string) {
				role.check(t, element, manyConfigs[random.IntN(len(manyConfigs))])
				cases++
			})
			t.Logf("%d cases", cases)
		})
	}
}

func TestEveryList(t *testing.T) {
	for _, role := range []struct {
		name  string
		check func(testing.TB, string, *deflate.Config)
	}{{"5/of_offers", checkServer}, {"5/of_responses", checkClient}} {
		t.Run(role.name, func(t *testing.T) {
			random, cases := rand.New(rand.NewPCG(7, 692)), 0
			everyList(func(list string) {
				role.check(t, list, &deflate.Config{})
				role.check(t, list, manyConfigs[random.IntN(len(manyConfigs))])
				cases += 2
			})
			for _, c := range manyConfigs {
				for _, element := range someElements {
					role.check(t, element, c)
					cases++
				}
			}
			t.Logf("%d cases", cases)
		})
	}
}

// TestEveryValue: of all values of one and two octets, eight are window bits.
func TestEveryValue(t *testing.T) {
	const tchar = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for _, name := range parameterNames {
		t.Run("7.1/"+name, func(t *testing.T) {
			check := func(value string) {
				checkServer(t, "permessage-deflate; "+name+"="+value, &takeover)
				checkClient(t, "permessage-deflate; "+name+"="+value, &takeover)
			}
			for _, a := range tchar {
				check(string(a))
				for _, b := range tchar {
					check(string(a) + string(b))
				}
			}
		})
	}
}

// What one Config offers, every other accepts, and what it answers is taken; the
// receiver of each direction is ready for what the sender may do.
func TestEveryPair(t *testing.T) {
	for _, client := range manyConfigs {
		for _, server := range manyConfigs {
			checkPair(t, client, server)
		}
	}
}

func checkPair(t testing.TB, client, server *deflate.Config) {
	t.Helper()
	offer := deflate.Offer(client)
	var offers, answer []handshake.Extension
	if offer != "" {
		offers = extensions(t, offer)
		if e := rfcParse(offer); len(e) != 1 || !e[0].rfcValid(false) || handshake.FormatExtensions(offers) != offer {
			t.Fatalf("client of %+v offers %q", client, offer)
		}
	}
	atServer, response, accepted := deflate.Accept(offers, server)
	if accepted != (client != nil && server != nil) {
		t.Fatalf("server of %+v was offered %q, accepted %v", server, offer, accepted)
	}
	if accepted {
		answer = extensions(t, response)
	}
	atClient, ok, err := deflate.CheckResponse(answer, client)
	if err != nil || ok != accepted {
		t.Fatalf("client of %+v, server of %+v: %q, %q, %v, %v", client, server, offer, response, ok, err)
	}
	if !ok {
		return
	}
	serverSends, serverGets := atServer.ForServer()
	clientSends, clientGets := atClient.ForClient()
	for _, d := range []struct{ sends, gets deflate.Direction }{{serverSends, clientGets}, {clientSends, serverGets}} {
		if d.sends.WindowBits > d.gets.WindowBits || d.sends.ContextTakeover && !d.gets.ContextTakeover {
			t.Fatalf("client of %+v, server of %+v: one sends with %+v, the other expects %+v", client, server, d.sends, d.gets)
		}
	}
	// Each side sends as its own Config says, and keeps no more for the other.
	checkOwn(t, server, serverSends, server.ServerMaxWindowBits, server.ServerContextTakeover)
	checkOwn(t, client, clientSends, client.ClientMaxWindowBits, client.ClientContextTakeover)
	if serverGets.ContextTakeover {
		checkOwn(t, server, serverGets, server.ClientMaxWindowBits, server.ClientContextTakeover)
	}
	if clientGets.ContextTakeover {
		checkOwn(t, client, clientGets, client.ServerMaxWindowBits, client.ServerContextTakeover)
	}
}

func checkOwn(t testing.TB, c *deflate.Config, d deflate.Direction, bits int, takeover bool) {
	t.Helper()
	if d.WindowBits < 8 || d.WindowBits > wantBits(bits) || d.ContextTakeover && !takeover {
		t.Fatalf("%+v allows %+v", c, d)
	}
}
