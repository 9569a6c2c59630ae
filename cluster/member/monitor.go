package member

import (
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

const (
	// maxMonitors bounds how many monitors run at once on a member.
	maxMonitors = 16
	// busyRetry is how soon a monitor is tried again whose instance was busy.
	busyRetry = 100 * time.Millisecond
)

// monitors are the recurring looks at this member's instances.
type monitors struct {
	// due holds the next time of each monitor that should run now; until is for how
	// long nothing is.
	due     map[monitorKey]time.Time
	until   horizon
	running int // looks that have not ended, their reports included
	reports map[uint64]resources.InstanceID
	// unsure holds the instances whose last report may or may not have arrived:
	// the next one is made whether it is news or not.
	unsure map[resources.InstanceID]bool
}

// monitorKey is the nth monitor of an instance's resource.
type monitorKey struct {
	instance resources.InstanceID
	nth      int
}

type monitorTask struct {
	key       monitorKey
	operation resources.Operation
}

// look is a monitor under way; second says that the first gave nothing.
type look struct{ second bool }

// horizon is when something has to be looked at again, unless the state, or what
// this run of the daemon is called, changes before.
type horizon struct {
	s           *state.State
	incarnation string
	at          time.Time
}

// reached reports whether it is time.
func (c *Core) reached(h horizon) bool {
	if h.s != c.s || h.incarnation != c.incarnation || !c.now.Before(h.at) {
		return true
	}
	c.wakeAt(h.at)
	return false
}

// horizon begins a new one, which is far away.
func (c *Core) horizon() horizon { return horizon{c.s, c.incarnation, c.now.Add(time.Hour)} }

// bring brings a horizon nearer.
func (c *Core) bring(h *horizon, at time.Time) {
	if at.Before(h.at) {
		h.at = at
	}
	c.wakeAt(at)
}

func newMonitors() monitors {
	return monitors{due: map[monitorKey]time.Time{}, reports: map[uint64]resources.InstanceID{}, unsure: map[resources.InstanceID]bool{}}
}

// monitor begins with the monitors that are due.
func (c *Core) monitor() {
	m := &c.monitors
	if !c.reached(m.until) {
		return
	}
	m.until = c.horizon()
	if next := c.s.Definition.Changes(c.now); !next.IsZero() {
		c.bring(&m.until, next) // rules say how monitors are, too
	}
	wanted := map[monitorKey]bool{}
	for _, t := range c.monitorTasks() {
		wanted[t.key] = true
		interval := t.operation.Interval.Std()
		at, known := m.due[t.key]
		if !known {
			at = c.together(c.now.Add(firstDelay(t.key, interval)), interval)
			if begins := c.now.Add(t.operation.StartDelay.Std()); at.Before(begins) {
				at = begins
			}
		}
		if !at.After(c.now) {
			at = c.now.Add(min(interval, busyRetry))
			op := resources.OpMonitor
			if t.operation.Role == resources.RoleStopped {
				op = resources.OpProbe // it asks what is there
			}
			if m.running < maxMonitors && c.borrow(&task{Task: Task{
				Kind: KindMonitor, Instance: t.key.instance, Op: op, Timeout: t.operation.Timeout.Std(), State: c.s, Params: t.operation.Params,
			}, look: &look{}}) {
				m.running++
				at = c.together(c.now.Add(interval), interval)
			}
		}
		m.due[t.key] = at
		c.bring(&m.until, at)
	}
	maps.DeleteFunc(m.due, func(key monitorKey, _ time.Time) bool { return !wanted[key] })
}

// together moves a time by up to a twentieth of the interval, and half a second, to
// one at which others look too: many instances are looked at in few steps, and a
// member at rest wakes for them once a second.
func (c *Core) together(at time.Time, interval time.Duration) time.Time {
	step := min(interval/10, time.Second)
	if step <= 0 {
		return at
	}
	at = at.Add(step / 2)
	return at.Add(-(at.Sub(c.began) % step))
}

// firstDelay spreads monitors over their interval, the same way at each start.
func firstDelay(key monitorKey, interval time.Duration) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(key.instance))
	return time.Duration(h.Sum32()%997) * interval / 2000
}

// active lists the instances that this run knows to be active here, with nothing
// under way, in order.
func (c *Core) active() []*state.Instance {
	n, current := c.self()
	if !current {
		return nil
	}
	var list []*state.Instance
	for _, id := range slices.Sorted(maps.Keys(n.Instances)) {
		if i := n.Instances[id]; i.Role.Active() && i.Probed && i.Action == "" && i.Config != nil && !c.s.Migrating(n.Name, id) {
			list = append(list, i)
		}
	}
	return list
}

// provenStopped lists the instances that are proven stopped here, with nothing under
// way, and whose definition wants to hear if that changes by itself; in order.
func (c *Core) provenStopped() []*state.Instance {
	n, current := c.self()
	if !current {
		return nil
	}
	wanted := watchedStopped(c.s.Definition)
	if len(wanted) == 0 {
		return nil
	}
	var list []*state.Instance
	for _, id := range slices.Sorted(maps.Keys(n.Instances)) {
		i := n.Instances[id]
		if wanted[id.Resource()] && i.Role == resources.RoleStopped && i.Probed && i.Action == "" && !c.s.Migrating(n.Name, id) {
			list = append(list, i)
		}
	}
	return list
}

// watchedStopped returns the resources with a monitor for role stopped.
func watchedStopped(d *resources.Definition) map[resources.ResourceID]bool {
	watched := map[resources.ResourceID]bool{}
	looks := func(o resources.Operation) bool {
		return o.Name == resources.OpMonitor && o.Role == resources.RoleStopped && resources.Or(o.Enabled, true)
	}
	for _, t := range d.Templates {
		if slices.ContainsFunc(t.Ops, looks) {
			watched[t.ID] = true
		}
	}
	for _, r := range d.Resources {
		if r.Template != "" && watched[r.Template] || slices.ContainsFunc(r.Ops, looks) {
			watched[r.ID] = true
		}
	}
	return watched
}

// monitorTasks lists the monitors that the state calls for, in order.
func (c *Core) monitorTasks() []monitorTask {
	var tasks []monitorTask
	for _, i := range c.provenStopped() {
		for nth, operation := range c.operations(i) {
			if operation.Role == resources.RoleStopped {
				tasks = append(tasks, monitorTask{monitorKey{i.ID, nth}, operation})
			}
		}
	}
	for _, i := range c.active() {
		for nth, operation := range c.operations(i) {
			if operation.Role == resources.RoleUnknown || operation.Role == i.Role {
				tasks = append(tasks, monitorTask{monitorKey{i.ID, nth}, operation})
			}
		}
	}
	return tasks
}

// operations returns the resource's monitors: the definition's, or the agent's where
// the definition names none of what runs; those that are disabled are left out.
func (c *Core) operations(i *state.Instance) []resources.Operation {
	resource := i.Config // nil of what is stopped
	if defined, found := c.s.ResourceOn(c.config.Self, i.ID.Resource(), c.now); found {
		resource = defined
	}
	if resource == nil {
		return nil
	}
	agent, found := c.config.Agents.Find(resource.Agent)
	if !found {
		return nil
	}
	spec := agent.Spec()
	var operations []resources.Operation
	for _, operation := range resource.Ops {
		if operation.Name == resources.OpMonitor {
			operations = append(operations, operation)
		}
	}
	if !slices.ContainsFunc(operations, func(o resources.Operation) bool { return o.Role != resources.RoleStopped }) {
		running := spec.Monitors
		if len(running) == 0 {
			running = []resources.Operation{{Name: resources.OpMonitor}}
		}
		operations = append(operations, running...)
	}
	enabled := operations[:0]
	for _, o := range operations {
		byDefault := c.s.Definition.OpDefaults(resource.Agent, resources.OpMonitor, o.Interval, c.now)
		if !resources.Or(o.Enabled, resources.Or(byDefault.Enabled, true)) {
			continue
		}
		fill(&o.Interval, byDefault.Interval, resources.Duration(spec.MonitorInterval), resources.Duration(10*time.Second))
		fill(&o.Timeout, byDefault.Timeout)
		enabled = append(enabled, o)
	}
	enabled = renewing(enabled, &spec, resource.Params)
	for n := range enabled {
		fill(&enabled[n].Timeout, resources.Duration(spec.Timeouts[resources.OpMonitor]), resources.Duration(20*time.Second))
	}
	return enabled
}

// renewals is how many monitors there are in the time for which one renews what
// vanishes by itself.
const renewals = 4

// renewing adds a monitor where those that there are would let something vanish that
// only monitors renew, because they are too rare, begin too late or are disabled.
func renewing(operations []resources.Operation, spec *agents.Spec, params resources.Params) []resources.Operation {
	if spec.Renews == "" {
		return operations
	}
	text := params[spec.Renews]
	for _, p := range spec.Params {
		if p.Name == spec.Renews && text == "" {
			text = p.Default
		}
	}
	lasts, err := resources.ParseDuration(text)
	if err != nil || lasts <= 0 {
		return operations // for ever, or refused by the agent
	}
	own := resources.Operation{Name: resources.OpMonitor, Interval: resources.Duration(spec.MonitorInterval)}
	if own.Interval <= 0 || own.Interval > lasts/renewals {
		own.Interval = lasts / renewals
	}
	if slices.ContainsFunc(operations, func(o resources.Operation) bool {
		return o.Role != resources.RoleStopped && o.Role != resources.RolePromoted && o.Interval > 0 && max(o.Interval, o.StartDelay) <= lasts/renewals
	}) {
		return operations
	}
	return append(operations, own)
}

func fill(value *resources.Duration, defaults ...resources.Duration) {
	for _, d := range defaults {
		if *value == 0 {
			*value = d
		}
	}
}

// looked takes what a monitor found: once, a second time if the first look gave
// nothing, and reports what is news.
func (c *Core) looked(t *task, result agents.Result, unbuilt string) {
	if unbuilt != "" {
		c.monitors.running--
		c.note(Note{Text: "monitor: " + unbuilt, Instance: t.Instance})
		return
	}
	if result.Outcome == agents.OutcomeUnknown && !t.cut && !t.look.second {
		if c.borrow(&task{Task: t.Task, look: &look{second: true}}) {
			return
		}
	}
	if t.cut || !c.report(t.Instance, t.State.Index, result) {
		c.monitors.running--
	}
}

// report tells the leader of a monitor's result when it says something new, or
// when nobody knows whether the last report arrived: it may yet do so, and this
// one must then be the last word. seen is the index of the state that the monitor
// began with. It returns false when there is nothing to tell.
func (c *Core) report(id resources.InstanceID, seen uint64, result agents.Result) bool {
	recorded, found := c.s.Instance(c.config.Self, id)
	if found && recorded.Role == resources.RoleStopped {
		return recorded.Probed && c.reportActive(recorded, seen, result)
	}
	if !found || recorded.Action != "" || !recorded.Role.Active() || c.s.Migrating(c.config.Self, id) || !(news(recorded, result) || c.monitors.unsure[id]) {
		return false
	}
	c.monitors.unsure[id] = true
	c.tell(id, seen, result)
	return true
}

// reportActive tells the leader that what should be stopped is not: it runs, or
// something of it does. What a look at it failed to find out is tried again.
func (c *Core) reportActive(recorded *state.Instance, seen uint64, result agents.Result) bool {
	if result.Outcome != agents.OutcomeOK && result.Outcome != agents.OutcomeFailed || recorded.Action != "" || c.s.Migrating(c.config.Self, recorded.ID) {
		return false
	}
	found := agents.Result{Outcome: agents.OutcomeOK, Role: max(result.Role, resources.RoleStarted), Reason: "found running where it was stopped", Attributes: result.Attributes}
	c.tell(recorded.ID, seen, found)
	return true
}

// tell proposes a report.
func (c *Core) tell(id resources.InstanceID, seen uint64, result agents.Result) {
	r := Report{ID: c.newID(), Report: state.InstanceReported{Node: c.config.Self, Incarnation: c.incarnation, Instance: id, Result: result, Seen: seen}}
	c.monitors.reports[r.ID] = id
	c.out.Reports = append(c.out.Reports, r)
}

func (c *Core) takeReported() {
	for _, r := range c.in.Reported {
		id, known := c.monitors.reports[r.ID]
		if !known {
			continue
		}
		delete(c.monitors.reports, r.ID)
		c.monitors.running--
		if r.OK {
			delete(c.monitors.unsure, id)
		}
	}
}

// news reports whether a monitor's result would change what is recorded.
func news(recorded *state.Instance, result agents.Result) bool {
	if result.Attributes != nil && !maps.Equal(result.Attributes, recorded.Attributes) {
		return true
	}
	switch result.Outcome {
	case agents.OutcomeOK:
		return max(result.Role, resources.RoleStarted) != recorded.Role || (recorded.Failed && recorded.FailedOp == resources.OpMonitor)
	case agents.OutcomeCancelled:
		return false
	default:
		return !recorded.Failed
	}
}
