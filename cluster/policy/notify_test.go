package policy

import (
	"slices"
	"strings"
	"testing"
)

func TestNotifications(t *testing.T) {
	b := newBench(t, "n1", "n2")
	r := b.clone("db", 2, cloneInfo{max: 2, nodeMax: 1}, 0)
	r.set(flagNotify)
	for i, m := range r.members {
		m.set(flagNotify)
		m.assigned, m.nextRole = b.nodes[i], RoleStarted
	}
	started := r.members[1]
	b.do(started, taskStart, 1, "required")
	watch := b.newAction(started, taskMonitor, 10, b.nodes[1], false)
	b.actPoints(r, r.members)
	b.notifyClone(r)

	var got []string
	for _, a := range b.actions {
		if a.task == taskNotify && !a.is(actPseudo|actOptional) {
			got = append(got, a.notify.kind+" "+a.notify.operation+" "+a.rsc.id)
		}
	}
	slices.Sort(got)
	// One that starts is told of it only after.
	if want := "post start db:0, post start db:1, pre start db:0"; strings.Join(got, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
	}
	if !slices.ContainsFunc(watch.before, func(rel relation) bool { return rel.action == r.clone.startNotice.postDone }) {
		t.Error("the monitor does not wait for the notifications")
	}
}

func TestNotificationsOfNothing(t *testing.T) {
	b := newBench(t, "n1")
	r := b.clone("db", 1, cloneInfo{max: 1, nodeMax: 1}, 0)
	r.set(flagNotify)
	r.members[0].assigned, r.members[0].nextRole = b.nodes[0], RoleStarted
	b.actPoints(r, r.members)
	b.notifyClone(r)
	for _, a := range b.actions {
		if a.task == taskNotify && !a.is(actOptional) {
			t.Errorf("%s of %s is required", a.key, a.rsc.id)
		}
	}
}
