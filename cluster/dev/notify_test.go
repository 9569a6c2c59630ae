package dev

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// diary is what happened to the copies of a clone and what they were told, in
// order: "promote on controller-0", "pre promote controller-0 told to controller-1".
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) write(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// from returns what was written since a mark, and the next mark.
func (d *diary) from(mark int) ([]string, int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines[mark:]), len(d.lines)
}

// writer is an agent that keeps the diary and wants to hear of its peers.
type writer struct {
	agents.Agent
	node  resources.NodeName
	diary *diary
}

func (w *writer) Start(ctx context.Context, r agents.Request) agents.Result {
	w.diary.write("start on %s", w.node)
	return w.Agent.Start(ctx, r)
}

func (w *writer) Stop(ctx context.Context, r agents.Request) agents.Result {
	w.diary.write("stop on %s", w.node)
	return w.Agent.Stop(ctx, r)
}

func (w *writer) Promote(ctx context.Context, r agents.Request) agents.Result {
	w.diary.write("promote on %s", w.node)
	return w.Agent.Promote(ctx, r)
}

func (w *writer) Notify(_ context.Context, r agents.Request, n agents.Notification) agents.Result {
	vars := n.Variables(r)
	for _, about := range n.Peers {
		w.diary.write("%s %s %s told to %s", vars["notify_type"], n.Op, about.Node, w.node)
	}
	if w.node == "controller-1" {
		return agents.Result{Outcome: agents.OutcomeFailed, Reason: "does not want to know"} // holds nothing up
	}
	return agents.Result{Outcome: agents.OutcomeOK}
}

// follows checks that each line stands in the diary, after those of earlier
// steps; within a step the order is free.
func follows(t *testing.T, lines []string, steps ...[]string) {
	t.Helper()
	reached := -1
	for _, step := range steps {
		last := reached
		for _, want := range step {
			at := slices.Index(lines, want)
			if at <= reached {
				t.Errorf("%q is at %d, expected after %d in:\n%s", want, at, reached, strings.Join(lines, "\n"))
			}
			last = max(last, at)
		}
		reached = last
	}
}

// told lists a notice to each of the nodes.
func told(what string, nodes ...resources.NodeName) []string {
	var lines []string
	for _, n := range nodes {
		lines = append(lines, what+" told to "+string(n))
	}
	return lines
}

// TestCopiesHearOfEachOther: through a stop, a start, a promotion and the loss of
// a node, each running copy of a clone with notify is told before and after.
func TestCopiesHearOfEachOther(t *testing.T) {
	d := &diary{}
	c := startWith(t, func(config *Config) {
		config.Specs = append(config.Specs, agents.Spec{Name: "db", Promotable: true, MonitorInterval: 200 * time.Millisecond, Timeouts: map[resources.Op]time.Duration{resources.OpMonitor: time.Second}})
		config.Wrap = func(name resources.NodeName, agent agents.Agent) agents.Agent {
			if agent.Spec().Name == "db" {
				return &writer{agent, name, d}
			}
			return agent
		}
	})
	untilVersion(t, c, state.VersionNotices)
	define(t, c, func(def *resources.Definition) {
		def.Resources = append(def.Resources, resources.Resource{ID: "db", Agent: "db", Clone: &resources.Clone{Promotable: true, Notify: true}})
	})
	status := until(t, c, "a copy is promoted", soon, func(s api.Status) bool { return count(s, "db") == 3 && promoted(s) != "" && len(s.Actions) == 0 })
	master := promoted(status)
	var others, all []resources.NodeName
	for _, h := range c.Hosts() {
		all = append(all, h.Name())
		if h.Name() != master {
			others = append(others, h.Name())
		}
	}
	lines, mark := d.from(0)
	what := string(master)
	follows(t, lines, []string{"start on " + what}, told("post start "+what, master), told("pre promote "+what, master),
		[]string{"promote on " + what}, told("post promote "+what, all...))

	away := others[0]
	standby := func(on bool) {
		if _, err := c.Client().Command(t.Context(), &state.NodeStandby{Node: away, Standby: on}); err != nil {
			t.Fatal(err)
		}
	}
	standby(true)
	until(t, c, "a copy stops", soon, func(s api.Status) bool { return count(s, "db") == 2 && len(s.Actions) == 0 })
	standby(false)
	until(t, c, "it starts again", soon, func(s api.Status) bool { return count(s, "db") == 3 && len(s.Actions) == 0 })
	lines, mark = d.from(mark)
	stays := slices.DeleteFunc(slices.Clone(all), func(n resources.NodeName) bool { return n == away })
	what = string(away)
	follows(t, lines, told("pre stop "+what, all...), []string{"stop on " + what}, told("post stop "+what, stays...),
		told("pre start "+what, stays...), []string{"start on " + what}, told("post start "+what, all...))

	host, _ := c.Host(master)
	host.CutPower()
	next := promoted(until(t, c, "another is promoted", outage, func(s api.Status) bool {
		p := promoted(s)
		return p != "" && p != master
	}))
	until(t, c, "all is quiet", outage, func(s api.Status) bool { return count(s, "db") == 3 && len(s.Actions) == 0 })
	lines, _ = d.from(mark)
	follows(t, lines, told("post stop "+string(master), others...))
	follows(t, lines, told("pre promote "+string(next), others...), []string{"promote on " + string(next)}, told("post promote "+string(next), others...))
	follows(t, lines, told("pre start "+string(master), others...), []string{"start on " + string(master)}, told("post start "+string(master), all...))
	s, err := c.Client().State(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Notices) != 0 {
		t.Errorf("at rest, and still on record: %+v", s.Notices[0])
	}
}

// promoted returns where db is promoted.
func promoted(s api.Status) resources.NodeName {
	for _, r := range s.Resources {
		if r.ID == "db" && r.Role == resources.RolePromoted && r.Op == "" {
			return r.Node
		}
	}
	return ""
}

func untilVersion(t *testing.T, c *Cluster, version int) {
	t.Helper()
	for end := time.Now().Add(soon); ; time.Sleep(20 * time.Millisecond) {
		s, err := c.Client().State(t.Context(), false)
		if err == nil && s.Version >= version {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the cluster does not come to command set %d: %v", version, err)
		}
	}
}
