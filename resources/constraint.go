package resources

import (
	"path"
	"regexp"
	"strings"
)

// Location says where a resource likes to run. Exactly one of Node and Rule is
// set.
type Location struct {
	ID string `json:"id"`
	// Resource, Selector or Sets says what is placed; Selector matches agents by a
	// shell pattern ("systemd:*"). The name of a remote node as Resource places what
	// counts for that node where resources are spread evenly.
	Resource ResourceID    `json:"resource,omitempty"`
	Selector *Selector     `json:"selector,omitempty"`
	Sets     []ResourceSet `json:"sets,omitempty" since:"3"`
	Node     NodeName      `json:"node,omitempty"`
	// Rule is an expression over node attributes, such as
	// `osprole == "controller"`; nodes that match get the score.
	Rule  string `json:"rule,omitempty" since:"rule"`
	Score Score  `json:"score"`
	// ScoreAttribute names the node attribute whose value is the score, instead of
	// Score, where a Rule holds; nodes without it are left alone.
	ScoreAttribute string `json:"score_attribute,omitempty" since:"3"`
	// Role RolePromoted makes the score count for promotion only.
	Role      Role      `json:"role,omitempty"`
	Discovery Discovery `json:"resource_discovery,omitempty"`
}

// Selector chooses resources by what they are: one of the fields is set.
type Selector struct {
	// Agent is a shell pattern.
	Agent string `json:"agent,omitempty"`
	// ID is a regular expression for the ids of resources and groups; with "!"
	// before it, it chooses those that do not match. Members of groups go with
	// their group.
	ID string `json:"id,omitempty"`
}

// IDs returns a check of ids; nil where the selector is not about them or its
// expression cannot be read.
func (s *Selector) IDs() func(ResourceID) bool {
	pattern, negated := strings.CutPrefix(s.ID, "!")
	expression, err := regexp.CompilePOSIX(pattern)
	if s.ID == "" || err != nil {
		return nil
	}
	return func(id ResourceID) bool { return expression.MatchString(string(id)) != negated }
}

// Matches reports whether the selector chooses the resource by its agent. A
// pattern that cannot be read matches nothing.
func (s *Selector) Matches(r *Resource) bool {
	matches, err := path.Match(s.Agent, r.Agent)
	return err == nil && matches
}

// Discovery says whether a resource is probed on a node.
type Discovery string

// The kinds of discovery (Pacemaker Explained, "Location Constraints").
const (
	DiscoveryAlways    Discovery = "always" // default
	DiscoveryNever     Discovery = "never"
	DiscoveryExclusive Discovery = "exclusive" // only on nodes that such a constraint names
)

// Colocation places Resource (the dependent) relative to With; or with Sets, the
// members of each set with each other and each set with the next.
type Colocation struct {
	ID       string     `json:"id"`
	Resource ResourceID `json:"resource,omitempty"`
	Role     Role       `json:"role,omitempty"`
	With     ResourceID `json:"with,omitempty"`
	WithRole Role       `json:"with_role,omitempty"`
	Score    Score      `json:"score"`
	// NodeAttribute whose value must match instead of the node's name.
	NodeAttribute string `json:"node_attribute,omitempty"`
	// Influence lets the dependent move With; nil means the dependent's
	// critical meta-attribute.
	Influence *bool         `json:"influence,omitempty"`
	Sets      []ResourceSet `json:"sets,omitempty" since:"3"`
}

// OrderKind says how binding an order is.
type OrderKind string

// The kinds of order (Pacemaker Explained, "Ordering Constraints").
const (
	OrderMandatory OrderKind = "mandatory" // default
	OrderOptional  OrderKind = "optional"
	OrderSerialize OrderKind = "serialize"
)

// Order makes Then's action wait for First's; or with Sets, each set wait for the
// one before, and the members of a set for each other.
type Order struct {
	ID          string     `json:"id"`
	First       ResourceID `json:"first,omitempty"`
	FirstAction Op         `json:"first_action,omitempty"` // start
	Then        ResourceID `json:"then,omitempty"`
	ThenAction  Op         `json:"then_action,omitempty"` // FirstAction
	Kind        OrderKind  `json:"kind,omitempty"`
	Symmetrical *bool      `json:"symmetrical,omitempty"` // true; serialize: false
	RequireAll  *bool      `json:"require_all,omitempty"` // true

	Sets []ResourceSet `json:"sets,omitempty" since:"3"`
}
