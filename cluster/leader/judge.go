package leader

import (
	"fmt"
	"maps"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// Times of verdicts.
const (
	// daemonGrace is how long a daemon may be away while its host demonstrably
	// lives: a restart takes a second or two, and services go on without it.
	daemonGrace = 15 * time.Second
	// leaveGrace is the same after the daemon has said goodbye.
	leaveGrace = 60 * time.Second
	// defaultStartupGrace is Properties.StartupGrace's default.
	defaultStartupGrace = 20 * time.Second
	// muteMargin is what a member may need to notice that its lease has run out,
	// and to begin with the no-quorum policy.
	muteMargin = 3 * time.Second
	// muteAgain is how much later a mute member is looked at again: a leader that
	// was paused itself sees long silences for a moment.
	muteAgain = time.Second
)

// judge turns evidence about members into verdicts.
type judge struct {
	since time.Time // of the first Step
	// away holds when each member's daemon was first found away from a living
	// host.
	away map[resources.NodeName]time.Time
	// looks holds the last look at each member that may be lost.
	looks map[resources.NodeName]*look
	// mute holds when each member was first found to answer nothing of the log
	// for longer than its lease.
	mute map[resources.NodeName]time.Time
	// restarts counts the starts of each member's daemon.
	restarts *restarts
}

func newJudge() judge {
	return judge{
		away: map[resources.NodeName]time.Time{}, looks: map[resources.NodeName]*look{}, mute: map[resources.NodeName]time.Time{},
		restarts: newRestarts(),
	}
}

// judgeMembers proposes the verdicts that the evidence allows now.
func (c *Core) judgeMembers() {
	if c.judge.since.IsZero() {
		c.judge.since = c.in.Now
	}
	c.judge.forget(c.s)
	for _, name := range c.s.NodeNames() {
		node := c.s.Nodes[name]
		switch {
		case name == c.config.Self:
			c.considerSelf(node)
		case node.Incarnation != "":
			c.consider(node)
		}
	}
}

// forget drops what is known of members that were removed.
func (j *judge) forget(s *state.State) {
	maps.DeleteFunc(j.away, func(name resources.NodeName, _ time.Time) bool { return s.Nodes[name] == nil })
	maps.DeleteFunc(j.mute, func(name resources.NodeName, _ time.Time) bool { return s.Nodes[name] == nil })
	maps.DeleteFunc(j.looks, func(name resources.NodeName, _ *look) bool { return s.Nodes[name] == nil })
	j.restarts.forget(s)
}

// considerSelf takes back what an earlier leader thought of this member: it
// leads, so it is alive, and nobody else would say so.
func (c *Core) considerSelf(node *state.Node) {
	if node.Incarnation != c.in.Incarnation || node.Liveness == state.LivenessAlive || node.Off != nil || staysFenced(c.s, node) {
		return
	}
	c.verdict(node, state.LivenessAlive, c.grounds("raft", "it leads the cluster"))
}

// staysFenced reports whether the node is being fenced although it is heard: an
// operator wants it off, or it could not stop something.
func staysFenced(s *state.State, node *state.Node) bool {
	f, open := s.Fencing[node.Name]
	return open && (f.Live || (f.Phase == state.FencingRunning && f.By != state.ByCluster))
}

// consider judges one other member.
func (c *Core) consider(node *state.Node) {
	seen := c.in.Members[node.Name] // of the zero value nothing was ever heard
	c.judge.restarts.note(node.Name, seen.Instance, node.Incarnation, c.in.Now)
	if since, hopeless := c.judge.restarts.hopeless(node.Name, c.in.Now); hopeless {
		c.giveUp(node, since)
		return // being heard for a moment withdraws nothing
	}
	if seen.Verdict != Alive && node.Online() || seen.Verdict == Alive && node.Liveness != state.LivenessAlive {
		c.wakeAt(c.in.Now.Add(tick)) // until heard and recorded agree
	}
	switch seen.Verdict {
	case Unknown:
		// Never heard by this process. Members that the state calls alive may be
		// booting after an outage of everything.
		if node.Online() && c.in.Now.Sub(c.judge.since) > startupGrace(c.s) {
			c.confirm(node)
		}
	case Alive:
		c.considerAlive(node, seen)
	case Suspect:
		if node.Liveness == state.LivenessAlive {
			c.verdict(node, state.LivenessSuspect, c.grounds(seen.Source, seen.Text))
		}
		if node.Liveness == state.LivenessSuspect && mutant.Is(mutant.SuspectIsDead) {
			c.verdict(node, state.LivenessDead, c.grounds(seen.Source, seen.Text))
		}
		if seen.Silence > lookAhead {
			c.look(node)
		}
	case Dead, Left:
		if seen.Returning && node.Since.After(seen.Since) {
			return // it has announced itself since and answers; gossip damps its return
		}
		if node.Online() {
			c.confirm(node)
		}
	}
}

func (c *Core) considerAlive(node *state.Node, seen Member) {
	delete(c.judge.away, node.Name)
	delete(c.judge.looks, node.Name)
	if staysFenced(c.s, node) || c.cutOff(node, seen) {
		return // it answers until it is off
	}
	if node.Liveness != state.LivenessAlive && node.Off == nil {
		c.verdict(node, state.LivenessAlive, c.grounds(seen.Source, seen.Text))
	}
}

// giveUp declares a member lost whose daemon only starts and ends.
func (c *Core) giveUp(node *state.Node, since time.Time) {
	silence := c.in.Now.Sub(since).Round(time.Second)
	c.lower(node, c.grounds("gossip", fmt.Sprintf("its daemon has been starting again and again for %s and takes part in nothing: see `journalctl -u belayd` there", silence)))
}

// lower takes a member one step nearer to being lost.
func (c *Core) lower(node *state.Node, grounds []state.Evidence) {
	switch node.Liveness {
	case state.LivenessAlive:
		c.verdict(node, state.LivenessSuspect, grounds)
	case state.LivenessSuspect:
		c.verdict(node, state.LivenessDead, grounds)
	case state.LivenessUnknown, state.LivenessDead, state.LivenessLeft:
	}
}

// cutOff handles a member that gossip hears, by way of others, although it has
// answered nothing of the log for so long that its lease has run out: the path
// between it and this leader is broken. It has applied the no-quorum policy and
// takes no orders, so its services are recovered as those of any lost member.
func (c *Core) cutOff(node *state.Node, seen Member) bool {
	limit := c.s.Lease() + muteMargin
	if seen.Unanswered <= limit {
		delete(c.judge.mute, node.Name)
		if seen.Unanswered > 0 {
			c.wakeAt(c.in.Now.Add(limit - seen.Unanswered + time.Millisecond))
		}
		return false
	}
	c.wakeAt(c.in.Now.Add(tick))
	first, known := c.judge.mute[node.Name]
	if !known {
		c.judge.mute[node.Name] = c.in.Now
	}
	if !known || c.in.Now.Sub(first) < muteAgain {
		return false
	}
	c.lower(node, c.grounds("raft", fmt.Sprintf("gossip hears it, but it has not answered the log's heartbeats for %s: it has lost its lease", seen.Unanswered.Round(100*time.Millisecond))))
	return true
}

func startupGrace(s *state.State) time.Duration {
	if grace := s.Definition.Properties.StartupGrace.Std(); grace > 0 {
		return grace
	}
	return defaultStartupGrace
}

// confirm takes the last look at a member that gossip calls dead. One that
// anybody reaches is spared; a host that refuses connections lives, and only its
// daemon is away.
func (c *Core) confirm(node *state.Node) {
	found, done := c.look(node)
	if !done {
		return
	}
	switch {
	case node.Liveness == state.LivenessAlive:
		c.verdict(node, state.LivenessSuspect, found.evidence)
	case found.reachable && !mutant.Is(mutant.DeafToWitnesses):
		// Somebody reaches it: it stays suspect until gossip agrees.
	case found.hostAlive:
		c.daemonAway(node, found)
	default:
		c.verdict(node, state.LivenessDead, found.evidence)
	}
}

// daemonAway gives a daemon time to come back while its host lives. A member
// with nothing left running has simply left.
func (c *Core) daemonAway(node *state.Node, found *look) {
	first, known := c.judge.away[node.Name]
	if !known {
		first = c.in.Now
		c.judge.away[node.Name] = first
	}
	grace := daemonGrace
	if c.in.Members[node.Name].Verdict == Left {
		grace = leaveGrace
		if idle(node) {
			c.verdict(node, state.LivenessLeft, found.evidence)
			return
		}
	}
	if away := c.in.Now.Sub(first); away > grace || mutant.Is(mutant.RestartIsDeath) {
		c.verdict(node, state.LivenessDead, append(found.evidence, c.grounds("tcp", fmt.Sprintf("its daemon has been away for %s", away.Round(time.Second)))...))
	}
}

// idle reports whether nothing runs on the node, which somebody must have seen.
func idle(node *state.Node) bool {
	for _, i := range node.Instances {
		if i.Role.Active() || i.Action != "" || !i.Probed {
			return false
		}
	}
	return true
}

func (c *Core) verdict(node *state.Node, liveness state.Liveness, grounds []state.Evidence) {
	c.propose(&state.MemberVerdict{Node: node.Name, Liveness: liveness, Incarnation: node.Incarnation, Evidence: grounds})
}

// grounds is one piece of evidence, seen by this member now.
func (c *Core) grounds(source, text string) []state.Evidence {
	return []state.Evidence{{At: c.in.Wall.UTC(), Observer: c.config.Self, Source: source, Text: text}}
}
