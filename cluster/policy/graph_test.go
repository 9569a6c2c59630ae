package policy

import (
	"slices"
	"testing"
)

func TestPlanned(t *testing.T) {
	tests := []struct {
		name   string
		change func(b *bench, a *action)
		want   bool
	}{
		{"needed", func(b *bench, a *action) {}, true},
		{"optional", func(b *bench, a *action) { a.set(actOptional) }, false},
		{"kept", func(b *bench, a *action) { a.set(actOptional | actPrintAlways) }, true},
		{"impossible", func(b *bench, a *action) { a.unset(actRunnable) }, false},
		{"not managed", func(b *bench, a *action) { a.rsc.unset(flagManaged) }, false},
		{"a monitor of what is not managed", func(b *bench, a *action) { a.rsc.unset(flagManaged); a.task = taskMonitor }, true},
		{"offline", func(b *bench, a *action) { a.node.online = false }, false},
		{"unclean", func(b *bench, a *action) { a.node.unclean = true }, false},
		{"implied on an unclean node", func(b *bench, a *action) { a.node.unclean = true; a.set(actPseudo) }, true},
		{"no node", func(b *bench, a *action) { a.node = nil }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, "n1")
			a := b.do(b.primitive("a", 0), taskStart, 0, "required")
			tt.change(b, a)
			if got := a.planned(); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestInputCounts(t *testing.T) {
	tests := []struct {
		name  string
		flags orderFlags
		first string
		node  int
		want  bool
	}{
		{"plain", orderPlain, "required", 0, true},
		{"plain after what cannot happen", orderPlain, "required stuck", 0, false},
		{"needed and impossible", firstImpliesThen, "required stuck", 0, true},
		{"not needed", firstImpliesThen, "", 0, false},
		{"only if it does not migrate", orderPlain | unmigratableFirst, "required migrates", 0, false},
		{"the stop after a migration", orderPlain, "required migrates", 0, false},
		{"room on another node", ifSameNodeOrTarget, "required", 1, false},
		{"room on this node", ifSameNodeOrTarget, "required", 0, true},
		{"apart on another node", ifRequired, "required", 1, false},
		{"dropped", 0, "required", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, "n1", "n2")
			first := b.do(b.primitive("a", 0), taskStop, tt.node, tt.first)
			then := b.do(b.primitive("b", 0), taskStart, 0, "required")
			if got := b.inputCounts(then, &relation{action: first, flags: tt.flags}); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// Contradicting orders leave a plan that can be carried out.
func TestLoopsAreBroken(t *testing.T) {
	b := newBench(t, "n1")
	var starts []*action
	for _, id := range []string{"a", "b", "c"} {
		starts = append(starts, b.do(b.primitive(id, 0), taskStart, 0, "required"))
	}
	for i, a := range starts {
		b.orderActions(a, starts[(i+1)%3], orderPlain)
	}
	plan := b.graph()
	edges := 0
	for _, s := range plan.Steps {
		edges += len(s.After)
	}
	if len(plan.Steps) != 3 || edges != 2 {
		t.Errorf("got %d steps and %d edges, want 3 and 2", len(plan.Steps), edges)
	}
	if !slices.ContainsFunc(plan.Warnings, func(w Warning) bool { return w.Code == "order_loop" }) {
		t.Error("no warning")
	}
}
