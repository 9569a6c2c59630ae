package policy_test

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/policy"
)

// madeCluster is a cluster in the making: what is configured, and what ran.
type madeCluster struct {
	policy.Input
	started []started
}

// started is a primitive and the nodes on which it was started.
type started struct {
	policy.ResourceConfig
	on []int
}

// Digests of what a plain resource and its monitor run with.
const (
	noParams    = "f2317cad3d54cec5d7d7aa7d0bf35cf8"
	onlyTimeout = "4811cef7f7f94e3a35a70be7916cb2fd"
)

// runningCluster is a mixture of single resources, groups of five, and clones of
// two copies, with locations, orders and colocations. All run, and every node
// has a history of each. Of the node gone (-1: none) nothing has been heard.
func runningCluster(nodes, instances, gone int) *policy.Input {
	c := &madeCluster{}
	c.Options = pairs("fencing-enabled", "true")
	c.ResourceDefaults = pairs("resource-stickiness", "1")
	c.Quorum, c.DC, c.Now = true, "1", time.Unix(1500000000, 0)
	for n := range nodes {
		id, name := fmt.Sprint(n+1), nodeName(n)
		c.Nodes = append(c.Nodes, policy.NodeConfig{ID: id, Name: name})
		s := policy.NodeStatus{ID: id, Name: name, InMembership: "true", Peer: "online", Join: "member", Expected: "member"}
		if n == gone {
			s.InMembership, s.Peer, s.Join = "false", "offline", "down"
		}
		c.Status = append(c.Status, s)
	}
	for n := range min(3, nodes) {
		c.Resources = append(c.Resources, c.primitive(fmt.Sprint("fence-", n), "stonith", "", "fence_ipmilan", 2*(n%2)))
	}
	for n, made := 0, 3; made < instances; n++ {
		made += c.add(n, n%nodes, instances-made)
	}
	for n := range c.Status {
		c.record(&c.Status[n], n)
	}
	return &c.Input
}

// add adds the next resource of the mixture and returns how many instances it
// has; room is how many are left.
func (c *madeCluster) add(n, home, room int) int {
	switch {
	case n%10 == 3 && room >= 5:
		group := policy.ResourceConfig{ID: fmt.Sprint("group-", n), Variant: policy.Group}
		for m := range 5 {
			group.Members = append(group.Members, c.primitive(fmt.Sprint(group.ID, "-", m), "ocf", "pacemaker", "Dummy", home))
		}
		c.Resources = append(c.Resources, group)
		return 5
	case n%10 == 7 && room >= 2:
		inner := c.primitive(fmt.Sprint("copies-", n), "ocf", "pacemaker", "Dummy", home, (home+1)%len(c.Nodes))
		c.Resources = append(c.Resources, policy.ResourceConfig{
			ID: inner.ID + "-clone", Variant: policy.Clone, Members: []policy.ResourceConfig{inner},
			Meta: pairs("interleave", "true", "clone-max", "2"),
		})
		return 2
	}
	id := fmt.Sprint("rsc-", n)
	c.Resources = append(c.Resources, c.primitive(id, "ocf", "pacemaker", "Dummy", home))
	switch n % 10 {
	case 0, 1, 2:
		c.Locations = append(c.Locations, policy.LocationConfig{ID: "l-" + id, Resource: id, Node: nodeName(home), Score: "50"})
	case 4:
		c.Orders = append(c.Orders, policy.OrderConfig{ID: "o-" + id, First: fmt.Sprint("group-", n-1), Then: id})
	case 5:
		c.Colocations = append(c.Colocations, policy.ColocationConfig{ID: "c-" + id, Dependent: id, Primary: fmt.Sprint("rsc-", n-1), Score: "-100"})
	}
	return 1
}

// primitive is a resource with a monitor. It has been started on the nodes.
func (c *madeCluster) primitive(id, class, provider, kind string, on ...int) policy.ResourceConfig {
	r := policy.ResourceConfig{ID: id, Class: class, Provider: provider, Type: kind}
	if class == "ocf" {
		r.Ops = []policy.OpConfig{{ID: id + "-m", Name: "monitor", Interval: 10 * time.Second, Attributes: []policy.Pair{{Name: "timeout", Value: "20s"}}}}
	}
	c.started = append(c.started, started{r, on})
	return r
}

// record writes a node's history as a reader of saved clusters lays it out:
// what was started there and its monitor, and that the rest was looked for.
func (c *madeCluster) record(s *policy.NodeStatus, n int) {
	ops := make([]policy.HistoryOp, 0, 2*len(c.started))
	op := func(name, task string, interval time.Duration, rc int, digest string) {
		ops = append(ops, policy.HistoryOp{
			ID: name, Op: task, Interval: interval, CallID: len(ops) + 1, RC: rc, Expected: rc,
			Changed: c.Now.Add(-time.Hour), OnNode: s.Name, Digest: digest,
		})
	}
	for _, r := range c.started {
		before := len(ops)
		if slices.Contains(r.on, n) {
			op(r.ID+"_last_0", "start", 0, 0, noParams)
			for _, m := range r.Ops {
				op(r.ID+"_monitor_10000", "monitor", m.Interval, 0, onlyTimeout)
			}
		} else {
			op(r.ID+"_last_0", "monitor", 0, 7, noParams)
		}
		s.History = append(s.History, policy.ResourceHistory{
			Resource: r.ID, Class: r.Class, Provider: r.Provider, Type: r.Type, Ops: ops[before:len(ops):len(ops)],
		})
	}
}

func nodeName(n int) string { return fmt.Sprint("node-", n) }

func pairs(words ...string) []policy.AttributeSet {
	var set policy.AttributeSet
	for i := 0; i+1 < len(words); i += 2 {
		set.Pairs = append(set.Pairs, policy.Pair{Name: words[i], Value: words[i+1]})
	}
	return []policy.AttributeSet{set}
}

// BenchmarkCompute plans a cluster in which nothing is to be done, and one that
// has just lost a node. Besides the time it reports the processor's, which is
// what counts on a busy machine.
func BenchmarkCompute(b *testing.B) {
	for _, size := range benchSizes {
		idle, dead := size.running(b)
		for _, state := range []struct {
			name string
			in   *policy.Input
		}{{"idle", idle}, {"node-dead", dead}} {
			b.Run(size.String()+"/"+state.name, func(b *testing.B) {
				measure(b, func() { policy.Compute(state.in) })
			})
		}
	}
}

// BenchmarkUnprobed plans a cluster in which nobody has looked yet what runs.
func BenchmarkUnprobed(b *testing.B) {
	for _, size := range benchSizes {
		in := unprobed(runningCluster(size.nodes, size.instances, -1))
		b.Run(size.String(), func(b *testing.B) {
			measure(b, func() { policy.Compute(in) })
		})
	}
}

// unprobed is the same cluster before anything was looked for.
func unprobed(in *policy.Input) *policy.Input {
	blank := *in
	blank.Status = slices.Clone(in.Status)
	for n := range blank.Status {
		blank.Status[n].History = nil
	}
	return &blank
}

// BenchmarkUnprobedClones plans clones with a copy on each of 64 nodes, each
// ordered after the one before it, of which nothing is probed yet.
func BenchmarkUnprobedClones(b *testing.B) {
	for _, clones := range []int{5, 10, 20} {
		for _, interleave := range []string{"true", "false"} {
			in := unprobed(runningCluster(64, 3, -1))
			for k := range clones {
				c := madeCluster{}
				id := fmt.Sprint("rsc-", k)
				in.Resources = append(in.Resources, policy.ResourceConfig{
					ID: id + "-clone", Variant: policy.Clone, Meta: pairs("interleave", interleave),
					Members: []policy.ResourceConfig{c.primitive(id, "ocf", "pacemaker", "Dummy")},
				})
				if k > 0 {
					in.Orders = append(in.Orders, policy.OrderConfig{ID: "o-" + id, First: fmt.Sprint("rsc-", k-1, "-clone"), Then: id + "-clone"})
				}
			}
			b.Run(fmt.Sprintf("%d/interleave=%s", clones, interleave), func(b *testing.B) {
				measure(b, func() { policy.Compute(in) })
			})
		}
	}
}

// BenchmarkPlanner plans again after an event: a node is lost, or is back.
func BenchmarkPlanner(b *testing.B) {
	for _, size := range benchSizes {
		idle, _ := size.running(b)
		dead := *idle
		dead.Status = slices.Clone(idle.Status)
		s := &dead.Status[1]
		s.InMembership, s.Peer, s.Join = "false", "offline", "down"
		var planner policy.Planner
		planner.Compute(idle)
		b.Run(size.String(), func(b *testing.B) {
			states := []*policy.Input{&dead, idle}
			measure(b, func() {
				planner.Compute(states[0])
				states[0], states[1] = states[1], states[0]
			})
		})
	}
}

type benchSize struct{ nodes, instances int }

var benchSizes = []benchSize{{3, 139}, {16, 500}, {32, 1000}, {64, 2000}, {100, 5000}}

func (s benchSize) String() string { return fmt.Sprintf("%dx%d", s.nodes, s.instances) }

// running makes a cluster at rest, and the same without one node.
func (s benchSize) running(b *testing.B) (idle, dead *policy.Input) {
	idle, dead = runningCluster(s.nodes, s.instances, -1), runningCluster(s.nodes, s.instances, 1)
	if plan := policy.Compute(idle); len(plan.Summary) > 0 {
		b.Fatalf("the cluster is not at rest: %d changes, first %v", len(plan.Summary), plan.Summary[0])
	}
	if plan := policy.Compute(dead); len(plan.Summary) == 0 {
		b.Fatal("nothing follows from the loss of a node")
	}
	return idle, dead
}

func measure(b *testing.B, do func()) {
	b.ReportAllocs()
	before := cpuTime()
	for b.Loop() {
		do()
	}
	b.ReportMetric((cpuTime()-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
}

// cpuTime is the processor time that this process has used.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
