package conn

import (
	"log/slog"
	"math"
	"net/http"
	"reflect"
	"testing"
	"time"
)

// TestConfigResolved: "For each number zero means the documented default, and negative means none."
func TestConfigResolved(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  *Config
		want Config // the numbers
	}{
		{"2.9/nil", nil, Config{MessageLimit: 1 << 20, SendQueue: 1 << 20, HandshakeTimeout: 10 * time.Second, CloseTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second,
			PingInterval: 20 * time.Second, PongTimeout: 20 * time.Second}},
		{"2.9/zero", &Config{}, Config{MessageLimit: 1 << 20, SendQueue: 1 << 20, HandshakeTimeout: 10 * time.Second, CloseTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second,
			PingInterval: 20 * time.Second, PongTimeout: 20 * time.Second}},
		{"2.9/set", &Config{MessageLimit: 7, SendQueue: 8, WhenFull: DropOldest, HandshakeTimeout: 1, CloseTimeout: 2, WriteTimeout: 3, PingInterval: 4, PongTimeout: 5, IdleTimeout: 6},
			Config{MessageLimit: 7, SendQueue: 8, WhenFull: DropOldest, HandshakeTimeout: 1, CloseTimeout: 2, WriteTimeout: 3, PingInterval: 4, PongTimeout: 5, IdleTimeout: 6}},
		{"2.9/negative", &Config{MessageLimit: -1, SendQueue: -1, HandshakeTimeout: -1, CloseTimeout: -time.Hour, WriteTimeout: math.MinInt64, PingInterval: -1, PongTimeout: -1, IdleTimeout: -1},
			Config{MessageLimit: math.MaxInt - 1<<16, SendQueue: math.MaxInt - 1<<16}},
		{"2.9/most_negative", &Config{MessageLimit: math.MinInt64, SendQueue: math.MinInt64, HandshakeTimeout: math.MinInt64, CloseTimeout: math.MinInt64, WriteTimeout: -1, PingInterval: math.MinInt64, PongTimeout: math.MinInt64, IdleTimeout: math.MinInt64},
			Config{MessageLimit: math.MaxInt - 1<<16, SendQueue: math.MaxInt - 1<<16}},
		{"2.9/more_than_a_slice_holds", &Config{MessageLimit: math.MaxInt64, SendQueue: math.MaxInt64, HandshakeTimeout: math.MaxInt64, CloseTimeout: math.MaxInt64, WriteTimeout: math.MaxInt64, PingInterval: math.MaxInt64, PongTimeout: math.MaxInt64, IdleTimeout: math.MaxInt64},
			Config{MessageLimit: math.MaxInt - 1<<16, SendQueue: math.MaxInt - 1<<16, HandshakeTimeout: math.MaxInt64, CloseTimeout: math.MaxInt64, WriteTimeout: math.MaxInt64, PingInterval: math.MaxInt64, PongTimeout: math.MaxInt64, IdleTimeout: math.MaxInt64}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.cfg.resolved()
			if got.Logger != slog.Default() {
				t.Error("Logger is not slog.Default()")
			}
			got.Logger = nil
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("resolved is\n%+v, want\n%+v", got, tt.want)
			}
		})
	}
}

func TestConfigResolvedKeepsTheRest(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	cfg := Config{Logger: logger, Subprotocols: []string{"a"}, Origins: []string{"*"}, Header: http.Header{"A": {"b"}}}
	before := cfg
	got := cfg.resolved()
	if got.Logger != logger || got.Subprotocols[0] != "a" || got.Origins[0] != "*" || got.Header.Get("A") != "b" {
		t.Errorf("resolved is %+v", got)
	}
	if !reflect.DeepEqual(cfg, before) {
		t.Errorf("Config was written to: %+v", cfg)
	}
}

// TestConfigLimits: "A message may come in 1,024 + MessageLimit/64 fragments".
func TestConfigLimits(t *testing.T) {
	for _, tt := range []struct {
		name               string
		limit              int64
		message, fragments uint64
	}{
		{"2.2/default", 0, 1 << 20, 1024 + 1<<14},
		{"2.2/small", 1, 1, 1024},
		{"2.2/none", -1, math.MaxInt - 1<<16, 1024 + (math.MaxInt-1<<16)/64},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := (&Config{MessageLimit: tt.limit}).resolved()
			if got := messageLimits(cfg.MessageLimit); got.Message != tt.message || got.Fragments != tt.fragments {
				t.Errorf("limits are %+v, want %d and %d", got, tt.message, tt.fragments)
			}
		})
	}
}

func TestConfigValidOrigins(t *testing.T) {
	for _, tt := range []struct {
		name    string
		origins []string
		want    string // of the error, "" for none
	}{
		{"10.2/empty", nil, ""},
		{"10.2/good", []string{"https://example.com", "http://localhost:8080", "null", "*", "self"}, ""},
		{"10.2/no_scheme", []string{"https://example.com", "example.com"}, `Config.Origins: handshake: "example.com" is no origin like "https://example.com": no "scheme://"`},
		{"10.2/pattern", []string{"https://*.example.com"}, ""},
		{"10.2/bad_pattern", []string{"https://*.com"}, `Config.Origins: handshake: "https://*.com" is no origin like "https://example.com": behind "*." a name of two labels or more must stand`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := (&Config{Origins: tt.origins}).validOrigins()
			if got := errText(err); got != tt.want {
				t.Errorf("error is %q, want %q", got, tt.want)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
