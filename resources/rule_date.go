package resources

import "time"

// ruleDate compares the time with a date.
type ruleDate struct {
	op   ruleOp
	date time.Time
}

// dateWord stands where an attribute's name does; in quotes it is one.
const dateWord = "date"

func (e ruleDate) names(names []string) []string { return names }

// match is false where the time is not known.
func (e ruleDate) match(at Scene) bool {
	if at.Now.IsZero() {
		return false
	}
	order := at.Now.Compare(e.date)
	switch e.op {
	case ruleLt:
		return order < 0
	case ruleLte:
		return order <= 0
	case ruleGt:
		return order > 0
	default:
		return order >= 0
	}
}

// Changes returns the first instant after now at which the rule may hold where
// it does not now, or the reverse; zero if there is none.
func (r Rule) Changes(now time.Time) time.Time {
	var first time.Time
	for _, date := range ruleDates(r.expr, now) {
		if date.After(now) && (first.IsZero() || date.Before(first)) {
			first = date
		}
	}
	return first
}

// Ends returns the first instant after at.Now at which the rule, which holds in the
// scene, no longer does although nothing passes but time. It is zero where the rule
// does not hold, where that never comes, and where it is out of sight.
func (r Rule) Ends(at Scene) time.Time {
	if !r.MatchIn(at) {
		return time.Time{}
	}
	for range maxTurns {
		if at.Now = r.Changes(at.Now); at.Now.IsZero() {
			return time.Time{}
		}
		if !r.MatchIn(at) {
			return at.Now
		}
	}
	return time.Time{}
}

// maxTurns bounds how many instants at which a rule may change are looked at for
// its end: each may be the result of a search of its own (maxSpecSteps).
const maxTurns = 32

// Timed reports whether the rule compares the time.
func (r Rule) Timed() bool { return len(ruleDates(r.expr, time.Time{})) > 0 }

// ruleDates lists instants at which parts of a rule may change.
func ruleDates(e ruleExpr, now time.Time) []time.Time {
	var dates []time.Time
	visitRule(e, func(e ruleExpr) {
		switch e := e.(type) {
		case ruleDate:
			dates = append(dates, e.turns())
		case ruleSpec:
			dates = append(dates, e.spec.changes(now))
		}
	})
	return dates
}

// turns returns the first instant at which the comparison is what it then stays.
func (e ruleDate) turns() time.Time {
	if e.op == ruleLt || e.op == ruleGte {
		return e.date
	}
	return e.date.Add(time.Nanosecond)
}

// ParseDate reads a date as rules write it (RFC 3339, without the clock or the zone
// if need be), in UTC where it names no zone.
func ParseDate(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if date, err := time.Parse(layout, text); err == nil {
			return date.UTC(), true
		}
	}
	return time.Time{}, false
}

// isDate reports whether a comparison is one with a date.
func isDate(name ruleToken, op ruleOp) bool {
	return name.kind == ruleWord && name.text == dateWord && op != ruleEq && op != ruleNe
}
