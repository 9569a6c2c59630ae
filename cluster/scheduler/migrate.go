package scheduler

import (
	"fmt"
	"slices"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// Live migration (Pacemaker Explained, "Migrating Resources"): what moves and may
// migrate leaves its source by migrate_to, arrives at its target by migrate_from,
// and is stopped on the source last. The start of such a move does nothing.
//
// A migration needs everything that the instance depends on to stay or to have
// migrated before; otherwise it is a stop and a start. What goes wrong on the way
// leaves both nodes in doubt (state.Migration): they are looked at, and the same
// move is not tried live again until the failure is cleared or expires.

// migration is one that the plan begins or goes on with. from and to are indexes
// of planner.insts.
type migration struct {
	from, to int
	phase    state.MigrationPhase // "" for one that begins
}

// unpackMigrations notes which instances are parts of migrations under way. The
// source no longer counts as a place where the instance runs.
func (p *planner) unpackMigrations() {
	for _, m := range p.s.Migrations {
		from, to := p.find(m.Instance, m.Source), p.find(m.Instance, m.Target)
		switch {
		case from < 0: // the definition has it no more, or the node is gone
		case m.Phase == state.MigrationCut: // see holdTargets
		case m.Phase == state.MigrationMoved:
			p.insts[from].left, p.insts[from].leftFor = true, m.Target // whatever became of the target since
		case to >= 0:
			p.insts[from].left, p.insts[to].comes = true, true
			p.underWay = append(p.underWay, migration{from, to, m.Phase})
		}
	}
}

// find returns the index of an instance on a node, or -1.
func (p *planner) find(id resources.InstanceID, node resources.NodeName) int {
	qi, known := p.byPrim[id.Resource()]
	if !known {
		return -1
	}
	for _, k := range p.prims[qi].insts {
		if i := &p.insts[k]; i.id == id && p.nodes[i.node].name == node {
			return k
		}
	}
	return -1
}

// chooseMigrations decides which moves are live.
func (p *planner) chooseMigrations() {
	for _, m := range p.underWay {
		from, to := &p.insts[m.from], &p.insts[m.to]
		if from.tgt != resources.RoleStopped || to.tgt != resources.RoleStarted || from.pinned || to.pinned || to.restart || p.unmovable[m.from] {
			continue
		}
		if endsMigration(from) || endsMigration(to) {
			continue // it was given up before, and what ends it is on its way
		}
		p.takeMigration(m)
	}
	if p.s.Version >= state.VersionMore {
		for qi := range p.prims {
			p.findMoves(qi)
		}
	}
	for changed := true; changed; {
		changed = false
		for k := range p.migrations {
			if m := &p.migrations[k]; m.phase == "" && m.from >= 0 {
				if why := p.heldBack(m); why != "" {
					p.insts[m.from].notLive = why
					p.insts[m.from].moves, p.insts[m.to].moves = false, false
					m.from, changed = -1, true
				}
			}
		}
	}
	p.migrations = slices.DeleteFunc(p.migrations, func(m migration) bool { return m.from < 0 })
}

func (p *planner) takeMigration(m migration) {
	p.migrations = append(p.migrations, m)
	p.insts[m.from].moves, p.insts[m.to].moves = true, true
}

// findMoves finds the copies of a primitive that are to run elsewhere than they
// do, and could migrate for all that is known of themselves.
func (p *planner) findMoves(qi int) {
	q := &p.prims[qi]
	if !q.migrates || q.unit < 0 {
		return
	}
	for copy := range q.ids {
		from, to := -1, -1
		for _, k := range q.insts {
			i := &p.insts[k]
			switch {
			case i.copy != copy:
			case i.left, i.comes:
				return // another migration of it is not over yet
			case i.cur.Active() && from >= 0, i.now.Active() != i.cur.Active():
				return
			case i.cur.Active():
				from = k
			case i.tgt.Active() && !p.nodes[i.node].unclean:
				to = k
			}
		}
		if from >= 0 && to >= 0 && p.canMove(&p.insts[from], &p.insts[to]) && !p.unmovable[from] {
			p.takeMigration(migration{from: from, to: to})
		}
	}
}

// canMove reports whether an instance may migrate, its neighbours aside.
func (p *planner) canMove(from, to *inst) bool {
	n := &p.nodes[from.node]
	if from.pinned || to.pinned || from.tgt.Active() || n.unclean || !n.alive || from.cur != resources.RoleStarted || to.tgt != resources.RoleStarted {
		return false
	}
	if changes(from) || changes(to) || to.now.Active() {
		return false
	}
	switch {
	case from.failed || from.st.Failed:
		from.notLive = "it failed"
	case from.restart:
		from.notLive = from.why
	case p.failedBefore(from, resources.OpMigrateTo) || p.failedBefore(to, resources.OpMigrateFrom):
		from.notLive = "that failed before"
	default:
		return true
	}
	return false
}

// changes reports whether an operation is in flight that may change the instance.
func changes(i *inst) bool {
	if i.op == nil {
		return false
	}
	return i.op.Op != resources.OpProbe && i.op.Op != resources.OpMonitor && i.op.Op != resources.OpNotify
}

// endsMigration reports whether an operation is in flight that is no part of a
// migration and changes the instance: when it is over, there is none to go on with.
func endsMigration(i *inst) bool {
	return changes(i) && i.op.Op != resources.OpMigrateTo && i.op.Op != resources.OpMigrateFrom
}

// failedBefore reports whether a failure of the operation still counts.
func (p *planner) failedBefore(i *inst, op resources.Op) bool {
	if i.st == nil || i.st.Failures[op] == nil {
		return false
	}
	q := &p.prims[i.prim]
	return !p.expired(q, i.st.Failures[op], p.onFail(q, op, i.now))
}

// heldBack says what keeps an instance from migrating: something that it waits
// for, by a mandatory order, stops or starts. A clone's copies are only waited for.
func (p *planner) heldBack(m *migration) string {
	from, to := &p.insts[m.from], &p.insts[m.to]
	for k := range p.orders {
		o := &p.orders[k]
		needed, up := raises(o.firstOp)
		_, raised := raises(o.thenOp)
		if o.kind != resources.OrderMandatory || !up || !raised || o.firstClone || !slices.Contains(o.then, from.prim) || p.alreadyEnough(o) {
			continue
		}
		for _, qi := range o.first {
			for _, fk := range p.prims[qi].insts {
				f := &p.insts[fk]
				if f.moves || f.pinned || !o.up.joins(f, from) && !o.up.joins(f, to) {
					continue
				}
				falls, rises := f.cur >= needed && (f.tgt < needed || f.restart), f.cur < needed && f.tgt >= needed
				if falls || rises {
					return fmt.Sprintf("%s: %s does not stay as it is", o.id, f.id)
				}
			}
		}
	}
	return ""
}

// addMigration adds what is left of a migration.
func (p *planner) addMigration(m migration) {
	last := int32(-1)
	switch m.phase {
	case "":
		from, to := &p.insts[m.from], &p.insts[m.to]
		last = p.addStep(m.from, resources.OpMigrateTo, from.fly)
		p.acts[last].Peer, p.acts[last].Reason = p.nodes[to.node].name, "moves live to "+string(p.nodes[to.node].name)
		for _, before := range []int32{from.acts[actProbe], to.fly, to.acts[actProbe], p.unfencingOf(&p.prims[to.prim], to.node)} {
			p.edge(before, last, false)
		}
	case state.MigrationLeaving:
		last = p.insts[m.from].fly
	}
	arrives := p.insts[m.to].acts[actStart]
	if arrives < 0 {
		arrives = p.addStep(m.to, resources.OpMigrateFrom, last)
		source := p.nodes[p.insts[m.from].node].name
		p.acts[arrives].Peer, p.acts[arrives].Reason = source, "comes live from "+string(source)
	}
	stop := p.addStep(m.from, resources.OpStop, arrives)
	p.acts[stop].Reason = movedReason(p.nodes[p.insts[m.to].node].name)
}

// movedReason says why what is left of an instance is stopped.
func movedReason(target resources.NodeName) string { return "has moved live to " + string(target) }

// migrationEdges gives what the arrival and the last stop of a migration wait for
// to its beginning: nothing may be in the way once it has begun. Only the stop of
// another migration is waited for by the stop itself.
func (p *planner) migrationEdges() {
	stops := map[int32]bool{}
	for _, m := range p.migrations {
		stops[p.insts[m.from].acts[actStop]] = true
	}
	p.downBeforeLeaving(stops)
	for _, m := range p.migrations {
		from, to := &p.insts[m.from], &p.insts[m.to]
		leave, arrive, stop := from.acts[actMigrate], to.acts[actStart], from.acts[actStop]
		p.links[arrive].after = slices.DeleteFunc(p.links[arrive].after, func(b int32) bool { return b == stop })
		p.links[arrive].soft = slices.DeleteFunc(p.links[arrive].soft, func(b int32) bool { return b == stop })
		if leave < 0 || p.acts[leave].InFlight != "" {
			continue
		}
		p.moveEdges(arrive, leave, func(before int32) bool { return before == leave })
		p.moveEdges(stop, leave, func(before int32) bool { return before == arrive || stops[before] })
		if p.acts[leave].Wait == "" {
			p.acts[leave].Wait = p.acts[arrive].Wait
		}
	}
}

// downBeforeLeaving: what has to be down before one that migrates stops has to be
// down before another leaves that the first depends on, and so on: c that needs b
// that needs a is stopped before a moves away, although b follows a live.
func (p *planner) downBeforeLeaving(stops map[int32]bool) {
	for range p.migrations { // as far as the longest chain
		changed := false
		for _, m := range p.migrations {
			stop := p.insts[m.from].acts[actStop]
			for _, before := range slices.Clone(p.links[stop].after) {
				if !stops[before] {
					continue
				}
				for _, down := range p.links[before].after {
					if a := &p.acts[down]; a.Kind == transition.KindStop && !stops[down] && !slices.Contains(p.links[stop].after, down) {
						p.edge(down, stop, false)
						changed = true
					}
				}
			}
		}
		if !changed {
			return
		}
	}
}

// holdTargets keeps everything that is done where a migration that was given up
// may yet arrive behind the look at its source, which waits for the call.
func (p *planner) holdTargets() {
	for _, m := range p.s.Migrations {
		if m.Phase != state.MigrationCut {
			continue
		}
		first := int32(-1)
		for k := range p.insts {
			if i := &p.insts[k]; i.id == m.Instance && p.nodes[i.node].name == m.Source {
				first = firstAct(i)
			}
		}
		for k := range p.insts {
			if i := &p.insts[k]; i.id == m.Instance && p.nodes[i.node].name == m.Target {
				p.holdTarget(i, m, first)
			}
		}
	}
}

func (p *planner) holdTarget(i *inst, m *state.Migration, first int32) {
	for _, at := range i.acts {
		switch {
		case at < 0 || at == i.fly:
		case first >= 0:
			p.edge(first, at, false)
		case p.acts[at].Wait == "":
			p.acts[at].Wait = fmt.Sprintf("a live migration from %s was given up and may yet arrive: %s is looked at first, or proven off", m.Source, m.Source)
		}
	}
}

// firstAct is the first thing that is done to an instance, or -1.
func firstAct(i *inst) int32 {
	if i.fly >= 0 {
		return i.fly
	}
	if i.acts[actProbe] >= 0 {
		return i.acts[actProbe]
	}
	return i.acts[actStop]
}

// moveEdges makes one action wait for what another waits for, but for what that
// keeps.
func (p *planner) moveEdges(of, to int32, keeps func(before int32) bool) {
	a := &p.links[of]
	for _, before := range a.after {
		if !keeps(before) {
			p.edge(before, to, false)
		}
	}
	for _, before := range a.soft {
		if !keeps(before) {
			p.edge(before, to, true)
		}
	}
	other := func(before int32) bool { return !keeps(before) }
	a.after, a.soft = slices.DeleteFunc(a.after, other), slices.DeleteFunc(a.soft, other)
}

// giveUpLive notes the migrations that a loop of actions goes through; they are
// planned again as stops and starts. It is false if there are none.
func (p *planner) giveUpLive(loop []int) bool {
	found := false
	for _, m := range p.migrations {
		for _, at := range []int32{p.insts[m.from].acts[actMigrate], p.insts[m.to].acts[actStart], p.insts[m.from].acts[actStop]} {
			if at >= 0 && slices.Contains(loop, int(at)) {
				p.unmovable[m.from], found = true, true
			}
		}
	}
	return found
}
