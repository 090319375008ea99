package handshake_test

import (
	"testing"

	"github.com/hawser-go/hawser/handshake"
)

func TestSelectSubprotocol(t *testing.T) {
	for _, test := range []struct {
		name               string
		offered, supported []string
		want               string
	}{
		{"4.2.2/none_offered", nil, []string{"chat"}, ""},
		{"4.2.2/none_supported", []string{"chat"}, nil, ""},
		{"4.2.2/one", []string{"chat"}, []string{"chat"}, "chat"},
		{"4.2.2/none_in_common", []string{"a", "b"}, []string{"c", "d"}, ""},
		{"4.2.2/the_server_prefers", []string{"a", "b", "c"}, []string{"x", "c", "a"}, "c"},
		{"4.2.2/case", []string{"Chat"}, []string{"chat"}, ""},
		{"4.2.2/prefix", []string{"chat2"}, []string{"chat"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := handshake.SelectSubprotocol(test.offered, test.supported); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
