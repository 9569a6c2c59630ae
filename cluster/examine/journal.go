package examine

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"time"
)

// Bounds of what is taken from the journal.
const (
	journalLines = "20000"
	journalBytes = 2 << 20
	journalLimit = 20 * time.Second
)

// Journal returns the newest lines that the daemon has written, at most 2 MiB.
func Journal(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, journalLimit)
	defer cancel()
	tail := &tailBuffer{limit: journalBytes}
	cmd := exec.CommandContext(ctx, "journalctl", "--unit=belayd.service", "--no-pager", "--output=short-iso-precise", "--lines="+journalLines)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = tail, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("journalctl: %w: %.200s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return tail.String(), nil
}

// tailBuffer keeps the newest bytes of what is written to it, from the beginning
// of a line on.
type tailBuffer struct {
	limit int
	kept  []byte
	cut   bool
}

func (t *tailBuffer) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if len(t.kept) > 2*t.limit { // seldom, so that it stays cheap
		t.trim()
	}
	return len(p), nil
}

func (t *tailBuffer) trim() {
	if len(t.kept) > t.limit {
		t.kept = append([]byte(nil), t.kept[len(t.kept)-t.limit:]...)
		t.cut = true
	}
}

// String returns what is kept.
func (t *tailBuffer) String() string {
	t.trim()
	if !t.cut {
		return string(t.kept)
	}
	_, rest, _ := bytes.Cut(t.kept, []byte("\n"))
	return "[what was before is left out]\n" + string(rest)
}
