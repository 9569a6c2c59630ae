package resources

import (
	"strconv"
	"strings"
	"time"
)

// DateSpec holds ranges of calendar fields, "" for any: "9-16", "1-5", "3"
// (Pacemaker Explained, "Date Specifications"). Weekdays begin with 1 for Monday,
// weeks and weekyears are those of ISO 8601.
type DateSpec struct {
	Seconds, Minutes, Hours, Monthdays, Weekdays, Yeardays, Months, Weeks, Years, Weekyears, Moon string
}

// Holds reports whether every field of the instant is in its range, in the
// instant's own zone.
func (s *DateSpec) Holds(now time.Time) bool {
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
