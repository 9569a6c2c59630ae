package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/belay-ha/belay/resources"
)

// timeline writes events as lines that line up, under a heading for each day.
type timeline struct {
	app *app
	w   io.Writer
	// now is what "ago" is reckoned from; zero leaves that out.
	now  time.Time
	day  string
	told string // what was said last about why nothing comes
}

func (a *app) newTimeline(w io.Writer, now time.Time) *timeline {
	return &timeline{app: a, w: w, now: now}
}

func (l *timeline) write(events []happened) {
	if len(events) > 0 {
		l.told = ""
	}
	width := 0
	for _, e := range events {
		width = max(width, len(e.Node))
	}
	for _, e := range events {
		if day := e.At.UTC().Format("Mon 2006-01-02 UTC"); day != l.day {
			fmt.Fprintln(l.w, l.app.paint(bold, day))
			l.day = day
		}
		l.line(e, width)
	}
}

func (l *timeline) line(e happened, width int) {
	clock := e.At.UTC().Format("15:04:05")
	if !l.now.IsZero() {
		clock += l.app.paint(dim, fmt.Sprintf(" %11s", ago(l.now.Sub(e.At))))
	}
	code := ""
	switch {
	case e.Wrong && (e.Kind == "verdict" && strings.HasPrefix(e.Text, "suspect")):
		code = yellow
	case e.Wrong:
		code = red
	case e.Group == "change":
		code = bold
	}
	text := e.Text
	if e.Kind == "secret" || e.Kind == "ticket" { // which their text leaves out
		text = e.Kind + " " + text
	}
	if took := e.Took.Std(); took > 0 {
		text += " (" + brief(took) + ")"
	}
	if e.By != "" && e.By != "cluster" && e.By != string(e.Node) && !strings.Contains(e.Text, " by ") {
		text += ", by " + e.By
	}
	if code != "" {
		text = l.app.paint(code, text)
	}
	resource := ""
	if e.Resource != "" && !mentions(e.Text, string(e.Resource)) {
		resource = string(e.Resource) + ": "
	}
	fmt.Fprintf(l.w, "%s  %s  %-*s  %s%s\n", clock, l.app.paint(dim, fmt.Sprintf("%-9s", e.Group)), width, orDash(string(e.Node)), resource, text)
	indent := strings.Repeat(" ", 8+2+9+2+width+2)
	if !l.now.IsZero() {
		indent += strings.Repeat(" ", 12)
	}
	for _, evidence := range e.Evidence {
		fmt.Fprintf(l.w, "%s%s\n", indent, l.app.paint(dim, fmt.Sprintf("seen by %s (%s): %s", evidence.Observer, evidence.Source, evidence.Text)))
	}
	if len(e.Changes) > 0 {
		fmt.Fprintf(l.w, "%s%s\n", indent, l.app.paint(dim, few(e.Changes, 6)))
	}
}

// mentions reports whether a text speaks of a resource already.
func mentions(text, resource string) bool {
	for _, word := range strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == ':' || c == ',' }) {
		if word == resource {
			return true
		}
	}
	return false
}

// interrupted says once why nothing comes for now.
func (l *timeline) interrupted(w io.Writer, why string) {
	if why != l.told {
		fmt.Fprintln(w, why)
		l.told = why
	}
}

// ago says how long something is ago, in two units at most.
func ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds ago", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm ago", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%dd%02dh ago", int(d.Hours())/24, int(d.Hours())%24)
	}
}

// brief writes how long something took, to three digits.
func brief(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	default:
		return resources.Duration(d.Round(time.Second)).String()
	}
}
