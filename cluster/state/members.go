package state

import (
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// ClusterCreated starts a cluster with its first voter.
type ClusterCreated struct {
	ID      string             `json:"id"`
	Name    string             `json:"name"`
	Node    resources.NodeName `json:"node"`
	Address string             `json:"address"`
	Serial  string             `json:"serial"`
}

func (*ClusterCreated) name() string { return "cluster.created/1" }

func (c *ClusterCreated) apply(t *tx) error {
	if t.s.Cluster.ID != "" {
		return reject(Refused, "cluster %q exists already", t.s.Cluster.Name)
	}
	t.s.Cluster = Cluster{ID: c.ID, Name: c.Name, CreatedAt: t.at}
	t.s.Definition = &resources.Definition{Name: c.Name}
	t.putNode(&Node{Name: c.Node, Address: c.Address, Voter: true, JoinedAt: t.at, Serial: c.Serial, Since: t.at, Instances: map[resources.InstanceID]*Instance{}})
	t.event("cluster", c.Node, "", "cluster %s created", c.Name)
	return nil
}

// VersionRaised lets the leader propose newer commands, once every member has
// advertised that it understands them.
type VersionRaised struct {
	Version int `json:"version"`
}

func (*VersionRaised) name() string { return "version.raised/1" }

func (c *VersionRaised) apply(t *tx) error {
	if c.Version <= t.s.Version {
		return reject(Refused, "the cluster is at command set %d already", t.s.Version)
	}
	for _, name := range t.s.NodeNames() {
		if n := t.s.Nodes[name]; n.Software < c.Version {
			return reject(Refused, "node %s understands command set %d only", name, n.Software)
		}
	}
	t.s.Version = c.Version
	t.detail("cluster", "", "", "command set %d: every member understands it", c.Version)
	return nil
}

// TokenCreated admits one future member.
type TokenCreated struct {
	ID        string    `json:"id"`
	Verifier  string    `json:"verifier"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (*TokenCreated) name() string { return "token.created/1" }

// maxTokens bounds the tokens that are kept; used and expired ones go first.
const maxTokens = 64

func (c *TokenCreated) apply(t *tx) error {
	if err := t.withDataKey(c.Verifier); err != nil {
		return err
	}
	tokens := map[string]*Token{}
	for id, token := range t.s.Tokens {
		if t.at.Before(token.ExpiresAt.Add(24 * time.Hour)) {
			tokens[id] = token
		}
	}
	if len(tokens) >= maxTokens {
		return rejectFor(Refused, ReasonLimitReached, "%d join tokens are open: wait until some expire", len(tokens))
	}
	tokens[c.ID] = &Token{ID: c.ID, Verifier: c.Verifier, ExpiresAt: c.ExpiresAt, By: t.by}
	t.s.Tokens = tokens
	t.detail("token", "", "", "join token %s created, good until %s", c.ID, c.ExpiresAt.UTC().Format(time.RFC3339))
	return nil
}

// MemberJoined admits a node with a token, which is spent by it.
type MemberJoined struct {
	Node    resources.NodeName `json:"node"`
	Address string             `json:"address"`
	Voter   bool               `json:"voter"`
	Serial  string             `json:"serial"`
	Token   string             `json:"token"`
	Digest  string             `json:"digest,omitempty"` // of the joiner's request
	// Witness joins to vote only. With it the command is version 2.
	Witness bool `json:"witness,omitempty"`
}

func (c *MemberJoined) name() string {
	if c.Witness {
		return "member.joined/2"
	}
	return "member.joined/1"
}

func (c *MemberJoined) apply(t *tx) error {
	if _, exists := t.s.Nodes[c.Node]; exists {
		return rejectFor(Refused, ReasonAlreadyMember, "node %s is a member already: run `belayctl node remove %s` first if it was reinstalled", c.Node, c.Node)
	}
	token, found := t.s.Tokens[c.Token]
	switch {
	case !found:
		return rejectFor(NotFound, ReasonTokenUnusable, "join token %s is unknown: make one with `belayctl cluster token create`", c.Token)
	case token.UsedBy != "":
		return rejectFor(Refused, ReasonTokenUnusable, "join token %s was used by %s already: make another with `belayctl cluster token create`", c.Token, token.UsedBy)
	case t.at.After(token.ExpiresAt):
		return rejectFor(Refused, ReasonTokenUnusable, "join token %s expired at %s: make another with `belayctl cluster token create`", c.Token, token.ExpiresAt.Format(time.RFC3339))
	}
	used := *token
	used.UsedBy, used.Digest = c.Node, c.Digest
	t.s.Tokens = maps.Clone(t.s.Tokens)
	t.s.Tokens[c.Token] = &used
	voter := c.Voter && t.s.voters() < MaxVoters && !t.s.Definition.Remote(c.Node)
	t.putNode(&Node{Name: c.Node, Address: c.Address, Voter: voter, JoinedAt: t.at, Serial: c.Serial, Witness: c.Witness, Since: t.at, Instances: map[resources.InstanceID]*Instance{}})
	t.event("member", c.Node, "", "joined")
	return nil
}

func (s *State) voters() int {
	n := 0
	for _, node := range s.Nodes {
		if node.Voter {
			n++
		}
	}
	return n
}

// MemberVoting makes a member a voter or a non-voter.
type MemberVoting struct {
	Node  resources.NodeName `json:"node"`
	Voter bool               `json:"voter"`
}

func (*MemberVoting) name() string { return "member.voting/1" }

func (c *MemberVoting) apply(t *tx) error {
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	if c.Voter && t.s.Definition.Remote(c.Node) {
		return reject(Refused, "node %s is remote by the definition: it never votes", c.Node)
	}
	if c.Voter && !n.Voter && t.s.voters() >= MaxVoters {
		return rejectFor(Refused, ReasonLimitReached, "the cluster has %d voters, the most it may have", MaxVoters)
	}
	n.Voter = c.Voter
	t.detail("member", c.Node, "", "voter %v", c.Voter)
	return nil
}

// MemberRemoved forgets a member and revokes its certificate. A member that may
// still run something is refused unless Force.
type MemberRemoved struct {
	Node  resources.NodeName `json:"node"`
	Force bool               `json:"force,omitempty"`
}

func (*MemberRemoved) name() string { return "member.removed/1" }

func (c *MemberRemoved) apply(t *tx) error {
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	if !c.Force {
		if n.Lost() {
			return rejectFor(Refused, ReasonNodeNotOff, "node %s is lost and not fenced: fence it, or confirm that it is off with `belayctl fence confirm %s`", c.Node, c.Node)
		}
		for id, i := range n.Instances {
			if i.Role.Active() {
				return rejectFor(Refused, ReasonNodeInUse, "node %s still runs %s: `belayctl node standby %s --wait` first", c.Node, id, c.Node)
			}
			if t.s.mayYetCome(c.Node, id) {
				return rejectFor(Refused, ReasonNodeInUse, "%s may yet arrive on node %s by a live migration that was given up: see `belayctl status`", id, c.Node)
			}
		}
	}
	t.dropOperations(n)
	delete(t.s.Nodes, c.Node)
	if f, open := t.fencing(c.Node); open {
		t.closeFencing(f, FencingWithdrawn)
	}
	t.withdrawUnfencing(c.Node)
	if n.Serial != "" {
		t.s.Revoked = maps.Clone(t.s.Revoked)
		for _, serial := range append(slices.Clone(n.Earlier), n.Serial) {
			t.s.Revoked[serial] = c.Node
		}
	}
	t.event("member", c.Node, "", "removed")
	return nil
}

// MemberBooted says that a member's daemon has started and follows the log.
type MemberBooted struct {
	Node        resources.NodeName `json:"node"`
	Incarnation string             `json:"incarnation"`
	BootID      string             `json:"boot_id"`
	Address     string             `json:"address,omitempty"`
	Software    int                `json:"software"`
	// Stopped is the fencing by which this start of the host counted as off, and
	// after which the member has stopped everything. With it the command is version 2.
	Stopped string `json:"stopped,omitempty"`
}

func (c *MemberBooted) name() string {
	if c.Stopped != "" {
		return "member.booted/2"
	}
	return "member.booted/1"
}

func (c *MemberBooted) apply(t *tx) error {
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	if n.Incarnation == c.Incarnation {
		return nil // said twice
	}
	if off := n.Off; off != nil && n.BootID == c.BootID && c.Stopped != off.Fence && t.s.Version >= VersionLooks && !mutant.Is(mutant.BackUnasked) {
		// What it ran was given to others: it has to know, and to have stopped it.
		return reject(Conflict, "node %s counts as off (%s, fencing %s): it has to stop everything first", c.Node, off.By, off.Fence)
	}
	rebooted := n.BootID != c.BootID
	watched := n.Watchdog != nil
	t.dropOperations(n)
	t.unprobe(n)
	if rebooted {
		t.forgetRunning(n)
		n.BootedAt, n.Watchdog, n.WatchdogRefused = t.at, nil, ""
		t.cutOff(n)
		t.event("member", c.Node, "", "host started")
	} else {
		t.event("member", c.Node, "", "daemon restarted; its services went on")
	}
	if f, open := t.fencing(c.Node); open && rebooted && t.endedByStart(f, watched) {
		f.OffAt, f.Error = t.at, ""
		f.addSteps([]FenceStep{{At: t.at, Device: string(c.Node), Step: "host started", Answer: "it was down: nothing from before runs"}})
		t.closeFencing(f, FencingDone)
		t.event("fencing", c.Node, "", "its host has started again")
	} else if open && f.withdrawable() {
		phase := FencingWithdrawn
		if f.Phase == FencingOff {
			phase = FencingDone
		}
		t.closeFencing(f, phase)
	}
	n.Incarnation, n.BootID, n.Software = c.Incarnation, c.BootID, c.Software
	if c.Address != "" {
		n.Address = c.Address
	}
	n.Liveness, n.Since, n.Evidence, n.Off = LivenessAlive, t.at, nil, nil
	if q := t.s.QuarantineOf(c.Node, t.at); q != nil && (rebooted || c.Stopped != "") {
		t.detail("fencing", c.Node, "", "in quarantine until %s: fenced %d times in %s", q.Until.UTC().Format(time.RFC3339), q.Times, q.Window)
	}
	return nil
}

// endedByStart reports whether the host's new start is what an attempt that is
// under way was for: one that wanted it to start again, or whose host was reset by
// its own watchdog. Otherwise it goes on, to leave the host off.
func (t *tx) endedByStart(f *Fencing, watched bool) bool {
	return t.s.Version >= VersionMore && f.Phase == FencingRunning && !f.withdrawable() && (f.Action == resources.FencingReboot || watched)
}

// MemberVerdict records what the leader concludes about a member, with its
// evidence.
type MemberVerdict struct {
	Node     resources.NodeName `json:"node"`
	Liveness Liveness           `json:"liveness"`
	// Incarnation that was observed: a verdict about an earlier run is dropped.
	Incarnation string     `json:"incarnation"`
	Evidence    []Evidence `json:"evidence,omitempty"`
}

func (*MemberVerdict) name() string { return "member.verdict/1" }

func (c *MemberVerdict) apply(t *tx) error {
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	if n.Incarnation != c.Incarnation {
		return reject(Conflict, "node %s has restarted since: the verdict is about its earlier run", c.Node)
	}
	if n.Liveness == c.Liveness {
		return nil
	}
	was := n.Liveness
	switch c.Liveness {
	case LivenessDead:
		t.dropOperations(n)
		t.withdrawUnfencing(n.Name)
	case LivenessLeft:
		t.dropOperations(n)
		t.withdrawUnfencing(n.Name)
		t.forgetRunning(n)
	case LivenessAlive:
		f, open := t.fencing(c.Node)
		if n.Off != nil {
			return reject(Conflict, "the power of node %s is proven off: it has to announce itself", c.Node)
		}
		if open && f.Live {
			return reject(Conflict, "node %s is being fenced although it lives: %s", c.Node, f.Reason)
		}
		if was == LivenessDead || was == LivenessUnknown {
			t.unprobe(n)
		}
		if open && f.Phase != FencingOff && f.withdrawable() {
			t.closeFencing(f, FencingWithdrawn)
		}
	case LivenessSuspect:
		if was != LivenessAlive {
			return reject(Conflict, "node %s is %s, not alive", c.Node, was)
		}
	case LivenessUnknown:
		return reject(Refused, "unknown is not a verdict")
	}
	n.Liveness, n.Since = c.Liveness, t.at
	n.Evidence = c.Evidence[:min(len(c.Evidence), MaxEvidence)]
	t.judged(c.Node, was, c.Liveness, n.Evidence)
	return nil
}

// dropOperations forgets the node's operations in flight: what they came to is
// unknown, so each instance has to be looked at.
func (t *tx) dropOperations(n *Node) {
	var lost []*Operation
	defer func() { t.cutShort(lost) }()
	for id, op := range t.s.Operations {
		if op.Node != n.Name {
			continue
		}
		lost = append(lost, op)
		delete(t.operations(), id)
		i := t.instance(n, op.Instance)
		i.Action = ""
		if op.Op == resources.OpNotify {
			continue // it changed nothing
		}
		i.Probed = false
		if op.Op != resources.OpProbe {
			i.Role = believed(op.Op, i.Role)
			i.Outcome = agents.OutcomeUnknown
			i.Reason = string(op.Op) + " was cut short"
		}
	}
}

func (t *tx) unprobe(n *Node) {
	for id := range n.Instances {
		t.instance(n, id).Probed = false
	}
}

// forgetRunning records that nothing of the node runs any more: its power was
// off, its host restarted, or it stopped everything before it left. For the
// peers of what ran there that is a stop.
func (t *tx) forgetRunning(n *Node) {
	defer t.oweStops(n, ran(n))
	instances := make(map[resources.InstanceID]*Instance, len(n.Instances))
	for id := range n.Instances {
		instances[id] = &Instance{ID: id, Role: resources.RoleStopped, Since: t.at}
	}
	n.Instances, n.Attributes = instances, nil
}
