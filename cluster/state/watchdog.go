package state

import (
	"strings"
	"time"

	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// Watchdog is a hardware watchdog that a member's daemon feeds, as the member
// announced it. Whoever counts on it relies on these numbers: the member obeys
// them from before they were recorded until after they are changed.
type Watchdog struct {
	Device string `json:"device"`
	// Timeout is the time unfed after which it resets the host.
	Timeout resources.Duration `json:"timeout"`
	// Lease is how long after the member asked for it a lease that the leader gave
	// lets it feed.
	Lease resources.Duration `json:"lease"`
}

// watchdogMargin is for clocks that do not run alike: two hosts' monotonic clocks
// differ by less than one part in a thousand, and the longest time is 4 minutes.
const watchdogMargin = 2 * time.Second

// Bound returns how long after the last lease was given the host is certainly
// down, or has nothing of the cluster left running. The timer counts twice: a
// daemon that is stopped just before it feeds may do so when it goes on, but no
// later than its host lives, which is one timeout after it last fed.
func (w *Watchdog) Bound() time.Duration {
	if mutant.Is(mutant.ShortBound) {
		return w.Lease.Std()
	}
	return w.Lease.Std() + 2*w.Timeout.Std() + watchdogMargin
}

// MayLive reports whether a run of a member's daemon may be given a lease to feed
// its watchdog: never one that counts as lost or is being fenced, since from then on
// others count on its end.
func (s *State) MayLive(node resources.NodeName, incarnation string) bool {
	n, known := s.Nodes[node]
	_, fenced := s.Fencing[node]
	if mutant.Is(mutant.LeaseForAll) {
		return known
	}
	return known && n.Online() && n.Off == nil && !fenced && n.Incarnation == incarnation
}

// MemberWatchdog says that a member's daemon feeds a watchdog from now on, or,
// without one, that it is about to disarm it. It is refused while the node counts
// as lost or is being fenced: others may be counting on what was said before.
type MemberWatchdog struct {
	Node        resources.NodeName `json:"node"`
	Incarnation string             `json:"incarnation"`
	Watchdog    *Watchdog          `json:"watchdog,omitempty"`
	// Refused is why the daemon feeds none although the definition wants it. With
	// it the command is version 2.
	Refused string `json:"refused,omitempty"`
}

func (c *MemberWatchdog) name() string {
	if c.Refused != "" {
		return "member.watchdog/2"
	}
	return "member.watchdog/1"
}

func (c *MemberWatchdog) apply(t *tx) error {
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	if n.Incarnation != c.Incarnation {
		return reject(Conflict, "node %s has restarted since", c.Node)
	}
	if _, open := t.s.Fencing[c.Node]; open || !n.Online() || n.Off != nil {
		return reject(Refused, "node %s is %s or being fenced: its watchdog stays as it was announced", c.Node, n.Liveness)
	}
	before := n.Watchdog
	n.Watchdog = c.Watchdog
	n.WatchdogRefused = strings.ToValidUTF8(c.Refused[:min(len(c.Refused), maxCheckText)], "")
	switch {
	case c.Watchdog == nil && c.Refused != "":
		t.event("watchdog", c.Node, "", "not fed: %s", n.WatchdogRefused)
	case c.Watchdog == nil && before != nil:
		t.event("watchdog", c.Node, "", "not fed any more")
	case c.Watchdog != nil:
		t.event("watchdog", c.Node, "", "%s is fed; it resets the host after %s", c.Watchdog.Device, c.Watchdog.Timeout)
	}
	return nil
}
