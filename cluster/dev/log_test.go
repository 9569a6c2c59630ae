package dev

import (
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// testLog writes to the test's log until the test ends: timers of the gossip
// library go off later and must not write to a test that is over.
type testLog struct {
	mu    sync.Mutex
	t     testing.TB
	ended bool
}

func newLogger(t testing.TB) *zap.Logger {
	l := &testLog{t: t}
	t.Cleanup(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.ended = true
	})
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()), zapcore.AddSync(l), zapcore.InfoLevel))
}

func (l *testLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.t.Log(string(line[:len(line)-1]))
	}
	return len(line), nil
}
