package sim

import (
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// dog is a host's hardware watchdog: it outlives the daemon and does not care
// whether the host is frozen. A dead one does not fire.
type dog struct {
	h       *host
	timeout time.Duration
	armed   bool
	dead    bool
	fires   time.Duration
	watched bool // an event will look
}

// dogTimeout is the time unfed after which the simulated watchdogs reset a host.
const dogTimeout = 10 * time.Second

func (g *dog) feed() {
	g.armed, g.fires = true, g.h.w.now+g.timeout
	if !g.watched {
		g.watched = true
		g.watch()
	}
}

func (g *dog) watch() {
	g.h.w.at(g.fires, func() {
		switch {
		case !g.armed:
			g.watched = false
		case g.h.w.now < g.fires:
			g.watch()
		default:
			g.watched, g.armed = false, false
			if g.dead {
				g.h.w.meet(dogDead)
				return
			}
			g.h.w.meet(dogFired)
			g.h.reset("its watchdog")
		}
	})
}

// feeder keeps a host's watchdog in one run of the daemon, as cluster/node does: it
// feeds only while a leader lets it, or while nothing runs.
type feeder struct {
	d     *daemon
	asked time.Duration // when the newest lease that was given was asked for; -1: none was
	armed bool
	said  *state.Watchdog
}

const (
	// leasePause is the time between two requests for a lease, feedTick between two
	// looks of the feeder.
	leasePause = time.Second
	feedTick   = time.Second
)

func newFeeder(d *daemon) *feeder {
	f := &feeder{d: d, asked: -1}
	d.after(d.w.chance.between(0, leasePause), f.renew)
	d.after(d.w.chance.between(0, feedTick), f.step)
	return f
}

// wanted reports whether the definition gives this host a watchdog.
func (f *feeder) wanted() bool {
	for _, device := range f.d.state.Definition.FencesOf(f.d.h.name) {
		if device.Agent == deviceWatchdog {
			return true
		}
	}
	return false
}

// renew asks the leader for a lease, which counts from now.
func (f *feeder) renew() {
	d := f.d
	d.after(leasePause, f.renew)
	if !f.wanted() || d.member.core.Suspended() {
		return
	}
	asked, incarnation := d.mono(), d.member.incarnation()
	given := func() { f.asked = max(f.asked, asked) }
	switch {
	case d.raft.role == leading:
		d.grant(d.h.name, incarnation, given)
	case d.raft.leader >= 0:
		d.w.net.send(d.h, d.w.hosts[d.raft.leader], func(l *daemon) {
			l.grant(d.h.name, incarnation, func() {
				d.w.net.send(l.h, d.h, func(back *daemon) {
					if back == d && d.mono()-asked < 2*time.Second {
						given()
					}
				})
			})
		})
	}
}

// grant gives a lease once a majority has said that this member still leads.
func (d *daemon) grant(node resources.NodeName, incarnation string, given func()) {
	term, heard, over := d.raft.disk.term, members(0).with(d.h.index), false
	check := func() {
		if !over && d.raft.role == leading && d.raft.disk.term == term && d.raft.ready() && d.raft.config().voters.agree(heard) {
			over = true
			if d.state.MayLive(node, incarnation) {
				given()
			}
		}
	}
	for _, peer := range d.raft.peers() {
		d.raft.tell(peer, func(other *raft) {
			if other.disk.term > term {
				return
			}
			d.w.net.send(other.d.h, d.h, func(back *daemon) {
				if back == d {
					heard = heard.with(other.self())
					check()
				}
			})
		})
	}
	check()
}

// step feeds, arms and announces.
func (f *feeder) step() {
	d := f.d
	d.after(feedTick, f.step)
	if d.member.core.Idle() {
		f.asked = d.mono()
	}
	may := f.asked >= 0 && d.mono()-f.asked < f.promised()
	wanted := f.wanted()
	if may && (f.armed || wanted) {
		f.armed = true
		d.h.dog.feed()
	}
	if !f.armed || !may {
		return
	}
	self := d.state.Nodes[d.h.name]
	switch {
	case self == nil || self.Incarnation != d.member.incarnation() || d.state.Version < state.VersionMore:
	case !wanted && self.Watchdog != nil:
		f.tell(nil)
	case !wanted:
		f.armed, f.said, d.h.dog.armed = false, nil, false
	default:
		fact := state.Watchdog{Device: "/dev/watchdog", Timeout: resources.Duration(dogTimeout), Lease: resources.Duration(d.state.Lease())}
		if self.Watchdog == nil || *self.Watchdog != fact {
			f.said = &fact // obeyed from here on
			f.tell(&fact)
		}
	}
}

func (f *feeder) tell(fact *state.Watchdog) {
	d := f.d
	d.tell(state.ByCluster, &state.MemberWatchdog{Node: d.h.name, Incarnation: d.member.incarnation(), Watchdog: fact}, func(state.Result, error) {})
}

// promised is how long a lease lasts: no longer than anybody was told.
func (f *feeder) promised() time.Duration {
	lease := f.d.state.Lease()
	if f.said != nil {
		lease = min(lease, f.said.Lease.Std())
	}
	if self := f.d.state.Nodes[f.d.h.name]; self != nil && self.Watchdog != nil {
		lease = min(lease, self.Watchdog.Lease.Std())
	}
	return lease
}
