package localexec

import (
	"context"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// monitors launches the recurring monitors of this member's instances. Only
// Run's goroutine uses it.
type monitors struct {
	e *Executor
	// due holds the next time of each monitor that should run now.
	due map[monitorKey]time.Time
	// slots bounds the monitors that run at once.
	slots chan struct{}
}

type monitorKey struct {
	instance resources.InstanceID
	// nth monitor of the resource.
	nth int
}

type monitorTask struct {
	key       monitorKey
	operation resources.Operation
}

// maxMonitors bounds how many monitors run at once on a member.
const maxMonitors = 16

func newMonitors(e *Executor) *monitors {
	return &monitors{e: e, due: map[monitorKey]time.Time{}, slots: make(chan struct{}, maxMonitors)}
}

// step launches what is due and returns how long it is until the next one.
func (m *monitors) step(ctx context.Context, s *state.State, now time.Time) time.Duration {
	tasks := m.tasks(s)
	wanted := make(map[monitorKey]bool, len(tasks))
	next := time.Hour
	for _, task := range tasks {
		wanted[task.key] = true
		interval := task.operation.Interval.Std()
		at, known := m.due[task.key]
		if !known {
			at = now.Add(firstDelay(task.key, interval))
			m.due[task.key] = at
		}
		if !at.After(now) {
			if m.launch(ctx, s, task) {
				at = now.Add(interval)
			} else {
				at = now.Add(min(interval, 100*time.Millisecond))
			}
			m.due[task.key] = at
		}
		next = min(next, at.Sub(now))
	}
	maps.DeleteFunc(m.due, func(key monitorKey, _ time.Time) bool { return !wanted[key] })
	return next
}

// firstDelay spreads monitors over their interval, the same way at each start.
func firstDelay(key monitorKey, interval time.Duration) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(key.instance))
	return time.Duration(h.Sum32()%997) * interval / 2000
}

// tasks lists the monitors that the state calls for, in order.
func (m *monitors) tasks(s *state.State) []monitorTask {
	n, current := m.e.self(s)
	if !current {
		return nil
	}
	var tasks []monitorTask
	for _, id := range slices.Sorted(maps.Keys(n.Instances)) {
		i := n.Instances[id]
		if !i.Role.Active() || !i.Probed || i.Action != "" || i.Config == nil || s.Migrating(n.Name, id) {
			continue
		}
		for nth, operation := range m.operations(s, i) {
			if operation.Role == resources.RoleUnknown || operation.Role == i.Role {
				tasks = append(tasks, monitorTask{monitorKey{id, nth}, operation})
			}
		}
	}
	return tasks
}

// operations returns the resource's monitors: the definition's, else the
// agent's.
func (m *monitors) operations(s *state.State, i *state.Instance) []resources.Operation {
	resource := i.Config
	if defined, found := s.Definition.Resource(i.ID.Resource()); found {
		resource = defined
	}
	agent, found := m.e.config.Agents.Find(resource.Agent)
	if !found {
		return nil
	}
	spec := agent.Spec()
	var operations []resources.Operation
	for _, operation := range resource.Ops {
		if operation.Name == resources.OpMonitor && resources.Or(operation.Enabled, true) {
			operations = append(operations, operation)
		}
	}
	if len(operations) == 0 {
		operations = spec.Monitors
	}
	if len(operations) == 0 {
		operations = []resources.Operation{{Name: resources.OpMonitor}}
	}
	operations = slices.Clone(operations)
	for n := range operations {
		fill(&operations[n].Interval, resources.Duration(spec.MonitorInterval), resources.Duration(10*time.Second))
		fill(&operations[n].Timeout, s.Definition.Defaults.Op.Timeout, resources.Duration(spec.Timeouts[resources.OpMonitor]), resources.Duration(20*time.Second))
	}
	return operations
}

func fill(value *resources.Duration, defaults ...resources.Duration) {
	for _, d := range defaults {
		if *value == 0 {
			*value = d
		}
	}
}

// launch runs one monitor in the background. It returns false when the instance
// or the member is busy.
func (m *monitors) launch(ctx context.Context, s *state.State, task monitorTask) bool {
	select {
	case m.slots <- struct{}{}:
	default:
		return false
	}
	i := m.e.instance(task.key.instance)
	ctx, yield := context.WithCancel(ctx)
	if !m.e.borrow(i, yield) {
		yield()
		<-m.slots
		return false
	}
	m.e.work.Go(func() {
		defer func() { <-m.slots }()
		defer yield()
		m.e.monitor(ctx, yield, s, i, task)
	})
	return true
}

// monitor looks once, a second time if the first look gave nothing, and
// reports what differs from the state. The instance is borrowed already.
func (e *Executor) monitor(ctx context.Context, yield context.CancelFunc, s *state.State, i *instance, task monitorTask) {
	request, agent, err := e.request(s, i.id, resources.OpMonitor, task.operation.Timeout.Std())
	if err != nil {
		i.release()
		e.log.Warn("monitor", zap.String("resource", string(i.id)), zap.Error(err))
		return
	}
	result := e.call(ctx, i, agent, request, func(agents.Progress) {})
	if result.Outcome == agents.OutcomeUnknown && ctx.Err() == nil && e.borrow(i, yield) {
		result = e.call(ctx, i, agent, request, func(agents.Progress) {})
	}
	if ctx.Err() != nil {
		return // an order took over
	}
	e.report(ctx, s.Index, i.id, result)
}

// reportTimeout bounds one report to the leader.
const reportTimeout = 5 * time.Second

// report proposes a monitor's result when it says something new, or when nobody
// knows whether the last report arrived: it may yet do so, and this one must
// then be the last word. seen is the index of the state that the monitor began
// with.
func (e *Executor) report(ctx context.Context, seen uint64, id resources.InstanceID, result agents.Result) {
	recorded, found := e.state.Load().Instance(e.config.Node, id)
	if !found || recorded.Action != "" || !recorded.Role.Active() || e.state.Load().Migrating(e.config.Node, id) || !(news(recorded, result) || e.isUnsure(id)) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	e.setUnsure(id, true)
	err := e.config.Report(ctx, state.InstanceReported{Node: e.config.Node, Incarnation: e.Incarnation(), Instance: id, Result: result, Seen: seen})
	if err == nil {
		e.setUnsure(id, false)
		return
	}
	e.log.Warn("report of a monitor", zap.String("resource", string(id)), zap.Stringer("outcome", result.Outcome), zap.Error(err))
}

func (e *Executor) isUnsure(id resources.InstanceID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.unsure[id]
}

func (e *Executor) setUnsure(id resources.InstanceID, unsure bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if unsure {
		e.unsure[id] = true
	} else {
		delete(e.unsure, id)
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
