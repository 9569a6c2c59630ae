package scheduler_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// shot returns the nodes whose fencing may begin, and why the others wait.
func shot(plan transition.Transition) (now []string, waits map[string]string) {
	waits = map[string]string{}
	for _, a := range plan.Actions {
		switch {
		case a.Kind != transition.KindFence:
		case a.Wait == "":
			now = append(now, string(a.Node))
		default:
			waits[string(a.Node)] = a.Wait
		}
	}
	slices.Sort(now)
	return now, waits
}

func TestCliff(t *testing.T) {
	six := []string{"n1", "n2", "n3", "n4", "n5", "n6"}
	cases := []struct {
		name             string
		nodes            []string
		dead, suspect    []string
		unknown, proven  []string
		shot             []string
		cliff, criticals bool
	}{
		{name: "one of six", nodes: six, dead: six[5:], shot: six[5:]},
		{name: "half of six", nodes: six, dead: six[3:], shot: six[3:]},
		{name: "more than half", nodes: six, dead: six[2:], cliff: true},
		{name: "half, and another in doubt", nodes: six, dead: six[3:], suspect: six[2:3], cliff: true},
		{name: "one dead, the others in doubt", nodes: six, dead: six[5:], suspect: six[2:5], cliff: true},
		{name: "never seen since a start of all", nodes: six, unknown: six[2:], cliff: true},
		{name: "those proven off are no news", nodes: six, proven: six[4:], dead: six[3:4], shot: six[3:4]},
		{name: "one of two", nodes: six[:2], dead: six[1:2], shot: six[1:2]},
		{name: "one of one and itself", nodes: six[:1]},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			world := newCluster(c.nodes...)
			world.d.Properties.FenceBudget = 10
			set := func(names []string, liveness state.Liveness, off *state.OffProof) {
				for _, name := range names {
					n := world.s.Nodes[resources.NodeName(name)]
					n.Liveness, n.Off = liveness, off
				}
			}
			set(c.dead, state.LivenessDead, nil)
			set(c.suspect, state.LivenessSuspect, nil)
			set(c.unknown, state.LivenessUnknown, nil)
			set(c.proven, state.LivenessDead, &state.OffProof{By: state.ProofPower})
			plan := scheduler.Plan(world.build(), world.now, world.opts)
			now, waits := shot(plan)
			if !slices.Equal(now, c.shot) {
				t.Errorf("shoots %v, want %v; waits %v", now, c.shot, waits)
			}
			for node, why := range waits {
				if c.cliff != strings.Contains(why, "are silent at once") {
					t.Errorf("%s waits because %s", node, why)
				}
			}
			if c.cliff {
				i := slices.IndexFunc(plan.Problems, func(p transition.Problem) bool { return p.Code == "fence_cliff" })
				if i < 0 || plan.Problems[i].Severity != transition.SeverityCritical || plan.Problems[i].Next == "" {
					t.Errorf("status does not say so: %+v", plan.Problems)
				}
			}
		})
	}
}

// Once half of the silent ones are heard, the rest is fenced.
func TestCliffEnds(t *testing.T) {
	world := newCluster("n1", "n2", "n3", "n4")
	for _, name := range []string{"n2", "n3", "n4"} {
		world.Down(name)
	}
	if now, _ := shot(scheduler.Plan(world.build(), world.now, world.opts)); len(now) != 0 {
		t.Fatalf("shoots %v", now)
	}
	world.s.Nodes["n2"].Liveness = state.LivenessAlive
	world.s.Nodes["n3"].Liveness = state.LivenessAlive
	if now, waits := shot(scheduler.Plan(world.build(), world.now, world.opts)); !slices.Equal(now, []string{"n4"}) {
		t.Errorf("shoots %v, waits %v", now, waits)
	}
}

func TestPriorityFencingDelay(t *testing.T) {
	high := resources.Score(10)
	cases := []struct {
		name   string
		delay  time.Duration
		age    time.Duration // of the verdict
		at     string        // where the important resource runs
		nodes  []string
		shoots bool
	}{
		{"the important half is lost", 15 * time.Second, 5 * time.Second, "n2", []string{"n1", "n2"}, false},
		{"long enough", 15 * time.Second, 15 * time.Second, "n2", []string{"n1", "n2"}, true},
		{"the other half is lost", 15 * time.Second, 5 * time.Second, "n1", []string{"n1", "n2"}, true},
		{"both are alike", 15 * time.Second, 5 * time.Second, "", []string{"n1", "n2"}, true},
		{"a majority lives", 15 * time.Second, 5 * time.Second, "n2", []string{"n1", "n2", "n3"}, true},
		{"not asked for", 0, 5 * time.Second, "n2", []string{"n1", "n2"}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			world := newCluster(c.nodes...).Down("n2")
			world.s.Nodes["n2"].Since = world.now.Add(-c.age)
			world.d.Properties.PriorityFencingDelay = resources.Duration(c.delay)
			world.d.Resources = append(world.d.Resources, resources.Resource{ID: "db", Agent: "sim", Meta: resources.Meta{Priority: &high}})
			if c.at != "" {
				world.instance("db@" + c.at).Role = resources.RoleStarted
			}
			plan := scheduler.Plan(world.build(), world.now, world.opts)
			now, waits := shot(plan)
			if (len(now) == 1) != c.shoots {
				t.Errorf("shoots %v, waits %v", now, waits)
			}
			if !c.shoots && (!strings.Contains(waits["n2"], "priority_fencing_delay") || !plan.RecheckAt.Equal(world.now.Add(c.delay-c.age))) {
				t.Errorf("waits %v, looks again at %s", waits, plan.RecheckAt)
			}
		})
	}
}
