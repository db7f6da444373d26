package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// findings are what a run has measured.
type findings struct {
	Shape   string `json:"shape"`
	Returns int    `json:"returns"`
	Size    int    `json:"size"`
	Jobs    int    `json:"jobs"`
	Run     string `json:"run"` // what its jids end in

	Published      int     `json:"published"`
	PublishSeconds float64 `json:"publish_seconds"`
	PublishRate    float64 `json:"publish_rate"`
	Readable       int     `json:"readable"`
	DrainSeconds   float64 `json:"drain_seconds"`
	DrainRate      float64 `json:"drain_rate"`

	Probes     int     `json:"probes"`
	Median     float64 `json:"readable_p50_ms"`
	Percent99  float64 `json:"readable_p99_ms"`
	LongestMS  float64 `json:"readable_max_ms"`
	quantileOf []time.Duration
}

// measured takes the probe's times, and works out the rates.
func (f *findings) measured(times []time.Duration) {
	f.quantileOf = slices.Sorted(slices.Values(times))
	f.Probes = len(times)
	f.Median, f.Percent99, f.LongestMS = f.quantile(.5), f.quantile(.99), f.quantile(1)
	f.PublishRate, f.DrainRate = float64(f.Published)/f.PublishSeconds, float64(f.Readable)/f.DrainSeconds
}

// quantile is in milliseconds; 0 where nothing was measured.
func (f *findings) quantile(q float64) float64 {
	n := len(f.quantileOf)
	if n == 0 {
		return 0
	}
	return float64(f.quantileOf[min(n-1, int(q*float64(n)))].Microseconds()) / 1000
}

func (f *findings) show(out io.Writer, output string) error {
	if output == outputJSON {
		return json.NewEncoder(out).Encode(f)
	}
	bytes := float64(f.Size) * f.PublishRate
	_, err := fmt.Fprintf(out, `%s, %d bytes each, of %s, %s; jids end in %s
publish   %d acknowledged in %.2f s: %.0f/s, %s/s
drain     %d readable in %.2f s: %.0f/s
readable  after %.1f ms (median), %.1f ms (99 %%), %.1f ms at most; %s
`, counted(f.Returns, "return"), f.Size, counted(f.Jobs, "job"), f.Shape, f.Run,
		f.Published, f.PublishSeconds, f.PublishRate, sized(bytes),
		f.Readable, f.DrainSeconds, f.DrainRate, f.Median, f.Percent99, f.LongestMS, counted(f.Probes, "probe"))
	return err
}

// err makes the exit code 1 where something is missing.
func (f *findings) err() error {
	if f.Readable == f.Published {
		return nil
	}
	return fmt.Errorf("%d of %d published returns can be read: see the dead letters and the workers' log", f.Readable, f.Published)
}
