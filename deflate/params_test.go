package deflate_test

import (
	"testing"

	"github.com/hawser-go/hawser/deflate"
)

func TestParamsForEachRole(t *testing.T) {
	p := deflate.Params{ServerNoContextTakeover: true, ServerMaxWindowBits: 9, ClientMaxWindowBits: 12}
	server, client := deflate.Direction{WindowBits: 9}, deflate.Direction{WindowBits: 12, ContextTakeover: true}
	if compress, inflate := p.ForServer(); compress != server || inflate != client {
		t.Errorf("7: a server compresses with %+v and inflates with %+v", compress, inflate)
	}
	if compress, inflate := p.ForClient(); compress != client || inflate != server {
		t.Errorf("7: a client compresses with %+v and inflates with %+v", compress, inflate)
	}
	p = deflate.Params{ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 8}
	server, client = deflate.Direction{WindowBits: 15, ContextTakeover: true}, deflate.Direction{WindowBits: 8}
	if compress, inflate := p.ForServer(); compress != server || inflate != client {
		t.Errorf("7: a server compresses with %+v and inflates with %+v", compress, inflate)
	}
}

func TestMinSize(t *testing.T) {
	for _, test := range []struct {
		name            string
		threshold, want int
	}{
		{"7.3/default", 0, deflate.DefaultThreshold}, {"7.3/none", -1, 0}, {"7.3/one", 1, 1}, {"7.3/larger", 4096, 4096},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := (&deflate.Config{Threshold: test.threshold}).MinSize(); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
	if (deflate.Config{}).Level != deflate.LevelFast {
		t.Error("LevelFast is not the default")
	}
}
