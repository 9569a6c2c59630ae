package resources

import "maps"

// Definition is the whole desired cluster, as an operator writes it. A value
// that has been handed to another package is never changed: Clone first.
type Definition struct {
	Name       string     `json:"name"`
	Properties Properties `json:"properties,omitzero"`
	// Cluster holds settings that hold by a rule.
	Cluster     ClusterRules  `json:"cluster,omitzero" since:"5"`
	Nodes       []Node        `json:"nodes,omitempty"`
	Fences      []FenceDevice `json:"fences,omitempty"`
	Defaults    Defaults      `json:"defaults,omitzero"`
	Templates   []Resource    `json:"templates,omitempty" since:"3"`
	Resources   []Resource    `json:"resources,omitempty"`
	Groups      []Group       `json:"groups,omitempty"`
	Bundles     []Bundle      `json:"bundles,omitempty" since:"5"`
	Locations   []Location    `json:"locations,omitempty"`
	Colocations []Colocation  `json:"colocations,omitempty"`
	Orders      []Order       `json:"orders,omitempty"`
	Tickets     []TicketUse   `json:"tickets,omitempty" since:"3"`
	Tags        []Tag         `json:"tags,omitempty" since:"3"`
}

// Node is what the definition says of a node. A node that has joined but is
// not in the definition runs nothing.
type Node struct {
	Name NodeName `json:"name"`
	// Kind is empty for a member that may vote.
	Kind NodeKind `json:"kind,omitempty" since:"3"`
	// Address is the node's address on the cluster network.
	Address    string            `json:"address,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	// Utilization is what the node has of what resources use.
	Utilization Utilization `json:"utilization,omitempty"`
	When        []NodeWhen  `json:"when,omitempty" since:"5"`
}

// NodeKind is what a node is to the cluster.
type NodeKind string

// The kinds. Both run resources and the daemon; a remote node never votes, so that
// there may be any number of them.
const (
	NodeMember NodeKind = "member" // default
	NodeRemote NodeKind = "remote"
)

// Utilization is amounts by name ("cpu", "memory"): what a resource uses, or a
// node has.
type Utilization map[string]int

// FenceDevice switches the power of nodes. Devices of one Level must all
// succeed; if any fails the next level is tried.
type FenceDevice struct {
	ID      string     `json:"id"`
	Agent   string     `json:"agent"`
	Targets []NodeName `json:"targets"`
	Level   int        `json:"level,omitempty"` // 1
	Params  Params     `json:"params,omitempty"`
	// HostMap holds each target's value of the parameter HostParam, such as its
	// plug: one device of several nodes. With it, every target has one.
	HostMap map[NodeName]string `json:"host_map,omitempty" since:"3"`
	// HostParam is "" for the agent's own choice (FenceTable.HostParam).
	HostParam string `json:"host_param,omitempty" since:"3"`
	// Delay before this device is used. With DelayMax a random time is added, so
	// that both together are at most DelayMax.
	Delay    Duration `json:"delay,omitempty"`
	DelayMax Duration `json:"delay_max,omitempty" since:"3"`
	Timeout  Duration `json:"timeout,omitempty"` // 60s
	// UnsafeCycle switches the power off and on by one request and takes the
	// device's word for it: nothing of that can be read back.
	UnsafeCycle bool `json:"unsafe_cycle,omitempty" since:"3"`
	// LeaveOff leaves a node that the cluster has fenced off, also where fencing
	// means a reboot: somebody switches it on.
	LeaveOff bool `json:"leave_off,omitempty" since:"5"`
	// Provides is what else the device does: see ProvidesUnfencing.
	Provides Provides `json:"provides,omitempty" since:"4"`
	// UnsafeCut takes a node that this device has cut off for a dead one, although
	// it may live and do whatever the device does not guard.
	UnsafeCut bool `json:"unsafe_cut,omitempty" since:"4"`
}

// Provides is what a fence device does besides fencing.
type Provides string

// ProvidesUnfencing is a device that cuts a node off from something, such as its
// shared storage, rather than from its power, and has to let it in again after
// each start: that is done before anything starts there that requires unfencing.
const ProvidesUnfencing Provides = "unfencing"

// ParamsFor returns the parameters that the device is used with for a target.
// hostParam is the agent's own choice of the parameter that HostMap sets. The
// result is the device's own map when there is nothing to add: do not change it.
func (f *FenceDevice) ParamsFor(target NodeName, hostParam string) Params {
	value, mapped := f.HostMap[target]
	if !mapped {
		return f.Params
	}
	params := maps.Clone(f.Params)
	if params == nil {
		params = Params{}
	}
	if f.HostParam != "" {
		hostParam = f.HostParam
	}
	params[hostParam] = value
	return params
}

// Defaults are taken by resources and operations that do not say otherwise.
type Defaults struct {
	Resource Meta `json:"resource,omitzero"`
	// Op holds Interval (monitors), Timeout and OnFail.
	Op   Operation      `json:"op,omitzero"`
	When []DefaultsWhen `json:"when,omitempty" since:"5"`
}

// NoQuorumPolicy says what a member does that can reach no leader.
type NoQuorumPolicy string

// The policies (Pacemaker Explained, "Cluster Options").
const (
	NoQuorumStop    NoQuorumPolicy = "stop" // default
	NoQuorumFreeze  NoQuorumPolicy = "freeze"
	NoQuorumIgnore  NoQuorumPolicy = "ignore"
	NoQuorumDemote  NoQuorumPolicy = "demote"
	NoQuorumSuicide NoQuorumPolicy = "suicide"
)

// FencingAction is how a lost node is fenced.
type FencingAction string

// The fencing actions. Both prove that the power is off; reboot then switches
// it on again.
const (
	FencingReboot FencingAction = "reboot" // default
	FencingOff    FencingAction = "off"
)

// Actions that no property may name: what the cluster or an operator did to a
// node that was fenced too often, or has come back.
const (
	FencingHold    FencingAction = "hold"    // off, and left off until it is released
	FencingRelease FencingAction = "release" // switched on again, and not counted any more
	FencingUnfence FencingAction = "unfence" // let in again by what has cut it off
)

// PlacementStrategy says what utilization means (Pacemaker Explained,
// "Utilization and Placement Strategy").
type PlacementStrategy string

// The strategies. All but the default rule out nodes that have too little left.
const (
	PlacementDefault     PlacementStrategy = "default"     // utilization means nothing
	PlacementUtilization PlacementStrategy = "utilization" // else as the default: few resources on each
	PlacementBalanced    PlacementStrategy = "balanced"    // where most is left
	PlacementMinimal     PlacementStrategy = "minimal"     // on as few nodes as will do
)

// PlacementStrategies lists every strategy that a definition may name.
var PlacementStrategies = []PlacementStrategy{PlacementDefault, PlacementUtilization, PlacementBalanced, PlacementMinimal}

// NodeHealthStrategy says what nodes' attributes "#health…" mean, whose values
// are red, yellow, green, or a score (Pacemaker Explained, "Node Health").
type NodeHealthStrategy string

// The strategies.
const (
	HealthNone         NodeHealthStrategy = "none"           // default
	HealthMigrateOnRed NodeHealthStrategy = "migrate_on_red" // red is -INFINITY, the others 0
	HealthOnlyGreen    NodeHealthStrategy = "only_green"     // red and yellow are -INFINITY
	HealthProgressive  NodeHealthStrategy = "progressive"    // scores of the properties, added to the base
	HealthCustom       NodeHealthStrategy = "custom"         // as progressive; rules may ask for the attributes besides
)

// NodeHealthStrategies lists every strategy that a definition may name.
var NodeHealthStrategies = []NodeHealthStrategy{HealthNone, HealthMigrateOnRed, HealthOnlyGreen, HealthProgressive, HealthCustom}

// HealthAttribute begins the names of attributes that tell of a node's health.
const HealthAttribute = "#health"

// Properties are cluster-wide settings. Zero values and nil mean the default.
type Properties struct {
	NoQuorumPolicy      NoQuorumPolicy `json:"no_quorum_policy,omitempty"`  // stop
	SymmetricCluster    *bool          `json:"symmetric_cluster,omitempty"` // true
	MaintenanceMode     bool           `json:"maintenance_mode,omitempty"`
	StopAllResources    bool           `json:"stop_all_resources,omitempty"`
	FencingEnabled      *bool          `json:"fencing_enabled,omitempty"`        // true
	FencingAction       FencingAction  `json:"fencing_action,omitempty"`         // reboot
	FencingTimeout      Duration       `json:"fencing_timeout,omitempty"`        // 60s for one attempt
	StartFailureIsFatal *bool          `json:"start_failure_is_fatal,omitempty"` // true
	// StopRemovedResources false leaves what runs and is defined no more as it is.
	StopRemovedResources *bool              `json:"stop_removed_resources,omitempty" since:"5"` // true
	PlacementStrategy    PlacementStrategy  `json:"placement_strategy,omitempty"`               // default
	NodeHealthStrategy   NodeHealthStrategy `json:"node_health_strategy,omitempty"`             // none
	NodeHealthBase       *Score             `json:"node_health_base,omitempty"`                 // 0
	NodeHealthGreen      *Score             `json:"node_health_green,omitempty"`                // 0
	NodeHealthYellow     *Score             `json:"node_health_yellow,omitempty"`               // 0
	NodeHealthRed        *Score             `json:"node_health_red,omitempty"`                  // -INFINITY
	// Lease is how long a member trusts its last word from the leader before
	// it applies NoQuorumPolicy by itself.
	Lease Duration `json:"lease,omitempty"` // 5s
	// StartupGrace is how long a new cluster leader waits for members that it
	// has never seen before it asks their BMCs.
	StartupGrace Duration `json:"startup_grace,omitempty"` // 20s
	// FenceBudget and FenceWindow bound automatic fencing: at most FenceBudget
	// fencings in FenceWindow.
	FenceBudget int      `json:"fence_budget,omitempty"` // 3
	FenceWindow Duration `json:"fence_window,omitempty"` // 10m
	// PriorityFencingDelay puts off the fencing of the more important half.
	PriorityFencingDelay Duration `json:"priority_fencing_delay,omitempty" since:"3"` // 0
	// FenceLimit and FenceLimitWindow: a node that the cluster fences for the
	// FenceLimit-th time in FenceLimitWindow is left off.
	FenceLimit       int      `json:"fence_limit,omitempty"`        // 3
	FenceLimitWindow Duration `json:"fence_limit_window,omitempty"` // 1h
	// FenceQuarantine is how long a node that was fenced for the second time in
	// FenceLimitWindow is given nothing to run after its return; each further
	// fencing doubles it, up to FenceLimitWindow. 0 switches it off.
	FenceQuarantine *Duration `json:"fence_quarantine,omitempty" since:"4"` // 1m
	// FenceCheckInterval is how often each of two members looks whether a fence
	// device would do its work; 0 switches it off.
	FenceCheckInterval *Duration `json:"fence_check_interval,omitempty"` // 60s
}
