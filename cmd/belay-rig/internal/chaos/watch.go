package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// MaxGap is how far apart two looks at a host may be for what both saw to have
// been there in between.
const MaxGap = time.Second

// Look is what was on one host at some moment between Began and Ended. Boot
// tells one start of the host from another; 0 says that it is off.
type Look struct {
	Host, Boot   int
	Began, Ended time.Time
	Seen         []string
}

// Span is a time in which every look at a host saw something. The looks of one
// host do not overlap.
type Span struct {
	What       string
	Host, Boot int
	// Of the first and the last look that saw it.
	FirstBegan, FirstEnded, LastBegan, LastEnded time.Time
	Looks                                        int
}

// Watch joins looks into spans and finds out what was in two places. The hosts'
// looks may come in any order; those of one host come in theirs.
type Watch struct {
	spans []Span
	open  map[place]int // index of the newest span
	last  map[int]Look
	looks int
	gap   time.Duration
	blind []Blind
}

// Blind is a time in which nobody looked at a host.
type Blind struct {
	Host     int
	From, To time.Time
}

type place struct {
	what string
	host int
}

// NewWatch returns an empty Watch.
func NewWatch() *Watch { return &Watch{open: map[place]int{}, last: map[int]Look{}} }

// Add takes one look.
func (w *Watch) Add(look Look) {
	w.looks++
	before, known := w.last[look.Host]
	if known {
		gap := look.Began.Sub(before.Ended)
		w.gap = max(w.gap, gap)
		if gap > MaxGap {
			w.blind = append(w.blind, Blind{look.Host, before.Ended, look.Began})
		}
	}
	joins := known && before.Boot == look.Boot && look.Began.Sub(before.Ended) <= MaxGap
	for _, what := range look.Seen {
		at := place{what, look.Host}
		i, seen := w.open[at]
		if seen && joins && slices.Contains(before.Seen, what) {
			w.spans[i].LastBegan, w.spans[i].LastEnded = look.Began, look.Ended
			w.spans[i].Looks++
			continue
		}
		w.open[at] = len(w.spans)
		w.spans = append(w.spans, Span{what, look.Host, look.Boot, look.Began, look.Ended, look.Began, look.Ended, 1})
	}
	w.last[look.Host] = look
}

// Boot returns which start of a host was seen last; 0 is none, or off.
func (w *Watch) Boot(host int) int { return w.last[host].Boot }

// Looks returns how many looks there were, the longest time between two at one
// host, and the times for more than MaxGap.
func (w *Watch) Looks() (looks int, gap time.Duration, blind []Blind) {
	return w.looks, w.gap, slices.Clone(w.blind)
}

// Spans returns all spans, in the order in which they began.
func (w *Watch) Spans() []Span { return slices.Clone(w.spans) }

// Double is something that was on two hosts at once.
type Double struct {
	What       string
	A, B       int // hosts
	Boot, Peer int
	From, To   time.Time
	// Proven says that no order of events within the looks explains it but two at
	// once. Else it may have moved between the looks.
	Proven bool
}

// String says what was where.
func (d Double) String() string {
	return fmt.Sprintf("%s on hosts %d and %d at once from %s for %s", d.What, d.A, d.B, d.From.Format("15:04:05.000"), d.To.Sub(d.From))
}

// Doubles returns what was in two places at once: proven, and not decided.
func (w *Watch) Doubles() (proven, undecided []Double) {
	byThing := map[string][]Span{}
	for _, s := range w.spans {
		byThing[s.What] = append(byThing[s.What], s)
	}
	for _, spans := range byThing {
		slices.SortFunc(spans, func(a, b Span) int { return a.FirstBegan.Compare(b.FirstBegan) })
		for i, a := range spans {
			for _, b := range spans[i+1:] {
				if b.FirstBegan.After(a.LastEnded) {
					break // and so does every later one
				}
				switch d, at := overlap(a, b); {
				case !at || a.Host == b.Host:
				case d.Proven:
					proven = append(proven, d)
				default:
					undecided = append(undecided, d)
				}
			}
		}
	}
	order := func(a, b Double) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.What, b.What)) }
	slices.SortFunc(proven, order)
	slices.SortFunc(undecided, order)
	return proven, undecided
}

// overlap compares two spans. From the end of its first look to the beginning of
// its last one a thing was certainly there; before and after that only at some
// moment of the look.
func overlap(a, b Span) (Double, bool) {
	d := Double{What: a.What, A: a.Host, B: b.Host, Boot: a.Boot, Peer: b.Boot}
	d.From, d.To = later(a.FirstEnded, b.FirstEnded), earlier(a.LastBegan, b.LastBegan)
	if a.Looks > 1 && b.Looks > 1 && d.From.Before(d.To) {
		d.Proven = true
		return d, true
	}
	for _, pair := range [][2]Span{{a, b}, {b, a}} {
		sure, once := pair[0], pair[1]
		if sure.Looks > 1 && once.Looks == 1 && !once.FirstBegan.Before(sure.FirstEnded) && !once.FirstEnded.After(sure.LastBegan) {
			d.From, d.To, d.Proven = once.FirstBegan, once.FirstEnded, true
			return d, true
		}
	}
	d.From, d.To = later(a.FirstBegan, b.FirstBegan), earlier(a.LastEnded, b.LastEnded)
	return d, d.From.Before(d.To)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
