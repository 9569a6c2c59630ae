package policy

import (
	"time"

	"github.com/belay-ha/belay/resources"
)

// resource is a resource during a run: a primitive, an instance, or a
// collection with its members. Each has its own value; a clone of a group is
// clone -> groups -> primitives.
type resource struct {
	// id is "galera:0" for an instance, base "galera" (for a primitive without
	// a number both are the same).
	id, base string
	index    int // into engine.all, parents before members
	variant  Variant
	config   *ResourceConfig
	parent   *resource
	members  []*resource
	// meta holds the resolved meta-attributes. It is shared by all instances of
	// a clone and never changed.
	meta map[string]string

	flags rscFlags
	clone *cloneInfo  // of a clone
	group *groupInfo  // of a group
	bndl  *bundleInfo // of a bundle

	priority       resources.Score
	stickiness     resources.Score
	threshold      resources.Score // migration-threshold; Infinity when none
	failureTimeout time.Duration
	reconnect      time.Duration // of remote connections: how long to wait after a failure
	requires       requirement
	multiple       multiplePolicy
	targetRole     Role // RoleUnknown: nothing said
	utilization    map[string]int

	// What is known (status phase). Collections have the union of their
	// members' in runningOn.
	role      Role
	runningOn []*node
	knownOn   nodeSet // nodes where the state is known: probed, or ran
	// records are the histories that make the resource active or failed.
	records []record
	// historyID is the id under which operations of an instance of an anonymous
	// clone were recorded, "" while there are none: "galera", or in old clusters
	// "galera:0", whatever number the instance has here.
	historyID string
	// pendingOp is what was in flight when the state was recorded, pendingNode
	// where.
	pendingOp   string
	pendingNode *node
	// Live migrations that are half done.
	migrateFrom, migrateTo *node // both set, or none
	dangling               []*node
	lockNode               *node // shutdown lock
	lockTime               time.Time

	// remoteNode is the node that this connection (flagConnection) makes
	// reachable; container is what this primitive runs in (a guest's connection,
	// a bundle's member), contains what runs in this one.
	remoteNode *node
	container  *resource
	contains   []*resource

	// What was decided (locate and assign phases).
	allowed    table
	locations  []*location // of every role
	tickets    []*ticketUse
	dependents []*colocation // of which this is the primary ("with this")
	primaries  []*colocation // of which this is the dependent ("this with")
	assigned   *node
	nextRole   Role
	promotion  resources.Score // how much an instance deserves promotion by itself
	merit      resources.Score // and with what else is for its node: who is promoted first

	actions []*action
	spare   []action // allocated ahead: see makeProbeRoom
	probed  bool     // has probes
	// deeds are the actions that are neither monitors nor notifications, as far
	// as deedsSeen: see deedsList.
	deeds     []*action
	deedsSeen int
	// revision counts what has changed about the actions of an outermost
	// collection and its parts (order phase).
	revision uint32
}

// rscFlags are facts and decisions about a resource.
type rscFlags uint32

const (
	flagManaged     rscFlags = 1 << iota
	flagRemoved              // active or known but no longer configured
	flagRemovedCopy          // instance beyond clone-max, or a removed resource's filler
	flagUnique               // globally unique, or no clone at all
	flagPromotable           // instance or collection that knows promotion
	flagNotify
	flagCritical
	flagMaintenance
	flagFenceDevice
	flagConnection // makes a remote or guest node reachable
	flagMigratable // allow-migrate
	flagUnhealthyOK
	flagExclusive // some location has resource-discovery exclusive

	flagFailed
	flagIgnoreFailure // failed, but on-fail is ignore
	flagStopFailure   // stop it because on-fail is stop: no start
	flagBlocked
	flagStartPending
	flagUnassigned // assignment is still to be done
	flagAssigning  // is being done (finds loops)
	flagUpdating   // colocations are being followed (finds loops)
	flagRestarting // its stop is being made required (finds loops)
	flagStopIfFailed
	flagNeedsFencing
	flagNeedsUnfencing
	flagNeedsQuorum
	flagReload      // parameters changed: reload is enough
	flagDetectLoop  // in a colocation chain that is being merged
	flagReplicaPart // made by a bundle: not configured itself
	flagUnexpected  // active on a node where it should not be (stop_unexpected)
	flagLocked
)

func (r *resource) is(f rscFlags) bool { return r.flags&f != 0 }
func (r *resource) set(f rscFlags)     { r.flags |= f }
func (r *resource) unset(f rscFlags)   { r.flags &^= f }

// requirement is what a start needs.
type requirement uint8

const (
	requiresNothing requirement = iota
	requiresQuorum
	requiresFencing
	requiresUnfencing
)

// multiplePolicy is the multiple-active meta-attribute.
type multiplePolicy uint8

const (
	multipleStopStart multiplePolicy = iota
	multipleStopOnly
	multipleBlock
	multipleStopUnexpected
)

// cloneInfo is what only clones have; bundles have one for their containers and
// one for their members.
type cloneInfo struct {
	max, nodeMax, min            int
	promotedMax, promotedNodeMax int
	interleave, ordered          bool
	promotable                   bool
	instances                    int  // instance numbers given so far
	promoted                     int  // chosen for promotion
	scoresMerged                 bool // promotion scores are in the tables
	rolesSorted                  bool // instances are in the order of promotion
	probed                       bool // instances are in the order of their numbers, for probes
	// What is told to the instances, nil without notify=true.
	startNotice, stopNotice, promoteNotice, demoteNotice *notice
}

type groupInfo struct{ ordered, colocated bool }

// bundleInfo is what only bundles have.
type bundleInfo struct {
	replicas []*replica
	// child is the clone of the primitive inside, or nil. It is the last of the
	// bundle's members; its instances are the replicas' child resources.
	child       *resource
	perHost     int
	promotedMax int
	max         int // replicas
}

// replica is one container of a bundle and what belongs to it. All but
// container may be nil.
type replica struct {
	number     int
	container  *resource
	ip         *resource
	connection *resource // the guest node's
	child      *resource // instance of the primitive inside
	node       *node     // the guest node
	address    string
	// startsOrdered: the other containers' starts wait for this one's probes.
	startsOrdered bool
}

// nodeSet is a set of nodes by index.
type nodeSet []uint64

func (s nodeSet) has(n *node) bool { return s[n.index>>6]&(1<<(n.index&63)) != 0 }
func (s nodeSet) add(n *node)      { s[n.index>>6] |= 1 << (n.index & 63) }

// location is a scored preference of a resource for nodes in a role: either
// for one node, or by rule for several.
type location struct {
	id        string
	role      Role
	discovery discovery
	node      *node // nil: by rule
	score     resources.Score
	scores    []resources.Score // by node index, where by rule
	in        []bool
}

// at returns the score that a location gives to a node, if it says anything.
func (l *location) at(n *node) (score resources.Score, says bool) {
	if l.node != nil {
		return l.score, l.node == n
	}
	if n.index >= len(l.in) || !l.in[n.index] {
		return 0, false
	}
	return l.scores[n.index], true
}

// ticketUse is a resource's dependency on a ticket.
type ticketUse struct {
	id     string
	ticket *ticket
	role   Role
	loss   string // stop, demote, fence, freeze
}

type ticket struct {
	id               string
	known            bool
	granted, standby bool
}

// colocation says where dependent is placed relative to primary.
type colocation struct {
	id                         string
	index                      int
	dependent, primary         *resource
	dependentRole, primaryRole Role // RoleUnknown: any
	score                      resources.Score
	attribute                  string // of nodes; "" is #uname
	influence                  bool
	implicit                   bool // made by a group, bundle or guest
}

// top returns the outermost collection; a bundle's parts count as the bundle's.
func (r *resource) top() *resource {
	for r.parent != nil {
		r = r.parent
	}
	return r
}

// activeOn reports whether the resource runs on the node.
func (r *resource) activeOn(n *node) bool {
	for _, at := range r.runningOn {
		if at == n {
			return true
		}
	}
	return false
}

// walk calls do for the resource and all below it, parents first.
func (r *resource) walk(do func(*resource)) {
	do(r)
	for _, m := range r.members {
		m.walk(do)
	}
}

// primitives calls do for every primitive in the resource.
func (r *resource) primitives(do func(*resource)) {
	if r.variant == Primitive {
		do(r)
		return
	}
	for _, m := range r.members {
		m.primitives(do)
	}
}
