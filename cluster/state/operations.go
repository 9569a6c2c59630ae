package state

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// OperationsStarted records intents before they are dispatched. It is the only
// way to get an action id, so nothing runs that the log does not know of.
type OperationsStarted struct {
	Operations []Intent `json:"operations"`
}

// Intent is one operation that the leader is about to order.
type Intent struct {
	Node        resources.NodeName   `json:"node"`
	Instance    resources.InstanceID `json:"instance"`
	Op          resources.Op         `json:"op"`
	Incarnation string               `json:"incarnation"`
	Timeout     resources.Duration   `json:"timeout"`
	Digest      string               `json:"digest,omitempty"`
	Reason      string               `json:"reason,omitempty"`
	// Notify and Notice are Operation's. With either the command is version 2.
	Notify bool    `json:"notify,omitempty"`
	Notice *Notice `json:"notice,omitempty"`
	// Peer is Operation's. With it the command is version 3.
	Peer resources.NodeName `json:"peer,omitempty"`
}

// name is the older one unless an intent needs the newer: members that do not
// know it yet can go on reading.
func (c *OperationsStarted) name() string {
	if slices.ContainsFunc(c.Operations, func(i Intent) bool { return i.Peer != "" }) {
		return "operations.started/3"
	}
	if slices.ContainsFunc(c.Operations, func(i Intent) bool { return i.Notify || i.Notice != nil }) {
		return "operations.started/2"
	}
	return "operations.started/1"
}

func (c *OperationsStarted) apply(t *tx) error {
	t.result.Actions = make([]resources.ActionID, len(c.Operations))
	for nth, intent := range c.Operations {
		n, err := t.node(intent.Node)
		if err != nil || !n.Online() || n.Incarnation != intent.Incarnation {
			continue // the node changed since the plan; the next plan knows
		}
		_, existed := n.Instances[intent.Instance]
		i := t.instance(n, intent.Instance)
		if i.Action != "" || !takes(i, &intent) || !t.stands(n, i, &intent) || !t.configure(n, i, &intent) || !t.migrates(n, i, &intent) {
			if !existed {
				delete(n.Instances, intent.Instance)
			}
			continue // one operation per instance, and only of a known resource
		}
		id := resources.NewActionID(t.s.Index, nth)
		t.operations()[id] = &Operation{
			ID: id, Node: intent.Node, Instance: intent.Instance, Op: intent.Op, Term: t.s.Term, Incarnation: intent.Incarnation,
			StartedAt: t.at, Timeout: intent.Timeout, Digest: intent.Digest, Reason: intent.Reason, Notify: intent.Notify, Notice: intent.Notice, Peer: intent.Peer,
		}
		i.Action = id
		t.result.Actions[nth] = id
	}
	t.planned(c.Operations)
	return nil
}

// configure remembers the resource as the operation will use it. It returns
// false when neither the instance nor the definition knows the resource, and when
// a rule gives other parameters by now than the intent was planned with.
func (t *tx) configure(n *Node, i *Instance, intent *Intent) bool {
	uses := intent.Op == resources.OpStart || intent.Op == resources.OpReload
	if i.Config == nil || uses {
		defined, found := t.s.ResourceOn(n.Name, i.ID.Resource(), t.at)
		if !found {
			return i.Config != nil && !uses
		}
		if uses && t.s.byRule(i.ID.Resource()) && intent.Digest != resources.Digest(defined) {
			return false
		}
		i.Config = defined
	}
	return true
}

// OperationFinished records what an operation came to. A second result for the
// same action changes nothing.
type OperationFinished struct {
	Action resources.ActionID `json:"action"`
	Result agents.Result      `json:"result"`
}

func (*OperationFinished) name() string { return "operation.finished/1" }

func (c *OperationFinished) apply(t *tx) error {
	op, inFlight := t.s.Operations[c.Action]
	if !inFlight {
		return nil
	}
	n, err := t.node(op.Node)
	if err != nil {
		return err
	}
	delete(t.operations(), c.Action)
	i := t.instance(n, op.Instance)
	i.Action = ""
	t.finish(n, i, op, c.Result)
	switch {
	case op.Notice != nil:
		t.answered(op)
	case op.Notify && c.Result.Outcome == agents.OutcomeOK:
		t.owe(n, i.ID, i.Role, op.Op)
	}
	if _, defined := t.s.Definition.Resource(i.ID.Resource()); !defined && i.Role == resources.RoleStopped {
		delete(n.Instances, i.ID)
	}
	t.performed(op, c.Result)
	return nil
}

// InstanceReported records that a recurring monitor's result has changed. The
// member that runs the instance reports it.
type InstanceReported struct {
	Node        resources.NodeName   `json:"node"`
	Incarnation string               `json:"incarnation"`
	Instance    resources.InstanceID `json:"instance"`
	Result      agents.Result        `json:"result"`
	// Seen is the index that the member had applied when the monitor began. What
	// an operation came to after that is newer than what the monitor saw.
	Seen uint64 `json:"seen,omitempty"`
}

func (*InstanceReported) name() string { return "instance.reported/1" }

func (c *InstanceReported) apply(t *tx) error {
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	old, found := n.Instances[c.Instance]
	if !found || n.Incarnation != c.Incarnation || old.Action != "" || !old.Probed || c.Seen < old.Changed || t.s.Migrating(c.Node, c.Instance) {
		return reject(Conflict, "the report on %s at %s is out of date", c.Instance, c.Node)
	}
	i := t.instance(n, c.Instance)
	failed, role := i.Failed, i.Role
	t.finish(n, i, &Operation{Op: resources.OpMonitor}, c.Result)
	if i.Failed != failed || i.Role != role {
		t.event("monitor", c.Node, c.Instance.Resource(), "%s: %s%s", c.Instance, c.Result.Outcome, because(c.Result.Reason))
	}
	return nil
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// believed is the role to assume after an operation whose result nobody knows:
// always the one in which more may be running.
func believed(op resources.Op, role resources.Role) resources.Role {
	if mutant.Is(mutant.UnknownIsNotDone) {
		return role
	}
	switch op {
	case resources.OpStart:
		return max(role, resources.RoleStarted)
	case resources.OpPromote:
		return resources.RolePromoted
	default:
		return role
	}
}

// finish changes an instance by the result of an operation on it.
func (t *tx) finish(n *Node, i *Instance, op *Operation, r agents.Result) {
	if r.Attributes != nil {
		i.Attributes = maps.Clone(r.Attributes)
	}
	if op.Op == resources.OpNotify {
		return // what came of telling it says nothing of the instance
	}
	i.Outcome, i.Reason, i.Changed = r.Outcome, r.Reason, t.s.Index
	switch op.Op {
	case resources.OpProbe:
		t.looked(i, r)
	case resources.OpMonitor:
		t.monitored(i, r)
	case resources.OpMigrateTo:
		t.departed(i, op, r)
	case resources.OpMigrateFrom:
		t.arrived(i, op, r)
	default:
		t.acted(n, i, op.Op, op.Digest, r)
	}
}

// looked records a probe: what is there, whatever was believed.
func (t *tx) looked(i *Instance, r agents.Result) {
	switch r.Outcome {
	case agents.OutcomeOK:
		i.Probed = true
		t.role(i, active(r.Role))
		// A stop that failed stays failed: the instance still runs.
		i.Failed = i.Failed && i.FailedOp == resources.OpStop
	case agents.OutcomeNotRunning:
		i.Probed, i.Failed = true, false
		t.role(i, resources.RoleStopped)
	case agents.OutcomeFailed:
		i.Probed = true
		t.role(i, max(active(r.Role), i.Role))
		t.fail(i, resources.OpMonitor, r)
	case agents.OutcomeNotInstalled, agents.OutcomeNotPermitted, agents.OutcomeMisconfigured, agents.OutcomeUnsupported:
		// What cannot be here does not run here (Pacemaker: a probe's "not
		// installed" counts as stopped and bans the node).
		i.Probed = true
		t.role(i, resources.RoleStopped)
		t.count(i, resources.OpProbe, r)
	case agents.OutcomeUnknown, agents.OutcomeCancelled:
		i.Probed = false
		t.count(i, resources.OpProbe, r)
	}
}

// monitored records a recurring monitor of an instance that should run.
func (t *tx) monitored(i *Instance, r agents.Result) {
	switch r.Outcome {
	case agents.OutcomeOK:
		found := active(r.Role)
		if found < i.Role {
			was := i.Role
			t.role(i, found)
			r.Reason = fmt.Sprintf("found %s, expected %s", found, was)
			t.fail(i, resources.OpMonitor, r)
			return
		}
		t.role(i, found)
		if i.FailedOp == resources.OpMonitor {
			i.Failed = false
		}
	case agents.OutcomeNotRunning:
		t.role(i, resources.RoleStopped)
		t.fail(i, resources.OpMonitor, r)
	case agents.OutcomeCancelled:
		// says nothing about the instance
	default:
		t.fail(i, resources.OpMonitor, r)
	}
}

// acted records an operation that changes the instance's role.
func (t *tx) acted(n *Node, i *Instance, op resources.Op, digest string, r agents.Result) {
	if r.Outcome != agents.OutcomeOK {
		i.Probed = r.Outcome != agents.OutcomeUnknown && r.Outcome != agents.OutcomeCancelled || mutant.Is(mutant.UnknownIsNotDone)
		t.role(i, believed(op, i.Role))
		if r.Outcome != agents.OutcomeCancelled {
			t.fail(i, op, r)
		}
		return
	}
	i.Probed = true
	// A demotion is only the first step of recovering what failed as promoted,
	// unless it is all that was to be done about it.
	i.Failed = i.Failed && op == resources.OpDemote && !demotionMends(i)
	switch op {
	case resources.OpStart:
		t.role(i, resources.RoleStarted)
		i.Digest = digest
	case resources.OpPromote:
		t.role(i, resources.RolePromoted)
	case resources.OpDemote:
		t.role(i, resources.RoleStarted)
	case resources.OpReload:
		i.Digest = digest
	case resources.OpStop:
		t.role(i, resources.RoleStopped)
		i.Digest, i.Attributes = "", nil
	}
}

// demotionMends reports whether the failure that an instance awaits recovery
// from is over once it is demoted.
func demotionMends(i *Instance) bool {
	if i.FailedOp == resources.OpPromote || i.FailedOp == resources.OpDemote {
		return true
	}
	return i.Config != nil && slices.ContainsFunc(i.Config.Ops, func(o resources.Operation) bool { return o.Name == i.FailedOp && o.OnFail == resources.OnFailDemote })
}

func active(role resources.Role) resources.Role { return max(role, resources.RoleStarted) }

func (t *tx) role(i *Instance, role resources.Role) {
	if i.Role != role {
		i.Role, i.Since = role, t.at
	}
	if role == resources.RoleStopped {
		i.Config = nil
	}
}

// fail marks the instance as awaiting recovery and counts the failure.
func (t *tx) fail(i *Instance, op resources.Op, r agents.Result) {
	i.Failed, i.FailedOp = true, op
	t.count(i, op, r)
}

func (t *tx) count(i *Instance, op resources.Op, r agents.Result) {
	if i.Failures == nil {
		i.Failures = map[resources.Op]*Failure{}
	}
	failure := Failure{First: t.at}
	if old, found := i.Failures[op]; found {
		failure = *old
	}
	failure.Count++
	failure.Outcome, failure.Last, failure.Reason, failure.Output = r.Outcome, t.at, r.Reason, clip(r.Output)
	i.Failures[op] = &failure
}

// maxKeptOutput bounds the output kept per failure, in bytes.
const maxKeptOutput = 1024

func clip(output string) string {
	if len(output) > maxKeptOutput {
		return output[len(output)-maxKeptOutput:]
	}
	return output
}

// Deadline returns when the operation's result is overdue.
func (o *Operation) Deadline() time.Time { return o.StartedAt.Add(o.Timeout.Std()) }
