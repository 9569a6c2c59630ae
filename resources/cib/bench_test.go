package cib_test

import (
	"bytes"
	"io"
	"runtime"
	"testing"

	"github.com/belay-ha/belay/resources/cib"
)

// BenchmarkRead reads a cluster of 100 nodes and 5,000 resources.
func BenchmarkRead(b *testing.B) {
	text, err := io.ReadAll(bigCluster(100, 5000))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		in, err := cib.Read(bytes.NewReader(text), "big.xml")
		if err != nil {
			b.Fatal(err)
		}
		if len(in.Status) != 100 || len(in.Resources) != 1000 {
			b.Fatalf("read %d nodes and %d resources", len(in.Status), len(in.Resources))
		}
	}
}

// BenchmarkKept reports how much memory the result takes.
func BenchmarkKept(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		in, err := cib.Read(bigCluster(100, 5000), "big.xml")
		if err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
		runtime.KeepAlive(in)
	}
}
