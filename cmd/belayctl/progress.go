package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
)

// progress shows on the standard error what a cluster is doing while somebody
// waits: on a terminal one line that changes, else a line for each event.
type progress struct {
	app   *app
	began time.Time
	// doing is what ran when it was last shown, with what it said.
	doing map[string]string
	// told is when a line about each was last written.
	told  map[string]time.Time
	shown bool
}

// progressStep is the least time between two lines about one thing that goes on.
const progressStep = 10 * time.Second

// progressWidth bounds the line on a terminal.
const progressWidth = 110

func (a *app) newProgress() *progress {
	return &progress{app: a, began: a.now(), doing: map[string]string{}, told: map[string]time.Time{}}
}

// working lists what runs in a cluster: what, on which node, for how long, and
// what it says of itself, such as the bytes of a state transfer.
func working(s api.Status, now time.Time) map[string]string {
	doing := map[string]string{}
	for _, r := range s.Resources {
		if r.Op == "" {
			continue
		}
		doing[fmt.Sprintf("%s %s on %s", r.Op, r.ID, r.Node)] = said(now.Sub(r.OpSince), r.Progress)
	}
	for _, f := range s.Fencing {
		if f.Phase == state.FencingRequested || f.Phase == state.FencingRunning || f.Phase == state.FencingFailed {
			doing["fence "+string(f.Node)] = said(now.Sub(f.RequestedAt), strings.TrimSpace(f.Phase.String()+" "+f.Error))
		}
	}
	return doing
}

func said(since time.Duration, text string) string {
	long := max(since, 0).Round(time.Second).String()
	if text == "" {
		return long
	}
	return long + ", " + text
}

// show tells what is going on now.
func (p *progress) show(s api.Status) {
	now := p.app.now()
	doing := working(s, now)
	if p.app.terminal {
		p.line(doing, len(s.Actions), now)
		return
	}
	clock := now.Sub(p.began).Round(time.Second)
	for _, what := range slices.Sorted(maps.Keys(doing)) {
		if _, before := p.doing[what]; !before {
			p.told[what] = now
			fmt.Fprintf(p.app.errOut, "%6s  %s\n", clock, what)
		} else if now.Sub(p.told[what]) >= progressStep {
			p.told[what] = now
			fmt.Fprintf(p.app.errOut, "%6s  %s: %s\n", clock, what, doing[what])
		}
	}
	for _, what := range slices.Sorted(maps.Keys(p.doing)) {
		if _, still := doing[what]; !still {
			fmt.Fprintf(p.app.errOut, "%6s  %s: ended\n", clock, what)
		}
	}
	p.doing = doing
}

// line rewrites the line on a terminal.
func (p *progress) line(doing map[string]string, actions int, now time.Time) {
	text := fmt.Sprintf("waiting %s", now.Sub(p.began).Round(time.Second))
	for n, what := range slices.Sorted(maps.Keys(doing)) {
		if n == 2 {
			text += fmt.Sprintf("; and %d more", len(doing)-n)
			break
		}
		text += fmt.Sprintf("; %s (%s)", what, doing[what])
	}
	if left := actions - len(doing); left > 0 {
		text += fmt.Sprintf("; %d to come", left)
	}
	if letters := []rune(text); len(letters) > progressWidth {
		text = string(letters[:progressWidth-1]) + "…"
	}
	fmt.Fprintf(p.app.errOut, "\r\x1b[K%s", text)
	p.shown = true
}

// end takes the line away.
func (p *progress) end() {
	if p.shown {
		fmt.Fprint(p.app.errOut, "\r\x1b[K")
	}
}
