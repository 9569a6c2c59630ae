package metrics

import (
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Cluster says how the cluster is by a state, at now.
func Cluster(s *state.State, now time.Time) []Family {
	families := []Family{
		{Name: "belay_cluster_info", Kind: Gauge, Help: "The cluster's name and id.", Samples: []Sample{{labels("cluster", s.Cluster.Name, "id", s.Cluster.ID), 1}}},
		single("belay_cluster_command_set", Gauge, "The newest command set that every member understands.", float64(s.Version)),
		single("belay_cluster_maintenance", Gauge, "1 while all of the cluster is left alone.", yes(s.InMaintenance(now))),
		single("belay_definition_revision", Gauge, "The revision of the definition.", float64(s.Revision)),
	}
	families = append(families, nodes(s, now)...)
	families = append(families, instances(s)...)
	families = append(families, inFlight(s))
	families = append(families, fencing(s)...)
	return append(families, tickets(s))
}

func nodes(s *state.State, now time.Time) []Family {
	facts := []struct {
		name, help string
		value      func(n *state.Node) float64
	}{
		{"belay_node_online", "1 while the node takes orders.", func(n *state.Node) float64 { return yes(n.Online()) }},
		{"belay_node_lost", "1 while the node is silent and not proven dead: nothing of it is recovered.", func(n *state.Node) float64 { return yes(n.Lost()) }},
		{"belay_node_off", "1 while the node is proven dead.", func(n *state.Node) float64 { return yes(n.Off != nil) }},
		{"belay_node_standby", "1 while an operator has the node in standby.", func(n *state.Node) float64 { return yes(n.Standby) }},
		{"belay_node_maintenance", "1 while the node is left alone.", func(n *state.Node) float64 { return yes(n.InMaintenance(now)) }},
		{"belay_node_voter", "1 for a node that votes.", func(n *state.Node) float64 { return yes(n.Voter) }},
		{"belay_node_command_set", "The newest command set that the node understands.", func(n *state.Node) float64 { return float64(n.Software) }},
	}
	families := make([]Family, 0, len(facts))
	for _, f := range facts {
		family := Family{Name: f.name, Kind: Gauge, Help: f.help}
		for _, name := range s.NodeNames() {
			family.Samples = append(family.Samples, Sample{labels("node", string(name)), f.value(s.Nodes[name])})
		}
		families = append(families, family)
	}
	return families
}

// instances counts the copies of every defined resource, and of what else runs.
func instances(s *state.State) []Family {
	type counts struct{ started, promoted, failed int }
	by := map[resources.ResourceID]*counts{}
	for _, r := range s.Definition.Resolved().Everything() {
		by[r.ID] = &counts{}
	}
	failures := Family{Name: "belay_resource_failures", Kind: Gauge, Help: "Failures that count against the resource on the node, until they expire or somebody retries."}
	for _, name := range s.NodeNames() {
		for id, i := range s.Nodes[name].Instances {
			c := by[id.Resource()]
			if c == nil && (i.Role.Active() || i.Failed) { // not defined any more
				c = &counts{}
				by[id.Resource()] = c
			}
			switch {
			case c == nil:
				continue
			case i.Role == resources.RolePromoted:
				c.promoted++
			case i.Role == resources.RoleStarted:
				c.started++
			}
			if i.Failed {
				c.failed++
			}
			for op, f := range i.Failures {
				failures.Samples = append(failures.Samples, Sample{labels("resource", string(id), "node", string(name), "operation", string(op)), float64(f.Count)})
			}
		}
	}
	running := Family{Name: "belay_resource_instances", Kind: Gauge, Help: "Copies of the resource that run, by role; promoted ones are not counted as started."}
	failed := Family{Name: "belay_resource_failed_instances", Kind: Gauge, Help: "Copies of the resource that have failed and await recovery."}
	for _, id := range slices.Sorted(maps.Keys(by)) {
		c := by[id]
		running.Samples = append(running.Samples, Sample{labels("resource", string(id), "role", "started"), float64(c.started)}, Sample{labels("resource", string(id), "role", "promoted"), float64(c.promoted)})
		failed.Samples = append(failed.Samples, Sample{labels("resource", string(id)), float64(c.failed)})
	}
	return []Family{running, failed, failures}
}

func inFlight(s *state.State) Family {
	count := map[resources.Op]int{}
	for _, op := range s.Operations {
		count[op.Op]++
	}
	family := Family{Name: "belay_operations_in_flight", Kind: Gauge, Help: "Operations under way."}
	for _, op := range []resources.Op{resources.OpStart, resources.OpStop, resources.OpPromote, resources.OpDemote, resources.OpProbe, resources.OpNotify, resources.OpReload, resources.OpMigrateTo, resources.OpMigrateFrom} {
		family.Samples = append(family.Samples, Sample{labels("operation", string(op)), float64(count[op])})
	}
	return family
}

func fencing(s *state.State) []Family {
	open := Family{Name: "belay_node_fencing", Kind: Gauge, Help: "1 while the node is being fenced or waits for that."}
	attempts := Family{Name: "belay_node_fencing_attempts", Kind: Gauge, Help: "Attempts of the open fencing of the node."}
	for _, name := range s.NodeNames() {
		f, is := s.Fencing[name]
		open.Samples = append(open.Samples, Sample{labels("node", string(name)), yes(is)})
		if is {
			attempts.Samples = append(attempts.Samples, Sample{labels("node", string(name)), float64(f.Attempts)})
		}
	}
	last := Family{Name: "belay_node_fencing_ended_timestamp_seconds", Kind: Gauge, Help: "When the newest fencing of the node ended, by what came of it."}
	seen := map[string]float64{}
	for _, f := range s.FenceHistory { // oldest first
		if key, ended := ending(f); ended {
			seen[key] = float64(f.EndedAt.UnixMilli()) / 1000
		}
	}
	for _, name := range s.NodeNames() {
		for _, result := range []string{resultDone, resultWithdrawn} {
			if at, found := seen[string(name)+" "+result]; found {
				last.Samples = append(last.Samples, Sample{labels("node", string(name), "result", result), at})
			}
		}
	}
	devices := Family{Name: "belay_fence_device_failing", Kind: Gauge, Help: "Members for which the device would fail to fence the node."}
	for _, f := range s.Definition.Fences {
		for _, target := range f.Targets {
			if check := s.FenceChecks[state.FenceCheckKey(f.ID, target)]; check != nil && check.Digest == s.FenceDigest(f) {
				devices.Samples = append(devices.Samples, Sample{labels("device", f.ID, "node", string(target)), float64(len(check.Failing()))})
			}
		}
	}
	return []Family{open, attempts, last, devices}
}

// What came of a fencing.
const (
	resultDone      = "done"
	resultWithdrawn = "withdrawn"
)

// ending returns the node and the result of a fencing that has ended; unfencing is
// none.
func ending(f *state.Fencing) (key string, ended bool) {
	if f.Action == resources.FencingUnfence || f.EndedAt.IsZero() {
		return "", false
	}
	return string(f.Node) + " " + resultOf(f), true
}

func resultOf(f *state.Fencing) string {
	if f.Phase == state.FencingWithdrawn {
		return resultWithdrawn
	}
	return resultDone
}

func tickets(s *state.State) Family {
	family := Family{Name: "belay_ticket_granted", Kind: Gauge, Help: "1 while what needs the ticket may run here."}
	for _, name := range slices.Sorted(maps.Keys(s.Tickets)) {
		family.Samples = append(family.Samples, Sample{labels("ticket", string(name)), yes(s.Tickets[name].Holds())})
	}
	return family
}
