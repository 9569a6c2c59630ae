package cib

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// parseBool reads what Pacemaker takes for a boolean.
func parseBool(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true", "on", "yes", "y", "1":
		return true, true
	case "false", "off", "no", "n", "0":
		return false, true
	}
	return false, false
}

// boolean reads a boolean attribute.
func (r *reader) boolean(e *element, name string, otherwise bool) bool {
	if value := r.optionalBool(e, name); value != nil {
		return *value
	}
	return otherwise
}

// optionalBool reads a boolean attribute, nil where it is not given.
func (r *reader) optionalBool(e *element, name string) *bool {
	text, given := e.lookup(name)
	if !given {
		return nil
	}
	value, ok := parseBool(text)
	if !ok {
		r.fault(e.where(name), "%s %q is neither true nor false", name, text)
		return nil
	}
	return &value
}

// score reads a score attribute; 0 where it is not given.
func (r *reader) score(e *element) resources.Score {
	text, given := e.lookup("score")
	if !given {
		return 0
	}
	score, err := resources.ParseScore(text)
	if err != nil {
		digits := strings.TrimLeft(text, "+-")
		if digits != "" && len(text)-len(digits) <= 1 && strings.Trim(digits, "0123456789") == "" {
			// Too large for any integer, as some think infinity is written.
			if text[0] == '-' {
				return -infinity
			}
			return infinity
		}
		r.fault(e.where("score"), "%v", err)
	}
	return score
}

// scoreText checks a score attribute and returns it as it is written.
func (r *reader) scoreText(e *element) string {
	r.score(e)
	return e.get("score")
}

// interval reads an interval attribute.
func (r *reader) interval(e *element) time.Duration {
	text := e.get("interval")
	if text == "" {
		return 0
	}
	d, err := policy.ParseInterval(text)
	if err != nil {
		r.fault(e.where("interval"), "interval: %v", err)
	}
	return d
}

// word reads an attribute that is one of a few words, in any case.
func (r *reader) word(e *element, name string, words ...string) string {
	text, given := e.lookup(name)
	if !given {
		return ""
	}
	for _, w := range words {
		if strings.EqualFold(text, w) {
			return w
		}
	}
	r.fault(e.where(name), "%s %q is none of %s", name, text, strings.Join(words, ", "))
	return text
}

// role reads an attribute with the name of a role.
func (r *reader) role(e *element, name string) string {
	switch word := r.word(e, name, "Started", "Stopped", "Promoted", "Unpromoted", "Master", "Slave"); word {
	case "Master":
		return "Promoted"
	case "Slave":
		return "Unpromoted"
	default:
		return word
	}
}

// need reads an attribute that must not be empty.
func (r *reader) need(e *element, name string) string {
	text := e.get(name)
	if text == "" {
		r.fault(e.at, "<%s> has no %s", e.name, name)
	}
	return text
}

// unixTime reads seconds since 1970; 0 and "" are no time.
func unixTime(text string) (time.Time, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return time.Time{}, text == ""
	}
	if n == 0 {
		return time.Time{}, true
	}
	return time.Unix(n, 0).UTC(), true
}

// count checks that an attribute is a whole number that is not absurd, and
// returns it as it is written.
func (r *reader) count(e *element, name string) string {
	text, given := e.lookup(name)
	if !given {
		return ""
	}
	if _, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32); err != nil {
		r.fault(e.where(name), "%s %q is not a whole number", name, text)
	}
	return text
}

// MaxCopies is how many instances of a clone or replicas of a bundle may be
// configured. What is decided grows faster than their number.
const MaxCopies = 1000

// copies refuses numbers of instances that no cluster has.
func (r *reader) copies(e *element, name, value string) {
	if n, err := strconv.ParseInt(value, 10, 64); n > MaxCopies || errors.Is(err, strconv.ErrRange) && value[0] != '-' {
		r.add(e.at, "%s is %s, more than %d", name, value, MaxCopies)
	}
}

const infinity = resources.Infinity
