package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/membership"
	"github.com/belay-ha/belay/cluster/state"
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
	// confirmTimeout bounds the last look before a verdict.
	confirmTimeout = 450 * time.Millisecond
	// freshLook is how long a look may be relied upon.
	freshLook = 700 * time.Millisecond
	// lookAhead is the silence of a suspect after which the look begins, so that
	// it has ended when the detector calls the member dead.
	lookAhead = 1050 * time.Millisecond
)

// judge turns evidence about members into verdicts. Only the leader loop uses
// it.
type judge struct {
	n     *Node
	since time.Time // of this term
	// away holds when each member's daemon was first found away from a living
	// host.
	away map[resources.NodeName]time.Time
	// checks holds the last look at each member that may be lost.
	checks map[resources.NodeName]*look
	// wake is signalled when a look has ended; capacity 1.
	wake chan struct{}
	// looks are under way; each ends within confirmTimeout.
	looks sync.WaitGroup
	// mute holds when each member was first found to answer nothing of the log
	// for longer than its lease; silence says for how long it has.
	mute    map[resources.NodeName]time.Time
	silence func(resources.NodeName) time.Duration
	// restarts counts the starts of each member's daemon.
	restarts *restarts
}

// look is one look at a member, under way until done is closed.
type look struct {
	done  chan struct{}
	found confirmation // valid when done is closed
}

// confirmation is the outcome of the last look at a member.
type confirmation struct {
	at        time.Time
	reachable bool // somebody reaches it
	hostAlive bool // its host refuses connections: the daemon alone is away
	evidence  []state.Evidence
}

func newJudge(n *Node, now time.Time) *judge {
	return &judge{
		n: n, since: now, away: map[resources.NodeName]time.Time{}, checks: map[resources.NodeName]*look{}, wake: make(chan struct{}, 1),
		mute: map[resources.NodeName]time.Time{}, silence: n.silence,
		restarts: newRestarts(),
	}
}

// step proposes the verdicts that the evidence allows now. It never blocks on
// the network: the last look before a death runs in the background.
func (j *judge) step(ctx context.Context, s *state.State, now time.Time) {
	for _, name := range s.NodeNames() {
		node := s.Nodes[name]
		switch {
		case name == j.n.config.Name:
			j.considerSelf(ctx, s, node, now)
		case node.Incarnation != "":
			j.consider(ctx, s, node, now)
		}
	}
}

// considerSelf takes back what an earlier leader thought of this member: it
// leads, so it is alive, and nobody else would say so.
func (j *judge) considerSelf(ctx context.Context, s *state.State, node *state.Node, now time.Time) {
	if node.Incarnation != j.n.exec.Incarnation() || node.Liveness == state.LivenessAlive || node.Off != nil || staysFenced(s, node) {
		return
	}
	j.verdict(ctx, node, state.LivenessAlive, []state.Evidence{evidence(j.n.config.Name, now, "raft", "it leads the cluster")})
}

// staysFenced reports whether the node is being fenced although it is heard: an
// operator wants it off, or it could not stop something.
func staysFenced(s *state.State, node *state.Node) bool {
	f, open := s.Fencing[node.Name]
	return open && (f.Live || (f.Phase == state.FencingRunning && f.By != state.ByCluster))
}

func (j *judge) consider(ctx context.Context, s *state.State, node *state.Node, now time.Time) {
	seen, known := j.n.gossip.Observe(string(node.Name))
	j.restarts.note(node.Name, seen.Instance, node.Incarnation, now)
	if since, hopeless := j.restarts.hopeless(node.Name, now); hopeless {
		j.giveUp(ctx, node, since, now)
		return // being heard for a moment withdraws nothing
	}
	if !known || seen.Verdict == membership.Unknown {
		// Never heard by this process. Members that the state calls alive may be
		// booting after an outage of everything.
		if node.Online() && now.Sub(j.since) > startupGrace(s) {
			j.confirm(ctx, s, node, now)
		}
		return
	}
	switch seen.Verdict {
	case membership.Alive:
		delete(j.away, node.Name)
		delete(j.checks, node.Name)
		if staysFenced(s, node) || j.cutOff(ctx, s, node, now) {
			return // it answers until it is off
		}
		if node.Liveness != state.LivenessAlive && node.Off == nil {
			j.verdict(ctx, node, state.LivenessAlive, []state.Evidence{evidence(j.n.config.Name, now, string(seen.Evidence.Source), seen.Evidence.Text)})
		}
	case membership.Suspect:
		if node.Liveness == state.LivenessAlive {
			j.verdict(ctx, node, state.LivenessSuspect, []state.Evidence{evidence(j.n.config.Name, now, string(seen.Evidence.Source), seen.Evidence.Text)})
		}
		if now.Sub(seen.Evidence.LastHeard) > lookAhead {
			j.look(ctx, s, node, now)
		}
	case membership.Dead, membership.Left:
		if !seen.Returning.IsZero() && node.Since.After(seen.Since) {
			return // it has announced itself since and answers; gossip damps its return
		}
		if node.Online() {
			j.confirm(ctx, s, node, now)
		}
	}
}

// giveUp declares a member lost whose daemon only starts and ends.
func (j *judge) giveUp(ctx context.Context, node *state.Node, since, now time.Time) {
	text := fmt.Sprintf("its daemon has been starting again and again for %s and takes part in nothing: see `journalctl -u belayd` there", now.Sub(since).Round(time.Second))
	grounds := []state.Evidence{evidence(j.n.config.Name, now, "gossip", text)}
	switch node.Liveness {
	case state.LivenessAlive:
		j.verdict(ctx, node, state.LivenessSuspect, grounds)
	case state.LivenessSuspect:
		j.verdict(ctx, node, state.LivenessDead, grounds)
	case state.LivenessUnknown, state.LivenessDead, state.LivenessLeft:
	}
}

const (
	// muteMargin is what a member may need to notice that its lease has run out,
	// and to begin with the no-quorum policy.
	muteMargin = 3 * time.Second
	// muteAgain is how much later a mute member is looked at again: a leader that
	// was paused itself sees long silences for a moment.
	muteAgain = time.Second
)

// cutOff handles a member that gossip hears, by way of others, although it has
// answered nothing of the log for so long that its lease has run out: the path
// between it and this leader is broken. It has applied the no-quorum policy and
// takes no orders, so its services are recovered as those of any lost member.
func (j *judge) cutOff(ctx context.Context, s *state.State, node *state.Node, now time.Time) bool {
	silent := j.silence(node.Name)
	if silent <= leaseOf(s)+muteMargin {
		delete(j.mute, node.Name)
		return false
	}
	first, known := j.mute[node.Name]
	if !known {
		j.mute[node.Name] = now
	}
	if !known || now.Sub(first) < muteAgain {
		return false
	}
	text := fmt.Sprintf("gossip hears it, but it has not answered the log's heartbeats for %s: it has lost its lease", silent.Round(100*time.Millisecond))
	grounds := []state.Evidence{evidence(j.n.config.Name, now, "raft", text)}
	switch node.Liveness {
	case state.LivenessAlive:
		j.verdict(ctx, node, state.LivenessSuspect, grounds)
	case state.LivenessSuspect:
		j.verdict(ctx, node, state.LivenessDead, grounds)
	case state.LivenessUnknown, state.LivenessDead, state.LivenessLeft:
	}
	return true
}

// silence returns how long the member has left the log's heartbeats unanswered.
func (n *Node) silence(name resources.NodeName) time.Duration {
	for _, contact := range n.raft.Contacts() {
		if contact.Peer == string(name) {
			return contact.SilentFor
		}
	}
	return 0
}

func startupGrace(s *state.State) time.Duration {
	if grace := s.Definition.Properties.StartupGrace.Std(); grace > 0 {
		return grace
	}
	return defaultStartupGrace
}

// look starts the last look at a member in the background, unless one is under
// way or fresh, and returns the fresh one.
func (j *judge) look(ctx context.Context, s *state.State, node *state.Node, now time.Time) (confirmation, bool) {
	check, started := j.checks[node.Name]
	if started {
		select {
		case <-check.done:
			if now.Sub(check.found.at) < freshLook {
				return check.found, true
			}
		default:
			return confirmation{}, false
		}
	}
	check = &look{done: make(chan struct{})}
	j.checks[node.Name] = check
	j.looks.Go(func() {
		check.found = j.n.look(ctx, s, node)
		close(check.done)
		select {
		case j.wake <- struct{}{}:
		default:
		}
	})
	return confirmation{}, false
}

// confirm takes the last look at a member that gossip calls dead: by this
// member, by TCP to its host, and by every other member. One that reaches it
// spares it; a host that refuses connections lives, and only its daemon is
// away.
func (j *judge) confirm(ctx context.Context, s *state.State, node *state.Node, now time.Time) {
	found, done := j.look(ctx, s, node, now)
	if !done {
		return
	}
	switch {
	case node.Liveness == state.LivenessAlive:
		j.verdict(ctx, node, state.LivenessSuspect, found.evidence)
	case found.reachable:
		// Somebody reaches it: it stays suspect until gossip agrees.
	case found.hostAlive:
		j.daemonAway(ctx, node, found, now)
	default:
		j.verdict(ctx, node, state.LivenessDead, found.evidence)
	}
}

// daemonAway gives a daemon time to come back while its host lives. A member
// with nothing left running has simply left.
func (j *judge) daemonAway(ctx context.Context, node *state.Node, found confirmation, now time.Time) {
	first, known := j.away[node.Name]
	if !known {
		first = now
		j.away[node.Name] = now
	}
	grace := daemonGrace
	if seen, _ := j.n.gossip.Observe(string(node.Name)); seen.Verdict == membership.Left {
		grace = leaveGrace
		if idle(node) {
			j.verdict(ctx, node, state.LivenessLeft, found.evidence)
			return
		}
	}
	if now.Sub(first) > grace {
		found.evidence = append(found.evidence, evidence(j.n.config.Name, now, "tcp", fmt.Sprintf("its daemon has been away for %s", now.Sub(first).Round(time.Second))))
		j.verdict(ctx, node, state.LivenessDead, found.evidence)
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

func (j *judge) verdict(ctx context.Context, node *state.Node, liveness state.Liveness, grounds []state.Evidence) {
	command := &state.MemberVerdict{Node: node.Name, Liveness: liveness, Incarnation: node.Incarnation, Evidence: grounds}
	if _, err := j.n.propose(ctx, command); err != nil {
		var rejection *state.Rejection
		if !errors.As(err, &rejection) {
			j.n.log.Warn("record a verdict", zap.String("node", string(node.Name)), zap.Stringer("verdict", liveness), zap.Error(err))
		}
		return
	}
	j.n.log.Info("verdict", zap.String("node", string(node.Name)), zap.Stringer("verdict", liveness), zap.Any("evidence", grounds))
}

// problems says what the evidence means to an operator.
func (j *judge) problems(s *state.State) []api.ProblemStatus {
	var list []api.ProblemStatus
	for _, name := range s.NodeNames() {
		if first, away := j.away[name]; away && s.Nodes[name].Online() {
			list = append(list, api.ProblemStatus{
				Code: "daemon_away", Severity: "warning", Node: name,
				Text: fmt.Sprintf("the host of %s lives but its belayd has been away since %s; its services go on unwatched", name, first.Format(time.TimeOnly)),
				Next: fmt.Sprintf("systemctl status belayd   # on %s", name),
			})
		}
		if count, many := j.restarts.many(name); many {
			list = append(list, api.ProblemStatus{
				Code: "daemon_restarts", Severity: "critical", Node: name,
				Text: fmt.Sprintf("belayd on %s has started %d times in the last minute: the services there go on unwatched", name, count),
				Next: fmt.Sprintf("journalctl -u belayd -n 20   # on %s", name),
			})
		}
		if advice := blockedAdvice(s); name == j.n.config.Name {
			list = append(list, advice...)
		}
	}
	return list
}

func blockedAdvice(s *state.State) []api.ProblemStatus {
	var list []api.ProblemStatus
	for _, r := range s.Definition.Resources {
		if advice, found := s.Advice[r.ID]; found && advice.Blocked {
			next := "belayctl status"
			if r.Agent == "galera" {
				next = "belayctl galera status " + string(r.ID)
			}
			list = append(list, api.ProblemStatus{Code: "advice_blocked", Severity: "critical", Resource: r.ID, Text: advice.Reason, Next: next})
		}
	}
	return list
}

// look asks everybody about a member at once.
func (n *Node) look(ctx context.Context, s *state.State, node *state.Node) confirmation {
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	var mu sync.Mutex
	all := confirmation{at: time.Now()}
	var work sync.WaitGroup
	add := func(answer api.CheckAnswer) {
		mu.Lock()
		defer mu.Unlock()
		all.reachable = all.reachable || answer.Reachable
		all.evidence = append(all.evidence, answer.Evidence...)
	}
	work.Go(func() { add(n.Check(ctx, node.Name)) })
	add(n.heartbeat(node.Name, all.at))
	work.Go(func() {
		refused, text := n.config.DialHost(ctx, node.Address)
		mu.Lock()
		defer mu.Unlock()
		all.hostAlive = refused
		all.evidence = append(all.evidence, evidence(n.config.Name, time.Now(), "tcp", text))
	})
	for _, witness := range s.NodeNames() {
		if witness == n.config.Name || witness == node.Name || s.Nodes[witness].Liveness != state.LivenessAlive {
			continue
		}
		work.Go(func() {
			answer, err := n.client(witness, s.Nodes[witness].Address).Check(ctx, node.Name)
			if err != nil {
				answer.Evidence = []state.Evidence{evidence(n.config.Name, time.Now(), "tcp", fmt.Sprintf("witness %s did not answer: %v", witness, err))}
			}
			add(answer)
		})
	}
	work.Wait()
	slices.SortStableFunc(all.evidence, func(a, b state.Evidence) int { return a.At.Compare(b.At) })
	return all
}

// heartbeat says whether the member answers the log's heartbeats: one that does
// is governed, whatever becomes of gossip.
func (n *Node) heartbeat(name resources.NodeName, now time.Time) api.CheckAnswer {
	for _, contact := range n.raft.Contacts() {
		if contact.Peer != string(name) || contact.LastContact.IsZero() {
			continue
		}
		age := now.Sub(contact.LastContact)
		text := fmt.Sprintf("answered the log's heartbeat %s ago", age.Round(time.Millisecond))
		return api.CheckAnswer{Reachable: age < freshHeartbeat, Evidence: []state.Evidence{evidence(n.config.Name, now, "raft", text)}}
	}
	return api.CheckAnswer{}
}

// freshHeartbeat is how recent an answer must be to prove a member alive now:
// less than the silence after which it is looked at.
const freshHeartbeat = 500 * time.Millisecond

// dialHost tells a host without a daemon from a host that is gone: the first
// refuses the connection at once.
func dialHost(ctx context.Context, address string) (refused bool, text string) {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	switch {
	case err == nil:
		connection.Close()
		return false, address + " accepts connections"
	case errors.Is(err, syscall.ECONNREFUSED):
		return true, address + " refuses connections: the host lives, its daemon does not"
	default:
		return false, fmt.Sprintf("%s: %v", address, err)
	}
}

// Check looks at another member now and says what this one sees.
func (n *Node) Check(ctx context.Context, name resources.NodeName) api.CheckAnswer {
	seen, err := n.gossip.Confirm(ctx, string(name))
	if err != nil {
		return api.CheckAnswer{Evidence: []state.Evidence{evidence(n.config.Name, time.Now(), "gossip", err.Error())}}
	}
	return api.CheckAnswer{
		Reachable: seen.Verdict == membership.Alive,
		Evidence:  []state.Evidence{evidence(n.config.Name, time.Now(), string(seen.Evidence.Source), seen.Evidence.Text)},
	}
}

func evidence(observer resources.NodeName, at time.Time, source, text string) state.Evidence {
	return state.Evidence{At: at.UTC(), Observer: observer, Source: source, Text: text}
}
