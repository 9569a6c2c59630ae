package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

var heldGarbage []byte

// TestCollectLate: the collector waits for the limit, and is as before once it has
// been reached.
func TestCollectLate(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer debug.SetGCPercent(percent)
	defer debug.SetMemoryLimit(limit)
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	const room = 64 << 20
	collectLate(int64(m.Sys-m.HeapReleased) + room)
	begun := m.NumGC
	for range 8 {
		heldGarbage = make([]byte, room/32)
	}
	if runtime.ReadMemStats(&m); m.NumGC != begun {
		t.Errorf("%d collections before the limit", m.NumGC-begun)
	}
	deadline := time.Now().Add(time.Minute)
	for debug.SetMemoryLimit(-1) != limit {
		if time.Now().After(deadline) {
			t.Fatal("the collector is not as before")
		}
		heldGarbage = make([]byte, room/32)
		time.Sleep(time.Millisecond)
	}
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("the collector's percentage is %d", got)
	}
}
