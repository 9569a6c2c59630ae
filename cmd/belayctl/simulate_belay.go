package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/scheduler"
	belay "github.com/belay-ha/belay/cluster/simulate"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// runBelay simulates a cluster that Belay runs, with its own planner, until
// nothing more happens.
func (s *simulation) runBelay(ctx context.Context) error {
	if s.scores {
		return usage("--scores is for a CIB: ask belayctl explain RESOURCE")
	}
	now, err := s.instant()
	if err != nil {
		return err
	}
	if now.IsZero() {
		now = s.app.now()
	}
	opts := belay.Options{Now: now, Planner: scheduler.Options{Quorum: s.quorum != "lost", Agents: node.AgentFacts(s.app.agents)}}
	if s.quorum != "" && s.quorum != "lost" && s.quorum != "ok" {
		return usage("quorum %q: write lost or ok", s.quorum)
	}
	for _, text := range s.failures {
		failure, err := belay.ParseFailure(text)
		if err != nil {
			return usage("%v", err)
		}
		opts.Failures = append(opts.Failures, failure)
	}
	current, err := s.source(ctx, now)
	if err != nil {
		return err
	}
	changed, err := belay.Apply(current, now, belay.Changes{Down: names(s.down), Lost: names(s.fail), Up: names(s.up), Standby: names(s.standby), Tickets: s.tickets.changes()})
	if err != nil {
		return bad(codeUnknownName, "%v", err)
	}
	r := belay.Run(changed, opts)
	r.Before = current
	if s.app.output != "text" {
		s.unmatched(len(r.Unmatched), func(n int) string { return r.Unmatched[n].String() })
	}
	return s.give(forms{
		text: func(w io.Writer, painted bool) error {
			if !painted {
				return belay.WriteText(w, r, nil)
			}
			return belay.WriteText(w, r, s.paint)
		},
		dot:  func(w io.Writer) error { return belay.WriteDot(w, r) },
		json: func() any { return belay.NewForm(r) },
	})
}

func names(words []string) []resources.NodeName {
	list := make([]resources.NodeName, len(words))
	for i, word := range words {
		list[i] = resources.NodeName(word)
	}
	return list
}

// source reads the cluster that is simulated.
func (s *simulation) source(ctx context.Context, now time.Time) (*state.State, error) {
	switch {
	case len(s.definitions) > 0:
		def, err := s.app.decodeToPlan(s.definitions)
		if err != nil {
			return nil, err
		}
		return belay.Empty(def, now), nil
	case s.state != "":
		return s.app.savedState(s.state)
	default:
		return s.app.state(ctx, false)
	}
}

// maxState bounds a saved state, in bytes: some hundred times that of a large cluster.
const maxState = 256 << 20

// savedState reads what stateSave wrote.
func (a *app) savedState(name string) (*state.State, error) {
	shown, text, err := a.readUpTo(name, maxState)
	switch {
	case errors.Is(err, errTooLong):
		return nil, bad(codeBadFile, "%s: larger than %d MiB; belayctl state save writes what can be read", shown, maxState>>20)
	case err != nil:
		return nil, bad(codeUnreadable, "%v", err)
	}
	return decodeState(shown, text)
}
