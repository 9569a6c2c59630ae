package policy

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/resources"
)

// parseTruth reads a boolean as cluster configurations write it; ok is false
// for anything else.
func parseTruth(word string) (value, ok bool) {
	switch strings.ToLower(word) {
	case "true", "on", "yes", "y", "1":
		return true, true
	case "false", "off", "no", "n", "0":
		return false, true
	default:
		return false, false
	}
}

// isTrue reports whether the word is a true boolean.
func isTrue(word string) bool {
	value, _ := parseTruth(word)
	return value
}

// parseScoreOr reads a score; otherwise is for what is empty or is none. The
// words of node health are scores too, which the caller resolves before.
func parseScoreOr(word string, otherwise resources.Score) resources.Score {
	word = strings.TrimSpace(word)
	switch strings.ToUpper(word) {
	case "":
		return otherwise
	case "INFINITY", "+INFINITY":
		return resources.Infinity
	case "-INFINITY":
		return -resources.Infinity
	}
	end := 0
	for end < len(word) && (word[end] >= '0' && word[end] <= '9' || end == 0 && (word[0] == '-' || word[0] == '+')) {
		end++
	}
	n, err := strconv.ParseInt(word[:end], 10, 64)
	if err != nil {
		// Only a number out of range is as good as its limit.
		if end < 2 || word[end-1] < '0' {
			return otherwise
		}
		if word[0] == '-' {
			return -resources.Infinity
		}
		return resources.Infinity
	}
	return resources.Score(min(max(n, int64(-resources.Infinity)), int64(resources.Infinity)))
}

// parseInt reads a whole number; 0 for anything else.
func parseInt(word string) int {
	n, err := strconv.Atoi(strings.TrimSpace(word))
	if err != nil {
		return 0
	}
	return n
}

// parseTime reads seconds since 1970; otherwise is for what is none or before.
func parseTime(word string, otherwise int64) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(word), 10, 64)
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}

// wholeSeconds is a length in seconds, rounded up.
func wholeSeconds(length time.Duration) int64 {
	return int64((length + time.Second - 1) / time.Second)
}

// parseCount reads a whole number that is at least least, which is also what a
// smaller or broken one becomes.
func parseCount(word string, otherwise, least int) int {
	if word == "" {
		return otherwise
	}
	n, err := strconv.Atoi(strings.TrimSpace(word))
	if err != nil || n < least {
		return least
	}
	return min(n, int(resources.Infinity))
}

// parseLength reads a length of time: a number with or without a unit (seconds
// are meant without one), or an ISO 8601 duration.
func parseLength(word string) (length time.Duration, ok bool) {
	word = strings.TrimSpace(word)
	if strings.HasPrefix(word, "P") {
		return parseISOLength(word[1:])
	}
	end := 0
	for end < len(word) && (word[end] >= '0' && word[end] <= '9' || end == 0 && (word[0] == '-' || word[0] == '+')) {
		end++
	}
	n, err := strconv.ParseInt(word[:end], 10, 64)
	if err != nil {
		return 0, false
	}
	unit, known := lengthUnits[strings.ToLower(strings.TrimSpace(word[end:]))]
	if !known {
		return 0, false
	}
	const most = math.MaxUint32 * int64(time.Millisecond) // what Pacemaker holds: 49.7 days
	return min(max(time.Duration(min(max(n, -most/int64(unit)-1), most/int64(unit)+1))*unit, -time.Duration(most)), time.Duration(most)), true
}

var lengthUnits = map[string]time.Duration{
	"": time.Second, "s": time.Second, "sec": time.Second,
	"ms": time.Millisecond, "msec": time.Millisecond,
	"us": time.Microsecond, "usec": time.Microsecond,
	"m": time.Minute, "min": time.Minute,
	"h": time.Hour, "hr": time.Hour,
}

// parseISOLength reads what follows the P of an ISO 8601 duration. Years and
// months have their usual rounded lengths; hours and seconds need no T before
// them.
func parseISOLength(word string) (length time.Duration, ok bool) {
	const day = 24 * time.Hour
	inTime := false
	for len(word) > 0 {
		if word[0] == 'T' && !inTime {
			inTime, word = true, word[1:]
			continue
		}
		end := 0
		for end < len(word) && word[end] >= '0' && word[end] <= '9' {
			end++
		}
		n, err := strconv.ParseInt(word[:end], 10, 32)
		if err != nil || end == len(word) {
			return 0, false
		}
		var unit time.Duration
		switch {
		case word[end] == 'H':
			unit = time.Hour
		case word[end] == 'S':
			unit = time.Second
		case inTime && word[end] == 'M':
			unit = time.Minute
		case !inTime && word[end] == 'Y':
			unit = 365 * day
		case !inTime && word[end] == 'M':
			unit = 30 * day
		case !inTime && word[end] == 'W':
			unit = 7 * day
		case !inTime && word[end] == 'D':
			unit = day
		default:
			return 0, false
		}
		if n > int64(1<<62/unit) {
			return 0, false
		}
		length += time.Duration(n) * unit
		word, ok = word[end+1:], true
	}
	return length, ok
}

// parseLengthOr is parseLength with a value for what is none.
func parseLengthOr(word string, otherwise time.Duration) time.Duration {
	if length, ok := parseLength(word); ok && length >= 0 {
		return length
	}
	return otherwise
}

// baseOf is an instance's id without its number.
func baseOf(id string) string {
	for i := len(id) - 1; i > 0; i-- {
		switch c := id[i]; {
		case c >= '0' && c <= '9':
		case c == ':':
			return id[:i]
		default:
			return id
		}
	}
	return id
}
