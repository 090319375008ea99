package conntest

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// fakeTB is a test that fails without failing the test that plays with it.
type fakeTB struct {
	testing.TB
	log      []string
	failed   bool
	cleanups []func()
}

func (f *fakeTB) Helper()      {}
func (f *fakeTB) Failed() bool { return f.failed }

func (f *fakeTB) Errorf(format string, args ...any) {
	f.failed = true
	f.log = append(f.log, fmt.Sprintf(format, args...))
}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

func (f *fakeTB) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }

func (f *fakeTB) cleanup() {
	for _, c := range slices.Backward(f.cleanups) {
		c()
	}
}

// failure runs body with a fake test and returns what it failed with.
func failure(body func(t testing.TB)) string {
	f := new(fakeTB)
	done := make(chan struct{})
	go func() {
		defer close(done)
		body(f)
	}()
	<-done
	return strings.Join(f.log, "\n")
}

// wantFailure wants body to fail with a message that has all these parts.
func wantFailure(t *testing.T, body func(t testing.TB), parts ...string) {
	t.Helper()
	got := failure(body)
	if got == "" {
		t.Fatal("no failure")
	}
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("message lacks %q:\n%s", part, got)
		}
	}
}

// wantPanic wants f to panic with this message.
func wantPanic(t *testing.T, message string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := fmt.Sprint(recover()); got != message {
			t.Errorf("panic %q, want %q", got, message)
		}
	}()
	f()
}
