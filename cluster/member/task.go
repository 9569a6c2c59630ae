package member

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// acquireLimit bounds how long a task waits for its instance.
const acquireLimit = 30 * time.Second

// task is a Task that waits for its instance or is under way.
type task struct {
	Task
	until time.Time // it waits no longer
	begun bool
	cut   bool // asked to end
	ended bool // its result is known
	free  bool // its agent has returned
	// What the result is for: one of these, by kind.
	run      *run
	lowering *lowering
	look     *look
	view     viewDigest // of a refresh
}

// yields reports whether the task makes room for orders.
func (t *task) yields() bool { return t.Kind == KindMonitor || t.Kind == KindRefresh }

// instance serialises the tasks on one instance.
type instance struct {
	running *task
	waiting []*task // first come, first served
}

func (c *Core) instance(id resources.InstanceID) *instance {
	i, known := c.instances[id]
	if !known {
		i = &instance{}
		c.instances[id] = i
	}
	return i
}

// borrow begins with a task that yields, if the instance is free and nothing
// waits for it.
func (c *Core) borrow(t *task) bool {
	i := c.instance(t.Instance)
	if i.running != nil || len(i.waiting) > 0 {
		return false
	}
	c.begin(i, t)
	return true
}

// enqueue lets a task have its instance as soon as that is free, but not before
// the next step has seen whether there is still a leader. What yields there is
// ended.
func (c *Core) enqueue(t *task) {
	i := c.instance(t.Instance)
	t.until = c.now.Add(acquireLimit)
	i.waiting = append(i.waiting, t)
	if i.running != nil && i.running.yields() {
		c.cut(i.running)
	}
}

// next begins with what waits for an instance that is free.
func (c *Core) next(i *instance) {
	for i.running == nil && len(i.waiting) > 0 {
		t := i.waiting[0]
		i.waiting = i.waiting[1:]
		if reason := c.overtaken(t); reason != "" {
			c.conclude(t, agents.Result{Outcome: agents.OutcomeCancelled, Reason: string(t.Op) + " was not begun: " + reason}, "")
			continue
		}
		c.begin(i, t)
	}
}

func (c *Core) begin(i *instance, t *task) {
	t.ID, t.begun = c.newID(), true
	i.running, c.tasks[t.ID] = t, t
	c.out.Begin = append(c.out.Begin, t.Task)
}

// cut asks a task under way to end.
func (c *Core) cut(t *task) {
	if !t.cut && !t.ended {
		t.cut = true
		c.out.Cut = append(c.out.Cut, t.ID)
	}
}

// overtaken says why a task that has waited must not be begun any more: this
// member has lost its leader meanwhile.
func (c *Core) overtaken(t *task) string {
	switch {
	case t.Kind != KindOrder || !raises(t.Op):
		return ""
	case c.suspended:
		return ErrNoLease.Error()
	case t.Operation.Incarnation != c.incarnation:
		return ErrStaleRun.Error()
	}
	return ""
}

// raises reports whether more may run after an operation than before, here or on
// another member.
func raises(op resources.Op) bool {
	switch op {
	case resources.OpStart, resources.OpPromote, resources.OpMigrateTo, resources.OpMigrateFrom:
		return true
	default:
		return false
	}
}

// takeFree lets go of instances whose agents have returned.
func (c *Core) takeFree() {
	for _, id := range c.in.Free {
		t, known := c.tasks[id]
		if !known || t.free {
			continue
		}
		t.free = true
		c.instances[t.Instance].running = nil
		c.forget(t)
	}
}

func (c *Core) takeProgress() {
	for _, p := range c.in.Progress {
		if t, known := c.tasks[p.Task]; known && t.run != nil {
			t.run.progress = p.Progress
		}
	}
}

// takeEnded takes what tasks came to.
func (c *Core) takeEnded() {
	for _, e := range c.in.Ended {
		if t, known := c.tasks[e.Task]; known && !t.ended {
			t.ended = true
			c.conclude(t, e.Result, e.Unbuilt)
			c.forget(t)
		}
	}
}

// forget drops a task of which nothing more is to come.
func (c *Core) forget(t *task) {
	if t.ended && t.free {
		delete(c.tasks, t.ID)
	}
}

// serve begins with what waits for an instance that is free, gives up what has
// waited for too long, and drops instances that nothing is known of.
func (c *Core) serve() {
	for _, id := range slices.Sorted(maps.Keys(c.instances)) {
		i := c.instances[id]
		c.next(i)
		for len(i.waiting) > 0 && !c.now.Before(i.waiting[0].until) {
			t := i.waiting[0]
			i.waiting = i.waiting[1:]
			c.conclude(t, agents.Result{Outcome: agents.OutcomeUnknown, Reason: fmt.Sprintf("an earlier operation is still running: %s is busy for longer than %s", id, acquireLimit)}, "")
		}
		if len(i.waiting) > 0 {
			c.wakeAt(i.waiting[0].until)
		} else if i.running == nil {
			delete(c.instances, id)
		}
	}
}

// conclude takes what a task came to, whether it was begun or not.
func (c *Core) conclude(t *task, result agents.Result, unbuilt string) {
	switch t.Kind {
	case KindOrder:
		if unbuilt != "" {
			result = agents.Result{Outcome: agents.OutcomeMisconfigured, Reason: unbuilt}
		}
		t.run.done, t.run.result, t.run.task = true, result, nil
		c.out.Done = append(c.out.Done, t.run.op.ID)
	case KindMonitor:
		c.looked(t, result, unbuilt)
	case KindRefresh:
		c.refreshEnded(t, result, unbuilt)
	case KindPolicy:
		c.lowered(t, result, unbuilt)
	}
}
