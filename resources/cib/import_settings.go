package cib

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// bookkeeping are cluster options that Pacemaker and its tools write for
// themselves.
var bookkeeping = []string{
	"dc-version", "cluster-infrastructure", "have-watchdog", "last-lrm-refresh", "expected-quorum-votes",
	"pe-error-series-max", "pe-warn-series-max", "pe-input-series-max", "no-quorum-panic", "last-config",
}

// tuning are cluster options that tune how Pacemaker works. Belay does the same
// work by itself.
var tuning = []string{
	"cluster-recheck-interval", "dc-deadtime", "election-timeout", "shutdown-escalation", "join-integration-timeout", "join-finalization-timeout",
	"crmd-transition-delay", "crmd-finalization-timeout", "crmd-integration-timeout", "transition-delay", "batch-limit", "migration-limit", "load-threshold",
	"node-action-limit", "cluster-delay", "cluster-ipc-limit", "stonith-max-attempts", "fencing-max-attempts", "fence-reaction", "fencing-reaction",
	"enable-acl", "concurrent-fencing", "startup-fencing", "node-pending-timeout", "stonith-watchdog-timeout", "fencing-watchdog-timeout",
	"remove-after-stop", "stop-orphan-actions", "cancel-removed-actions", "default-action-timeout",
}

// fixed are cluster options that a definition lacks because Belay knows one
// value of them only.
var fixed = map[string]string{
	"enable-startup-probes": "true", "shutdown-lock": "false",
	"fence-remote-without-quorum": "false",
}

// properties takes the cluster's options.
func (m *importer) properties() {
	p := &m.def.Properties
	m.propertyWhens()
	placing := placing{&p.StartFailureIsFatal, &p.PlacementStrategy, &p.NodeHealthStrategy, &p.NodeHealthBase, &p.NodeHealthGreen, &p.NodeHealthYellow, &p.NodeHealthRed}
	for _, s := range m.settings(m.in.Options, "cib-bootstrap-options") {
		if m.placingOption(s, placing) {
			continue
		}
		switch s.name {
		case "cluster-name":
			m.def.Name = s.value
			m.origin["cluster"] = s.at
		case "no-quorum-policy":
			p.NoQuorumPolicy = m.quorumPolicy(s)
		case "symmetric-cluster":
			p.SymmetricCluster = m.truth(s)
		case "stonith-enabled", "fencing-enabled":
			p.FencingEnabled = m.truth(s)
		case "stop-orphan-resources", "stop-removed-resources":
			p.StopRemovedResources = m.truth(s)
		case "maintenance-mode":
			p.MaintenanceMode = resources.Or(m.truth(s), false)
		case "stop-all-resources":
			p.StopAllResources = resources.Or(m.truth(s), false)
		case "stonith-timeout", "fencing-timeout":
			p.FencingTimeout = resources.Or(m.length(s), 0)
		case "priority-fencing-delay":
			p.PriorityFencingDelay = resources.Or(m.length(s), 0)
		case "stonith-action", "fencing-action":
			p.FencingAction = m.fencingAction(s)
		default:
			m.otherOption(s)
		}
	}
}

// placing are the options by which instances are placed, without a rule or by one.
type placing struct {
	fatal                    **bool
	strategy                 *resources.PlacementStrategy
	health                   *resources.NodeHealthStrategy
	base, green, yellow, red **resources.Score
}

// placingOption takes such an option, and reports whether it is one.
func (m *importer) placingOption(s setting, to placing) bool {
	switch s.name {
	case "start-failure-is-fatal":
		*to.fatal = m.truth(s)
	case "placement-strategy":
		*to.strategy = resources.Or(word(m, s, resources.PlacementStrategies...), "")
	case "node-health-strategy":
		s.value = strings.ReplaceAll(s.value, "-", "_")
		*to.health = resources.Or(word(m, s, resources.NodeHealthStrategies...), "")
	case "node-health-base":
		*to.base = m.score(s)
	case "node-health-green":
		*to.green = m.score(s)
	case "node-health-yellow":
		*to.yellow = m.score(s)
	case "node-health-red":
		*to.red = m.score(s)
	default:
		return false
	}
	return true
}

func (m *importer) otherOption(s setting) {
	byDefault, known := fixed[s.name]
	switch {
	case slices.Contains(bookkeeping, s.name):
	case slices.Contains(tuning, s.name):
		m.note(s.at, "cluster option %s is not needed: Belay does this by itself (docs/import.md)", s.name)
	case known:
		if value, ok := parseBool(s.value); !ok || value != (byDefault == "true") {
			m.lose(s.at, "cluster option %s %q cannot be represented", s.name, s.value)
		}
	default:
		m.note(s.at, "cluster option %s is none that Pacemaker's scheduler knows", s.name)
	}
}

func (m *importer) quorumPolicy(s setting) resources.NoQuorumPolicy {
	switch word := strings.ToLower(s.value); word {
	case "stop", "freeze", "ignore", "demote", "suicide":
		return resources.NoQuorumPolicy(word)
	case "fence":
		return resources.NoQuorumSuicide
	}
	m.lose(s.at, "no-quorum-policy %q is none that Belay knows", s.value)
	return ""
}

func (m *importer) fencingAction(s setting) resources.FencingAction {
	switch strings.ToLower(s.value) {
	case "reboot":
		return resources.FencingReboot
	case "off", "poweroff":
		return resources.FencingOff
	}
	m.lose(s.at, "%s %q is none that Belay knows", s.name, s.value)
	return ""
}

// truth reads a boolean; what is none says nothing, as to Pacemaker.
func (m *importer) truth(s setting) *bool {
	value, ok := parseBool(s.value)
	if !ok {
		m.note(s.at, "%s %q is neither true nor false: the default holds", s.name, s.value)
		return nil
	}
	return &value
}

func (m *importer) length(s setting) *resources.Duration {
	d, err := policy.ParseInterval(s.value)
	if err != nil {
		m.note(s.at, "%s %q is no length of time: the default holds, as in Pacemaker", s.name, s.value)
		return nil
	}
	length := resources.Duration(d)
	return &length
}

func (m *importer) number(s setting) *int {
	score, err := resources.ParseScore(strings.TrimSpace(s.value))
	if err != nil {
		m.lose(s.at, "%s: %v", s.name, err)
		return nil
	}
	n := int(score)
	return &n
}

// score reads a score as Pacemaker does: the digits that it begins with.
func (m *importer) score(s setting) *resources.Score {
	score, err := resources.ParseScore(strings.TrimSpace(s.value))
	if err == nil {
		return &score
	}
	if score, err = resources.ParseScore(leadingNumber.FindString(s.value)); err != nil {
		m.note(s.at, "%s %q is no score: the default holds", s.name, s.value)
		return nil
	}
	m.note(s.at, "%s %q is read as %s, as Pacemaker does", s.name, s.value, score)
	return &score
}

var leadingNumber = regexp.MustCompile(`^[+-]?[0-9]+`)

// nodes takes the configured nodes.
func (m *importer) nodes() {
	for i := range m.in.Nodes {
		n := &m.in.Nodes[i]
		at := m.nodeAt(n.ID)
		switch n.Kind {
		case policy.KindRemote:
			m.listed[n.Name] = n // a node by its connection, or by what it is in
			continue
		case policy.KindPing:
			m.note(at, "node %q is a ping node and runs nothing: it is left out", n.Name)
			continue
		}
		if n.Score != 0 {
			m.nodeScore(n, at)
		}
		node := resources.Node{Name: resources.NodeName(n.Name)}
		m.nodeWhens(&node, n)
		for _, s := range m.settings(n.Attributes, "") {
			m.nodeAttribute(&node, s)
		}
		node.Utilization = m.utilization(n.Utilization)
		m.origin["node["+n.Name+"]"] = at
		m.def.Nodes = append(m.def.Nodes, node)
	}
}

// nodeScore writes what a node is worth to everything as a location.
func (m *importer) nodeScore(n *policy.NodeConfig, at place) {
	l := resources.Location{ID: m.uniqueID(n.Name + "-score"), Selector: &resources.Selector{ID: "."}, Node: resources.NodeName(n.Name), Score: n.Score}
	m.origin["location["+l.ID+"]"] = at
	m.def.Locations = append(m.def.Locations, l)
}

// utilization reads amounts.
func (m *importer) utilization(sets []policy.AttributeSet) resources.Utilization {
	return m.amounts(m.settings(sets, ""))
}

func (m *importer) amounts(settings []setting) resources.Utilization {
	var amounts resources.Utilization
	for _, s := range settings {
		n, err := strconv.ParseInt(strings.TrimSpace(s.value), 10, 32)
		if err != nil || n < 0 {
			m.lose(s.at, "utilization %s %q is no amount", s.name, s.value)
			continue
		}
		if amounts == nil {
			amounts = resources.Utilization{}
		}
		amounts[s.name] = int(n)
	}
	return amounts
}

func (m *importer) nodeAt(id string) place {
	for _, e := range m.r.config.child("nodes").all("node") {
		if e.id() == id {
			return e.at
		}
	}
	return place{1, 1}
}

func (m *importer) nodeAttribute(n *resources.Node, s setting) {
	switch s.name {
	case "standby", "maintenance", "terminate", "shutdown", "probe_complete":
		return // see prepare
	}
	if n.Attributes == nil {
		n.Attributes = map[string]string{}
	}
	n.Attributes[s.name] = s.value
}

// defaults takes what holds for resources and operations that say nothing. It
// returns what does so by a rule, which may name agents that are yet to be found.
func (m *importer) defaults() (meta, ops []block) {
	meta, ops = m.blocks(m.in.ResourceDefaults, ""), m.blocks(m.in.OpDefaults, "")
	for _, s := range m.settings(m.in.ResourceDefaults, "") {
		if !m.meta(&m.def.Defaults.Resource, s) {
			m.otherMeta("", s)
		}
	}
	for _, s := range m.settings(m.in.OpDefaults, "") {
		m.defaultOp(&m.def.Defaults.Op, s)
	}
	m.origin["defaults"] = m.elementAt("rsc_defaults")
	return meta, ops
}

// defaultOp takes one default of operations.
func (m *importer) defaultOp(op *resources.Operation, s setting) {
	switch s.name {
	case "timeout":
		op.Timeout = resources.Or(m.length(s), 0)
	case "interval":
		op.Interval = resources.Or(m.length(s), 0)
	case "on-fail":
		op.OnFail = m.onFail(s)
	case "enabled":
		op.Enabled = m.truth(s)
	case "record-pending":
	default:
		m.lose(s.at, "the default %s for operations cannot be represented", s.name)
	}
}

func (m *importer) elementAt(name string) place {
	if e := m.r.config.child(name); e != nil {
		return e.at
	}
	return place{1, 1}
}
