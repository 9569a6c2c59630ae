package sim

import (
	"errors"
	"slices"

	"github.com/belay-ha/belay/cluster/state"
)

// Errors of proposals, as cluster/raftlog has them.
var (
	errNotLeader = errors.New("this member does not lead")
	errUnknown   = errors.New("the change may or may not have been committed")
	errBusy      = errors.New("too many proposals")
)

// propose appends a command and calls done with what came of it: once, when this
// member has applied it or leads no more.
func (r *raft) propose(e *entry, done func(state.Result, error)) {
	switch {
	case r.role != leading:
		done(state.Result{}, errNotLeader)
	case len(r.pending) >= maxPending || len(r.inbox) >= maxInbox:
		done(state.Result{}, errBusy)
	default:
		r.work(func() {
			if r.role != leading {
				done(state.Result{}, errNotLeader)
				return
			}
			r.pending[r.disk.last()+1] = proposal{r.disk.term, done}
			r.append(e)
		})
	}
}

// changing reports whether a change of the configuration is not committed yet.
func (r *raft) changing() bool {
	_, from := r.disk.config()
	return from > r.commit || r.commit < r.noop
}

// append gives an entry its place and replicates it once it is on the disk.
func (r *raft) append(e *entry) {
	e.index, e.term = r.disk.last()+1, r.disk.term
	r.write([]*entry{e}, func() {
		if r.role != leading {
			return
		}
		r.match[r.self()] = r.disk.synced
		r.advance()
		for _, peer := range r.peers() {
			r.replicate(peer)
		}
	})
}

// heartbeat tells a follower that this member leads, and anything that it lacks.
func (r *raft) heartbeat(peer int) {
	if r.flying[peer] && r.d.w.now-r.sent[peer] < rpcTimeout {
		// The follower's disk may be busy: heartbeats pass it by.
		r.asked[peer] = r.d.w.now
		term, from, to := r.disk.term, r.self(), peer
		r.tell(peer, func(p *raft) { p.beats(term, from, to) })
		return
	}
	r.flying[peer] = false
	r.replicate(peer)
}

// beats is an empty heartbeat: it carries no part of the log.
func (r *raft) beats(term uint64, from, self int) {
	if term < r.disk.term {
		mine := r.disk.term
		r.tell(from, func(l *raft) { l.outdated(mine) })
		return
	}
	r.hears(term, from)
	r.tell(from, func(l *raft) {
		if l.role == leading && l.disk.term == term {
			l.contact[self], l.answered[self] = l.d.w.now, true
		}
	})
}

func (r *raft) hears(term uint64, leader int) {
	r.follow(term, leader)
	r.d.h.lastHeard = r.d.w.now
	r.heard = r.d.mono()
	r.wait()
}

func (r *raft) outdated(term uint64) {
	if term > r.disk.term {
		r.follow(term, -1)
	}
}

// replicate sends a follower what it lacks, or an empty message that tells how
// far the log is committed.
func (r *raft) replicate(peer int) {
	if r.role != leading || r.flying[peer] {
		return
	}
	r.flying[peer], r.asked[peer], r.sent[peer] = true, r.d.w.now, r.d.w.now
	prev := r.next[peer] - 1
	if prev+1 < r.disk.first {
		r.sendSnapshot(peer)
		return
	}
	last := min(r.disk.last(), prev+maxBatch)
	var entries []*entry
	if last > prev {
		entries = slices.Clone(r.disk.log[prev+1-r.disk.first : last+1-r.disk.first])
	}
	m := appendMessage{term: r.disk.term, from: r.self(), prev: prev, prevTerm: r.disk.termAt(prev), entries: entries, commit: r.commit}
	r.tell(peer, func(p *raft) {
		if len(m.entries) == 0 && p.busy {
			p.beats(m.term, m.from, p.self())
			return
		}
		p.work(func() { p.appends(m) })
	})
}

type appendMessage struct {
	term           uint64
	from           int
	prev, prevTerm uint64
	entries        []*entry
	commit         uint64
}

// appends takes a leader's entries, if they continue what is here.
func (r *raft) appends(m appendMessage) {
	if m.term < r.disk.term {
		mine := r.disk.term
		r.tell(m.from, func(l *raft) { l.outdated(mine) })
		return
	}
	r.hears(m.term, m.from)
	if m.prev > r.disk.last() || m.prev >= r.disk.first && r.disk.termAt(m.prev) != m.prevTerm {
		r.answer(m, false, min(r.disk.last(), m.prev-1))
		return
	}
	fresh := m.entries
	for len(fresh) > 0 && (fresh[0].index < r.disk.first || r.disk.termAt(fresh[0].index) == fresh[0].term && fresh[0].index <= r.disk.last()) {
		fresh = fresh[1:]
	}
	match := m.prev + uint64(len(m.entries))
	if len(fresh) == 0 {
		r.learnCommit(min(m.commit, match))
		r.answer(m, true, match)
		return
	}
	r.write(fresh, func() {
		r.learnCommit(min(m.commit, match))
		r.answer(m, true, match)
	})
}

func (r *raft) answer(m appendMessage, took bool, upTo uint64) {
	self, term := r.self(), m.term
	r.tell(m.from, func(l *raft) { l.hearsAppend(self, term, took, upTo) })
}

// hearsAppend is a follower's answer: how far it has the leader's log, or from
// where on it may differ.
func (r *raft) hearsAppend(peer int, term uint64, took bool, upTo uint64) {
	if r.role != leading || r.disk.term != term || !r.config().all().has(peer) {
		return
	}
	r.contact[peer], r.flying[peer], r.answered[peer] = r.d.w.now, false, true
	if !took {
		r.next[peer] = max(1, min(r.next[peer]-1, upTo+1))
		r.replicate(peer)
		return
	}
	if upTo > r.match[peer] {
		r.match[peer] = upTo
		r.advance()
	}
	r.next[peer] = max(r.next[peer], r.match[peer]+1)
	if r.next[peer] <= r.disk.last() {
		r.replicate(peer)
	}
}

// advance commits what a majority has, if it is of this term.
func (r *raft) advance() {
	config := r.config()
	for index := r.disk.last(); index > r.commit; index-- {
		if r.disk.termAt(index) != r.disk.term {
			return
		}
		have := members(0)
		for h := range r.d.w.hosts {
			if r.match[h] >= index {
				have = have.with(h)
			}
		}
		if config.voters.agree(have) {
			r.learnCommit(index)
			return
		}
	}
}

// learnCommit applies what is committed by now.
func (r *raft) learnCommit(commit uint64) {
	if commit <= r.commit {
		return
	}
	for index := r.commit + 1; index <= commit; index++ {
		r.d.w.committed(r, r.disk.at(index))
	}
	r.commit = commit
	for r.applied < r.commit && !r.d.ended {
		e := r.disk.at(r.applied + 1)
		result := r.d.apply(e)
		r.applied = e.index
		if p, waits := r.pending[e.index]; waits {
			delete(r.pending, e.index)
			if p.term == e.term {
				p.done(result, result.Err)
			} else {
				p.done(state.Result{}, errUnknown)
			}
		}
	}
	if r.d.ended {
		return
	}
	if config, from := r.disk.config(); r.role == leading && from <= r.commit && !config.all().has(r.self()) {
		r.d.removed()
		return
	}
	if s := r.disk.snapshot; r.applied >= snapshotAfter && (s == nil || r.applied-s.index >= snapshotAfter) {
		r.disk.compact(r.d.takeSnapshot())
	}
	r.d.changed()
}

// sendSnapshot gives a follower that is too far behind the whole state.
func (r *raft) sendSnapshot(peer int) {
	s, term, from := r.disk.snapshot, r.disk.term, r.self()
	r.tell(peer, func(p *raft) { p.work(func() { p.takes(s, term, from) }) })
}

func (r *raft) takes(s *snapshot, term uint64, from int) {
	if term < r.disk.term {
		mine := r.disk.term
		r.tell(from, func(l *raft) { l.outdated(mine) })
		return
	}
	r.hears(term, from)
	if s.index > r.commit {
		r.disk.install(s)
		r.commit, r.applied = s.index, s.index
		r.d.restore(s)
		r.d.changed()
	}
	r.answer(appendMessage{term: term, from: from}, true, s.index)
}
