package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// takenLine is a unit on one member.
type takenLine struct {
	Node     resources.NodeName   `json:"node"`
	Unit     string               `json:"unit"`
	Resource resources.ResourceID `json:"resource"`
	// Was is how it was before; empty for one that the member has not begun with.
	Was  string `json:"was"`
	Mask bool   `json:"mask,omitempty"`
	// Ending says that it is to be given back, and is not yet.
	Ending bool `json:"ending,omitempty"`
	// Now is how it is: enabled, disabled, static, masked, …, or absent; empty when the
	// member does not say.
	Now string `json:"now,omitempty"`
	// Done says that the member has done what is asked of it.
	Done bool `json:"done"`
}

// takenLines are the units that members hold or are to hold, by node and unit.
func (a *app) takenLines(ctx context.Context, c Cluster, s *state.State) []takenLine {
	lines, units := []takenLine{}, map[string]bool{}
	for _, name := range s.NodeNames() {
		wanted := s.WantedUnits(name)
		for unit, held := range s.Nodes[name].Units {
			w, still := wanted[unit]
			lines = append(lines, takenLine{Node: name, Unit: unit, Resource: held.Resource, Was: held.Was, Mask: held.Mask || w.Mask, Ending: !still})
			units[unit] = true
		}
		for unit, w := range wanted {
			if _, held := s.Nodes[name].Units[unit]; !held {
				lines = append(lines, takenLine{Node: name, Unit: unit, Resource: w.Resource, Mask: w.Mask})
				units[unit] = true
			}
		}
	}
	found := a.unitsNow(ctx, c, s, slices.Sorted(maps.Keys(units)))
	for i := range lines {
		l := &lines[i]
		l.Now = found[l.place()]
		begun, right := l.Was != "", !startsItself(l.Now) && (!l.Mask || l.Now == "masked" || l.Now == absent)
		l.Done = !l.Ending && begun && l.Now != "" && right
	}
	lines = slices.DeleteFunc(lines, func(l takenLine) bool { return l.Was == "" && l.Now == absent })
	slices.SortFunc(lines, func(a, b takenLine) int { return strings.Compare(a.place(), b.place()) })
	return lines
}

func (l *takenLine) place() string { return string(l.Node) + " " + l.Unit }

// absent is how a unit is that a host does not have.
const absent = "absent"

// unitsNow asks every member how units are on its host, by "node unit". What a member
// does not say is left out.
func (a *app) unitsNow(ctx context.Context, c Cluster, s *state.State, units []string) map[string]string {
	found := map[string]string{}
	for part := range slices.Chunk(units, api.MaxAskedUnits) {
		answer, err := call(ctx, func(ctx context.Context) (api.UnitsAnswer, error) { return c.Units(ctx, part) })
		if err != nil {
			break
		}
		for _, name := range s.NodeNames() { // a host without systemd says nothing
			for _, unit := range part {
				found[string(name)+" "+unit] = absent
			}
		}
		for _, u := range answer.Units {
			switch place := string(u.Node) + " " + u.Unit; {
			case u.Error != "":
				delete(found, place)
			case u.File != "":
				found[place] = u.File
			}
		}
	}
	return found
}

func (a *app) listTaken(ctx context.Context) error {
	c, err := a.cluster()
	if err != nil {
		return err
	}
	s, err := a.state(ctx, false)
	if err != nil {
		return err
	}
	lines := a.takenLines(ctx, c, s)
	return a.print(lines, func(w io.Writer) {
		switch {
		case len(lines) == 0 && len(s.TakeOvers) > 0:
			var ids []string
			for _, id := range slices.Sorted(maps.Keys(s.TakeOvers)) {
				ids = append(ids, string(id))
			}
			fmt.Fprintf(w, "the units of %s are taken over, and no member has one of them\n", few(ids, 8))
			return
		case len(lines) == 0:
			fmt.Fprintln(w, "no units are taken over")
			return
		}
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "NODE\tUNIT\tRESOURCE\tBEFORE\tNOW")
		for _, l := range lines {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", l.Node, l.Unit, l.Resource, orDash(l.Was), l.words())
		}
		table.Flush()
	})
}

// words say how a unit is, and what is still to come.
func (l *takenLine) words() string {
	text := l.Now
	if text == "" {
		text = "the member does not say"
	}
	switch {
	case l.Done:
		return text
	case l.Ending:
		return text + ": given back as soon as the member does it"
	case l.Mask:
		return text + ": disabled and masked as soon as the member does it"
	}
	return text + ": disabled as soon as the member does it"
}

// unitsPause is how often members are asked whether they have done it.
const unitsPause = 500 * time.Millisecond

// awaitUnits waits, with --wait, until every member that is online has taken the
// units over, or with none given back what it holds of the resource. Members that are
// away do it when they are back: they are named.
func (a *app) awaitUnits(ctx context.Context, c Cluster, flags *changeFlags, id resources.ResourceID, units []state.OwnedUnit) error {
	if flags.wait.time == 0 || flags.dryRun {
		return nil
	}
	for deadline := a.now().Add(flags.wait.time.Std()); ; a.pause(ctx, unitsPause) {
		s, err := a.state(ctx, false)
		if err != nil {
			return fmt.Errorf("the change is made, but nobody could be asked what came of it: %w", err)
		}
		var open, away []string
		for _, l := range a.takenLines(ctx, c, s) {
			if l.Resource != id || l.Done || len(units) == 0 && !l.Ending {
				continue
			}
			if n := s.Nodes[l.Node]; n.Online() {
				open = append(open, fmt.Sprintf("%s on %s (%s)", l.Unit, l.Node, l.words()))
			} else if !slices.Contains(away, string(l.Node)) {
				away = append(away, string(l.Node))
			}
		}
		switch {
		case len(open) == 0 && len(away) > 0:
			fmt.Fprintf(a.errOut, "note: %s: away, and does it when it is back\n", strings.Join(away, ", "))
			return nil
		case len(open) == 0:
			return nil
		case !a.now().Before(deadline) || ctx.Err() != nil:
			return &timedOutError{after: flags.wait.time, what: "not every member has done it yet: " + few(open, 3)}
		}
	}
}
