package policy

import "testing"

func TestSummary(t *testing.T) {
	tests := []struct {
		name string
		make func(b *bench, r *resource)
		want Change
	}{
		{"start", func(b *bench, r *resource) {
			r.assigned = b.nodes[0]
			b.do(r, taskStart, 0, "required")
		}, Change{Task: "start", Node: "n1"}},
		{"blocked start", func(b *bench, r *resource) {
			r.assigned = b.nodes[0]
			b.do(r, taskStart, 0, "required stuck").reason = "no quorum"
		}, Change{Task: "start", Node: "n1", Reason: "no quorum", Blocked: true}},
		{"stop", func(b *bench, r *resource) {
			runsOn(r, b.nodes[0], RoleStarted)
			r.nextRole = RoleStopped
			b.do(r, taskStop, 0, "required").reason = "node availability"
		}, Change{Task: "stop", Node: "n1", Reason: "node availability"}},
		{"move", func(b *bench, r *resource) {
			runsOn(r, b.nodes[0], RoleStarted)
			r.assigned = b.nodes[1]
			b.do(r, taskStop, 0, "required")
			b.do(r, taskStart, 1, "required")
		}, Change{Task: "move", Node: "n2", From: "n1"}},
		{"migrate", func(b *bench, r *resource) {
			runsOn(r, b.nodes[0], RoleStarted)
			r.assigned = b.nodes[1]
			b.do(r, taskStop, 0, "required")
			b.do(r, taskStart, 1, "required")
			b.do(r, taskMigrateFrom, 1, "required")
		}, Change{Task: "migrate", Node: "n2", From: "n1"}},
		{"restart", func(b *bench, r *resource) {
			runsOn(r, b.nodes[0], RoleStarted)
			r.assigned = b.nodes[0]
			b.do(r, taskStop, 0, "required")
			b.do(r, taskStart, 0, "required").reason = "required db start"
		}, Change{Task: "restart", Node: "n1", Reason: "required db start"}},
		{"recover", func(b *bench, r *resource) {
			runsOn(r, b.nodes[0], RoleStarted)
			r.assigned = b.nodes[0]
			r.set(flagFailed)
			b.do(r, taskStop, 0, "required")
			b.do(r, taskStart, 0, "required")
		}, Change{Task: "recover", Node: "n1"}},
		{"promote", func(b *bench, r *resource) {
			runsOn(r, b.nodes[0], RoleUnpromoted)
			r.assigned, r.nextRole = b.nodes[0], RolePromoted
			b.do(r, taskStart, 0, "")
			b.do(r, taskPromote, 0, "required")
		}, Change{Task: "promote", Node: "n1", Role: RoleUnpromoted, NextRole: RolePromoted}},
		{"nothing", func(b *bench, r *resource) {
			runsOn(r, b.nodes[0], RoleStarted)
			r.assigned = b.nodes[0]
			b.do(r, taskStart, 0, "")
		}, Change{}},
		{"not managed", func(b *bench, r *resource) {
			r.assigned = b.nodes[0]
			r.unset(flagManaged)
		}, Change{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, "n1", "n2")
			r := b.primitive("a", 0)
			tt.make(b, r)
			var got Change
			if list := b.summary(); len(list) > 0 {
				got = list[0]
			}
			if tt.want.Task != "" {
				tt.want.Resource = "a"
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func runsOn(r *resource, n *node, role Role) {
	r.runningOn, r.role = []*node{n}, role
}
