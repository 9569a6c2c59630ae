package state

import (
	"fmt"
	"maps"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// DefinitionSet replaces the definition, if it is still the one that the author
// saw.
type DefinitionSet struct {
	Base       uint64                `json:"base"`
	Definition *resources.Definition `json:"definition"`
	// Owner is the set of files that is applied, Note why; both may be empty.
	Owner string `json:"owner,omitempty"`
	Note  string `json:"note,omitempty"`
	// Owners replaces who keeps what; nil leaves it as it is.
	Owners *Owners `json:"owners,omitempty"`
}

// name is the oldest that may carry what the command says.
func (c *DefinitionSet) name() string {
	needs := c.Definition.Since()
	if c.Owner != "" || c.Note != "" || c.Owners != nil {
		needs = max(needs, VersionMore)
	}
	name := "definition.set/1"
	for _, later := range definitionSets {
		if needs >= later.since {
			name = later.name
		}
	}
	return name
}

// definitionSets are the later versions of the command, by the command set that
// each came with. A command set with a new field or value has one.
var definitionSets = []struct {
	since int
	name  string
}{{VersionMore, "definition.set/2"}, {VersionUnfencing, "definition.set/3"}, {VersionWhen, "definition.set/4"}}

func (c *DefinitionSet) apply(t *tx) error {
	if c.Base != t.s.Revision && !mutant.Is(mutant.LostUpdate) {
		return rejectFor(Conflict, ReasonDefinitionChanged, "the definition has changed since revision %d (it is at %d now): read it again", c.Base, t.s.Revision)
	}
	if c.Definition == nil {
		return reject(Invalid, "the definition is missing")
	}
	if err := c.checkRevision(); err != nil {
		return err
	}
	before := t.s.Definition
	t.s.Definition, t.s.Revision = c.Definition, t.s.Index
	t.giveVotes(before)
	t.remember(c)
	t.forgetUndefined()
	t.forgetTakeOvers()
	t.forgetChecks()
	t.forgetUnfencing()
	t.event("definition", "", "", "revision %d%s", t.s.Revision, t.about(c))
	return nil
}

// giveVotes takes the vote of nodes that have become remote, and gives one, while
// there is one, to those that no longer are.
func (t *tx) giveVotes(before *resources.Definition) {
	for _, name := range t.s.NodeNames() {
		was, is := before.Remote(name), t.s.Definition.Remote(name)
		if was == is {
			continue
		}
		if n, err := t.node(name); err == nil {
			n.Voter = !is && t.s.voters() < MaxVoters
		}
	}
}

// forgetUndefined drops what is known of resources that the definition no
// longer holds, once nothing of them can be running.
func (t *tx) forgetUndefined() {
	for _, name := range t.s.NodeNames() {
		for id, i := range t.s.Nodes[name].Instances {
			if _, defined := t.s.Definition.Resource(id.Resource()); defined || i.Role != resources.RoleStopped || i.Action != "" {
				continue
			}
			if n, err := t.node(name); err == nil {
				delete(n.Instances, id)
			}
		}
	}
}

// NodeStandby moves everything off a node, or lets it run things again.
type NodeStandby struct {
	Node    resources.NodeName `json:"node"`
	Standby bool               `json:"standby"`
}

func (*NodeStandby) name() string { return "node.standby/1" }

func (c *NodeStandby) apply(t *tx) error {
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	if n.Standby != c.Standby {
		n.Standby = c.Standby
		t.event("node", c.Node, "", "standby %v", c.Standby)
	}
	return nil
}

// NodeMaintenance begins or, with On false, ends a node's maintenance.
type NodeMaintenance struct {
	Node   resources.NodeName `json:"node"`
	On     bool               `json:"on"`
	Reason string             `json:"reason,omitempty"`
	Until  time.Time          `json:"until,omitzero"`
}

func (*NodeMaintenance) name() string { return "node.maintenance/1" }

func (c *NodeMaintenance) apply(t *tx) error {
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	n.Maintenance = nil
	if c.On {
		n.Maintenance = &Maintenance{By: t.by, Reason: c.Reason, At: t.at, Until: c.Until}
	}
	text := fmt.Sprintf("maintenance %v", c.On)
	if t.keepsHistory() && c.On {
		text += because(c.Reason)
	}
	t.event("node", c.Node, "", "%s", text)
	return nil
}

// NodeAttribute sets a node's transient attribute, or removes it when Value is
// nil.
type NodeAttribute struct {
	Node  resources.NodeName `json:"node"`
	Key   string             `json:"key"`
	Value *string            `json:"value,omitempty"`
}

func (*NodeAttribute) name() string { return "node.attribute/1" }

func (c *NodeAttribute) apply(t *tx) error {
	n, err := t.node(c.Node)
	if err != nil {
		return err
	}
	attributes := maps.Clone(n.Attributes)
	if attributes == nil {
		attributes = map[string]string{}
	}
	if c.Value == nil {
		delete(attributes, c.Key)
	} else {
		attributes[c.Key] = *c.Value
	}
	n.Attributes = attributes
	t.line("%s of %s", c.assignment(), c.Node)
	return nil
}

func (c *NodeAttribute) assignment() string {
	if c.Value == nil {
		return c.Key + " removed"
	}
	return c.Key + "=" + *c.Value
}

// ResourceMoved wishes a resource to a node (To) or away from one (From) until
// a time; with neither it ends the wish.
type ResourceMoved struct {
	Resource resources.ResourceID `json:"resource"`
	To       resources.NodeName   `json:"to,omitempty"`
	From     resources.NodeName   `json:"from,omitempty"`
	Until    time.Time            `json:"until,omitzero"`
}

func (*ResourceMoved) name() string { return "resource.moved/1" }

func (c *ResourceMoved) apply(t *tx) error {
	if err := t.checkPlaced(c.Resource); err != nil {
		return err
	}
	for _, node := range []resources.NodeName{c.To, c.From} {
		if _, found := t.s.Nodes[node]; node != "" && !found {
			return t.noNode(node)
		}
	}
	moves := map[resources.ResourceID]*Move{}
	for id, move := range t.s.Moves {
		if t.at.Before(move.Until) {
			moves[id] = move
		}
	}
	delete(moves, c.Resource)
	if c.To != "" || c.From != "" {
		moves[c.Resource] = &Move{Resource: c.Resource, To: c.To, From: c.From, By: t.by, Until: c.Until}
	}
	t.s.Moves = moves
	switch {
	case c.To != "":
		t.event("move", c.To, c.Resource, "to %s until %s", c.To, c.Until.Format(time.RFC3339))
	case c.From != "":
		t.event("move", c.From, c.Resource, "away from %s until %s", c.From, c.Until.Format(time.RFC3339))
	default:
		t.event("move", "", c.Resource, "ended")
	}
	return nil
}

// ResourceAdvised records an advisor's decision before anything acts on it.
type ResourceAdvised struct {
	Resource resources.ResourceID `json:"resource"`
	Advice   agents.Advice        `json:"advice"`
}

func (*ResourceAdvised) name() string { return "resource.advised/1" }

func (c *ResourceAdvised) apply(t *tx) error {
	t.s.Advice = maps.Clone(t.s.Advice)
	t.s.Advice[c.Resource] = &Advice{Advice: c.Advice, Index: t.s.Index, At: t.at}
	t.event("advice", "", c.Resource, "%s", c.Advice.Reason)
	return nil
}

// ResourceOverridden records an operator's word to a resource's advisor; a nil
// map takes it back.
type ResourceOverridden struct {
	Resource resources.ResourceID `json:"resource"`
	Words    map[string]string    `json:"words,omitempty"`
	Reason   string               `json:"reason,omitempty"`
}

func (*ResourceOverridden) name() string { return "resource.overridden/1" }

func (c *ResourceOverridden) apply(t *tx) error {
	if _, found := t.s.Definition.Resource(c.Resource); !found {
		return t.noResource(c.Resource)
	}
	t.s.Overrides = maps.Clone(t.s.Overrides)
	if c.Words == nil {
		delete(t.s.Overrides, c.Resource)
	} else {
		t.s.Overrides[c.Resource] = c.Words
	}
	t.event("override", "", c.Resource, "%v by %s: %s", c.Words, t.by, c.Reason)
	return nil
}

// MaxSecrets bounds how many secrets there are.
const MaxSecrets = 1024

// SecretInfo is who gave a secret its value, and when; it is kept from
// VersionAdmin on.
type SecretInfo struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
}

// SecretSet stores a sealed secret, or deletes it when Sealed is empty.
type SecretSet struct {
	Secret string `json:"secret"`
	Sealed string `json:"sealed,omitempty"`
}

func (*SecretSet) name() string { return "secret.set/1" }

func (c *SecretSet) apply(t *tx) error {
	t.s.Secrets = maps.Clone(t.s.Secrets)
	if c.Sealed == "" {
		if _, found := t.s.Secrets[c.Secret]; !found {
			return noneSuch(ReasonUnknownSecret, "there is no secret %q", c.Secret, keys(t.s.Secrets))
		}
		delete(t.s.Secrets, c.Secret)
		t.s.SecretInfo = maps.Clone(t.s.SecretInfo)
		delete(t.s.SecretInfo, c.Secret)
		t.event("secret", "", "", "%s deleted", c.Secret)
		return nil
	}
	if err := t.withDataKey(c.Sealed); err != nil {
		return err
	}
	_, known := t.s.Secrets[c.Secret]
	if t.s.Version >= VersionAdmin {
		if !known && len(t.s.Secrets) >= MaxSecrets {
			return rejectFor(Refused, ReasonLimitReached, "%d secrets are set already: delete some", MaxSecrets)
		}
		info := map[string]SecretInfo{c.Secret: {At: t.at, By: t.by}}
		for name, old := range t.s.SecretInfo {
			if name != c.Secret {
				info[name] = old
			}
		}
		t.s.SecretInfo = info
	}
	t.s.Secrets[c.Secret] = c.Sealed
	verb := "set"
	if known && t.s.Version >= VersionAdmin {
		verb = "rotated"
	}
	t.event("secret", "", "", "%s %s", c.Secret, verb)
	return nil
}
