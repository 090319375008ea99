package handshake_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/conntest"
)

// browserRequest is an opening handshake as a browser sends it.
var browserRequest = head{
	"GET /chat?room=1 HTTP/1.1",
	"Host: server.example.com:8080",
	"Connection: Upgrade",
	"Pragma: no-cache",
	"Cache-Control: no-cache",
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
	"Upgrade: websocket",
	"Origin: http://server.example.com:8080",
	"Sec-WebSocket-Version: 13",
	"Accept-Encoding: gzip, deflate, br, zstd",
	"Accept-Language: en-US,en;q=0.9",
	"Cookie: session=0123456789abcdef0123456789abcdef",
	"Sec-WebSocket-Key: " + sampleKey,
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
	"Sec-WebSocket-Protocol: chat, superchat",
}

// parseHead reads s, which is complete.
func parseHead(t testing.TB, s string) *handshake.Head {
	t.Helper()
	h := handshake.NewHead(0, 0)
	if n, err := h.Parse([]byte(s)); n == 0 || err != nil {
		t.Fatalf("%q: %d bytes, %v", s, n, err)
	}
	return h
}

// contents returns what h has read, one line each.
func contents(h *handshake.Head) []string {
	major, minor := h.Version()
	list := []string{fmt.Sprintf("%s %s %d %d", h.Method(), h.Target(), major, minor)}
	for i := range h.Fields() {
		name, value := h.Field(i)
		list = append(list, fmt.Sprintf("%s|%s", name, value))
	}
	return list
}

// What is read, in every way to cut it.
func TestHead(t *testing.T) {
	for _, test := range []struct {
		name string
		head string
		want []string
	}{
		{"9112,2.1/no_field", "GET / HTTP/1.1\r\n\r\n", []string{"GET / 1 1"}},
		{"9112,2.1/fields", "GET /a?b HTTP/1.0\r\nHost: c\r\nX: d\r\nx: e\r\n\r\n", []string{"GET /a?b 1 0", "Host|c", "X|d", "x|e"}},
		{"9112,2.2/empty_line_first", "\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n", []string{"GET / 1 1", "A|b"}},
		{"9112,2.3/version", "GET / HTTP/0.9\r\n\r\n", []string{"GET / 0 9"}},
		{"9112,3/any_method", "!#$%&'*+-.^_`|~09azAZ * HTTP/2.0\r\n\r\n", []string{"!#$%&'*+-.^_`|~09azAZ * 2 0"}},
		{"9112,3.2/any_target", "GET ]\xff\"#%\x80 HTTP/1.1\r\n\r\n", []string{"GET ]\xff\"#%\x80 1 1"}},
		{"9112,5/no_white_space", "GET / HTTP/1.1\r\nA:b\r\n\r\n", []string{"GET / 1 1", "A|b"}},
		{"9112,5/white_space_around", "GET / HTTP/1.1\r\nA: \t b \tc\t \r\n\r\n", []string{"GET / 1 1", "A|b \tc"}},
		{"9110,5.5/empty_values", "GET / HTTP/1.1\r\nA:\r\nB: \t\r\nC:\r\n\r\n", []string{"GET / 1 1", "A|", "B|", "C|"}},
		{"9110,5.5/any_visible_byte", "GET / HTTP/1.1\r\nA: :\"\\\x80\xff(),/;<=>?@[]{}\r\n\r\n", []string{"GET / 1 1", "A|:\"\\\x80\xff(),/;<=>?@[]{}"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := contents(parseHead(t, test.head)); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			for name, pieces := range conntest.Chop([]byte(test.head)) {
				h := handshake.NewHead(0, 0)
				n, err := feed(h, pieces)
				if n != len(test.head) || err != nil {
					t.Fatalf("%s: %d bytes, %v", name, n, err)
				}
				if got := contents(h); !slices.Equal(got, test.want) {
					t.Errorf("%s: got %q, want %q", name, got, test.want)
				}
			}
		})
	}
}

// feed gives h the pieces until it has enough.
func feed(h *handshake.Head, pieces [][]byte) (n int, err error) {
	var b []byte
	for _, piece := range pieces {
		b = append(b, piece...)
		if n, err = h.Parse(b); n != 0 || err != nil {
			return n, err
		}
		if h.Method() != nil || h.Target() != nil {
			return 0, errors.New("there is a view of an incomplete head")
		}
	}
	return 0, nil
}

// T-SLOWHEAD: what has been read is not read again, so it may change, and the
// work is linear however the head comes.
func TestHeadReadsEachByteOnce(t *testing.T) {
	whole := []byte(browserRequest.String())
	want := contents(parseHead(t, string(whole)))
	b := make([]byte, len(whole))
	h := handshake.NewHead(0, 0)
	for i := range whole {
		clear(b[:i]) // NUL is an error anywhere
		b[i] = whole[i]
		n, err := h.Parse(b[:i+1])
		if err != nil || (n != 0) != (i == len(whole)-1) {
			t.Fatalf("1.3/T-SLOWHEAD: byte %d: %d, %v", i, n, err)
		}
	}
	copy(b, whole)
	if got := contents(h); !slices.Equal(got, want) {
		t.Errorf("1.3/T-SLOWHEAD: got %q, want %q", got, want)
	}
}

// Bytes behind the head are not looked at (H9).
func TestHeadLeavesWhatIsBehind(t *testing.T) {
	whole := browserRequest.String()
	for _, behind := range []string{"\x81\x80", "\r\n", "GET / HTTP/1.1\r\n", strings.Repeat("\x00", 32<<10)} {
		h := handshake.NewHead(0, 0)
		if n, err := h.Parse([]byte(whole + behind)); n != len(whole) || err != nil {
			t.Errorf("4.1/H9: %d, %v, want %d", n, err, len(whole))
		}
		if n, err := h.Parse([]byte(whole)); n != len(whole) || err != nil {
			t.Errorf("4.1/H9: again: %d, %v, want %d", n, err, len(whole))
		}
	}
}

// What is refused at its first wrong byte, and for ever.
func TestHeadRefuses(t *testing.T) {
	const start = "GET / HTTP/1.1\r\n"
	for _, test := range []struct {
		name    string
		head    string // up to the wrong byte
		section string
		detail  string
	}{
		{"9112,2.2/two_empty_lines_first", "\r\n\r", "RFC 9112, 3", "the method has the byte 0x0d at byte 2 of the request head"},
		{"9112,2.2/CR_first", "\rG", "RFC 9112, 2.2", "a CR without LF at byte 0 of the request head"},
		{"9112,2.2/LF_first", "\n", "RFC 9112, 3", "the method has the byte 0x0a at byte 0 of the request head"},
		{"9112,3/space_first", " ", "RFC 9112, 3", "the method has the byte 0x20 at byte 0 of the request head"},
		{"9112,3/TLS_ClientHello", "\x16", "RFC 9112, 3", "the method has the byte 0x16 at byte 0 of the request head"},
		{"9112,3/HTTP_0.9", "GET /\r", "RFC 9112, 3", "the request-target has the byte 0x0d at byte 5 of the request head"},
		{"9112,3/method_no_token", "GE(", "RFC 9112, 3", "the method has the byte 0x28 at byte 2 of the request head"},
		{"9112,3/tab_behind_the_method", "GET\t", "RFC 9112, 3", "the method has the byte 0x09 at byte 3 of the request head"},
		{"9112,3/two_spaces", "GET  ", "RFC 9112, 3", "the request-target has the byte 0x20 at byte 4 of the request head"},
		{"9112,3/H11/CR_in_the_target", "GET /\r", "RFC 9112, 3", "the request-target has the byte 0x0d at byte 5 of the request head"},
		{"9112,3/H11/LF_in_the_target", "GET /\n", "RFC 9112, 3", "the request-target has the byte 0x0a at byte 5 of the request head"},
		{"9112,3/H11/NUL_in_the_target", "GET /\x00", "RFC 9112, 3", "the request-target has the byte 0x00 at byte 5 of the request head"},
		{"9112,3/H11/DEL_in_the_target", "GET /\x7f", "RFC 9112, 3", "the request-target has the byte 0x7f at byte 5 of the request head"},
		{"9112,3/space_in_the_target", "GET /a b", "RFC 9112, 3", "the HTTP version has the byte 0x62 at byte 7 of the request head"},
		{"9112,2.3/lower_case", "GET / h", "RFC 9112, 3", "the HTTP version has the byte 0x68 at byte 6 of the request head"},
		{"9112,2.3/no_slash", "GET / HTTP-", "RFC 9112, 3", "the HTTP version has the byte 0x2d at byte 10 of the request head"},
		{"9112,2.3/two_digits", "GET / HTTP/1.10", "RFC 9112, 3", "the HTTP version has the byte 0x30 at byte 14 of the request head"},
		{"9112,2.3/no_minor", "GET / HTTP/1\r", "RFC 9112, 3", "the HTTP version has the byte 0x0d at byte 12 of the request head"},
		{"9112,2.3/letter", "GET / HTTP/x", "RFC 9112, 3", "the HTTP version has the byte 0x78 at byte 11 of the request head"},
		{"9112,2.2/H10/LF_behind_the_request_line", "GET / HTTP/1.1\n", "RFC 9112, 3", "the HTTP version has the byte 0x0a at byte 14 of the request head"},
		{"9112,2.2/H10/CR_behind_the_request_line", "GET / HTTP/1.1\rH", "RFC 9112, 2.2", "a CR without LF at byte 14 of the request head"},
		{"9112,3/space_behind_the_version", "GET / HTTP/1.1 ", "RFC 9112, 3", "the HTTP version has the byte 0x20 at byte 14 of the request head"},
		{"9112,2.2/H10/leading_space", start + " ", "RFC 9112, 5.2", "a line of the request head starts with white space, at byte 16; a field must stand on one line"},
		{"9112,5.2/H10/obs-fold", start + "A: b\r\n ", "RFC 9112, 5.2", "a line of the request head starts with white space, at byte 22; a field must stand on one line"},
		{"9112,5.2/H10/obs-fold_with_tab", start + "A: b\r\n\t", "RFC 9112, 5.2", "a line of the request head starts with white space, at byte 22; a field must stand on one line"},
		{"9112,5.1/H10/space_before_colon", start + "A ", "RFC 9112, 5.1", "a field name has the byte 0x20 at byte 17 of the request head"},
		{"9112,5.1/no_name", start + ":", "RFC 9112, 5.1", "a field name has the byte 0x3a at byte 16 of the request head"},
		{"9112,5.1/no_colon", start + "A\r", "RFC 9112, 5.1", "a field name has the byte 0x0d at byte 17 of the request head"},
		{"9112,5.1/name_no_token", start + "A\x80", "RFC 9112, 5.1", "a field name has the byte 0x80 at byte 17 of the request head"},
		{"9112,5.1/LF_for_the_empty_line", start + "\n", "RFC 9112, 5.1", "a field name has the byte 0x0a at byte 16 of the request head"},
		{"9110,5.5/H10/NUL", start + "A: b\x00", "RFC 9110, 5.5", "a field value has the byte 0x00 at byte 20 of the request head"},
		{"9110,5.5/H10/LF", start + "A: b\n", "RFC 9110, 5.5", "a field value has the byte 0x0a at byte 20 of the request head"},
		{"9110,5.5/DEL", start + "A: b\x7f", "RFC 9110, 5.5", "a field value has the byte 0x7f at byte 20 of the request head"},
		{"9110,5.5/control_first", start + "A: \x1b", "RFC 9110, 5.5", "a field value has the byte 0x1b at byte 19 of the request head"},
		{"9112,2.2/H10/CR_in_a_value", start + "A: b\rc", "RFC 9112, 2.2", "a CR without LF at byte 20 of the request head"},
		{"9112,2.2/CR_before_CRLF", start + "A: b\r\r", "RFC 9112, 2.2", "a CR without LF at byte 20 of the request head"},
		{"9112,2.2/CR_at_the_end", start + "\r\r", "RFC 9112, 2.2", "a CR without LF at byte 16 of the request head"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, pieces := range conntest.Chop([]byte(test.head)) {
				h := handshake.NewHead(0, 0)
				if n, err := feed(h, pieces[:len(pieces)-1]); n != 0 || err != nil && len(pieces[len(pieces)-1]) == 1 {
					t.Fatalf("%s: before the wrong byte: %d, %v", name, n, err)
				}
				for range 2 {
					n, err := h.Parse([]byte(test.head + "\r\n\r\n"))
					if n != 0 {
						t.Errorf("%s: %d bytes", name, n)
					}
					wantError(t, err, 400, test.section, test.detail, "Connection: close")
				}
			}
		})
	}
}

// The limits, exactly.
func TestHeadLimits(t *testing.T) {
	const line, end = "GET / HTTP/1.1\r\n", "\r\n"
	pad := func(n int) string {
		return line + "A: " + strings.Repeat("x", n-len(line)-len("A: \r\n\r\n")) + "\r\n\r\n"
	}
	target := func(n int) string {
		return "GET /" + strings.Repeat("x", n-len("GET / HTTP/1.1\r\n\r\n")) + " HTTP/1.1\r\n\r\n"
	}
	fields := func(n int) string { return line + strings.Repeat("A:\r\n", n) + end }
	const large, many = "the request head is larger than ", "the request head has more than "
	for _, test := range []struct {
		name             string
		bytes, fields    int
		head             string
		status           int
		section, details string
	}{
		{"9112,2.1/T-HDR/16_KiB", 0, 0, pad(16384), 0, "", ""},
		{"9112,2.1/T-HDR/16_KiB_and_1", 0, 0, pad(16385), 431, "RFC 6585, 5", large + "16384 bytes"},
		{"9112,2.1/T-HDR/1_MiB", 0, 0, pad(1 << 20), 431, "RFC 6585, 5", large + "16384 bytes"},
		{"9112,2.1/T-HDR/64_fields", 0, 0, fields(64), 0, "", ""},
		{"9112,2.1/T-HDR/65_fields", 0, 0, fields(65), 431, "RFC 6585, 5", many + "64 field lines"},
		{"9112,2.1/T-HDR/200_fields", 0, 0, fields(200), 431, "RFC 6585, 5", many + "64 field lines"},
		{"9112,3/target_of_16_KiB", 0, 0, target(16384), 0, "", ""},
		{"9112,3/target_of_17_KiB", 0, 0, target(17 << 10), 414, "RFC 9112, 3", "the request line is longer than 16384 bytes"},
		{"9112,2.1/100_bytes", 100, 0, pad(100), 0, "", ""},
		{"9112,2.1/101_bytes", 100, 0, pad(101), 431, "RFC 6585, 5", large + "100 bytes"},
		{"9112,2.1/long_method", 100, 0, strings.Repeat("x", 200), 431, "RFC 6585, 5", large + "100 bytes"},
		{"9112,2.1/one_field", 0, 1, fields(1), 0, "", ""},
		{"9112,2.1/two_fields", 0, 1, fields(2), 431, "RFC 6585, 5", many + "1 field lines"},
		{"9112,2.1/100_fields", 1 << 20, 100, fields(100), 0, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, pieces := range conntest.Chop([]byte(test.head)) {
				if len(pieces) > 1<<15 {
					continue // it is the same there, and quadratic in the test's copies
				}
				n, err := feed(handshake.NewHead(test.bytes, test.fields), pieces)
				if test.status == 0 {
					if n != len(test.head) || err != nil {
						t.Errorf("%s: %d bytes, %v", name, n, err)
					}
					continue
				}
				wantError(t, err, test.status, test.section, test.details, "Connection: close")
			}
		})
	}
	for _, limits := range [][2]int{{-1, 1}, {1, -1}, {1<<30 + 1, 1}} {
		func() {
			defer func() {
				want := fmt.Sprintf("hawser/handshake: a Head of %d bytes and %d fields", limits[0], limits[1])
				if got := recover(); got != want {
					t.Errorf("panics with %v, want %q", got, want)
				}
			}()
			handshake.NewHead(limits[0], limits[1])
		}()
	}
}

// A Head that is used again has nothing of the head before, and does not keep
// large slices.
func TestHeadReset(t *testing.T) {
	h := handshake.NewHead(0, 0)
	if _, err := h.Parse([]byte("\x00")); err == nil {
		t.Fatal("NUL is accepted")
	}
	for range 3 {
		h.Reset()
		many := sampleRequest.with("Sec-WebSocket-Extensions", "Sec-WebSocket-Extensions: a"+strings.Repeat("; b=c", 64))
		if _, err := h.Parse([]byte(many.String())); err != nil {
			t.Fatal(err)
		}
		q, err := handshake.CheckHead(h)
		if err != nil || len(q.Extensions) != 1 || len(q.Extensions[0].Params) != 64 || len(q.Subprotocols) != 2 {
			t.Fatalf("%+v, %v", q, err)
		}
		reused := q.Subprotocols
		h.Reset()
		for _, s := range reused[:cap(reused)] {
			if s != "" {
				t.Errorf("1.2/the Head keeps %q of the one before", s)
			}
		}
		if q.Host != "" || len(q.Subprotocols) != 0 || len(q.Extensions) != 0 {
			t.Errorf("2.9: the Request is not emptied: %+v", q)
		}
		var offer []string
		for i := range 65 {
			offer = append(offer, fmt.Sprint("v", i))
		}
		if _, err := h.Parse([]byte(sampleRequest.with("Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: "+strings.Join(offer, ",")).String())); err != nil {
			t.Fatal(err)
		}
		if q, err = handshake.CheckHead(h); err != nil || len(q.Subprotocols) != 65 {
			t.Fatalf("%+v, %v", q, err)
		}
		if h.Reset(); cap(q.Subprotocols) > 64 {
			t.Errorf("1.2/the Head keeps room for %d subprotocols", cap(q.Subprotocols))
		}
		if _, err := h.Parse([]byte(browserRequest.String())); err != nil {
			t.Fatal(err)
		}
		if got, want := contents(h), contents(parseHead(t, browserRequest.String())); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Reading and checking a browser's head allocates nothing but the one string
// from which everything in the Request is cut.
func TestHeadAllocations(t *testing.T) {
	b := []byte(browserRequest.String())
	h := handshake.NewHead(0, 0)
	parse := func() {
		h.Reset()
		if n, err := h.Parse(b); n != len(b) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	parse()
	if _, err := handshake.CheckHead(h); err != nil {
		t.Fatal(err)
	}
	conntest.ShouldNotAllocate(t, parse)
	conntest.ShouldNotAllocate(t, func() { // one byte at a time
		h.Reset()
		for i := range b {
			if _, err := h.Parse(b[:i+1]); err != nil {
				t.Fatal(err)
			}
		}
	})
	response := make([]byte, 0, 512)
	check := func() {
		parse()
		q, err := handshake.CheckHead(h)
		if err != nil {
			t.Fatal(err)
		}
		if err := handshake.CheckOrigin(q, nil); err != nil {
			t.Fatal(err)
		}
		p, err := q.Response([]string{"superchat"})
		if err != nil || p.Subprotocol != "superchat" {
			t.Fatalf("%+v, %v", p, err)
		}
		if _, err := handshake.AppendResponse(response[:0], p); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(100, check); n > 1 && !conntest.RaceEnabled {
		t.Errorf("%v allocations for a whole handshake, want 1", n)
	}
}

func BenchmarkHeadParse(b *testing.B) {
	whole := []byte(browserRequest.String())
	h := handshake.NewHead(0, 0)
	b.Run("whole", func(b *testing.B) {
		b.SetBytes(int64(len(whole)))
		b.ReportAllocs()
		for b.Loop() {
			h.Reset()
			h.Parse(whole)
		}
	})
	b.Run("one_byte_at_a_time", func(b *testing.B) {
		b.SetBytes(int64(len(whole)))
		b.ReportAllocs()
		for b.Loop() {
			h.Reset()
			for i := range whole {
				h.Parse(whole[:i+1])
			}
		}
	})
	b.Run("16_KiB", func(b *testing.B) {
		large := bytes.Replace(whole, []byte("Cookie: "), append([]byte("Cookie: "), bytes.Repeat([]byte("x"), 15000)...), 1)
		b.SetBytes(int64(len(large)))
		b.ReportAllocs()
		for b.Loop() {
			h.Reset()
			h.Parse(large)
		}
	})
}

// The whole handshake between the bytes that came and those to be sent.
func BenchmarkHeadCheck(b *testing.B) {
	whole := []byte(browserRequest.String())
	h := handshake.NewHead(0, 0)
	response := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		h.Reset()
		h.Parse(whole)
		q, err := handshake.CheckHead(h)
		if err != nil {
			b.Fatal(err)
		}
		if err := handshake.CheckOrigin(q, nil); err != nil {
			b.Fatal(err)
		}
		p, _ := q.Response(nil)
		response, _ = handshake.AppendResponse(response[:0], p)
	}
}
