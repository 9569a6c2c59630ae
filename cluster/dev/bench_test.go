package dev

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/state"
)

// BenchmarkCommit measures a change from the local socket to its committed and
// applied answer: three members, mTLS on loopback, three logs that sync to the
// disk of the temporary directory.
func BenchmarkCommit(b *testing.B) {
	c := start(b)
	client := c.Client()
	value := "on"
	var took []time.Duration
	n := 0
	for b.Loop() {
		n++
		began := time.Now()
		if _, err := client.Command(b.Context(), &state.NodeAttribute{Node: "controller-0", Key: fmt.Sprint("bench-", n%16), Value: &value}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
