//go:build linux

package main

import (
	"time"

	"github.com/hawser-go/hawser/bench/peers/histogram"
)

// A Latency is a distribution of durations, in nanoseconds.
type Latency struct {
	Count uint64        `json:"count"`
	P50   time.Duration `json:"p50_ns"`
	P90   time.Duration `json:"p90_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p999_ns"`
	Max   time.Duration `json:"max_ns"`
}

func summary(h *histogram.Histogram) *Latency {
	return &Latency{
		Count: h.Count(), P50: h.Quantile(0.5), P90: h.Quantile(0.9), P99: h.Quantile(0.99), P999: h.Quantile(0.999), Max: h.Max(),
	}
}
