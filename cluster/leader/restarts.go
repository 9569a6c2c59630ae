package leader

import (
	"maps"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// restarts counts the starts of each member's daemon. One that starts again and
// again, with a full disk for one, is hardly ever away for long enough to be
// missed, and watches nothing.
type restarts struct {
	members map[resources.NodeName]*daemon
}

// daemon is what is known of one member's daemon.
type daemon struct {
	instance uint64      // the run heard of last; 0 before the first
	starts   []time.Time // within restartWindow
	// silent is since when it has been starting without announcing itself; zero if
	// it has not.
	silent time.Time
	// announced is the run that it last announced, at is when that was noticed.
	announced string
	at        time.Time
}

const (
	// restartWindow is for how long a start counts.
	restartWindow = time.Minute
	// manyRestarts in one window are no upgrade and no operator.
	manyRestarts = 3
	// announceGrace is how long a daemon may start again and again without
	// announcing itself, before its member counts as lost.
	announceGrace = 30 * time.Second
	// announceLag is how much later than a member's announcement gossip may tell
	// of the run that made it.
	announceLag = 10 * time.Second
)

func newRestarts() *restarts { return &restarts{members: map[resources.NodeName]*daemon{}} }

// forget drops members that were removed.
func (r *restarts) forget(s *state.State) {
	maps.DeleteFunc(r.members, func(name resources.NodeName, _ *daemon) bool { return s.Nodes[name] == nil })
}

// note takes down which run of a member's daemon is heard of now; 0 says that
// none is. incarnation is the run that the member last announced.
func (r *restarts) note(name resources.NodeName, instance uint64, incarnation string, now time.Time) {
	d := r.members[name]
	if d == nil {
		d = &daemon{announced: incarnation, at: now}
		r.members[name] = d
	}
	if d.announced != incarnation {
		d.announced, d.at, d.silent = incarnation, now, time.Time{}
	}
	if instance != 0 && instance != d.instance {
		if d.instance != 0 {
			d.starts = append(d.starts, now)
			if d.silent.IsZero() && now.Sub(d.at) > announceLag {
				d.silent = now
			}
		}
		d.instance = instance
	}
	for len(d.starts) > 0 && now.Sub(d.starts[0]) > restartWindow {
		d.starts = d.starts[1:]
	}
}

// many returns how often a member's daemon has started of late, if that is too
// often.
func (r *restarts) many(name resources.NodeName) (count int, many bool) {
	d := r.members[name]
	if d == nil {
		return 0, false
	}
	return len(d.starts), len(d.starts) >= manyRestarts
}

// hopeless reports whether a member's daemon has been starting again and again
// for so long, without ever announcing itself, that nobody may wait for it: it
// renews nothing and watches nothing, and its services are as good as lost.
func (r *restarts) hopeless(name resources.NodeName, now time.Time) (since time.Time, hopeless bool) {
	d := r.members[name]
	if d == nil || d.silent.IsZero() {
		return time.Time{}, false
	}
	_, many := r.many(name)
	return d.silent, many && now.Sub(d.silent) > announceGrace
}
