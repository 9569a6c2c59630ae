package pcs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/resources"
)

// ruleText writes an expression in pcs' words (man pcs: "resource defaults set
// create", "constraint location rule") as a rule of a definition. What both have
// in common stays as it is; whoever reads the rule judges it.
func ruleText(words []string) (string, error) {
	r := ruleWords{left: ruleTokens(words)}
	var out []string
	for len(r.left) > 0 {
		text, err := r.part()
		if err != nil {
			return "", err
		}
		out = append(out, text)
	}
	return strings.NewReplacer("( ", "(", " )", ")").Replace(strings.Join(out, " ")), nil
}

// ruleTokens takes words of a shell apart as pcs does: at spaces and parentheses.
func ruleTokens(words []string) []string {
	return strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(strings.Join(words, " ")))
}

// ruleWords are the words of a rule that are still to be read.
type ruleWords struct{ left []string }

// next takes a word; "" after the last.
func (r *ruleWords) next() string {
	if len(r.left) == 0 {
		return ""
	}
	word := r.left[0]
	r.left = r.left[1:]
	return word
}

// take takes the word if it is the next one.
func (r *ruleWords) take(word string) bool {
	if len(r.left) == 0 || !strings.EqualFold(r.left[0], word) {
		return false
	}
	r.left = r.left[1:]
	return true
}

// pairs takes what follows with an equals sign in it.
func (r *ruleWords) pairs() []string {
	n := 0
	for n < len(r.left) && strings.Contains(r.left[n], "=") {
		n++
	}
	pairs := r.left[:n]
	r.left = r.left[n:]
	return pairs
}

// part writes the next condition, or a word between conditions.
func (r *ruleWords) part() (string, error) {
	word := r.next()
	if len(r.left) > 0 && slices.Contains([]string{"eq", "ne", "lt", "lte", "gt", "gte"}, strings.ToLower(r.left[0])) {
		return word, nil // the name of an attribute, or a date that both write alike
	}
	switch strings.ToLower(word) {
	case "resource":
		return agentText(r.next())
	case "op":
		return r.operation()
	case "date-spec":
		return "date in \"" + strings.Join(r.pairs(), " ") + "\"", nil
	case "date":
		if r.take("in_range") {
			return r.dates()
		}
	}
	return word, nil
}

// operation writes which operations are meant; a monitor that does not recur is a
// probe in Belay.
func (r *ruleWords) operation() (string, error) {
	name, interval := r.next(), ""
	for _, p := range r.pairs() {
		value, is := strings.CutPrefix(p, "interval=")
		if !is {
			return "", fmt.Errorf("%q is no word about an operation: write op NAME interval=TIME", p)
		}
		length, err := resources.ParseDuration(value)
		if err != nil {
			return "", fmt.Errorf("interval=%s: %w", value, err)
		}
		interval = length.String()
		if name == "monitor" && length == 0 {
			return `op in "probe"`, nil
		}
	}
	switch {
	case interval != "":
		return fmt.Sprintf("op in %q", name+"/"+interval), nil
	case name == "monitor":
		return `(op in "monitor" or op in "probe")`, nil
	}
	return fmt.Sprintf("op in %q", name), nil
}

// dates writes a range of time: [START] to END, or START to duration NAME=NUMBER…
func (r *ruleWords) dates() (string, error) {
	start := ""
	if !r.take("to") {
		if start = r.next(); !r.take("to") {
			return "", fmt.Errorf("after %q a range of dates goes on with to", start)
		}
	}
	end := ""
	if r.take("duration") {
		var err error
		if end, err = dateAfter(start, r.pairs()); err != nil {
			return "", err
		}
	} else {
		end = r.next()
	}
	if start == "" {
		return "date <= " + end, nil
	}
	return "(date >= " + start + " and date <= " + end + ")", nil
}

// lengths are the units of a duration that are always as long.
var lengths = map[string]time.Duration{
	"seconds": time.Second, "minutes": time.Minute, "hours": time.Hour, "days": 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
}

// dateAfter is the end of a range that is given by its length.
func dateAfter(start string, pairs []string) (string, error) {
	date, known := resources.ParseDate(start)
	if !known {
		return "", fmt.Errorf("%q is no date such as 2026-06-01T12:30:00Z", start)
	}
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		unit, known := lengths[name]
		count, err := resources.ParseDuration(value + "s")
		switch {
		case !known:
			return "", fmt.Errorf("a range that lasts %s cannot be converted: write its end, or seconds, minutes, hours, days and weeks", p)
		case err != nil:
			return "", fmt.Errorf("%s: %w", p, err)
		}
		const most = 100 * 365 * 24 * time.Hour
		if whole := count.Std() / time.Second; whole > most/unit {
			return "", fmt.Errorf("%s: that is more than a hundred years", p)
		} else {
			date = date.Add(whole * unit)
		}
	}
	return date.Format(time.RFC3339), nil
}

// agentText writes which resources are meant, given as STANDARD:PROVIDER:TYPE of
// their agents in Pacemaker, by the names that these have in Belay. Each part may
// be left out.
func agentText(word string) (string, error) {
	parts := strings.Split(word, ":")
	if len(parts) == 2 {
		parts = []string{parts[0], "", parts[1]}
	}
	if len(parts) != 3 || word == "::" || strings.ContainsAny(word, `*?[\"`) {
		return "", fmt.Errorf("%q is no agent: write resource STANDARD:PROVIDER:TYPE, of which any may be left out", word)
	}
	fits := func(name string) bool {
		given := strings.Split(name, ":")
		for i, part := range parts {
			if part != "" && part != given[i] {
				return false
			}
		}
		return true
	}
	names := resources.OwnAgents(fits)
	if fits("ocf:heartbeat:Filesystem") {
		names = append(names, "systemd:*.mount") // which Filesystem becomes
	}
	if exact := !slices.Contains(parts, ""); !exact || len(names) == 0 {
		names = append([]string{agentPattern(parts[0], parts[1], parts[2])}, names...)
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("agent in %q", name)
	}
	if len(names) == 1 {
		return names[0], nil
	}
	return "(" + strings.Join(names, " or ") + ")", nil
}

// agentPattern is the pattern for the agents that keep their names.
func agentPattern(class, provider, kind string) string {
	any := func(part string) string {
		if part == "" {
			return "*"
		}
		return part
	}
	switch {
	case provider == "" && kind == "":
		return class + ":*"
	case provider == "" && class != "ocf":
		return any(class) + ":" + kind // * stands for ocf:PROVIDER, too
	}
	return any(class) + ":" + any(provider) + ":" + any(kind)
}
