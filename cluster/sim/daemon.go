package sim

import (
	"bytes"
	"fmt"
	"time"

	"github.com/belay-ha/belay/cluster/state"
)

// daemon is one run of belayd on a host.
type daemon struct {
	w     *world
	h     *host
	run   int
	ended bool
	// started is when this run began.
	started time.Duration
	// state is the newest that this run has applied.
	state    *state.State
	raft     *raft
	detector *detector
	member   *memberShell
	leader   *leaderShell
	feeder   *feeder
}

// newDaemon starts belayd on a host.
func newDaemon(h *host) {
	d := &daemon{w: h.w, h: h, run: h.run, started: h.w.now, state: state.New()}
	h.daemon = d
	d.raft = newRaft(d)
	d.detector = newDetector(d)
	d.leader = newLeaderShell(d)
	d.member = newMemberShell(d)
	d.feeder = newFeeder(d)
}

// mono and wall are the host's clocks.
func (d *daemon) mono() time.Duration { return d.h.clock.mono(d.w.now) }
func (d *daemon) now() time.Time      { return d.h.clock.now(d.w.now) }
func (d *daemon) wall() time.Time     { return d.h.clock.wall(d.w.now) }

// after makes something happen after a wait by the host's monotonic clock, while
// this run lives. While the daemon is frozen nothing happens.
func (d *daemon) after(wait time.Duration, do func()) {
	d.w.after(d.h.clock.real(wait), func() { d.resume(do) })
}

func (d *daemon) resume(do func()) {
	switch {
	case d.ended:
	case d.h.frozen():
		d.w.at(d.h.frozenUntil, func() { d.resume(do) })
	default:
		do()
	}
}

// end ends this run without a word.
func (d *daemon) end() {
	d.ended = true
	d.raft.role = follower
}

// fail ends this run by itself; systemd starts the next one.
func (d *daemon) fail(why string) {
	d.w.note(d.h, "belayd ends: %s", why)
	d.h.endDaemon()
	d.h.restartDaemon()
}

// removed ends a run whose member was removed from the cluster.
func (d *daemon) removed() {
	d.w.note(d.h, "belayd ends: this member was removed")
	d.h.endDaemon()
	d.h.disabled = true
}

// apply applies a committed entry.
func (d *daemon) apply(e *entry) state.Result {
	if e.command == nil {
		return state.Result{Index: e.index}
	}
	next, result := state.ApplyCommand(d.state, e.index, e.term, e.envelope.At, e.envelope.By, e.command)
	d.state = next
	d.w.checkReplica(d, e.index)
	return result
}

// takeSnapshot writes the state as production does.
func (d *daemon) takeSnapshot() *snapshot {
	var data bytes.Buffer
	if err := d.state.WriteSnapshot(&data); err != nil {
		panic(fmt.Sprintf("sim: %v", err))
	}
	config := configuration{}
	if s := d.raft.disk.snapshot; s != nil {
		config = s.config
	}
	for index := d.raft.disk.first; index <= d.raft.applied; index++ {
		if e := d.raft.disk.at(index); e.config != nil {
			config = *e.config
		}
	}
	return &snapshot{index: d.raft.applied, term: d.raft.disk.termAt(d.raft.applied), config: config, data: data.Bytes()}
}

// restore takes over a snapshot.
func (d *daemon) restore(s *snapshot) {
	restored, err := state.ReadSnapshot(bytes.NewReader(s.data))
	if err != nil {
		d.w.violate("7", "a snapshot cannot be read back: %v", err)
		return
	}
	d.state = restored
	d.w.compare(d, s.index)
}

// changed is called when there is a newer state.
func (d *daemon) changed() {
	d.member.changed()
	d.wake()
}

// wake makes the leader, if it is one, look.
func (d *daemon) wake() { d.leader.wake() }

// propose commits a command; only the leader's succeeds.
func (d *daemon) propose(by string, command state.Command, done func(state.Result, error)) {
	d.proposePlanned(0, by, command, done)
}

// proposePlanned commits a command of the plan that was made from the state at an
// index.
func (d *daemon) proposePlanned(plan uint64, by string, command state.Command, done func(state.Result, error)) {
	data, err := state.Encode(command, d.wall(), by)
	if err != nil {
		panic(fmt.Sprintf("sim: %v", err))
	}
	envelope, decoded, err := state.Decode(data)
	if err != nil {
		d.w.violate("7", "a command cannot be read back: %v", err)
		return
	}
	d.raft.propose(&entry{data: data, command: decoded, envelope: envelope, plan: plan}, func(result state.Result, err error) {
		if !d.ended {
			done(result, err)
		}
	})
}

// proposeTimeout bounds a commit.
const proposeTimeout = 10 * time.Second

// tell proposes a command at the leader, whoever that is, and calls done with
// what came of it: errUnknown when no answer came in time.
func (d *daemon) tell(by string, command state.Command, done func(state.Result, error)) {
	answered := false
	answer := func(result state.Result, err error) {
		if !answered && !d.ended {
			answered = true
			done(result, err)
		}
	}
	if d.raft.role == leading {
		d.propose(by, command, answer)
	} else if d.raft.leader < 0 {
		answer(state.Result{}, errNotLeader)
		return
	} else {
		from := d.h
		d.w.net.send(from, d.w.hosts[d.raft.leader], func(l *daemon) {
			l.propose(by, command, func(result state.Result, err error) {
				d.w.net.send(l.h, from, func(*daemon) { answer(result, err) })
			})
		})
	}
	d.after(proposeTimeout, func() { answer(state.Result{}, errUnknown) })
}
