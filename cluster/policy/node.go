package policy

import "github.com/belay-ha/belay/resources"

// node is one node during a run. There is one node value for each node; what a
// resource thinks of it is in the resource's table, under the node's index.
type node struct {
	index    int // into engine.nodes, which are sorted by name
	id, name string
	kind     NodeKind
	config   *NodeConfig // nil for nodes known from their status or connection only

	// Facts of the membership, and what follows from them (status phase).
	online, pending, unclean, shutdown bool
	standby, standbyOnFail             bool
	maintenance                        bool
	expectedUp                         bool
	// unseen nodes have no status at all.
	unseen bool
	dc     bool
	// resetNeeded and wasFenced concern remote nodes; guests are reset by their
	// containers.
	resetNeeded, wasFenced, remoteMaintenance bool
	// noHistory: its history must not be read (a remote node that is down).
	noHistory bool
	unpacked  bool
	// counts are the node's fail counts, once they have been read.
	counts     *failCounts
	countsRead bool
	// noProbes: nothing is looked for on this remote node.
	noProbes bool
	// born is the node's place in the order in which nodes become known.
	born int

	// attrs are permanent and transient attributes, transient ones winning, and
	// the special ones (#uname, #kind, …).
	attrs map[string]string
	// capacity is the utilization left; nil when the strategy ignores it.
	capacity map[string]int
	// priority is the sum of the priorities of what runs here, for the fencing
	// delay.
	priority resources.Score
	// health is the node's health score.
	health resources.Score

	running []*resource // primitives that are active here
	load    int         // primitives that this run has put here
	// connection is the resource that makes this remote or guest node reachable.
	connection *resource

	// fence is the node's fencing action (off or reboot), if there is one;
	// actions are all actions on the node itself (fencing, unfencing, shutdown).
	fence   *action
	actions []*action
}

func (n *node) remote() bool { return n.kind == KindRemote }

// guest reports whether the node lives in a container or virtual machine that
// is a resource.
func (n *node) guest() bool {
	return n.remote() && n.connection != nil && n.connection.container != nil
}

// usable reports whether the node can run resources now. Whether a resource
// may use it is in the resource's table.
func (n *node) usable() bool {
	return n != nil && n.online && !n.shutdown && !n.unclean && !n.standby && !n.maintenance && !n.pending
}

// discovery says where the present state of a resource is looked for.
type discovery uint8

const (
	discoverAlways discovery = iota
	discoverNever
	discoverExclusive
)

// weight is what a resource thinks of a node.
type weight struct {
	score     resources.Score
	count     int32 // instances of a collection put there in this run
	in        bool  // false: the node is not in the table at all
	discovery discovery
}

// table holds a weight for each node, by the node's index.
type table []weight

// add adds to the score of a node that is in the table.
func (t table) add(n *node, s resources.Score) {
	if w := &t[n.index]; w.in {
		w.score = w.score.Add(s)
	}
}

// score of a node; -Infinity where it is not in the table.
func (t table) score(n *node) resources.Score {
	if w := t[n.index]; w.in {
		return w.score
	}
	return -resources.Infinity
}

func (t table) clone() table { return append(table(nil), t...) }
