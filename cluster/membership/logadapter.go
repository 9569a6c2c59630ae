package membership

import (
	"bytes"
	"log"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// maxLogLines bounds memberlist's lines a second: a stranger that sends packets
// under a wrong key must not fill the disk.
const maxLogLines = 20

// logAdapter is the io.Writer behind the *log.Logger that memberlist wants.
type logAdapter struct {
	out *zap.Logger

	mu      sync.Mutex
	window  time.Time
	lines   int
	dropped int
}

func newLogAdapter(out *zap.Logger) *log.Logger {
	return log.New(&logAdapter{out: out}, "", 0)
}

// Write takes one line of the form "[LEVEL] memberlist: text". memberlist's ERR
// is our Warn: it heals, or this package reports it as an observation.
func (a *logAdapter) Write(line []byte) (int, error) {
	level, text := zapcore.InfoLevel, bytes.TrimSpace(line)
	for _, l := range []struct {
		prefix string
		level  zapcore.Level
	}{
		{"[DEBUG] ", zapcore.DebugLevel}, {"[INFO] ", zapcore.InfoLevel},
		{"[WARN] ", zapcore.WarnLevel}, {"[ERR] ", zapcore.WarnLevel}, {"[ERROR] ", zapcore.WarnLevel},
	} {
		if rest, ok := bytes.CutPrefix(text, []byte(l.prefix)); ok {
			level, text = l.level, rest
			break
		}
	}
	text = bytes.TrimPrefix(text, []byte("memberlist: "))
	if entry := a.out.Check(level, "gossip"); entry != nil {
		if ok, dropped := a.admit(time.Now()); ok {
			entry.Write(zap.ByteString("text", text), zap.Int("dropped", dropped))
		}
	}
	return len(line), nil
}

func (a *logAdapter) admit(now time.Time) (ok bool, dropped int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.window) >= time.Second {
		a.window, a.lines = now, 0
	}
	if a.lines >= maxLogLines {
		a.dropped++
		return false, 0
	}
	a.lines++
	dropped, a.dropped = a.dropped, 0
	return true, dropped
}
