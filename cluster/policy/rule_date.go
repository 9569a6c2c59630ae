package policy

import (
	"strconv"
	"strings"
	"time"
)

// dateHolds reports whether a date expression holds at an instant. Ranges
// include both ends.
func dateHolds(x *DateExpression, now time.Time) bool {
	switch x.Operation {
	case "gt":
		return !x.Start.IsZero() && now.After(x.Start)
	case "lt":
		return !x.End.IsZero() && now.Before(x.End)
	case "date_spec":
		return x.Spec != nil && x.Spec.holds(now)
	case "in_range", "":
		end := x.End
		if end.IsZero() && x.Duration != nil && !x.Start.IsZero() {
			end = x.Duration.AddTo(x.Start)
		}
		if x.Start.IsZero() && x.End.IsZero() {
			return false
		}
		return !now.Before(x.Start) && (end.IsZero() || !now.After(end))
	default:
		return false
	}
}

// AddTo adds calendar units, the largest first. A year later is the same day of
// the year, so after February it is a day off where one of the two years is a
// leap year; a month later is the same day of the month, or that month's last.
func (d *DateParts) AddTo(t time.Time) time.Time {
	if d.Years != 0 {
		t = time.Date(t.Year()+d.Years, 1, t.YearDay(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	}
	if d.Months != 0 {
		first := time.Date(t.Year(), t.Month()+time.Month(d.Months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
		last := first.AddDate(0, 1, -1).Day()
		t = first.AddDate(0, 0, min(t.Day(), last)-1)
	}
	t = t.AddDate(0, 0, d.Weeks*7+d.Days)
	return addSeconds(t, int64(d.Hours)*3600+int64(d.Minutes)*60+int64(d.Seconds))
}

// addSeconds adds more seconds than a time.Duration may hold.
func addSeconds(t time.Time, seconds int64) time.Time {
	return time.Unix(t.Unix()+seconds, int64(t.Nanosecond())).In(t.Location())
}

// holds reports whether every field of the instant is in its range.
func (s *DateSpec) holds(now time.Time) bool {
	weekYear, week := now.ISOWeek()
	weekday := (int(now.Weekday())+6)%7 + 1 // Monday is 1
	for _, field := range [...]struct {
		span  string
		value int
	}{
		{s.Years, now.Year()}, {s.Months, int(now.Month())}, {s.Monthdays, now.Day()},
		{s.Hours, now.Hour()}, {s.Minutes, now.Minute()}, {s.Seconds, now.Second()},
		{s.Yeardays, now.YearDay()}, {s.Weekyears, weekYear}, {s.Weeks, week}, {s.Weekdays, weekday},
	} {
		if !inSpan(field.value, field.span) {
			return false
		}
	}
	return s.Moon == "" || inSpan(moonPhase(now), s.Moon)
}

// inSpan reports whether a value is in a span: "3", "1-5", "3-" or "-5". What
// is no span restricts nothing.
func inSpan(value int, span string) bool {
	if span == "" {
		return true
	}
	low, high, ranged := strings.Cut(span, "-")
	if !ranged {
		high = low
	}
	from, okFrom := spanEnd(low)
	to, okTo := spanEnd(high)
	if !okFrom || !okTo || low == "" && high == "" {
		return true
	}
	return (low == "" || value >= from) && (high == "" || value <= to)
}

func spanEnd(text string) (int, bool) {
	if text == "" {
		return 0, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// moonPhase is the moon's phase as 0 (new) to 7, by the usual approximation: an
// epact from the 19-year cycle, and months of 29.5 days.
func moonPhase(now time.Time) int {
	golden := now.Year()%19 + 1
	epact := (11*golden + 18) % 30
	if epact == 25 && golden > 11 || epact == 24 {
		epact++
	}
	return (((now.YearDay()-1+epact)*6 + 11) % 177 / 22) & 7
}
