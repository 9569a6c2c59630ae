package policy

import (
	"strings"
	"testing"
)

// bench is an engine with nodes and resources that tests give actions.
type bench struct {
	*engine
	t *testing.T
}

func newBench(t *testing.T, nodes ...string) *bench {
	t.Helper()
	e := &engine{in: &Input{Quorum: true}, rscBy: map[string]*resource{}}
	for i, name := range nodes {
		e.nodes = append(e.nodes, &node{index: i, id: name, name: name, online: true, attrs: map[string]string{"#uname": name}})
	}
	return &bench{engine: e, t: t}
}

func (b *bench) primitive(id string, flags rscFlags) *resource {
	r := &resource{
		id: id, base: id, flags: flags | flagManaged, role: RoleStopped, nextRole: RoleStarted,
		allowed: make(table, len(b.nodes)), index: len(b.all), config: &ResourceConfig{ID: id},
	}
	b.all = append(b.all, r)
	b.rscBy[id] = r
	b.top = append(b.top, r)
	return r
}

func (b *bench) collection(id string, v Variant, members ...*resource) *resource {
	r := b.primitive(id, 0)
	r.variant, r.members = v, members
	for _, m := range members {
		m.parent = r
		for i, t := range b.top {
			if t == m {
				b.top = append(b.top[:i], b.top[i+1:]...)
				break
			}
		}
	}
	return r
}

// do makes an action; words are required, stuck (cannot run) and migrates.
func (b *bench) do(r *resource, task string, n int, words string) *action {
	a := b.newAction(r, task, 0, b.nodes[n], true)
	if r.variant != Primitive {
		a.node = nil
		a.set(actPseudo | actRunnable)
	}
	if strings.Contains(words, "required") {
		a.unset(actOptional)
	}
	if strings.Contains(words, "stuck") {
		a.unset(actRunnable)
	}
	if strings.Contains(words, "migrates") {
		a.set(actMigratable)
	}
	return a
}

// state is what an action has come to, in the words of do.
func state(a *action) string {
	var words []string
	if !a.is(actOptional) {
		words = append(words, "required")
	}
	if !a.is(actRunnable) {
		words = append(words, "stuck")
	}
	if a.is(actMigratable) {
		words = append(words, "migrates")
	}
	return strings.Join(words, " ")
}

func TestOrderEffects(t *testing.T) {
	const start, stop = taskStart, taskStop
	tests := []struct {
		name                  string
		firstTask, thenTask   string
		flags                 orderFlags
		first, then           string
		wantFirst, wantThen   string
		firstFlags            rscFlags
		firstUnmanaged, alike bool
	}{
		{name: "plain changes nothing", flags: orderPlain, first: "required stuck", wantFirst: "required stuck"},
		{name: "first makes then needed", flags: firstImpliesThen, first: "required", wantFirst: "required", wantThen: "required"},
		{name: "a migration makes nothing needed", flags: firstImpliesThen, first: "required migrates", wantFirst: "required migrates"},
		{name: "then makes first needed", flags: thenImpliesFirst, then: "required", wantFirst: "", wantThen: "required"},
		{name: "first blocks then", flags: firstBlocksThen, first: "stuck", then: "required migrates", wantFirst: "stuck", wantThen: "required stuck"},
		{name: "then may be blocked alone", flags: firstBlocksThen, then: "stuck", wantThen: "stuck"},
		{name: "asymmetric: a blocked first blocks then", flags: asymmetric, first: "stuck", wantFirst: "stuck", wantThen: "required stuck"},
		{name: "restart: a needed start needs the stop", firstTask: stop, flags: intermediateStop, then: "required", wantFirst: "required", wantThen: "required", alike: true},
		{name: "restart: an impossible start needs the stop", firstTask: stop, flags: intermediateStop, then: "stuck", wantFirst: "required", wantThen: "stuck", alike: true},
		{name: "restart: an impossible stop blocks the start", firstTask: stop, flags: intermediateStop, first: "stuck", then: "required", wantFirst: "required stuck", wantThen: "required stuck", alike: true},
		{name: "migration: first follows then", flags: unmigratableThen, then: "required", wantFirst: "required stuck", wantThen: "required"},
		{name: "migration: first can if then migrates", flags: unmigratableThen, then: "required migrates", wantFirst: "required", wantThen: "required migrates"},
		{name: "else: then does not migrate", flags: firstElseThen, first: "stuck", then: "migrates", wantFirst: "stuck"},
		{name: "a blocked stop stops all", firstTask: stop, thenTask: stop, flags: firstImpliesThen, first: "stuck", wantFirst: "stuck", wantThen: "stuck", firstFlags: flagBlocked, firstUnmanaged: true},
		{name: "then cancels first", flags: thenCancelsFirst, first: "required", then: "required", wantThen: "required"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, "n1")
			a := b.primitive("a", tt.firstFlags)
			z := b.primitive("z", 0)
			if tt.alike {
				z = a
			}
			first := b.do(a, taskOr(tt.firstTask, start), 0, tt.first)
			then := b.do(z, taskOr(tt.thenTask, start), 0, tt.then)
			if tt.firstUnmanaged {
				a.unset(flagManaged)
			}
			b.orderActions(first, then, tt.flags)
			newPropagation(b.engine).all()
			if got := state(first); got != tt.wantFirst {
				t.Errorf("first: got %q, want %q", got, tt.wantFirst)
			}
			if got := state(then); got != tt.wantThen {
				t.Errorf("then: got %q, want %q", got, tt.wantThen)
			}
		})
	}
}

func TestOneOrMore(t *testing.T) {
	for _, tt := range []struct {
		name   string
		least  int
		states []string
		want   string
	}{
		{"enough", 2, []string{"", "stuck", ""}, ""},
		{"too few", 2, []string{"", "stuck", "stuck"}, "stuck"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, "n1")
			enough := b.newPseudo(nil, taskOneOrMore+":x", true, true)
			enough.required = tt.least
			enough.set(actMinRunnable)
			z := b.do(b.primitive("z", 0), taskStart, 0, "")
			b.orderActions(enough, z, firstBlocksThen)
			for i, words := range tt.states {
				a := b.do(b.primitive(string(rune('a'+i)), 0), taskStart, 0, words)
				b.orderActions(a, enough, oneOrMore)
			}
			newPropagation(b.engine).all()
			if got := state(z); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A chain of needs and blocks reaches its end, and says why.
func TestOrderChain(t *testing.T) {
	b := newBench(t, "n1")
	var last *action
	for _, id := range []string{"a", "b", "c", "d"} {
		words := "required"
		if last == nil {
			words = "required stuck"
		}
		a := b.do(b.primitive(id, 0), taskStart, 0, words)
		b.orderActions(last, a, orderPlain|firstImpliesThen|firstBlocksThen)
		last = a
	}
	newPropagation(b.engine).all()
	if got, want := state(last)+": "+last.reason, "required stuck: unrunnable c start"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Interleaved instances wait for the neighbour on their node only.
func TestInterleave(t *testing.T) {
	b := newBench(t, "n1", "n2")
	clone := func(id string) (*resource, []*action) {
		var members []*resource
		var starts []*action
		for i, suffix := range []string{":0", ":1"} {
			m := b.primitive(id+suffix, 0)
			m.assigned = b.nodes[i]
			members = append(members, m)
			starts = append(starts, b.do(m, taskStart, i, "required"))
		}
		c := b.collection(id+"-clone", Clone, members...)
		c.meta = map[string]string{"interleave": "true"}
		b.do(c, taskStart, 0, "required")
		b.do(c, taskStarted, 0, "required")
		return c, starts
	}
	first, firstStarts := clone("a")
	then, thenStarts := clone("z")
	firstStarts[1].unset(actRunnable)
	b.orderTasks(first, taskStart, then, taskStart, orderPlain|firstImpliesThen|firstBlocksThen)
	b.expandOrderings()
	newPropagation(b.engine).all()
	if got, want := state(thenStarts[0])+"|"+state(thenStarts[1]), "required|required stuck"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
