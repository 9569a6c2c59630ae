package policy

import (
	"fmt"
	"strings"
	"time"
)

// ParseTime reads an ISO 8601 date with or without a time of day: 2026-11-21,
// 2026-325, 2026-W47-6, each also without hyphens, then T or a blank and
// 14:07, 14:07:38 or 140738, then Z or an offset such as +01:00. Without an
// offset, UTC is meant: a decision must not depend on where it is made.
func ParseTime(text string) (time.Time, error) {
	p := timeText{rest: strings.TrimSpace(text)}
	day := p.date()
	clock, offset := 0, 0
	if !p.bad && p.rest != "" {
		if p.rest[0] != 'T' && p.rest[0] != ' ' {
			p.bad = true
		} else {
			p.rest = strings.TrimLeft(p.rest[1:], " ")
			clock = p.clock()
			offset = p.offset()
		}
	}
	if p.bad || p.rest != "" {
		return time.Time{}, fmt.Errorf("%.40q is not an ISO 8601 date", text)
	}
	return addSeconds(day, int64(clock-offset)), nil
}

// ParseInterval reads a length of time as a CIB writes it: a number with a unit
// (seconds without one), or an ISO 8601 duration such as PT5M.
func ParseInterval(text string) (time.Duration, error) {
	d, ok := parseLength(text)
	if !ok || d < 0 {
		return 0, fmt.Errorf("%.40q is not a length of time: write 30s, 5m or PT5M", text)
	}
	return d, nil
}

// timeText is what is left to read of a date.
type timeText struct {
	rest string
	bad  bool
}

// number reads exactly n digits.
func (p *timeText) number(n int) int {
	if len(p.rest) < n || digitsEnd(p.rest[:n], 0) != n {
		p.bad = true
		return 0
	}
	value := 0
	for _, d := range []byte(p.rest[:n]) {
		value = value*10 + int(d-'0')
	}
	p.rest = p.rest[n:]
	return value
}

// within is number with bounds.
func (p *timeText) within(digits, low, high int) int {
	n := p.number(digits)
	if n < low || n > high {
		p.bad = true
	}
	return n
}

func (p *timeText) skip(b byte) bool {
	if p.rest != "" && p.rest[0] == b {
		p.rest = p.rest[1:]
		return true
	}
	return false
}

// date reads a day.
func (p *timeText) date() time.Time {
	year := p.number(4)
	p.skip('-')
	if p.skip('W') {
		week := p.within(2, 1, 53)
		p.skip('-')
		weekday := p.within(1, 1, 7)
		// 4 January is always in the first week.
		fourth := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC)
		monday := (int(fourth.Weekday()) + 6) % 7
		return fourth.AddDate(0, 0, (week-1)*7+weekday-1-monday)
	}
	leap := time.Date(year, 12, 31, 0, 0, 0, 0, time.UTC).YearDay()
	if digitsEnd(p.rest, 0) == 3 {
		return time.Date(year, 1, p.within(3, 1, leap), 0, 0, 0, 0, time.UTC)
	}
	month := p.within(2, 1, 12)
	p.skip('-')
	last := time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return time.Date(year, time.Month(month), p.within(2, 1, last), 0, 0, 0, 0, time.UTC)
}

// clock reads a time of day as seconds. 24:00 is the end of the day. Fractions
// of seconds are dropped.
func (p *timeText) clock() int {
	seconds := p.within(2, 0, 24) * 3600
	for _, unit := range []int{60, 1} {
		if p.skip(':') || p.rest != "" && digitsEnd(p.rest, 0) > 0 {
			seconds += p.within(2, 0, 59) * unit
		}
	}
	if p.skip('.') || p.skip(',') {
		p.rest = p.rest[digitsEnd(p.rest, 0):]
	}
	if seconds > 24*3600 {
		p.bad = true
	}
	return seconds
}

// offset reads Z, ±HH, ±HHMM or ±HH:MM as seconds east of Greenwich.
func (p *timeText) offset() int {
	p.rest = strings.TrimLeft(p.rest, " ")
	if p.rest == "" || p.skip('Z') {
		return 0
	}
	sign := 1
	if p.skip('-') {
		sign = -1
	} else if !p.skip('+') {
		p.bad = true
		return 0
	}
	seconds := p.within(2, 0, 23) * 3600
	if p.skip(':') || p.rest != "" {
		seconds += p.within(2, 0, 59) * 60
	}
	return sign * seconds
}

// digitsEnd returns where the digits end that begin at from.
func digitsEnd(text string, from int) int {
	for from < len(text) && text[from] >= '0' && text[from] <= '9' {
		from++
	}
	return from
}
