package policy

import (
	"slices"
	"strconv"
	"strings"
)

// report tells what is known of the cluster.
func (e *engine) report() *Report {
	report := &Report{Quorate: e.in.Quorum}
	for _, n := range e.nodes {
		if n.born < e.known {
			report.Nodes = append(report.Nodes, e.reportNode(n))
		}
	}
	for _, r := range e.all {
		if r.variant == Primitive && !(r.parent == nil && r.is(flagRemoved) && len(r.runningOn) == 0) {
			report.Instances = e.reportInstance(report.Instances, r)
		}
		if r.variant == Primitive && !r.is(flagUnique) {
			report.Anonymous = append(report.Anonymous, r.base)
		}
	}
	slices.Sort(report.Anonymous)
	report.Anonymous = slices.Compact(report.Anonymous)
	return report
}

func (e *engine) reportNode(n *node) NodeReport {
	out := NodeReport{
		ID: n.id, Name: n.name, Kind: n.kind,
		Online: n.online, Standby: n.standby, StandbyOnFail: n.standbyOnFail,
		Maintenance: n.maintenance, Pending: n.pending, Unclean: n.unclean,
		Shutdown: n.shutdown, DC: n.dc, Health: e.healthWord(n),
	}
	if n.guest() {
		out.GuestOf = n.connection.container.id
	}
	return out
}

// healthWord is the worst that a node's health attributes report: red, yellow,
// or green, and nothing where nothing is reported or it does not matter.
func (e *engine) healthWord(n *node) string {
	if e.opt.health == healthNone {
		return ""
	}
	worst := ""
	for name, value := range n.attrs {
		if !strings.HasPrefix(name, "#health") {
			continue
		}
		word := e.healthOf(value)
		if word == "red" {
			return word
		}
		if worst != "yellow" {
			worst = word
		}
	}
	return worst
}

// healthOf is the word for one health attribute: words stand for themselves,
// numbers are compared with the words' scores.
func (e *engine) healthOf(value string) string {
	switch word := strings.ToLower(value); word {
	case "red", "yellow", "green":
		return word
	}
	switch score := parseScoreOr(value, 0); {
	case score <= e.opt.red:
		return "red"
	case score <= e.opt.yellow && e.opt.yellow != e.opt.green:
		return "yellow"
	default:
		return "green"
	}
}

// reportInstance appends an entry for each node where the instance is active,
// or one without a node.
func (e *engine) reportInstance(list []InstanceReport, r *resource) []InstanceReport {
	out := InstanceReport{
		Resource: r.id, In: r.within(), Role: r.role, Target: r.wantedRole(),
		Managed: r.is(flagManaged), Failed: r.is(flagFailed), Blocked: r.is(flagBlocked),
		Removed: r.is(flagRemoved), Maintenance: r.is(flagMaintenance),
		FailureIgnored: r.is(flagIgnoreFailure), Pending: r.pendingOp,
	}
	if !r.is(flagUnique) {
		out.Resource = r.base
	}
	if r.role == RoleStarted && r.collection().is(flagPromotable) {
		out.Role = RoleUnpromoted
	}
	if r.lockNode != nil {
		out.LockedTo = r.lockNode.name
	}
	if len(r.runningOn) == 0 {
		out.Role = RoleStopped
		return append(list, out)
	}
	for _, n := range r.runningOn {
		out.Node = n.name
		list = append(list, out)
	}
	return list
}

// within names the collection that the resource is part of, with the number of
// its copy.
func (r *resource) within() string {
	top := r.top()
	if top.bndl != nil {
		for _, rep := range top.bndl.replicas {
			if r == rep.container || r == rep.ip || r == rep.connection || r == rep.child {
				return top.id + "/" + strconv.Itoa(rep.number)
			}
		}
	}
	if r.parent == nil {
		return ""
	}
	return r.parent.id
}
