package conn

import (
	"fmt"
	"net"
	"reflect"
	"testing"

	"github.com/hawser-go/hawser/internal/evloop"
)

// TestSizes: what a connection at rest has of its own, where pointers have 64 bits. Each bound is a size class of the allocator's: one byte more costs up to 64.
func TestSizes(t *testing.T) {
	if reflect.TypeFor[uintptr]().Size() != 8 {
		t.Skip("pointers are smaller here")
	}
	for _, tt := range []struct {
		of   reflect.Type
		most uintptr
	}{
		{reflect.TypeFor[Conn](), 512},
		{reflect.TypeFor[loopDriver](), 128},
		{reflect.TypeFor[evloop.Conn](), 80},
		{reflect.TypeFor[socket](), 128},
		{reflect.TypeFor[reading](), 224},
	} {
		if n := tt.of.Size(); n > tt.most {
			t.Errorf("%v has %d bytes, more than %d", tt.of, n, tt.most)
		}
	}
}

// addressed is a net.Conn with addresses.
type addressed struct {
	net.Conn
	ours, theirs net.Addr
}

func (a addressed) LocalAddr() net.Addr  { return a.ours }
func (a addressed) RemoteAddr() net.Addr { return a.theirs }

// TestAddresses: those that are kept in little memory are the same.
func TestAddresses(t *testing.T) {
	v4, mapped, v6 := net.IP{192, 0, 2, 1}, net.IPv4(192, 0, 2, 2), net.ParseIP("2001:db8::1")
	for _, tt := range []struct {
		name         string
		ours, theirs net.Addr
		compact      bool
	}{
		{"IPv4", &net.TCPAddr{IP: v4, Port: 80}, &net.TCPAddr{IP: net.IP{192, 0, 2, 3}, Port: 65535}, true},
		{"IPv6", &net.TCPAddr{IP: v6, Port: 80}, &net.TCPAddr{IP: net.ParseIP("2001:db8::2"), Port: 1}, true},
		{"IPv4_in_IPv6", &net.TCPAddr{IP: mapped, Port: 80}, &net.TCPAddr{IP: mapped, Port: 1}, true},
		{"zone_of_ours", &net.TCPAddr{IP: v6, Port: 80, Zone: "eth0"}, &net.TCPAddr{IP: v6, Port: 1}, true},
		{"zone_of_theirs", &net.TCPAddr{IP: v6, Port: 80}, &net.TCPAddr{IP: v6, Port: 1, Zone: "eth0"}, false},
		{"two_families", &net.TCPAddr{IP: v4, Port: 80}, &net.TCPAddr{IP: v6, Port: 1}, false},
		{"Unix", &net.UnixAddr{Name: "a", Net: "unix"}, &net.UnixAddr{Net: "unix"}, false},
		{"none", (*net.TCPAddr)(nil), (*net.TCPAddr)(nil), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, port := newAddresses(addressed{ours: tt.ours, theirs: tt.theirs})
			if (a.other == nil) != tt.compact {
				t.Errorf("compact: %t", a.other == nil)
			}
			got, want := fmt.Sprint(a.local(), a.remote(port)), fmt.Sprint(tt.ours, tt.theirs)
			if got != want || a.local().Network() != tt.ours.Network() || a.remote(port).Network() != tt.theirs.Network() {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}
