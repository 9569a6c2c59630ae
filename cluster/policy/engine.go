package policy

import (
	"time"

	"github.com/belay-ha/belay/resources"
)

// engine is one run of Compute. Phases read what earlier phases wrote.
type engine struct {
	in  *Input
	now time.Time
	opt options

	nodes    []*node // sorted by name
	nodeByID map[string]*node
	nodeBy   map[string]*node // by name
	dc       *node

	top   []*resource // stable: by priority, then as configured, then removed ones
	all   []*resource // every resource and member
	rscBy map[string]*resource
	// clones maps the base id of what is cloned to the clone.
	clones map[string]*resource
	// guests are the connections that guest nodes imply.
	guests []ResourceConfig
	// known is how many nodes are known so far.
	known    int
	metaBy   map[*ResourceConfig]map[string]string
	paramsBy map[paramsKey]map[string]string
	opMetaBy map[metaKey]map[string]string
	// sums are digests of operations' parameters that are the same on all nodes.
	sums map[metaKey]string
	// kept is what an earlier run found out that still holds.
	kept kept
	// sights are first looks at the histories, by entries of in.Status.
	sights []sight
	// recorded finds histories by node and resource; it is made when needed.
	recorded map[recordKey]*ResourceHistory
	// foundAt is what was found at each place of the last node's history.
	foundAt []place
	// containersToStop had failures in them while it was not known where they are.
	containersToStop []*resource
	// Blocks of what is allocated often.
	spareResources []resource
	spareSets      []uint64
	// anonymous maps the base id of instances of anonymous clones to the clone.
	anonymous map[string]*resource

	tickets     map[string]*ticket
	colocations []*colocation
	locations   []*location

	actions    []*action
	spare      []action           // allocated ahead
	singletons map[string]*action // actions of no resource and no node, by key
	orderings  []ordering
	// spareRelations are allocated ahead, for actions that come before one other.
	spareRelations []relation
	lastTimeout    lastTimeout

	deferred []deferredCheck

	haveRemotes, haveUnfencing, haveFenceDevice bool
	// blockedByStop: resources whose failed stop needs a fencing that cannot be.

	warnings []Warning
	// present is what was known before anything was decided.
	present *Report

	// notes collects what made each score; nil where nobody asks.
	notes *scoreNotes
	// places are the numbers of nodes in the order in which equal ones are met; nil
	// until somebody asks.
	places []int
	// pool holds tables that are not in use (see borrow).
	pool []table
}

// options are the cluster's properties with their defaults.
type options struct {
	noQuorum                                 quorumPolicy
	symmetric, maintenance, stopAll          bool
	startFailureFatal                        bool
	fencing, startupFencing, concurrent      bool
	fencingAction                            string
	fencingTimeout                           time.Duration
	priorityFencingDelay, nodePendingTimeout time.Duration
	fenceRemoteWithoutQuorum, watchdog       bool
	strategy                                 placementStrategy
	health                                   healthStrategy
	healthBase, green, yellow, red           resources.Score
	shutdownLock                             bool
	shutdownLockLimit                        time.Duration
	probes, stopRemoved, cancelRemoved       bool
	clusterName, siteName                    string
}

type quorumPolicy uint8

const (
	quorumStop quorumPolicy = iota
	quorumIgnore
	quorumFreeze
	quorumDemote
	quorumFence
)

type placementStrategy uint8

const (
	placeDefault placementStrategy = iota
	placeUtilization
	placeMinimal
	placeBalanced
)

type healthStrategy uint8

const (
	healthNone healthStrategy = iota
	healthMigrateOnRed
	healthOnlyGreen
	healthProgressive
	healthCustom
)

// quorate reports whether resources may be started as far as quorum matters.
func (e *engine) quorate() bool { return e.in.Quorum || e.opt.noQuorum == quorumIgnore }

// Compute decides. The Input is read only. It never panics on any Input that
// has been read without error, and takes time bounded by the Input's size.
func Compute(in *Input) *Plan {
	return newEngine(in).compute()
}

// compute runs the phases after the reading ones.
func (e *engine) compute() *Plan {
	// What is known is told as it was found: deciding changes it.
	e.present = e.report()
	e.locate()
	e.warnColocationLoops()
	e.assign()
	e.act()
	e.order()
	return e.graph()
}

// Inspect returns what is known of the cluster, without deciding anything.
func Inspect(in *Input) *Report { return newEngine(in).report() }

// newEngine unpacks the configuration and the status.
func newEngine(in *Input) *engine {
	e := &engine{in: in, now: in.Now}
	e.read()
	return e
}

// read unpacks. The tables of nodes stand between configuration and status:
// they need all nodes, and histories ban some.
func (e *engine) read() {
	e.unpack()
	e.makeTables()
	e.unpackStatus()
}
