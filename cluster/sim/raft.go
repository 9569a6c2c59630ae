package sim

import (
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/state"
)

// The model of the replicated log follows Raft's paper, with what
// hashicorp/raft, which production uses, adds or does differently: pre-vote, a
// leader that steps down when a majority is silent for its lease, members that
// vote for nobody while they hear a leader, heartbeats that pass a busy disk by,
// and a single server's change of the configuration at a time.

// raftTimes are cluster/raftlog's defaults.
const (
	heartbeatTimeout = 300 * time.Millisecond
	leaseTimeout     = 250 * time.Millisecond
	heartbeatEvery   = 60 * time.Millisecond
	rpcTimeout       = 600 * time.Millisecond
	// writeWatchdog ends a daemon whose disk does not answer.
	writeWatchdog = 2 * time.Second
	// snapshotAfter is how many entries are applied between two snapshots: few,
	// so that restoring them happens often.
	snapshotAfter = 60
	// maxBatch bounds the entries of one message, maxInbox the messages that wait
	// for the disk, maxPending the proposals whose result is awaited.
	maxBatch   = 32
	maxInbox   = 64
	maxPending = 512
)

type raftRole int

const (
	follower raftRole = iota
	candidate
	leading
)

// raft is one run's part in the log.
type raft struct {
	d    *daemon
	disk *disk
	role raftRole
	// leader is the index of the host that leads, as far as this one knows, or -1.
	leader  int
	heard   time.Duration // the last word from a leader, by the monotonic clock
	patient time.Duration // when the election timer runs out
	commit  uint64
	applied uint64
	// busy while the disk writes; inbox waits for it.
	busy  bool
	inbox []func()

	// Of a candidate.
	preVote bool
	votes   members

	// Of a leader, by host.
	next, match []uint64
	contact     []time.Duration
	asked       []time.Duration // when it was last told anything
	sent        []time.Duration // when the append that is under way was sent
	flying      []bool
	answered    []bool // in this term
	elected     time.Duration
	noop        uint64 // index of the term's first entry
	pending     map[uint64]proposal
}

// proposal is somebody who waits for an entry to be applied.
type proposal struct {
	term uint64
	done func(state.Result, error)
}

func newRaft(d *daemon) *raft {
	n := len(d.w.hosts)
	r := &raft{
		d: d, disk: d.h.disk, leader: -1, next: make([]uint64, n), match: make([]uint64, n), contact: make([]time.Duration, n),
		asked: make([]time.Duration, n), sent: make([]time.Duration, n), flying: make([]bool, n), answered: make([]bool, n), pending: map[uint64]proposal{},
	}
	if s := r.disk.snapshot; s != nil {
		r.commit, r.applied = s.index, s.index
		d.restore(s)
	}
	r.wait()
	d.after(d.w.chance.between(10*time.Millisecond, 60*time.Millisecond), r.tick)
	return r
}

func (r *raft) self() int { return r.d.h.index }

func (r *raft) config() configuration { c, _ := r.disk.config(); return c }

// wait starts the election timer anew.
func (r *raft) wait() {
	r.patient = r.d.w.now + r.d.h.clock.real(r.d.w.chance.between(heartbeatTimeout, 2*heartbeatTimeout))
}

// tick is the member's look at its timers.
func (r *raft) tick() {
	defer r.d.after(raftTick, r.tick)
	now := r.d.w.now
	switch {
	case r.role == leading:
		if r.leased(now) {
			r.d.h.lastHeard = now
		} else if now-r.elected > leaseTimeout {
			r.follow(r.disk.term, -1)
			return
		}
		for _, peer := range r.peers() {
			if now-r.asked[peer] >= heartbeatEvery {
				r.heartbeat(peer)
			}
		}
	case now >= r.patient:
		r.leader = -1
		if r.config().voters.has(r.self()) && !r.busy {
			r.canvass(true)
		} else {
			r.wait()
		}
	}
}

const raftTick = 50 * time.Millisecond

// leased reports whether a majority has answered within the leader's lease.
func (r *raft) leased(now time.Duration) bool {
	fresh := members(0).with(r.self())
	for _, peer := range r.peers() {
		if now-r.contact[peer] <= leaseTimeout {
			fresh = fresh.with(peer)
		}
	}
	return r.config().voters.agree(fresh)
}

// peers lists the others that take part.
func (r *raft) peers() []int {
	all := r.config().all()
	list := r.d.w.scratch[:0]
	for h := range r.d.w.hosts {
		if all.has(h) && h != r.self() {
			list = append(list, h)
		}
	}
	r.d.w.scratch = list
	return slices.Clone(list)
}

// tell sends a message to another member's log.
func (r *raft) tell(peer int, read func(*raft)) {
	r.d.w.net.send(r.d.h, r.d.w.hosts[peer], func(d *daemon) { read(d.raft) })
}

// work does something now, or when the disk is free.
func (r *raft) work(do func()) {
	switch {
	case !r.busy:
		do()
	case len(r.inbox) < maxInbox:
		r.inbox = append(r.inbox, do)
	}
}

// write puts entries into the log and goes on when they are on the disk.
func (r *raft) write(entries []*entry, then func()) {
	r.disk.put(entries)
	last := entries[len(entries)-1].index
	r.busy = true
	began := r.d.w.now
	var finish func()
	finish = func() {
		switch {
		case r.disk.full:
			r.d.w.meet(diskFull)
			r.d.fail("a write of the log failed: the disk is full")
		case r.disk.hung && r.d.w.now-began >= writeWatchdog:
			r.d.fail("the log's disk hangs")
		case r.disk.hung:
			r.d.w.meet(diskHung)
			r.d.after(100*time.Millisecond, finish)
		default:
			r.disk.synced = max(r.disk.synced, min(last, r.disk.last()))
			r.busy = false
			then()
			r.drain()
		}
	}
	r.d.after(r.disk.latency+r.d.w.chance.between(0, r.disk.latency), finish)
}

func (r *raft) drain() {
	for len(r.inbox) > 0 && !r.busy && !r.d.ended {
		first := r.inbox[0]
		r.inbox = r.inbox[1:]
		first()
	}
}

// follow makes this member follow, in a term that is not older.
func (r *raft) follow(term uint64, leader int) {
	if term > r.disk.term {
		r.disk.term, r.disk.votedFor = term, -1
	}
	was := r.role
	r.role, r.leader = follower, leader
	if was == leading {
		r.d.w.note(r.d.h, "leads no more")
		r.giveUp()
		r.wait()
	}
	if was != follower {
		r.wait()
	}
}

// giveUp tells everybody who waits that the outcome is unknown: another leader
// may commit what is in the log, or drop it.
func (r *raft) giveUp() {
	waiting := r.pending
	r.pending = map[uint64]proposal{}
	for index := r.disk.first; index <= r.disk.last()+1; index++ {
		if p, found := waiting[index]; found {
			p.done(state.Result{}, errUnknown)
		}
	}
}

// silence returns how long a follower has not answered this leader.
func (r *raft) silence(peer int) time.Duration {
	if r.role != leading {
		return 0
	}
	return r.d.h.clock.mono(r.d.w.now) - r.d.h.clock.mono(r.contact[peer])
}

// ready reports whether this leader has applied everything of earlier terms.
func (r *raft) ready() bool { return r.role == leading && r.applied >= r.noop }
