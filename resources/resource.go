// Package resources holds the nouns of a Belay cluster: nodes, resources,
// roles, scores, constraints and the definition that joins them. It decides
// nothing, does no I/O and starts no goroutine; every other package may import
// it, and it imports none of them.
package resources

// Params are an agent's parameters: flat, with dots between the levels of a
// nested TOML table ("listen.galera.bind"). A value "secret://NAME" refers to a
// sealed secret and is opened only by the member that runs the agent.
type Params map[string]string

// Resource is one service under the cluster's control: a primitive, or the
// template of a clone.
type Resource struct {
	ID ResourceID `json:"id"`
	// Template gives what the resource does not say itself; then Agent is empty.
	Template ResourceID `json:"template,omitempty" since:"3"`
	// Agent names what runs it: "galera", "vip", "process", "systemd:UNIT".
	Agent  string      `json:"agent"`
	Params Params      `json:"params,omitempty"`
	Meta   Meta        `json:"meta,omitzero"`
	Ops    []Operation `json:"ops,omitempty"`
	// Utilization is what each copy uses of what nodes have.
	Utilization Utilization `json:"utilization,omitempty"`
	// When are values that hold by a rule: see On.
	When []When `json:"when,omitempty" since:"5"`
	// Clone makes it run on several nodes; nil means a primitive.
	Clone *Clone `json:"clone,omitempty"`
}

// Group runs its members together on one node, in order. Members are
// resources of the definition that have no clone of their own.
type Group struct {
	ID      ResourceID   `json:"id"`
	Members []ResourceID `json:"members"`
	Meta    Meta         `json:"meta,omitzero"`
	// When are values that hold by a rule, of Meta only.
	When  []When `json:"when,omitempty" since:"5"`
	Clone *Clone `json:"clone,omitempty"`
	// Ordered false: members start and stop without waiting for each other.
	// Collocated false: each is placed by itself. nil means true.
	Ordered    *bool `json:"ordered,omitempty" since:"5"`
	Collocated *bool `json:"collocated,omitempty" since:"5"`
}

// Clone says how many copies of a resource or group run and where. Nil fields
// mean Pacemaker's defaults (Pacemaker Explained, "Clones").
type Clone struct {
	Max             *int `json:"clone_max,omitempty"`      // all nodes
	NodeMax         *int `json:"clone_node_max,omitempty"` // 1
	Min             *int `json:"clone_min,omitempty"`      // 0
	GloballyUnique  bool `json:"globally_unique,omitempty"`
	Interleave      bool `json:"interleave,omitempty"`
	Ordered         bool `json:"ordered,omitempty"`
	Notify          bool `json:"notify,omitempty"`
	Promotable      bool `json:"promotable,omitempty"`
	PromotedMax     *int `json:"promoted_max,omitempty"`      // 1
	PromotedNodeMax *int `json:"promoted_node_max,omitempty"` // 1
}

// Requires says what must hold before a resource may start.
type Requires string

// The prerequisites (Pacemaker Explained, "Resource Meta-Attributes").
const (
	RequiresNothing Requires = "nothing"
	RequiresQuorum  Requires = "quorum"
	RequiresFencing Requires = "fencing" // default: quorum, and every lost node proven dead
	// RequiresUnfencing: as fencing, and the node that it starts on unfenced since
	// it started. The default where a device provides that.
	RequiresUnfencing Requires = "unfencing"
)

// MultipleActive says what to do with a resource that is found active on more
// nodes than it may be.
type MultipleActive string

// The reactions to a resource that is active too often.
const (
	MultipleActiveStopStart MultipleActive = "stop_start" // default
	MultipleActiveStopOnly  MultipleActive = "stop_only"
	MultipleActiveBlock     MultipleActive = "block"
)

// AttributeTarget says whose node attributes count for what runs in something.
type AttributeTarget string

// AttributesOfHost are those of the node that the container or guest runs on.
const AttributesOfHost AttributeTarget = "host"

// Meta are the meta-attributes of a resource, group or clone. Nil fields take
// the parent's value, then the definition's defaults, then Pacemaker's.
type Meta struct {
	Priority           *Score          `json:"priority,omitempty"`                     // 0
	TargetRole         *Role           `json:"target_role,omitempty"`                  // started
	Managed            *bool           `json:"managed,omitempty"`                      // true
	Maintenance        *bool           `json:"maintenance,omitempty"`                  // false
	Stickiness         *Score          `json:"resource_stickiness,omitempty"`          // 0; clone 1
	Requires           *Requires       `json:"requires,omitempty" since:"unfencing=4"` // fencing
	MigrationThreshold *int            `json:"migration_threshold,omitempty"`          // 0: never
	FailureTimeout     *Duration       `json:"failure_timeout,omitempty"`              // 0: never expires
	MultipleActive     *MultipleActive `json:"multiple_active,omitempty"`              // stop_start
	Critical           *bool           `json:"critical,omitempty"`                     // true
	// AllowUnhealthyNodes lets it run where node health would not have it.
	AllowUnhealthyNodes *bool `json:"allow_unhealthy_nodes,omitempty"` // false
	// AllowMigrate moves it live to another node, without a stop, where its agent
	// can and all that it depends on allows.
	AllowMigrate *bool `json:"allow_migrate,omitempty" since:"3"` // false
	// RemoteNode is the name of the node that the resource makes: a guest, which
	// runs resources where the resource runs. It can be planned with, and not applied.
	RemoteNode NodeName `json:"remote_node,omitempty" since:"3"`
	// AttributeTarget says whose attributes count for what runs in a container or
	// guest: its own, or those of its host.
	AttributeTarget AttributeTarget `json:"container_attribute_target,omitempty" since:"3"`
}
