package policy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// names lists the resource's actions: "start@n1", with a question mark if
// optional, an exclamation mark if it cannot run, and a tilde if it does nothing.
func (r *resource) names() string {
	var words []string
	for _, a := range r.actions {
		w := a.task
		if a.task == taskCancel {
			w += "-" + a.cancelOp
		}
		if a.interval > 0 {
			w += "/" + a.interval.String()
		}
		if a.node != nil {
			w += "@" + a.node.name
		}
		if a.is(actOptional) {
			w += "?"
		}
		if !a.is(actRunnable) {
			w += "!"
		}
		if a.is(actPseudo) {
			w += "~"
		}
		words = append(words, w)
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

func TestPrimitiveActions(t *testing.T) {
	tests := map[string]struct {
		set  func(b *bench, r *resource)
		want string
	}{
		"stopped, stays so": {
			func(b *bench, r *resource) { r.nextRole = RoleStopped },
			"",
		},
		"start": {
			func(b *bench, r *resource) { r.assigned = b.nodes[0] },
			"start@a",
		},
		"goes on": {
			func(b *bench, r *resource) { runs(r, RoleStarted, b.nodes[0]); r.assigned = b.nodes[0] },
			"start@a? stop@a?",
		},
		"move": {
			func(b *bench, r *resource) { runs(r, RoleStarted, b.nodes[0]); r.assigned = b.nodes[1] },
			"start@b stop@a",
		},
		"live migration": {
			func(b *bench, r *resource) {
				runs(r, RoleStarted, b.nodes[0])
				r.assigned = b.nodes[1]
				r.set(flagMigratable)
			},
			"migrate_from@b? migrate_to@a? start@b~ stop@a",
		},
		"stop": {
			func(b *bench, r *resource) { runs(r, RoleStarted, b.nodes[0]); r.nextRole = RoleStopped },
			"stop@a",
		},
		"promote": {
			func(b *bench, r *resource) { r.assigned, r.nextRole = b.nodes[0], RolePromoted },
			"promote@a start@a",
		},
		"failed and recovered by demotion": {
			func(b *bench, r *resource) {
				runs(r, RolePromoted, b.nodes[0])
				r.assigned, r.nextRole = b.nodes[0], RolePromoted
				r.set(flagFailed)
			},
			"demote@a? promote@a start@a? stop@a?",
		},
		"failed": {
			func(b *bench, r *resource) {
				runs(r, RoleStarted, b.nodes[0])
				r.assigned = b.nodes[0]
				r.set(flagFailed | flagStopIfFailed)
			},
			"start@a stop@a",
		},
		"on two nodes": {
			func(b *bench, r *resource) {
				runs(r, RoleStarted, b.nodes[0], b.nodes[1])
				r.assigned = b.nodes[0]
				r.set(flagNeedsFencing)
			},
			"start@a stop@a stop@b",
		},
		"on two nodes, only the other is stopped": {
			func(b *bench, r *resource) {
				runs(r, RoleStarted, b.nodes[0], b.nodes[1])
				r.assigned, r.multiple = b.nodes[0], multipleStopUnexpected
				r.set(flagNeedsFencing)
			},
			"start@a~ stop@b",
		},
		"not managed": {
			func(b *bench, r *resource) {
				runs(r, RoleStarted, b.nodes[0])
				r.nextRole = RoleStopped
				r.unset(flagManaged)
			},
			"stop@a?!",
		},
		"no quorum": {
			func(b *bench, r *resource) {
				b.in.Quorum = false
				r.assigned = b.nodes[0]
				r.set(flagNeedsQuorum)
			},
			"start@a?!",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "a", "b")
			r := b.primitive("r", 0)
			test.set(b, r)
			b.actPrimitive(r)
			if got := r.names(); got != test.want {
				t.Errorf("actions are %q, want %q", got, test.want)
			}
		})
	}
}

func runs(r *resource, role Role, nodes ...*node) { r.role, r.runningOn = role, nodes }

func TestRecurring(t *testing.T) {
	ops := []OpConfig{
		{Name: "monitor", Interval: 10 * time.Second},
		{Name: "monitor", Interval: 5 * time.Second, Attributes: []Pair{{"role", "Promoted"}}},
		{Name: "monitor", Interval: 7 * time.Second, Attributes: []Pair{{"role", "Stopped"}}},
		{Name: "monitor", Interval: 3 * time.Second, Attributes: []Pair{{"enabled", "no"}}},
		{Name: "start", Interval: time.Second},
	}
	tests := map[string]struct {
		role    Role // present one, on node a
		next    Role
		running time.Duration // the monitor that runs there
		want    string
	}{
		"starts":   {RoleStopped, RoleStarted, 0, "monitor/10s@a monitor/7s@b start@a"},
		"goes on":  {RoleStarted, RoleStarted, 10 * time.Second, "monitor/10s@a? monitor/7s@b start@a? stop@a?"},
		"promoted": {RoleUnpromoted, RolePromoted, 10 * time.Second, "cancel-monitor/10s@a monitor/5s@a monitor/7s@b promote@a start@a? stop@a?"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "a", "b")
			r := b.primitive("r", flagUnique)
			r.config = &ResourceConfig{ID: "r", Ops: ops}
			if test.role > RoleStopped {
				runs(r, test.role, b.nodes[0])
			}
			r.assigned, r.nextRole = b.nodes[0], test.next
			if test.running > 0 {
				b.newAction(r, taskMonitor, test.running, b.nodes[0], true)
			}
			b.actPrimitive(r)
			if got := r.names(); got != test.want {
				t.Errorf("actions are %q, want %q", got, test.want)
			}
		})
	}
}

func TestNextStep(t *testing.T) {
	tests := []struct {
		from, to Role
		by       []Role
	}{
		{RoleUnknown, RoleStarted, []Role{RoleStopped, RoleStarted}},
		{RoleStopped, RoleStarted, []Role{RoleStarted}},
		{RoleStopped, RolePromoted, []Role{RoleUnpromoted, RolePromoted}},
		{RoleStarted, RolePromoted, []Role{RolePromoted}},
		{RoleUnpromoted, RoleStopped, []Role{RoleStopped}},
		{RolePromoted, RoleStopped, []Role{RoleUnpromoted, RoleStopped}},
		{RolePromoted, RoleUnpromoted, []Role{RoleUnpromoted}},
	}
	for _, test := range tests {
		role := test.from
		for _, want := range test.by {
			if role = nextStep(role, test.to); role != want {
				t.Errorf("from %s to %s goes by %s, want %s", test.from, test.to, role, want)
			}
		}
	}
}

func TestProbes(t *testing.T) {
	tests := map[string]struct {
		set  func(b *bench, r *resource)
		want string
	}{
		"everywhere":     {func(b *bench, r *resource) {}, "monitor@a monitor@b"},
		"known":          {func(b *bench, r *resource) { r.knownOn = nodeSet{1} }, "monitor@b"},
		"offline":        {func(b *bench, r *resource) { b.nodes[0].online = false }, "monitor@b"},
		"to be fenced":   {func(b *bench, r *resource) { b.nodes[0].unclean = true }, "monitor@b"},
		"removed":        {func(b *bench, r *resource) { r.set(flagRemoved) }, ""},
		"not looked for": {func(b *bench, r *resource) { r.allowed[0] = weight{in: true, discovery: discoverNever} }, "monitor@b"},
		"only there": {func(b *bench, r *resource) {
			r.set(flagExclusive)
			r.allowed[0] = weight{in: true, discovery: discoverExclusive}
		}, "monitor@a"},
		"remote and fence": {func(b *bench, r *resource) { b.nodes[0].kind = KindRemote; r.set(flagFenceDevice) }, "monitor@b"},
		"not managed":      {func(b *bench, r *resource) { r.unset(flagManaged) }, "monitor@a monitor@b"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "a", "b")
			r := b.primitive("r", 0)
			test.set(b, r)
			b.probe()
			if got := r.names(); got != test.want {
				t.Errorf("actions are %q, want %q", got, test.want)
			}
		})
	}
}

func TestFencingComesBeforeWhatNeedsIt(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.opt.fencing, b.opt.fencingAction, b.opt.concurrent, b.haveFenceDevice = true, "reboot", true, true
	b.nodes[1].unclean, b.nodes[1].online, b.nodes[1].dc = true, false, true
	b.nodes[2].unclean, b.nodes[2].online = true, false
	r := b.primitive("r", flagNeedsFencing)
	runs(r, RoleStarted, b.nodes[1])
	r.assigned = b.nodes[0]
	b.actPrimitive(r)
	b.fenceAndShutDown()
	if got, want := r.names(), "start@a stop@b~"; got != want {
		t.Fatalf("actions are %q, want %q", got, want)
	}
	for _, a := range r.actions {
		if !waitsFor(a, b.nodes[1].fence) {
			t.Errorf("%s does not wait for the fencing", a.task)
		}
	}
	if !waitsFor(b.nodes[1].fence, b.nodes[2].fence) {
		t.Error("the fencing of the DC does not come last")
	}
}

func waitsFor(a, first *action) bool {
	return slices.ContainsFunc(a.before, func(rel relation) bool { return rel.action == first })
}

func TestDigest(t *testing.T) {
	tests := map[string]struct {
		pairs []Pair
		want  string
	}{
		// The value that recorded histories have for an agent without parameters.
		"none":  {nil, "f2317cad3d54cec5d7d7aa7d0bf35cf8"},
		"addr":  {[]Pair{{"cidr_netmask", "32"}, {"ip", "192.0.2.7"}}, "8616e036063051b51e8f117b1374706f"},
		"quote": {[]Pair{{"x", "a\"b<c>&\n"}}, "aa410721403d99565eb63c0505e6fba2"},
	}
	for name, test := range tests {
		if got := digestOf(test.pairs); got != test.want {
			t.Errorf("%s: digest is %s, want %s", name, got, test.want)
		}
	}
}
