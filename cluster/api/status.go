package api

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// BuildStatus says at a glance what the state and, at the leader, the present
// transition hold. now is for rules about the time.
func BuildStatus(s *state.State, live Live, leader resources.NodeName, stale bool, now time.Time) Status {
	status := Status{
		Cluster: s.Cluster.Name, ID: s.Cluster.ID, At: s.At, Index: s.Index, Revision: s.Revision, Leader: leader, Quorum: leader != "", Stale: stale,
		Nodes: []NodeStatus{}, Resources: []InstanceStatus{}, Fencing: []*state.Fencing{}, Actions: []ActionStatus{}, Problems: slices.Clone(live.Problems),
	}
	for _, name := range s.NodeNames() {
		status.Nodes = append(status.Nodes, nodeStatus(s.Nodes[name], leader, s.At))
		if f, open := s.Fencing[name]; open {
			status.Fencing = append(status.Fencing, f)
		}
	}
	status.Resources = append(status.Resources, instances(s, live)...)
	status.Defined = summaries(s, now)
	status.Maintenance = maintenances(s)
	status.MaintenanceMode = s.Definition.PropertiesAt(now).MaintenanceMode
	status.Actions = append(status.Actions, Actions(live)...)
	for _, p := range live.Transition.Problems {
		status.Problems = append(status.Problems, ProblemOf(p))
	}
	status.Problems = append(status.Problems, deviceProblems(s)...)
	if status.Problems == nil {
		status.Problems = []ProblemStatus{}
	}
	return status
}

// ProblemOf is a plan's problem as it is told.
func ProblemOf(p transition.Problem) ProblemStatus {
	return ProblemStatus{Code: p.Code, Severity: p.Severity.String(), Node: p.Node, Resource: p.Resource, Text: p.Text, Next: p.Next}
}

// maintenances lists what is in maintenance, and what was until a day ago.
func maintenances(s *state.State) []MaintenanceStatus {
	list := []MaintenanceStatus{}
	for _, m := range s.Maintenances() {
		expired := !m.Holds(s.At)
		if expired && s.At.Sub(m.Until) > state.ExpiredKept {
			continue
		}
		list = append(list, MaintenanceStatus{ScopedMaintenance: m, Expired: expired})
	}
	return list
}

func nodeStatus(n *state.Node, leader resources.NodeName, now time.Time) NodeStatus {
	maintenance := n.Maintenance
	if !maintenance.Holds(now) {
		maintenance = nil
	}
	return NodeStatus{
		Name: n.Name, Address: n.Address, Online: n.Online(), State: n.Liveness.String(), Since: n.Since, Lost: n.Lost(), PoweredOff: n.Off != nil,
		Voter: n.Voter, Witness: n.Witness, Leader: n.Name == leader, Standby: n.Standby, Maintenance: maintenance, Evidence: n.Evidence, BootedAt: n.BootedAt, Attributes: n.Attributes,
	}
}

// instances lists what is active, under way or failed, then what is defined and
// active nowhere.
func instances(s *state.State, live Live) []InstanceStatus {
	var list []InstanceStatus
	shown := map[resources.ResourceID]bool{}
	for _, name := range s.NodeNames() {
		n := s.Nodes[name]
		for _, id := range slices.Sorted(maps.Keys(n.Instances)) {
			i := n.Instances[id]
			if !i.Role.Active() && i.Action == "" && !i.Failed && len(i.Failures) == 0 {
				continue
			}
			shown[id.Resource()] = shown[id.Resource()] || i.Role.Active()
			list = append(list, instanceStatus(s, live, n, i))
		}
	}
	for _, r := range s.Definition.Resolved().Everything() {
		if !shown[r.ID] {
			list = append(list, InstanceStatus{ID: resources.InstanceID(r.ID), Resource: r.ID, Agent: r.Agent, Role: resources.RoleStopped, Probed: true})
		}
	}
	slices.SortStableFunc(list, func(a, b InstanceStatus) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return list
}

func instanceStatus(s *state.State, live Live, n *state.Node, i *state.Instance) InstanceStatus {
	status := InstanceStatus{
		ID: i.ID, Resource: i.ID.Resource(), Node: n.Name, Role: i.Role, Since: i.Since, Probed: i.Probed, Failed: i.Failed,
		Reason: i.Reason, Failures: i.Failures, Attributes: i.Attributes,
	}
	if i.Config != nil {
		status.Agent = i.Config.Agent
	} else if r, found := s.Definition.Effective(i.ID.Resource()); found {
		status.Agent = r.Agent
	}
	if op, found := s.Operations[i.Action]; found {
		status.Op, status.OpSince = op.Op, op.StartedAt
		status.Progress = live.Progress[i.Action].Text
	}
	return status
}

// summaries tell of each defined resource, as it is meant to be at now.
func summaries(s *state.State, now time.Time) []ResourceSummary {
	list := []ResourceSummary{}
	def, _ := s.Definition.Resolved().At(now)
	all := def.Everything()
	for i := range all {
		r := &all[i]
		meta := def.MetaOf(r, now)
		summary := ResourceSummary{
			ID: r.ID, Agent: r.Agent, Clone: r.Clone != nil, Promotable: r.Clone != nil && r.Clone.Promotable,
			Managed: !meta.LeftAlone(), TargetRole: resources.Or(meta.TargetRole, resources.RoleUnknown), Advice: s.Advice[r.ID],
		}
		if own, found := s.Definition.Effective(r.ID); found && summary.TargetRole == resources.RoleStopped {
			summary.Disabled = s.Definition.Says(own, func(m resources.Meta) bool {
				return resources.Or(m.TargetRole, resources.RoleUnknown) == resources.RoleStopped
			})
		}
		if g, member := s.Definition.GroupOf(r.ID); member {
			summary.Group = g.ID
		}
		if b, part := s.Definition.PartOf(r.ID); part {
			summary.Bundle = b.ID
		}
		list = append(list, summary)
	}
	return list
}

// Actions lists the present transition's actions.
func Actions(live Live) []ActionStatus {
	var list []ActionStatus
	for _, a := range live.Transition.Actions {
		action := ActionStatus{Key: a.Key, InFlight: a.InFlight != "", Wait: a.Wait, Reason: a.Reason}
		for _, before := range a.After {
			action.After = append(action.After, live.Transition.Actions[before].Key)
		}
		list = append(list, action)
	}
	return list
}
