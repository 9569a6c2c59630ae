package resources

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time span that reads and writes as text ("90s", "1m30s") in
// TOML and in JSON.
type Duration time.Duration

// Std returns the duration for the standard library.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String writes the duration as time.Duration does.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes the duration as String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// ParseDuration reads Go's form ("1m30s"), a bare number of seconds ("30"), or
// a number with Pacemaker's units: ms, msec, us, usec, s, sec, m, min, h, hr.
// Negative spans are refused.
func ParseDuration(text string) (Duration, error) {
	trimmed := strings.TrimSpace(text)
	if n, err := strconv.ParseInt(trimmed, 10, 32); err == nil && n >= 0 {
		return Duration(time.Duration(n) * time.Second), nil
	}
	for _, unit := range []struct{ word, short string }{{"msec", "ms"}, {"usec", "us"}, {"sec", "s"}, {"min", "m"}, {"hr", "h"}} {
		if number, ok := strings.CutSuffix(trimmed, unit.word); ok {
			trimmed = number + unit.short
			break
		}
	}
	d, err := time.ParseDuration(trimmed)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("duration %q: write a number with a unit, such as 500ms, 30s or 5m", text)
	}
	return Duration(d), nil
}

func lower(text string) string { return strings.ToLower(strings.TrimSpace(text)) }
