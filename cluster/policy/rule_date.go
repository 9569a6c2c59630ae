package policy

import "time"

// dateHolds reports whether a date expression holds at an instant. Ranges
// include both ends.
func dateHolds(x *DateExpression, now time.Time) bool {
	switch x.Operation {
	case "gt":
		return !x.Start.IsZero() && now.After(x.Start)
	case "lt":
		return !x.End.IsZero() && now.Before(x.End)
	case "date_spec":
		return x.Spec != nil && x.Spec.Holds(now)
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
