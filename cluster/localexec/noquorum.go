package localexec

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Suspend makes the executor refuse to start or promote anything: the member
// has lost the leader for longer than its lease.
func (e *Executor) Suspend() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.suspended = true
}

// Suspended reports whether Suspend is in force.
func (e *Executor) Suspended() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.suspended
}

// Resume ends Suspend under a new incarnation, so that orders from before are
// refused and the leader looks at everything again.
func (e *Executor) Resume(incarnation string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.suspended, e.incarnation = false, incarnation
}

// StopAll lowers every instance that may be active on this member: to stopped,
// or only from promoted to started when demoteOnly is set. It asks nobody, and
// returns the instances that it could not prove stopped. Promoted ones go
// first; otherwise all at once. s says what was started and how to stop it:
// this member's state, or what an earlier run of the daemon left for it.
func (e *Executor) StopAll(ctx context.Context, s *state.State, demoteOnly bool) []resources.InstanceID {
	n, found := s.Nodes[e.config.Node]
	if !found {
		return nil
	}
	type outcome struct {
		id resources.InstanceID
		ok bool
	}
	maybe := e.maybeActive(n)
	outcomes := make(chan outcome, len(maybe))
	for _, recorded := range maybe {
		go func() { outcomes <- outcome{recorded.ID, e.lower(ctx, s, recorded, demoteOnly)} }()
	}
	var failed []resources.InstanceID
	for range maybe {
		if o := <-outcomes; !o.ok {
			failed = append(failed, o.id)
		}
	}
	slices.Sort(failed)
	return failed
}

// maybeActive lists what may run here: by the state, or because an order for it
// is under way.
func (e *Executor) maybeActive(n *state.Node) []*state.Instance {
	maybe := map[resources.InstanceID]*state.Instance{}
	for id, i := range n.Instances {
		if i.Role.Active() || i.Action != "" || !i.Probed {
			maybe[id] = i
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, r := range e.runs {
		if r.ended() {
			continue
		}
		ordered := state.Instance{ID: r.op.Instance}
		if i, found := n.Instances[r.op.Instance]; found {
			ordered = *i
		}
		ordered.Action = id
		maybe[r.op.Instance] = &ordered
	}
	var list []*state.Instance
	for _, id := range slices.Sorted(maps.Keys(maybe)) {
		list = append(list, maybe[id])
	}
	return list
}

// lower stops, or demotes, one instance.
func (e *Executor) lower(ctx context.Context, s *state.State, recorded *state.Instance, demoteOnly bool) bool {
	id := recorded.ID
	i := e.instance(id)
	ops := []resources.Op{resources.OpStop}
	if promotable(e, recorded) {
		ops = []resources.Op{resources.OpDemote, resources.OpStop}
		if demoteOnly {
			ops = ops[:1]
		}
	} else if demoteOnly {
		return true
	}
	for _, op := range ops {
		if recorded.Action != "" {
			e.Cancel(recorded.Action)
		}
		if err := e.takeOver(ctx, i); err != nil {
			e.log.Error("no-quorum policy", zap.String("resource", string(id)), zap.Error(err))
			return false
		}
		request, agent, err := e.request(s, id, op, e.stopTimeout(s, id, op))
		if err != nil {
			i.release()
			return !recorded.Role.Active()
		}
		result := e.call(ctx, i, agent, request, func(agents.Progress) {})
		e.log.Info("no-quorum policy", zap.String("resource", string(id)), zap.String("op", string(op)), zap.Stringer("outcome", result.Outcome), zap.String("reason", result.Reason))
		if op == ops[len(ops)-1] {
			return result.Outcome == agents.OutcomeOK || absent(recorded, result)
		}
	}
	return true
}

// absent reports whether an instance that nobody believes to run cannot be here
// at all: that its service is not installed is no reason to end the host.
func absent(recorded *state.Instance, result agents.Result) bool {
	return !recorded.Role.Active() && recorded.Action == "" && (result.Outcome.Hard() || result.Outcome.Fatal())
}

func promotable(e *Executor, recorded *state.Instance) bool {
	if recorded.Config == nil || recorded.Config.Clone == nil || !recorded.Config.Clone.Promotable {
		return false
	}
	agent, found := e.config.Agents.Find(recorded.Config.Agent)
	return found && agent.Spec().Promotable && (recorded.Role == resources.RolePromoted || recorded.Action != "" || !recorded.Probed)
}

func (e *Executor) stopTimeout(s *state.State, id resources.InstanceID, op resources.Op) time.Duration {
	if config, err := configOf(s, e.config.Node, id); err == nil {
		for _, o := range config.Ops {
			if o.Name == op && o.Timeout > 0 {
				return o.Timeout.Std()
			}
		}
		if agent, found := e.config.Agents.Find(config.Agent); found && agent.Spec().Timeouts[op] > 0 {
			return agent.Spec().Timeouts[op]
		}
	}
	return 20 * time.Second
}
