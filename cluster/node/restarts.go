package node

import (
	"time"

	"github.com/belay-ha/belay/resources"
)

// restarts counts the starts of each member's daemon. One that starts again and
// again, with a full disk for one, is hardly ever away for long enough to be
// missed, and watches nothing.
type restarts struct {
	instances map[resources.NodeName]uint64
	starts    map[resources.NodeName][]time.Time
	// silent holds since when a member has been starting without announcing
	// itself.
	silent map[resources.NodeName]time.Time
	// announced is what each member last announced, and when that was noticed.
	announced map[resources.NodeName]announcement
}

type announcement struct {
	incarnation string
	at          time.Time
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

func newRestarts() *restarts {
	return &restarts{instances: map[resources.NodeName]uint64{}, starts: map[resources.NodeName][]time.Time{}, silent: map[resources.NodeName]time.Time{}, announced: map[resources.NodeName]announcement{}}
}

// note takes down which run of a member's daemon is heard of now; 0 says that
// none is. incarnation is the run that the member last announced.
func (r *restarts) note(name resources.NodeName, instance uint64, incarnation string, now time.Time) {
	last := r.announced[name]
	if last.incarnation != incarnation {
		last = announcement{incarnation, now}
		r.announced[name] = last
		delete(r.silent, name)
	}
	before, known := r.instances[name]
	if instance != 0 && instance != before {
		r.instances[name] = instance
		if known {
			r.starts[name] = append(r.starts[name], now)
		}
		if _, silent := r.silent[name]; known && !silent && now.Sub(last.at) > announceLag {
			r.silent[name] = now
		}
	}
	starts := r.starts[name]
	for len(starts) > 0 && now.Sub(starts[0]) > restartWindow {
		starts = starts[1:]
	}
	r.starts[name] = starts
}

// many returns how often a member's daemon has started of late, if that is too
// often.
func (r *restarts) many(name resources.NodeName) (count int, many bool) {
	count = len(r.starts[name])
	return count, count >= manyRestarts
}

// hopeless reports whether a member's daemon has been starting again and again
// for so long, without ever announcing itself, that nobody may wait for it: it
// renews nothing and watches nothing, and its services are as good as lost.
func (r *restarts) hopeless(name resources.NodeName, now time.Time) (since time.Time, hopeless bool) {
	since, silent := r.silent[name]
	_, many := r.many(name)
	return since, silent && many && now.Sub(since) > announceGrace
}
