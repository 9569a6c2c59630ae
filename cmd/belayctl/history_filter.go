package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// historyGroups are the kinds that people name.
const historyGroups = "verdict, plan, operation, monitor, fencing, member, change"

// eventKinds are the finer kinds that the groups hold, as the state calls them.
var eventKinds = []string{
	"advice", "cluster", "definition", "fence_check", "maintenance", "migration", "move", "node", "override", "restart", "retry", "role", "secret", "takeover", "ticket",
	"token", "watchdog",
}

// groupOf says to which of them an event's own kind belongs. What people and
// files do is a change, whatever kinds there will be of it.
func groupOf(kind string) string {
	switch kind {
	case "verdict", state.EventPlan, state.EventOperation, "monitor", "fencing", "member":
		return kind
	case "advice":
		return "plan"
	case "migration":
		return "operation"
	case "fence_check", "watchdog":
		return "fencing"
	case "cluster":
		return "member"
	default:
		return "change"
	}
}

// tell gives events their groups.
func tell(events []state.Event) []happened {
	list := make([]happened, 0, len(events))
	for _, e := range events {
		list = append(list, happened{Event: e, Group: groupOf(e.Kind), Wrong: wentWrong(e)})
	}
	return list
}

// wentWrong says whether somebody should look at an event.
func wentWrong(e state.Event) bool {
	switch e.Kind {
	case state.EventOperation:
		if e.Outcome != nil {
			return *e.Outcome != agents.OutcomeOK && *e.Outcome != agents.OutcomeCancelled
		}
		return !strings.Contains(e.Text, ": ok") // of a release that kept no more
	case "monitor":
		return !strings.Contains(e.Text, ": "+agents.OutcomeOK.String())
	case "verdict":
		return strings.HasPrefix(e.Text, "dead") || strings.HasPrefix(e.Text, "suspect")
	case "fencing", "fence_check", "watchdog":
		return strings.Contains(e.Text, "fail") || strings.HasPrefix(e.Text, "not fed")
	case "migration":
		return true // it is told when it is cut short
	}
	return false
}

// historyFilter is what somebody wants to see of the history.
type historyFilter struct {
	node, resource, by string
	kinds              []string
	since, until       time.Time
	wrong              bool
	last               int
}

// check reads the times and refuses what matches nothing for certain.
func (f *historyFilter) check(since, until string, now time.Time) error {
	var err error
	if f.since, err = moment(since, now); err != nil {
		return usage("--since %q: %v", since, err)
	}
	if f.until, err = moment(until, now); err != nil {
		return usage("--until %q: %v", until, err)
	}
	if !f.since.IsZero() && !f.until.IsZero() && f.until.Before(f.since) {
		return usage("--until %s is before --since %s", f.until.Format(time.RFC3339), f.since.Format(time.RFC3339))
	}
	if f.last < 0 {
		return usage("-n %d: write how many lines, or 0 for all", f.last)
	}
	known := append(strings.Split(historyGroups, ", "), eventKinds...)
	for n, kind := range f.kinds {
		f.kinds[n] = strings.TrimSpace(kind)
		if !slices.Contains(known, f.kinds[n]) {
			if best, ok := resources.Nearest(f.kinds[n], known); ok {
				return usage("--kind %q: did you mean %q?", kind, best)
			}
			return usage("--kind %q: there are %s", kind, historyGroups)
		}
	}
	return nil
}

// moment reads a point in time: a time ago, a clock of today, or a date.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := resources.ParseDuration(text); err == nil {
		return now.Add(-ago.Std()), nil
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if clock, err := time.Parse(layout, text); err == nil {
			y, m, d := now.Date()
			at := time.Date(y, m, d, clock.Hour(), clock.Minute(), clock.Second(), 0, time.UTC)
			if at.After(now) { // 23:50, asked for at ten past midnight
				at = at.AddDate(0, 0, -1)
			}
			return at, nil
		}
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("write a time ago such as 1h, a clock such as 03:10, or a date such as %s", now.Format("2006-01-02 15:04"))
}

// choose returns what is wanted of a list.
func (f *historyFilter) choose(list []happened) []happened {
	return slices.DeleteFunc(slices.Clone(list), func(e happened) bool { return !f.wants(e) })
}

func (f *historyFilter) wants(e happened) bool {
	switch {
	case f.node != "" && string(e.Node) != f.node,
		f.resource != "" && string(e.Resource) != f.resource && string(e.Instance) != f.resource,
		f.by != "" && e.By != f.by,
		len(f.kinds) > 0 && !slices.Contains(f.kinds, e.Kind) && !slices.Contains(f.kinds, e.Group),
		!f.since.IsZero() && e.At.Before(f.since),
		!f.until.IsZero() && e.At.After(f.until),
		f.wrong && !e.Wrong:
		return false
	}
	return true
}

// newest returns the last ones of a list.
func (f *historyFilter) newest(list []happened) []happened {
	if f.last > 0 && len(list) > f.last {
		return list[len(list)-f.last:]
	}
	return list
}

// nothing says why there is nothing to show: perhaps a name is written wrongly.
func (f *historyFilter) nothing(all []happened) string {
	if len(all) == 0 {
		return "nothing is on record"
	}
	nodes, things := map[string]bool{}, map[string]bool{}
	for _, e := range all {
		nodes[string(e.Node)], things[string(e.Resource)] = true, true
	}
	for _, asked := range []struct {
		what, name string
		known      map[string]bool
	}{{"node", f.node, nodes}, {"resource", f.resource, things}} {
		if asked.name == "" || asked.known[asked.name] {
			continue
		}
		if best, ok := resources.Nearest(asked.name, slices.Sorted(maps.Keys(asked.known))); ok && best != "" {
			return fmt.Sprintf("nothing is on record of a %s %q: did you mean %q?", asked.what, asked.name, best)
		}
		return fmt.Sprintf("nothing is on record of a %s %q", asked.what, asked.name)
	}
	return fmt.Sprintf("nothing of that is on record; it goes back to %s", all[0].At.UTC().Format(time.RFC3339))
}
