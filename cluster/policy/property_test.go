package policy_test

import (
	"flag"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/cluster/policy/simulate"
	"github.com/belay-ha/belay/resources/cib"
)

// invented is a random cluster: its description, and what properties need to
// know of it.
type invented struct {
	text       string
	in         *policy.Input
	primitives []string            // that are in no collection
	clones     map[string]cloneMax // by the id of the primitive in them
	orders     [][2]string         // mandatory and symmetrical, between primitives
	links      [][2]string         // things that have to do with each other
}

type cloneMax struct{ all, node, promoted int }

// inventor writes a cluster in the words of testdata/README.md.
type inventor struct {
	*rapid.T
	out invented
	b   strings.Builder
	top []string // resources that constraints may name
}

func (g *inventor) line(format string, args ...any) { fmt.Fprintf(&g.b, format+"\n", args...) }
func (g *inventor) often(percent int, what string) bool {
	return rapid.IntRange(0, 99).Draw(g.T, what) >= 100-percent
}
func (g *inventor) pick(what string, words ...string) string {
	return rapid.SampledFrom(words).Draw(g.T, what)
}

// wild says what may be wrong with the cluster. Interleaved clones have no rest
// where a copy lacks its partner: what comes after such a clone is restarted
// again and again, with Pacemaker too.
type wild struct {
	nodes, failures, options, interleave bool
	least                                int // nodes, one if not said
}

func invent(t *rapid.T, w wild) *invented {
	g := &inventor{T: t, out: invented{clones: map[string]cloneMax{}}}
	count := rapid.IntRange(max(1, w.least), 5).Draw(t, "nodes")
	nodes := make([]string, count)
	for i := range nodes {
		nodes[i] = "n" + strconv.Itoa(i+1)
	}
	g.line("nodes %s", strings.Join(nodes, " "))
	fencing := g.often(60, "fencing")
	if fencing {
		g.line("rsc f stonith:fence_dummy")
		g.line("on f n1")
	} else {
		g.line("option fencing-enabled=false")
	}
	g.line("defaults resource-stickiness=100")
	if w.options {
		g.options()
	}
	up := slices.Clone(nodes)
	if w.nodes {
		for i, n := range nodes[1:] {
			switch word := g.pick("state", "up", "up", "up", "up", "standby", "left", "lost", "unseen", "pending"); word {
			case "up":
			case "standby":
				g.line("node %s standby=on", n)
			default:
				g.line("node %s %s", n, word)
				if word != "lost" {
					up[i+1] = ""
				}
			}
		}
		up = slices.DeleteFunc(up, func(n string) bool { return n == "" })
	}
	g.resources(up, w)
	g.constraints(nodes)
	g.out.text = g.b.String()
	s, err := parseScenario(g.out.text)
	if err != nil {
		t.Fatal(err)
	}
	in, err := cib.Read(strings.NewReader(s.xml()), "invented.xml")
	if err != nil {
		t.Fatalf("%v\n%s", err, g.out.text)
	}
	in.Now = s.now
	g.out.in = in
	return &g.out
}

func (g *inventor) options() {
	if g.often(15, "no quorum") {
		g.line("no-quorum")
	}
	g.line("option no-quorum-policy=%s concurrent-fencing=%s", g.pick("policy", "stop", "freeze", "ignore", "demote", "fence"), g.pick("concurrent", "true", "false"))
	if g.often(10, "asymmetric") {
		g.line("option symmetric-cluster=false")
	}
	if g.often(10, "maintenance") {
		g.line("option maintenance-mode=true")
	}
}

func (g *inventor) resources(up []string, w wild) {
	failures, interleaves := w.failures, []string{"false"}
	if w.interleave {
		interleaves = []string{"true", "false"}
	}
	n := rapid.IntRange(1, 6).Draw(g.T, "resources")
	for i := range n {
		id := "r" + strconv.Itoa(i)
		switch g.pick("kind", "primitive", "primitive", "group", "clone", "unique", "promotable", "bundle") {
		case "primitive":
			g.primitive(id, "")
			g.out.primitives = append(g.out.primitives, id)
			g.runs(id, up, 1, failures)
			g.top = append(g.top, id)
		case "group":
			g.primitive(id, "")
			g.primitive(id+"b", "")
			g.line("group g%d : %s %sb", i, id, id)
			if at := g.pick("group at", append(up, "")...); at != "" {
				g.line("on %s %s", id, at)
				g.line("on %sb %s", id, at)
			}
			g.top = append(g.top, "g"+strconv.Itoa(i))
			g.link("g"+strconv.Itoa(i), id)
			g.link(id, id+"b")
		case "clone":
			g.primitive(id, "")
			limit := rapid.IntRange(1, 5).Draw(g.T, "max")
			g.line("clone c%d clone-max=%d interleave=%s ordered=%s : %s", i, limit, g.pick("interleave", interleaves...), g.pick("ordered", "true", "false"), id)
			g.clone(i, id, cloneMax{limit, 1, 0})
			g.runs(id, up, min(limit, len(up)), failures)
		case "unique":
			g.primitive(id, "")
			limit, each := rapid.IntRange(1, 4).Draw(g.T, "max"), rapid.IntRange(1, 3).Draw(g.T, "each")
			g.line("clone c%d globally-unique=true clone-max=%d clone-node-max=%d : %s", i, limit, each, id)
			g.clone(i, id, cloneMax{limit, each, 0})
		case "promotable":
			g.primitive(id, "ocf:pacemaker:Stateful")
			most := rapid.IntRange(1, 2).Draw(g.T, "promoted")
			g.line("clone c%d promotable=true promoted-max=%d : %s", i, most, id)
			g.clone(i, id, cloneMax{99, 1, most})
			for _, n := range up {
				if g.often(70, "score") {
					g.line("node %s now.master-%s=%s", n, id, g.pick("score", "-1", "5", "10"))
				}
			}
			g.runs(id, up, len(up), failures)
		case "bundle":
			g.primitive(id, "")
			g.line("bundle b%d replicas=%d ip-range-start=10.0.%d.1 control-port=3121 : %s", i, rapid.IntRange(1, 2).Draw(g.T, "replicas"), i, id)
			g.line("unprobed %s n1", id)
			for _, n := range up[1:] {
				g.line("unprobed %s %s", id, n)
			}
		}
	}
}

func (g *inventor) link(a, b string) { g.out.links = append(g.out.links, [2]string{a, b}) }

func (g *inventor) clone(i int, id string, limit cloneMax) {
	g.out.clones[id] = limit
	g.top = append(g.top, "c"+strconv.Itoa(i))
	g.link("c"+strconv.Itoa(i), id)
}

func (g *inventor) primitive(id, agent string) {
	meta := ""
	if g.often(20, "priority") {
		meta += " priority=" + g.pick("priority", "1", "5", "10")
	}
	if g.often(10, "requires") {
		meta += " requires=" + g.pick("requires", "nothing", "quorum", "fencing")
	}
	if g.often(10, "migrates") {
		meta += " allow-migrate=true"
	}
	if g.often(8, "target") {
		meta += " target-role=Stopped"
	}
	g.line("rsc %s %s%s", id, agent, meta)
	if g.often(50, "monitored") {
		g.line("op %s monitor 10s", id)
	}
}

// runs says where something is active, and what failed there.
func (g *inventor) runs(id string, up []string, most int, failures bool) {
	for _, n := range up {
		if most == 0 {
			return
		}
		if !g.often(40, "runs") {
			continue
		}
		most--
		if failures && g.often(15, "fails") {
			// (Without fencing a copy of a clone whose stop failed stays blocked, and
			// Pacemaker goes on trying to put another one beside it.)
			op := g.pick("failure", "start", "monitor/10s", "stop")
			if _, copied := g.out.clones[id]; copied && op == "stop" {
				op = "start"
			}
			g.line("ran %s %s start", id, n)
			g.line("ran %s %s %s rc=%s failure", id, n, op, g.pick("rc", "1", "5", "7"))
			continue
		}
		g.line("on %s %s", id, n)
	}
}

func (g *inventor) constraints(nodes []string) {
	for range rapid.IntRange(0, 4).Draw(g.T, "locations") {
		if len(g.top) > 0 {
			g.line("location %s %s %s", g.pick("what", g.top...), g.pick("where", nodes...), g.pick("score", "50", "200", "INFINITY", "-50", "-INFINITY"))
		}
	}
	if len(g.top) < 2 {
		return
	}
	said := map[[2]string]bool{} // one word for each pair: contradictions have no rest
	for range rapid.IntRange(0, 5).Draw(g.T, "pairs") {
		// The later with or after the earlier: there are no loops.
		i := rapid.IntRange(0, len(g.top)-2).Draw(g.T, "first")
		j := rapid.IntRange(i+1, len(g.top)-1).Draw(g.T, "then")
		a, b := g.top[i], g.top[j]
		if said[[2]string{a, b}] {
			continue
		}
		said[[2]string{a, b}] = true
		g.link(a, b)
		if g.often(50, "order") || a[0] != 'r' && b[0] != 'r' {
			// Collections are not placed by each other: what is apart from a clone
			// that runs everywhere has no rest, with Pacemaker neither.
			kind := g.pick("kind", "Mandatory", "Mandatory", "Optional", "Serialize")
			if kind == "Mandatory" && slices.Contains(g.out.primitives, a) && slices.Contains(g.out.primitives, b) {
				g.out.orders = append(g.out.orders, [2]string{a, b})
			}
			g.line("order %s %s kind=%s", a, b, kind)
		} else {
			scores := []string{"INFINITY", "-INFINITY", "500", "-500"}
			if a[0] != 'r' {
				// What dislikes all copies of a clone is let off by those that leave it
				// no node, in the order of their numbers, and those can change.
				scores = []string{"INFINITY", "500"}
			}
			g.line("with %s %s %s", b, a, g.pick("score", scores...))
		}
	}
}

// before tells which steps come before each.
type before [][]bool

func closure(t *rapid.T, steps []policy.Step) before {
	all := make(before, len(steps))
	state := make([]int, len(steps))
	var visit func(int) []bool
	visit = func(i int) []bool {
		switch state[i] {
		case 1:
			t.Fatalf("step %d waits for itself", i)
		case 2:
			return all[i]
		}
		state[i] = 1
		set := make([]bool, len(steps))
		for _, j := range steps[i].After {
			set[j] = true
			for k, is := range visit(j) {
				set[k] = set[k] || is
			}
		}
		state[i], all[i] = 2, set
		return set
	}
	for i := range steps {
		visit(i)
	}
	return all
}

func find(steps []policy.Step, task, resource string) []int {
	var list []int
	for i, s := range steps {
		if s.Task == task && s.Resource == resource && !s.Pseudo {
			list = append(list, i)
		}
	}
	return list
}

func base(id string) string {
	name, _, _ := strings.Cut(id, ":")
	return name
}

// check tries a property on the same few hundred clusters each time; others with
// -rapid.seed=N, more with -rapid.checks=N. A property may leave out clusters that
// it is not about, but no more than one in ten.
func check(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	for name, value := range map[string][2]string{"rapid.seed": {"0", "20260601"}, "rapid.checks": {"100", "300"}} {
		if f := flag.Lookup(name); f != nil && f.Value.String() == value[0] {
			if err := flag.Set(name, value[1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	tried, leftOut := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		tried++
		leftOut++ // unless the end is reached: a skip does not return
		property(t)
		leftOut--
	})
	t.Logf("%d of %d clusters left out", leftOut, tried)
	if 10*leftOut > tried && !t.Failed() {
		t.Errorf("%d of %d clusters are left out: too many to show anything", leftOut, tried)
	}
}

// TestPlansAreSafe: whatever the cluster, a plan is a function of it, can be
// carried out, and starts nothing too early, too often or on too many nodes.
func TestPlansAreSafe(t *testing.T) {
	check(t, func(t *rapid.T) {
		c := invent(t, wild{nodes: true, failures: true, options: true, interleave: true})
		defer func() {
			if t.Failed() {
				t.Log(c.text)
			}
		}()
		result := simulate.Run(c.in, simulate.Options{})
		plan := result.Plan
		if again := policy.Compute(c.in); !reflect.DeepEqual(plan, again) {
			t.Errorf("another plan for the same cluster")
		}
		earlier := closure(t, plan.Steps)
		for _, o := range c.orders {
			for _, first := range find(plan.Steps, "start", o[0]) {
				for _, then := range find(plan.Steps, "start", o[1]) {
					if !earlier[then][first] {
						t.Errorf("%s starts without waiting for %s", o[1], o[0])
					}
				}
			}
		}
		checkExclusive(t, c, result)
		checkCounts(t, c, result.After)
		checkFencing(t, c, plan, earlier)
	})
}

// checkExclusive replays the plan: a primitive that was active once at most
// stays so.
func checkExclusive(t *rapid.T, c *invented, result *simulate.Result) {
	active := map[string]map[string]bool{}
	for _, i := range result.Plan.Present.Instances {
		if i.Node != "" {
			if active[i.Resource] == nil {
				active[i.Resource] = map[string]bool{}
			}
			active[i.Resource][i.Node] = true
		}
	}
	for _, number := range result.Executed {
		s := result.Plan.Steps[number]
		switch {
		case s.Task == "fence" && s.FenceAction != "on":
			for _, nodes := range active {
				delete(nodes, s.Node)
			}
		case s.Task == "stop":
			delete(active[s.Resource], s.Node)
		case s.Task == "start" && !s.Pseudo && slices.Contains(c.primitives, s.Resource):
			if len(active[s.Resource]) > 0 {
				t.Errorf("%s starts on %s and is active on %v", s.Resource, s.Node, active[s.Resource])
			}
			active[s.Resource] = map[string]bool{s.Node: true}
		}
	}
}

// checkCounts: no clone has more copies than it may.
func checkCounts(t *rapid.T, c *invented, report *policy.Report) {
	all, each, promoted := map[string]int{}, map[string]int{}, map[string]int{}
	for _, i := range report.Instances {
		if i.Node == "" || !i.Managed || i.Removed {
			continue
		}
		id := base(i.Resource)
		all[id]++
		each[id+"@"+i.Node]++
		if i.Role == policy.RolePromoted {
			promoted[id]++
		}
	}
	for id, limit := range c.clones {
		if limit.promoted > 0 && promoted[id] > limit.promoted {
			t.Errorf("%s is promoted %d times", id, promoted[id])
		}
		if all[id] > limit.all {
			t.Errorf("%s runs %d times", id, all[id])
		}
		for _, n := range report.Nodes {
			if each[id+"@"+n.Name] > limit.node {
				t.Errorf("%s runs %d times on %s", id, each[id+"@"+n.Name], n.Name)
			}
		}
	}
}

// checkFencing: what a node that is to be fenced may still run starts elsewhere
// only afterwards.
func checkFencing(t *rapid.T, c *invented, plan *policy.Plan, earlier before) {
	for _, i := range plan.Present.Instances {
		if i.Node == "" || !slices.Contains(c.primitives, i.Resource) {
			continue
		}
		if strings.Contains(c.text, "requires=") {
			continue // some need no fencing
		}
		for number, s := range plan.Steps {
			if s.Task != "fence" || s.Node != i.Node || s.FenceAction == "on" {
				continue
			}
			for _, start := range find(plan.Steps, "start", i.Resource) {
				if !earlier[start][number] {
					t.Errorf("%s starts before %s is fenced", i.Resource, i.Node)
				}
			}
		}
	}
}
