package main

import (
	"bytes"
	"io"
	"os"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/hawser-go/hawser/bench/rounds"
	"github.com/hawser-go/hawser/bench/workload"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/mask"
)

// TestSameResult: what is compared does the same.
func TestSameResult(t *testing.T) {
	for n := range 300 {
		a, b := bytes.Repeat([]byte("x"), n), bytes.Repeat([]byte("x"), n)
		mask.XOR(a, workload.Key)
		ws.Cipher(b, workload.Key, 0)
		if !bytes.Equal(a, b) {
			t.Errorf("%d octets are masked differently", n)
		}
	}
	for _, h := range workload.Headers {
		encoded := frame.AppendHeader(nil, h.Header)
		theirs, err := ws.ReadHeader(bytes.NewReader(encoded))
		var w bytes.Buffer
		if err != nil || ws.WriteHeader(&w, theirs) != nil || !bytes.Equal(w.Bytes(), encoded) {
			t.Errorf("%s: %x, theirs %x, %v", h.Name, encoded, w.Bytes(), err)
		}
	}
}

func TestLines(t *testing.T) {
	lines := lines()
	rounds.Measure(lines, 1, time.Nanosecond, os.Stderr)
	rounds.Table(io.Discard, lines)
}
