package policy

import (
	"time"

	"github.com/belay-ha/belay/resources"
)

// Input is a cluster as a scheduler sees it: its configuration, and what is
// known of its nodes and of the operations that ran on them. Compute never
// changes it. Names, ids and values are as configured; nothing is resolved yet
// but id references, templates, and tags and templates in constraints.
type Input struct {
	// Options are the cluster's properties, in order of precedence.
	Options []AttributeSet
	// ResourceDefaults and OpDefaults hold for what says nothing itself.
	ResourceDefaults []AttributeSet
	OpDefaults       []AttributeSet

	Nodes       []NodeConfig
	Resources   []ResourceConfig
	Locations   []LocationConfig
	Colocations []ColocationConfig
	Orders      []OrderConfig
	TicketUses  []TicketConfig
	// Own says that the cluster is not Pacemaker's, whose accidents do not hold
	// then: constraints may name a clone by what it is of before anything of that is
	// recorded, no circle of colocations puts more of a bundle on a host than may be
	// there, and copies that are told apart do not change places with each other.
	Own bool
	// HasTopology says that fencing levels are configured (they do not affect
	// decisions, only reports).
	HasTopology bool

	// Quorum says that the membership is quorate.
	Quorum bool
	// QuorumPanic says that fencing everybody is in order without quorum
	// (no-quorum-panic): the cluster had quorum before.
	QuorumPanic bool
	// Watchdog says that the nodes have hardware watchdogs (have-watchdog).
	Watchdog bool
	// DC is the id of the designated controller, or empty.
	DC string
	// Status of each node that has one.
	Status []NodeStatus
	// Tickets that are known.
	Tickets []TicketState
	// Now is the instant at which rules and expiries are judged.
	Now time.Time
}

// AttributeSet is a block of names and values, used only where its rule (nil:
// always) holds. Sets with higher scores come first; among equals, the one that
// is configured last. The first set that gives a name wins.
type AttributeSet struct {
	ID    string
	Score resources.Score
	Rule  *Rule
	Pairs []Pair
}

// Pair is one name and value.
type Pair struct{ Name, Value string }

// NodeKind is what a node is to the cluster.
type NodeKind uint8

// The kinds of nodes. A guest node is a KindRemote with a container.
const (
	KindMember NodeKind = iota
	KindRemote
	KindPing // old clusters list them; they run nothing
)

// NodeConfig is a configured node.
type NodeConfig struct {
	ID, Name    string
	Kind        NodeKind
	Score       resources.Score
	Attributes  []AttributeSet // permanent
	Utilization []AttributeSet
}

// Variant is the shape of a resource.
type Variant uint8

// The variants, in rising order of size.
const (
	Primitive Variant = iota
	Group
	Clone
	Bundle
)

// ResourceConfig is a configured resource: a tree.
type ResourceConfig struct {
	ID      string
	Variant Variant
	// Class, Provider and Type of a primitive's agent.
	Class, Provider, Type string
	Meta, Params          []AttributeSet
	Utilization           []AttributeSet
	Ops                   []OpConfig
	// Members: of a group all, of a clone one (primitive or group), of a bundle
	// one primitive or none.
	Members []ResourceConfig
	Bundle  *BundleConfig
}

// OpConfig is a configured operation.
type OpConfig struct {
	ID, Name string
	Interval time.Duration
	// Attributes stand in the operation itself (timeout, role, on-fail, …),
	// named as in a CIB; interval and name are above.
	Attributes []Pair
	Meta       []AttributeSet
	Params     []AttributeSet
}

// BundleConfig is what a bundle's containers are.
type BundleConfig struct {
	Launcher    string // docker, podman or rkt
	Image       string
	Replicas    string // "" where not given, as the next three
	PerHost     string
	PromotedMax string
	Network     string // --net=… of the container
	Options     string
	RunCommand  string

	IPRangeStart, HostNetmask, HostInterface, ControlPort, AddHost string
	// HasNetwork says that the configuration has a network part at all.
	HasNetwork bool
	Ports      []PortMapping
	Storage    []StorageMapping
}

// PortMapping is a port of a container, forwarded from its host.
type PortMapping struct{ ID, Port, InternalPort, Range string }

// StorageMapping is a directory of a container.
type StorageMapping struct {
	ID, SourceDir, SourceDirRoot, TargetDir, Options string
}
