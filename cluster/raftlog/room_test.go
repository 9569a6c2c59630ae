package raftlog

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckRoom(t *testing.T) {
	broken := errors.New("input/output error")
	for _, c := range []struct {
		free    uint64
		problem error
		is      error
		says    string
	}{
		{free: minRoom},
		{free: minRoom - 1, is: ErrNoRoom, says: "16383 KiB are free in /data, at least 16 MiB must be"},
		{free: 0, is: ErrNoRoom, says: "make room"},
		{problem: broken, is: broken, says: "look for room in /data"},
	} {
		err := checkRoom("/data", func(string) (uint64, error) { return c.free, c.problem })
		switch {
		case c.is == nil && err == nil:
		case c.is == nil || !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says):
			t.Errorf("%d bytes, %v: %v, want %v that says %q", c.free, c.problem, err, c.is, c.says)
		}
	}
}

// The number is that of a real file system.
func TestFreeBytes(t *testing.T) {
	if free, err := freeBytes(t.TempDir()); err != nil || free == 0 {
		t.Errorf("%d bytes free, %v", free, err)
	}
	if _, err := freeBytes("/no/such/place"); err == nil {
		t.Error("a directory that is not there has room")
	}
}
