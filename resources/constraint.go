package resources

import "path"

// Location says where a resource likes to run. Exactly one of Node and Rule is
// set.
type Location struct {
	ID string `json:"id"`
	// Resource or Selector says what is placed; Selector matches agents by a
	// shell pattern ("systemd:*").
	Resource ResourceID `json:"resource,omitempty"`
	Selector *Selector  `json:"selector,omitempty"`
	Node     NodeName   `json:"node,omitempty"`
	// Rule is an expression over node attributes, such as
	// `osprole == "controller"`; nodes that match get the score.
	Rule  string `json:"rule,omitempty"`
	Score Score  `json:"score"`
	// Role RolePromoted makes the score count for promotion only.
	Role      Role      `json:"role,omitempty"`
	Discovery Discovery `json:"resource_discovery,omitempty"`
}

// Selector chooses resources by what they are.
type Selector struct {
	Agent string `json:"agent,omitempty"`
}

// Matches reports whether the selector chooses the resource. A pattern that
// cannot be read matches nothing.
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

// Colocation places Resource (the dependent) relative to With.
type Colocation struct {
	ID       string     `json:"id"`
	Resource ResourceID `json:"resource"`
	Role     Role       `json:"role,omitempty"`
	With     ResourceID `json:"with"`
	WithRole Role       `json:"with_role,omitempty"`
	Score    Score      `json:"score"`
	// NodeAttribute whose value must match instead of the node's name.
	NodeAttribute string `json:"node_attribute,omitempty"`
	// Influence lets the dependent move With; nil means the dependent's
	// critical meta-attribute.
	Influence *bool `json:"influence,omitempty"`
}

// OrderKind says how binding an order is.
type OrderKind string

// The kinds of order (Pacemaker Explained, "Ordering Constraints").
const (
	OrderMandatory OrderKind = "mandatory" // default
	OrderOptional  OrderKind = "optional"
	OrderSerialize OrderKind = "serialize"
)

// Order makes Then's action wait for First's.
type Order struct {
	ID          string     `json:"id"`
	First       ResourceID `json:"first"`
	FirstAction Op         `json:"first_action,omitempty"` // start
	Then        ResourceID `json:"then"`
	ThenAction  Op         `json:"then_action,omitempty"` // FirstAction
	Kind        OrderKind  `json:"kind,omitempty"`
	Symmetrical *bool      `json:"symmetrical,omitempty"` // true; serialize: false
	RequireAll  *bool      `json:"require_all,omitempty"` // true
}
