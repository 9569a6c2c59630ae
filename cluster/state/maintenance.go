package state

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/resources"
)

// Scope says what a maintenance is about: ScopeCluster, or a kind and a name,
// such as node/controller-1, resource/galera or agent/systemd:*.
type Scope string

// ScopeCluster is everything.
const ScopeCluster Scope = "cluster"

// Parts returns the scope's kind and name; ScopeCluster has no name.
func (s Scope) Parts() (kind, name string) {
	kind, name, _ = strings.Cut(string(s), "/")
	return kind, name
}

// Typed returns the scope as one types it in a shell: patterns in quotes.
func (s Scope) Typed() string {
	if strings.ContainsAny(string(s), "*?[]\\ '\"$`;&|<>()") {
		return "'" + strings.ReplaceAll(string(s), "'", `'\''`) + "'"
	}
	return string(s)
}

// Bounds of what is known of maintenance.
const (
	// MaxMaintenance bounds how many scopes other than nodes are in maintenance.
	MaxMaintenance = 256
	// ExpiredKept is for how long a maintenance that has expired is still told of.
	ExpiredKept = 24 * time.Hour
	// maxMaintenanceText bounds a reason and an owner, in bytes.
	maxMaintenanceText = 256
)

// Maintenance suspends management: of a node, a resource, all resources of an
// agent, or everything. Monitors go on and report.
type Maintenance struct {
	// By is who asked for it, Owner whose it is where that is somebody else.
	By     string    `json:"by"`
	Owner  string    `json:"owner,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	Until  time.Time `json:"until,omitzero"` // zero: until ended
	// ExpiredAt is when the leader recorded that Until is over: from then on it
	// holds no more, whatever a clock says.
	ExpiredAt time.Time `json:"expired_at,omitzero"`
}

// Holds reports whether the maintenance is in force at now; nil never is.
func (m *Maintenance) Holds(now time.Time) bool {
	return m != nil && m.ExpiredAt.IsZero() && (m.Until.IsZero() || now.Before(m.Until))
}

// Whose returns the owner, or else who asked.
func (m *Maintenance) Whose() string {
	if m.Owner != "" {
		return m.Owner
	}
	return m.By
}

// ScopedMaintenance is a maintenance and what it is about.
type ScopedMaintenance struct {
	Scope Scope `json:"scope"`
	*Maintenance
}

// Words says in one line what is left alone, by whom, why and until when.
func (m *ScopedMaintenance) Words() string {
	kind, name := m.Scope.Parts()
	what := map[string]string{"cluster": "the cluster", "node": "node " + name, "agent": "agent " + name}[kind]
	if what == "" {
		what = name
	}
	text := what + " is in maintenance by " + m.Whose()
	if m.Reason != "" {
		text += " (" + m.Reason + ")"
	}
	if !m.Until.IsZero() {
		text += " until " + m.Until.UTC().Format(time.RFC3339)
	}
	return text
}

// Maintenances returns every maintenance that is known, also expired ones, by
// scope.
func (s *State) Maintenances() []ScopedMaintenance {
	var all []ScopedMaintenance
	for _, scope := range slices.Sorted(maps.Keys(s.Maintenance)) {
		all = append(all, ScopedMaintenance{scope, s.Maintenance[scope]})
	}
	for _, name := range s.NodeNames() {
		if m := s.Nodes[name].Maintenance; m != nil {
			all = append(all, ScopedMaintenance{"node/" + Scope(name), m})
		}
	}
	slices.SortFunc(all, func(a, b ScopedMaintenance) int { return strings.Compare(string(a.Scope), string(b.Scope)) })
	return all
}

// MaintenanceOf returns the maintenance of a resource that holds at now, by its
// agent and the names that stand for it: its own and its group's. It returns nil
// for none; that of nodes and of the cluster is not looked at.
func (s *State) MaintenanceOf(now time.Time, agent string, ids ...resources.ResourceID) *ScopedMaintenance {
	if len(s.Maintenance) == 0 {
		return nil
	}
	for _, id := range ids {
		scope := "resource/" + Scope(id)
		if m := s.Maintenance[scope]; id != "" && m.Holds(now) {
			return &ScopedMaintenance{scope, m}
		}
	}
	for _, scope := range slices.Sorted(maps.Keys(s.Maintenance)) {
		kind, pattern := scope.Parts()
		if m := s.Maintenance[scope]; kind == "agent" && m.Holds(now) && AgentMatches(pattern, agent) {
			return &ScopedMaintenance{scope, m}
		}
	}
	return nil
}

// AgentMatches reports whether a shell pattern chooses an agent: by its whole
// name, such as systemd:nova-*, or by what stands before the colon.
func AgentMatches(pattern, agent string) bool {
	kind, _, _ := strings.Cut(agent, ":")
	whole, err := path.Match(pattern, agent)
	return err == nil && (whole || pattern == kind)
}

// MaintenanceSet begins a maintenance, or replaces the one of its scope.
type MaintenanceSet struct {
	Scope  Scope     `json:"scope"`
	Owner  string    `json:"owner,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Until  time.Time `json:"until,omitzero"`
}

func (*MaintenanceSet) name() string { return "maintenance.set/1" }

func (c *MaintenanceSet) apply(t *tx) error {
	if len(c.Owner) > maxMaintenanceText || len(c.Reason) > maxMaintenanceText {
		return reject(Invalid, "the owner or the reason is longer than %d bytes", maxMaintenanceText)
	}
	if !c.Until.IsZero() && !t.at.Before(c.Until) {
		return reject(Invalid, "maintenance until %s would be over already: it is %s", c.Until.Format(time.RFC3339), t.at.Format(time.RFC3339))
	}
	if err := t.checkScope(c.Scope); err != nil {
		return err
	}
	t.forgetExpired()
	t.putMaintenance(c.Scope, &Maintenance{By: t.by, Owner: c.Owner, Reason: c.Reason, At: t.at, Until: c.Until})
	until := "until it is ended"
	if !c.Until.IsZero() {
		until = "until " + c.Until.UTC().Format(time.RFC3339)
	}
	t.scopeEvent(c.Scope, "maintenance of %s %s: %s", c.Scope, until, c.Reason)
	return nil
}

// MaintenanceEnded ends a scope's maintenance. With Expired the leader records
// that its time is over, by the clock in the entry; it is told of for a while.
type MaintenanceEnded struct {
	Scope   Scope `json:"scope"`
	Expired bool  `json:"expired,omitempty"`
}

func (*MaintenanceEnded) name() string { return "maintenance.ended/1" }

func (c *MaintenanceEnded) apply(t *tx) error {
	old := t.s.maintenanceAt(c.Scope)
	if old == nil {
		var known []Scope
		for _, m := range t.s.Maintenances() {
			known = append(known, m.Scope)
		}
		return noneSuch("", "there is no maintenance of %s, see `belayctl maintenance list`", c.Scope, known)
	}
	if c.Expired {
		if old.Until.IsZero() || t.at.Before(old.Until) || !old.ExpiredAt.IsZero() {
			return reject(Refused, "the maintenance of %s does not expire now", c.Scope)
		}
		expired := *old
		expired.ExpiredAt = t.at
		t.putMaintenance(c.Scope, &expired)
		t.scopeEvent(c.Scope, "maintenance of %s by %s has expired", c.Scope, old.Whose())
		return nil
	}
	t.putMaintenance(c.Scope, nil)
	t.forgetExpired()
	t.scopeEvent(c.Scope, "maintenance of %s by %s ended", c.Scope, old.Whose())
	return nil
}

// maintenanceAt returns what is recorded of a scope, nil for nothing.
func (s *State) maintenanceAt(scope Scope) *Maintenance {
	if kind, name := scope.Parts(); kind == "node" {
		if n, found := s.Nodes[resources.NodeName(name)]; found {
			return n.Maintenance
		}
		return nil
	}
	return s.Maintenance[scope]
}

// putMaintenance records a scope's maintenance; nil takes it away. A node's is
// kept with the node and goes with it.
func (t *tx) putMaintenance(scope Scope, m *Maintenance) {
	if kind, name := scope.Parts(); kind == "node" {
		if n, err := t.node(resources.NodeName(name)); err == nil {
			n.Maintenance = m
		}
		return
	}
	t.s.Maintenance = maps.Clone(t.s.Maintenance)
	if m == nil {
		delete(t.s.Maintenance, scope)
		return
	}
	if t.s.Maintenance == nil {
		t.s.Maintenance = map[Scope]*Maintenance{}
	}
	t.s.Maintenance[scope] = m
}

// forgetExpired drops what has expired long ago.
func (t *tx) forgetExpired() {
	for _, m := range t.s.Maintenances() {
		if !m.ExpiredAt.IsZero() && t.at.Sub(m.ExpiredAt) > ExpiredKept {
			t.putMaintenance(m.Scope, nil)
		}
	}
}

// checkScope refuses a scope that names nothing, or one too many.
func (t *tx) checkScope(scope Scope) error {
	kind, name := scope.Parts()
	id := resources.ResourceID(name)
	switch {
	case scope == ScopeCluster:
	case kind == "node":
		if _, err := t.node(resources.NodeName(name)); err != nil {
			return err
		}
		return nil // bounded by the nodes
	case kind == "resource":
		if err := t.checkPlaced(id); err != nil {
			return err
		}
	case kind == "agent":
		if _, err := path.Match(name, ""); err != nil || name == "" {
			return reject(Invalid, "agent pattern %q cannot be read", name)
		}
	default:
		return reject(Invalid, "scope %q: write cluster, node/NAME, resource/ID or agent/PATTERN", scope)
	}
	if _, known := t.s.Maintenance[scope]; !known && len(t.s.Maintenance) >= MaxMaintenance {
		return rejectFor(Refused, ReasonLimitReached, "%d scopes are in maintenance already: end some", MaxMaintenance)
	}
	return nil
}

func (t *tx) scopeEvent(scope Scope, format string, args ...any) {
	switch kind, name := scope.Parts(); kind {
	case "node":
		t.event("maintenance", resources.NodeName(name), "", format, args...)
	case "resource":
		t.event("maintenance", "", resources.ResourceID(name), format, args...)
	default:
		t.event("maintenance", "", "", format, args...)
	}
}
