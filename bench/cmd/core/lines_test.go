package main

import (
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/hawser-go/hawser/bench/rounds"
	"github.com/hawser-go/hawser/mask"
)

func TestWordLoopIsCorrect(t *testing.T) {
	for n := range 40 {
		a, b := make([]byte, n), make([]byte, n)
		key := mask.Key{1, 2, 3, 4}
		if got, want := wordLoop(a, key), mask.XOR(b, key); got != want || !slices.Equal(a, b) {
			t.Errorf("%d octets: %v %v, want %v %v", n, a, got, b, want)
		}
	}
}

// Each line runs, and there are no two of a name.
func TestLines(t *testing.T) {
	seen := make(map[string]bool)
	lines := allLines()
	for _, l := range lines {
		if seen[l.Name] || l.Per < 1 {
			t.Errorf("%s is there twice, or does %d operations", l.Name, l.Per)
		}
		seen[l.Name] = true
	}
	rounds.Measure(lines, 1, time.Nanosecond, os.Stderr)
	rounds.Table(io.Discard, lines)
}
