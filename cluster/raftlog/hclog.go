package raftlog

import (
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// hcLog passes hashicorp's log lines to zap. What Raft calls an error (a peer
// that does not answer) mostly heals by itself, so errors become warnings. Equal
// messages are thinned out: 5 in 10 s, then every 100th.
type hcLog struct {
	hclog.Logger // only for the two methods that make standard loggers: nothing uses them
	log          *zap.Logger
	name         string
	implied      []any
}

func newHCLog(l *zap.Logger) hclog.Logger {
	l = l.WithOptions(zap.WithCaller(false), zap.WrapCore(func(c zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(c, 10*time.Second, 5, 100)
	}))
	return &hcLog{Logger: hclog.NewNullLogger(), log: l, name: "raft"}
}

func (h *hcLog) Log(level hclog.Level, msg string, args ...any) {
	to := zapcore.DebugLevel
	switch level {
	case hclog.Info:
		to = zapcore.InfoLevel
	case hclog.Warn, hclog.Error:
		to = zapcore.WarnLevel
	case hclog.NoLevel, hclog.Trace, hclog.Debug, hclog.Off:
	}
	if ce := h.log.Check(to, h.name+": "+msg); ce != nil {
		ce.Write(fields(append(h.implied[:len(h.implied):len(h.implied)], args...))...)
	}
}

func (h *hcLog) Trace(msg string, args ...any) { h.Log(hclog.Trace, msg, args...) }
func (h *hcLog) Debug(msg string, args ...any) { h.Log(hclog.Debug, msg, args...) }
func (h *hcLog) Info(msg string, args ...any)  { h.Log(hclog.Info, msg, args...) }
func (h *hcLog) Warn(msg string, args ...any)  { h.Log(hclog.Warn, msg, args...) }
func (h *hcLog) Error(msg string, args ...any) { h.Log(hclog.Error, msg, args...) }

func (h *hcLog) IsTrace() bool { return false }
func (h *hcLog) IsDebug() bool { return h.log.Core().Enabled(zapcore.DebugLevel) }
func (h *hcLog) IsInfo() bool  { return h.log.Core().Enabled(zapcore.InfoLevel) }
func (h *hcLog) IsWarn() bool  { return h.log.Core().Enabled(zapcore.WarnLevel) }
func (h *hcLog) IsError() bool { return h.log.Core().Enabled(zapcore.WarnLevel) }

func (h *hcLog) ImpliedArgs() []any { return h.implied }
func (h *hcLog) Name() string       { return h.name }

func (h *hcLog) With(args ...any) hclog.Logger {
	c := *h
	c.implied = append(h.implied[:len(h.implied):len(h.implied)], args...)
	return &c
}

func (h *hcLog) Named(name string) hclog.Logger { return h.ResetNamed(h.name + "." + name) }

func (h *hcLog) ResetNamed(name string) hclog.Logger {
	c := *h
	c.name = name
	return &c
}

// SetLevel does nothing: zap decides.
func (h *hcLog) SetLevel(hclog.Level) {}

func (h *hcLog) GetLevel() hclog.Level { return hclog.Debug }

// fields formats at once, because Raft passes pointers to live objects.
func fields(args []any) []zap.Field {
	out := make([]zap.Field, 0, len(args)/2+1)
	for i := 0; i+1 < len(args); i += 2 {
		key := fmt.Sprint(args[i])
		switch v := args[i+1].(type) {
		case string:
			out = append(out, zap.String(key, v))
		case uint64:
			out = append(out, zap.Uint64(key, v))
		case int:
			out = append(out, zap.Int(key, v))
		case time.Duration:
			out = append(out, zap.Duration(key, v))
		case hclog.Format:
			if format, ok := v[0].(string); ok {
				out = append(out, zap.String(key, fmt.Sprintf(format, v[1:]...)))
			}
		default:
			out = append(out, zap.String(key, fmt.Sprint(v)))
		}
	}
	if len(args)%2 == 1 {
		out = append(out, zap.String("extra", fmt.Sprint(args[len(args)-1])))
	}
	return out
}
