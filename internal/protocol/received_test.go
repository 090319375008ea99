package protocol

import (
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// TestReceived: what has come of a message counts byte by byte, control frames do not, and between messages nothing has.
func TestReceived(t *testing.T) {
	r := NewReceiver(Client, Limits{Message: 1000, Fragments: 10})
	for _, step := range []struct {
		name, header, payload string
		want                  uint64
	}{
		{"10.4/before_a_message", "", "", 0},
		{"10.4/header", "01 0a", "", 0},
		{"10.4/part", "", "abc", 3},
		{"10.4/first_fragment", "", "defghij", 10},
		{"10.4/ping_between", "89 04", "", 10},
		{"10.4/inside_the_ping", "", "xy", 10},
		{"10.4/behind_the_ping", "", "zz", 10},
		{"10.4/last_fragment", "80 05", "", 10},
		{"10.4/part_of_it", "", "kl", 12},
		{"10.4/whole_message", "", "mno", 0},
		{"10.4/ping_after_it", "89 04", "", 0},
		{"10.4/inside_that", "", "xy", 0},
		{"10.4/behind_that", "", "zz", 0},
	} {
		t.Run(step.name, func(t *testing.T) {
			if step.header != "" {
				if n, err := r.Header(conntest.Hex(step.header)); n != 2 || err != nil {
					t.Fatal(n, err)
				}
			}
			if step.payload != "" {
				if _, err := r.Payload([]byte(step.payload)); err != nil {
					t.Fatal(err)
				}
			}
			if got := r.Received(); got != step.want {
				t.Errorf("%d bytes have come, want %d", got, step.want)
			}
		})
	}
}
