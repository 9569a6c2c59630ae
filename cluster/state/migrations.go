package state

import (
	"slices"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// Migration is the live migration of one instance that is under way, or has left
// something to clean up. It exists for as long as both nodes are as it takes them
// to be; whatever cuts it short leaves both in doubt: the instance may then run on
// either, and each has to be looked at.
type Migration struct {
	Instance resources.InstanceID `json:"instance"`
	Source   resources.NodeName   `json:"source"`
	Target   resources.NodeName   `json:"target"`
	Phase    MigrationPhase       `json:"phase"`
	Since    time.Time            `json:"since"`
}

// MigrationPhase is how far a migration is. Until it is MigrationMoved, the
// instance is believed to run on both nodes.
type MigrationPhase string

// The phases.
const (
	MigrationLeaving MigrationPhase = "leaving" // migrate_to is in flight on the source
	MigrationLanding MigrationPhase = "landing" // migrate_to has ended well; migrate_from is due, or in flight, on the target
	MigrationMoved   MigrationPhase = "moved"   // it runs on the target; the source is still to be stopped
	// MigrationCut: migrate_to was given up, and nobody knows whether its call has
	// ended: it may move the instance yet. The source's look waits for the call (one
	// operation per instance), so nothing is done on the target before it. Since
	// VersionLooks.
	MigrationCut MigrationPhase = "cut"
)

// Migration returns the migration of an instance, or nil.
func (s *State) Migration(id resources.InstanceID) *Migration {
	k := slices.IndexFunc(s.Migrations, func(m *Migration) bool { return m.Instance == id })
	if k < 0 {
		return nil
	}
	return s.Migrations[k]
}

// Migrating reports whether what is on the node is a part of a migration, so that
// a monitor says nothing of it.
func (s *State) Migrating(node resources.NodeName, id resources.InstanceID) bool {
	m := s.Migration(id)
	return m != nil && (m.Source == node || m.Target == node && m.Phase != MigrationMoved)
}

// mayYetCome reports whether a migration that was given up may yet bring the
// instance to the node: whatever is seen or done there before the other node was
// looked at proves nothing.
func (s *State) mayYetCome(node resources.NodeName, id resources.InstanceID) bool {
	m := s.Migration(id)
	return m != nil && m.Phase == MigrationCut && m.Target == node
}

// migrates reports whether an intent may be recorded as far as migrations go, and
// readies the target of one that begins.
func (t *tx) migrates(n *Node, i *Instance, intent *Intent) bool {
	m := t.s.Migration(i.ID)
	switch intent.Op {
	case resources.OpMigrateTo:
		return m == nil && i.Role == resources.RoleStarted && i.Probed && t.awaits(n, i, intent.Peer)
	case resources.OpMigrateFrom:
		return m != nil && m.Phase == MigrationLanding && m.Target == n.Name && m.Source == intent.Peer
	default:
		return intent.Peer == "" && !t.s.mayYetCome(n.Name, i.ID)
	}
}

// awaits begins a migration to the target, which may run the instance from now
// on. It returns false where the target is not free for it.
func (t *tx) awaits(source *Node, i *Instance, target resources.NodeName) bool {
	old, member := t.s.Nodes[target]
	if !member || target == source.Name || !old.Online() {
		return false
	}
	if there, known := old.Instances[i.ID]; known && (there.Action != "" || there.Role != resources.RoleStopped || !there.Probed) {
		return false
	}
	config, defined := t.s.ResourceOn(target, i.ID.Resource(), t.at)
	n, err := t.node(target)
	if !defined || err != nil {
		return false
	}
	there := t.instance(n, i.ID)
	there.Config, there.Probed, there.Failed, there.Changed = config, true, false, t.s.Index
	t.role(there, resources.RoleStarted)
	t.putMigration(&Migration{Instance: i.ID, Source: source.Name, Target: target, Phase: MigrationLeaving, Since: t.at})
	return true
}

// departed records what a migrate_to came to.
func (t *tx) departed(i *Instance, op *Operation, r agents.Result) {
	m := t.s.Migration(i.ID)
	switch {
	case r.Outcome == agents.OutcomeOK && m != nil && m.Phase == MigrationLeaving:
		i.Probed = true
		t.phase(m, MigrationLanding)
	case r.Outcome == agents.OutcomeOK: // the target was given up meanwhile
		i.Probed = false
		t.mayHaveCome(op.Peer, i.ID)
	default:
		i.Probed = false
		if r.Outcome != agents.OutcomeCancelled {
			t.fail(i, resources.OpMigrateTo, r)
		}
		if m != nil && m.Phase != MigrationCut {
			t.cutMigration(m)
		}
	}
}

// arrived records what a migrate_from came to.
func (t *tx) arrived(i *Instance, op *Operation, r agents.Result) {
	m := t.s.Migration(i.ID)
	if r.Outcome == agents.OutcomeOK {
		i.Probed, i.Failed, i.Digest = true, false, op.Digest
		t.role(i, resources.RoleStarted)
		if m != nil {
			t.phase(m, MigrationMoved)
		}
		return
	}
	i.Probed = false
	if r.Outcome != agents.OutcomeCancelled {
		t.fail(i, resources.OpMigrateFrom, r)
	}
	t.cutMigration(m)
}

// putMigration adds a migration, or replaces the one of the same instance, in a
// new list.
func (t *tx) putMigration(m *Migration) {
	fresh := slices.DeleteFunc(slices.Clone(t.s.Migrations), func(old *Migration) bool { return old.Instance == m.Instance })
	t.s.Migrations = append(fresh, m)
}

func (t *tx) phase(m *Migration, phase MigrationPhase) {
	fresh := *m
	fresh.Phase, fresh.Since = phase, t.at
	t.putMigration(&fresh)
}

// cutMigration ends a migration with both sides in doubt. One whose migrate_to has
// not ended well stays on record until its source was looked at.
func (t *tx) cutMigration(m *Migration) {
	if m == nil {
		return
	}
	if m.Phase == MigrationLeaving && t.s.Version >= VersionLooks && !mutant.Is(mutant.LooksAtOnce) {
		t.phase(m, MigrationCut)
	} else {
		t.dropMigration(m)
	}
	t.doubt(m.Source, m.Instance)
	t.doubt(m.Target, m.Instance)
	t.event("migration", m.Target, m.Instance.Resource(), "the migration of %s from %s to %s was cut short: both are looked at", m.Instance, m.Source, m.Target)
}

func (t *tx) dropMigration(m *Migration) {
	fresh := slices.DeleteFunc(slices.Clone(t.s.Migrations), func(old *Migration) bool { return old.Instance == m.Instance })
	if t.s.Migrations = fresh; len(fresh) == 0 {
		t.s.Migrations = nil
	}
}

// doubt says that nobody knows whether the instance runs on the node.
func (t *tx) doubt(node resources.NodeName, id resources.InstanceID) {
	n, err := t.node(node)
	if err != nil || !n.Online() {
		return // what is lost is in doubt already; what is gone runs nothing
	}
	i := t.instance(n, id)
	if i.Role == resources.RoleStopped && i.Probed && i.Changed == t.s.Index {
		return // it was just proven stopped
	}
	i.Probed, i.Changed = false, t.s.Index
	if i.Reason == "" {
		i.Reason = "its live migration was cut short"
	}
}

// mayHaveCome says that the instance may have come to the node although that was
// given up as its target.
func (t *tx) mayHaveCome(node resources.NodeName, id resources.InstanceID) {
	n, err := t.node(node)
	if err != nil || !n.Online() {
		return
	}
	i := t.instance(n, id)
	if defined, found := t.s.ResourceOn(node, id.Resource(), t.at); found && i.Config == nil {
		i.Config = defined
	}
	i.Probed, i.Changed = false, t.s.Index
	t.role(i, max(i.Role, resources.RoleStarted))
}

// settleMigrations ends, after every command, the migrations whose nodes are no
// longer as they take them to be: so nothing that changes an instance or a node
// needs to know of migrations.
func (t *tx) settleMigrations() {
	for _, m := range slices.Clone(t.s.Migrations) {
		switch {
		case m.Phase == MigrationCut:
			if t.s.mayStillLeave(m) {
				continue
			}
			t.endCut(m)
		case m.Phase == MigrationMoved && !t.s.leftBehind(m):
			t.dropMigration(m)
		case m.Phase != MigrationMoved && !t.s.underWay(m):
			t.cutMigration(m)
		}
	}
}

// endCut ends the record of a migration that was given up. What the target shows
// from here on is what has become of it; what was seen or proven of it before is
// older than the end of the call. So a proof that it was off counts no more unless
// the instance is still at its source: its host may have started again and have
// taken the instance, before its daemon could say so.
func (t *tx) endCut(m *Migration) {
	t.dropMigration(m)
	t.doubt(m.Target, m.Instance)
	if source, known := t.s.Instance(m.Source, m.Instance); known && source.Role.Active() {
		return
	}
	n, err := t.node(m.Target)
	if err != nil {
		return // removed
	}
	i := t.instance(n, m.Instance)
	if defined, found := t.s.ResourceOn(m.Target, m.Instance.Resource(), t.at); found && i.Config == nil {
		i.Config = defined
	}
	i.Probed, i.Changed = false, t.s.Index
	t.role(i, max(i.Role, resources.RoleStarted))
	if n.Off != nil {
		n.Off = nil
		t.event("migration", m.Target, m.Instance.Resource(), "%s may have come here from %s after the power was proven off: it has to be proven again", m.Instance, m.Source)
	}
}

// mayStillLeave reports whether the call of a migrate_to that was given up may
// still move the instance: until its node was looked at, or nothing of the call is
// left, because the node has stopped everything, is proven off or has started anew.
func (s *State) mayStillLeave(m *Migration) bool {
	source, known := s.Instance(m.Source, m.Instance)
	return known && source.Role.Active() && (source.Action != "" || !source.Probed)
}

// leftBehind reports whether the source of a migration that is over is still to
// be stopped.
func (s *State) leftBehind(m *Migration) bool {
	i, found := s.Instance(m.Source, m.Instance)
	return found && s.Nodes[m.Source].Online() && i.Role.Active() && i.Probed
}

// underWay reports whether a migration can still come to its end.
func (s *State) underWay(m *Migration) bool {
	source, leaves := s.Instance(m.Source, m.Instance)
	target, lands := s.Instance(m.Target, m.Instance)
	if !leaves || !lands || !s.Nodes[m.Source].Online() || !s.Nodes[m.Target].Online() || !source.Role.Active() || !target.Role.Active() || !source.Probed || !target.Probed {
		return false
	}
	if m.Phase == MigrationLanding {
		return true
	}
	op, inFlight := s.Operations[source.Action]
	return inFlight && op.Op == resources.OpMigrateTo
}
