package dev

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// mover keeps a diary of what is done to a machine that can migrate, and fails to
// do so when it is told to.
type mover struct {
	agents.Agent
	agents.Migrator
	node  resources.NodeName
	diary *diary
	// stays and strands say that it cannot leave, and that it cannot arrive.
	stays, strands *atomic.Bool
}

func (m *mover) Start(ctx context.Context, r agents.Request) agents.Result {
	m.diary.write("start on %s", m.node)
	return m.Agent.Start(ctx, r)
}

func (m *mover) Stop(ctx context.Context, r agents.Request) agents.Result {
	m.diary.write("stop on %s", m.node)
	return m.Agent.Stop(ctx, r)
}

func (m *mover) MigrateTo(ctx context.Context, r agents.Request) agents.Result {
	m.diary.write("from %s to %s", m.node, r.Peer)
	if m.stays.Load() {
		return agents.Result{Outcome: agents.OutcomeFailed, Reason: "the disk is not shared"}
	}
	return m.Migrator.MigrateTo(ctx, r)
}

func (m *mover) MigrateFrom(ctx context.Context, r agents.Request) agents.Result {
	m.diary.write("at %s from %s", m.node, r.Peer)
	if m.strands.Load() {
		return agents.Result{Outcome: agents.OutcomeFailed, Reason: "there is no room for it"}
	}
	return m.Migrator.MigrateFrom(ctx, r)
}

// TestMovesLive: a machine leaves a node that goes into standby without a stop;
// where it cannot leave, or cannot arrive, it is stopped and started, and that is all
// it costs.
func TestMovesLive(t *testing.T) {
	d, stays, strands := &diary{}, &atomic.Bool{}, &atomic.Bool{}
	c := startWith(t, func(config *Config) {
		config.Specs = append(config.Specs, agents.Spec{Name: "vm", Migrates: true, MonitorInterval: 100 * time.Millisecond, Timeouts: map[resources.Op]time.Duration{resources.OpMonitor: time.Second}})
		config.Wrap = func(name resources.NodeName, agent agents.Agent) agents.Agent {
			if agent.Spec().Name == "vm" {
				return &mover{agent, agent.(agents.Migrator), name, d, stays, strands}
			}
			return agent
		}
	})
	untilVersion(t, c, state.VersionMore)
	define(t, c, func(def *resources.Definition) {
		yes := true
		def.Resources = append(def.Resources, resources.Resource{ID: "vm", Agent: "vm", Meta: resources.Meta{AllowMigrate: &yes}})
	})
	atRest := func(s api.Status) bool { return count(s, "vm") == 1 && len(s.Actions) == 0 }
	source := holder(until(t, c, "it runs", soon, atRest), "vm")
	_, mark := d.from(0)
	standby := func(name resources.NodeName, on bool) {
		if _, err := c.Client().Command(t.Context(), &state.NodeStandby{Node: name, Standby: on}); err != nil {
			t.Fatal(err)
		}
	}

	standby(source, true)
	target := holder(until(t, c, "it has moved", soon, func(s api.Status) bool { return atRest(s) && holder(s, "vm") != source }), "vm")
	lines, mark := d.from(mark)
	want := []string{"from " + string(source) + " to " + string(target), "at " + string(target) + " from " + string(source), "stop on " + string(source)}
	if !slices.Equal(lines, want) {
		t.Errorf("what was done: %q, want %q", lines, want)
	}
	standby(source, false)
	until(t, c, "it stays", soon, atRest)

	_, mark = d.from(mark)
	stays.Store(true)
	standby(target, true)
	status := until(t, c, "it has moved all the same", soon, func(s api.Status) bool { return atRest(s) && holder(s, "vm") != target })
	last := holder(status, "vm")
	lines, _ = d.from(mark)
	follows(t, lines, []string{"stop on " + string(target)}, []string{"start on " + string(last)})
	if tries := strings.Count(strings.Join(lines, "\n"), "from "+string(target)); tries != 1 {
		t.Errorf("%d tries to migrate, want 1: %q", tries, lines)
	}

	// It leaves, and arrives nowhere: it is started anew, once.
	if _, err := c.Client().Command(t.Context(), &state.FailuresCleared{Resource: "vm"}); err != nil {
		t.Fatal(err)
	}
	standby(target, false)
	until(t, c, "it stays", soon, atRest)
	_, mark = d.from(mark)
	stays.Store(false)
	strands.Store(true)
	standby(last, true)
	status = until(t, c, "it runs elsewhere", soon, func(s api.Status) bool { return atRest(s) && holder(s, "vm") != last })
	lines, _ = d.from(mark)
	next := holder(status, "vm")
	if len(lines) < 3 || lines[0] != "from "+string(last)+" to "+string(next) || lines[1] != "at "+string(next)+" from "+string(last) || lines[len(lines)-1] != "start on "+string(next) {
		t.Errorf("what was done: %q", lines)
	}
	if text := strings.Join(lines, "\n"); strings.Count(text, "start on ") != 1 || strings.Count(text, "from "+string(last)+" to") != 1 {
		t.Errorf("it was started or moved more than once: %q", lines)
	}
}
