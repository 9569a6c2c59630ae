package resources

import (
	"fmt"
	"strings"
	"time"
)

// ruleSpec holds while every calendar field of the time, in UTC, is in its range.
type ruleSpec struct{ spec DateSpec }

func (e ruleSpec) names(names []string) []string { return names }

// match is false where the time is not known.
func (e ruleSpec) match(at Scene) bool {
	return !at.Now.IsZero() && e.spec.Holds(at.Now.UTC())
}

// fields are the names of a specification's ranges.
func (s *DateSpec) fields() []struct {
	name string
	span *string
} {
	return []struct {
		name string
		span *string
	}{
		{"years", &s.Years}, {"months", &s.Months}, {"monthdays", &s.Monthdays}, {"weekdays", &s.Weekdays}, {"yeardays", &s.Yeardays},
		{"weekyears", &s.Weekyears}, {"weeks", &s.Weeks}, {"hours", &s.Hours}, {"minutes", &s.Minutes}, {"seconds", &s.Seconds}, {"moon", &s.Moon},
	}
}

// String writes the ranges that are given: hours=9-16 weekdays=1-5.
func (s *DateSpec) String() string {
	var parts []string
	for _, f := range s.fields() {
		if *f.span != "" {
			parts = append(parts, f.name+"="+*f.span)
		}
	}
	return strings.Join(parts, " ")
}

// parseDateSpec reads what String writes; the error says what is wrong.
func parseDateSpec(text string) (DateSpec, error) {
	var spec DateSpec
	words := strings.Fields(text)
	if len(words) == 0 {
		return spec, fmt.Errorf("write ranges such as hours=9-16 weekdays=1-5")
	}
	for _, word := range words {
		name, span, _ := strings.Cut(word, "=")
		var known []string
		found := false
		for _, f := range spec.fields() {
			known = append(known, f.name)
			if f.name == name {
				*f.span, found = span, true
			}
		}
		if !found {
			return spec, fmt.Errorf("%q is no field of a date: there are %s", name, strings.Join(known, ", "))
		}
		low, high, ranged := strings.Cut(span, "-")
		_, okLow := spanEnd(low)
		_, okHigh := spanEnd(high)
		if !okLow || !okHigh || low == "" && high == "" || strings.ContainsAny(span, "+ ") || ranged && strings.Contains(high, "-") {
			return spec, fmt.Errorf("%q is no range such as 9-16, 9-, -16 or 9", span)
		}
	}
	return spec, nil
}

// changes returns the first instant after now at which the specification may hold
// where it does not now, or the reverse.
func (s *DateSpec) changes(now time.Time) time.Time {
	step := 24 * time.Hour
	switch {
	case s.Seconds != "":
		step = time.Second
	case s.Minutes != "":
		step = time.Minute
	case s.Hours != "":
		step = time.Hour
	}
	holds := s.Holds(now.UTC())
	at := now.UTC().Truncate(step)
	for range maxSpecSteps {
		if at = at.Add(step); s.Holds(at) != holds {
			break
		}
	}
	return at // at the latest then somebody looks again
}

// maxSpecSteps bounds how far ahead a change is looked for.
const maxSpecSteps = 2000
