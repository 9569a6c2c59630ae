package scheduler

import (
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// Clone notifications (Pacemaker Administration, "Clone Notifications"): before
// and after each start, stop, promotion and demotion of a copy, every running
// copy of the clone is told.
//
// Nothing here knows of a transition: who has been told already is in the state
// (state.NoticeRecord), and a notice is planned only when the operation that it
// announces could be dispatched at once. So a notice never waits for an
// operation but for one in flight on the instance that it goes to, and notices
// make no loops.

// noticeLife is how long a notice before an operation counts, beside the time
// that telling the others may take: an operation that was announced, given up
// and wanted again much later is announced again.
const noticeLife = 5 * time.Minute

// addNotices adds the notices that are due, and makes operations wait for them.
func (p *planner) addNotices() {
	if p.s.Version < state.VersionNotices {
		return
	}
	for ui := range p.units {
		u := &p.units[ui]
		if u.clone == nil || !u.clone.Notify {
			continue
		}
		for _, qi := range u.prims {
			b := noticeBoard{p: p, q: &p.prims[qi]}
			b.unpack()
			b.announce()
			b.report()
			b.post()
		}
	}
}

// noticeBoard collects the notices about one primitive's copies.
type noticeBoard struct {
	p       *planner
	q       *prim
	records []*state.NoticeRecord
	// hearers are the copies that can be told something now.
	hearers []int
	notices []notice
}

// notice is one in the making; waiting are the operations that wait for it.
type notice struct {
	to int // index into planner.insts
	state.Notice
	waiting []int32
}

func (b *noticeBoard) unpack() {
	for _, r := range b.p.s.Notices {
		if r.Instance.Resource() == b.q.id {
			b.records = append(b.records, r)
		}
	}
	for _, k := range b.q.insts {
		i, n := &b.p.insts[k], &b.p.nodes[b.p.insts[k].node]
		if i.now.Active() && i.cur.Active() && i.probed && !i.pinned && n.alive && !n.suspect && !n.unclean {
			b.hearers = append(b.hearers, k)
		}
	}
}

// report tells of what has happened. The next operation on the same instance
// waits until all have heard: a promotion after the start's notices.
func (b *noticeBoard) report() {
	for _, r := range b.records {
		if r.Before {
			continue
		}
		for _, k := range b.hearers {
			if listed(r, b.p.place(&b.p.insts[k])) {
				b.tell(k, false, r.Op, r.Place, b.due(r.Place))
			}
		}
	}
}

// announce tells of what is about to happen.
func (b *noticeBoard) announce() {
	if !b.q.facts.Notified {
		return
	}
	for _, k := range b.q.insts {
		about := b.p.place(&b.p.insts[k])
		for _, slot := range toldSlots {
			at := b.p.insts[k].acts[slot]
			if at < 0 || b.p.acts[at].InFlight != "" {
				continue
			}
			a := &b.p.acts[at]
			a.Notify = true
			if len(b.p.links[at].after) > 0 || a.Wait != "" || b.owed(about) {
				continue // not its turn yet
			}
			op, _ := a.Kind.Op()
			for _, to := range b.hearers {
				if !b.told(about, op, to) {
					b.tell(to, true, op, about, at)
				}
			}
		}
	}
}

// toldSlots are the operations that are announced, in the order in which an
// instance has them.
var toldSlots = [...]int{actDemote, actStop, actStart, actPromote}

// owed reports whether a copy that can be reached has still to hear of the last
// operation on an instance.
func (b *noticeBoard) owed(about state.Place) bool {
	return slices.ContainsFunc(b.records, func(r *state.NoticeRecord) bool {
		return !r.Before && r.Place == about && slices.ContainsFunc(b.hearers, func(k int) bool { return listed(r, b.p.place(&b.p.insts[k])) })
	})
}

// due returns the operation on an instance that could be dispatched now, or -1.
func (b *noticeBoard) due(about state.Place) int32 {
	for _, k := range b.q.insts {
		if i := &b.p.insts[k]; b.p.place(i) == about {
			for _, slot := range toldSlots {
				if at := i.acts[slot]; at >= 0 && b.p.acts[at].InFlight == "" && len(b.p.links[at].after) == 0 {
					return at
				}
			}
		}
	}
	return -1
}

// told reports whether a copy knows what is about to happen.
func (b *noticeBoard) told(about state.Place, op resources.Op, to int) bool {
	life := noticeLife + 2*b.p.timeout(b.q, resources.OpNotify).Std()
	place := b.p.place(&b.p.insts[to])
	return slices.ContainsFunc(b.records, func(r *state.NoticeRecord) bool {
		return r.Before && r.Place == about && r.Op == op && slices.ContainsFunc(r.Peers, func(n state.NoticePeer) bool {
			return n.Place == place && b.p.now.Sub(n.At).Abs() <= life
		})
	})
}

func listed(r *state.NoticeRecord, at state.Place) bool {
	return slices.ContainsFunc(r.Peers, func(n state.NoticePeer) bool { return n.Place == at })
}

// tell adds to what a copy is told; waiting (or -1) waits for it. What it is
// being told at the moment is not told again.
func (b *noticeBoard) tell(to int, before bool, op resources.Op, about state.Place, waiting int32) {
	i := &b.p.insts[to]
	if i.op != nil && i.op.Notice != nil && i.op.Notice.Before == before && i.op.Notice.Op == op && slices.Contains(i.op.Notice.Peers, about) {
		b.p.edge(i.fly, waiting, false)
		return
	}
	at := slices.IndexFunc(b.notices, func(n notice) bool { return n.to == to && n.Before == before && n.Op == op })
	if at < 0 {
		at = len(b.notices)
		b.notices = append(b.notices, notice{to: to, Notice: state.Notice{Before: before, Op: op}})
	}
	n := &b.notices[at]
	n.Peers = append(n.Peers, about)
	if waiting >= 0 {
		n.waiting = append(n.waiting, waiting)
	}
}

// post makes actions of the notices. A copy hears one after another, of what has
// happened first, and nothing is done to it until it has heard all.
func (b *noticeBoard) post() {
	slices.SortStableFunc(b.notices, func(x, y notice) int {
		switch {
		case x.Before == y.Before:
			return 0
		case x.Before:
			return 1
		default:
			return -1
		}
	})
	planned := b.planned()
	last := map[int]int32{}
	for k := range b.notices {
		n := &b.notices[k]
		at := b.p.addNotice(b.q, n, planned)
		before, heard := last[n.to]
		if !heard {
			before = b.p.insts[n.to].fly
		}
		b.p.edge(before, at, false)
		last[n.to] = at
		for _, waiting := range n.waiting {
			b.p.edge(at, waiting, false)
		}
	}
	for _, to := range b.hearers {
		if at, heard := last[to]; heard {
			for _, own := range b.p.insts[to].acts {
				b.p.edge(at, own, false)
			}
		}
	}
}

// planned lists what the plan does with the copies.
func (b *noticeBoard) planned() map[resources.Op][]state.Place {
	if len(b.notices) == 0 {
		return nil
	}
	all := map[resources.Op][]state.Place{}
	for _, k := range b.q.insts {
		i := &b.p.insts[k]
		for _, slot := range toldSlots {
			if i.acts[slot] >= 0 {
				op, _ := b.p.acts[i.acts[slot]].Kind.Op()
				all[op] = append(all[op], b.p.place(i))
			}
		}
	}
	return all
}

func (p *planner) addNotice(q *prim, n *notice, planned map[resources.Op][]state.Place) int32 {
	i := &p.insts[n.to]
	told := n.Notice
	for op, places := range planned {
		if op == told.Op {
			continue
		}
		if told.Also == nil {
			told.Also = map[resources.Op][]state.Place{}
		}
		told.Also[op] = places
	}
	return int32(p.addAction(transition.Action{
		Key: told.Key(p.place(i)), Kind: transition.KindNotify, Node: p.nodes[i.node].name, Instance: i.id,
		Timeout: p.timeout(q, resources.OpNotify), Reason: string(q.id) + " has the clone option notify", Notice: &told,
	}))
}

func (p *planner) place(i *inst) state.Place {
	return state.Place{Node: p.nodes[i.node].name, Instance: i.id}
}
