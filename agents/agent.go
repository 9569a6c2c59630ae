// Package agents is the contract between Belay and what it runs. An agent
// knows one kind of service: how to start, stop, promote, demote and look at
// one instance of it on this host. It never decides where the instance runs.
//
// The package does no I/O and starts no goroutine; agents in the folders below
// do. Agents never import each other or any cluster package.
package agents

import (
	"context"
	"strings"
	"time"

	"github.com/belay-ha/belay/resources"
)

// Agent runs instances of one kind of service on this host.
//
// The local executor calls each method on a goroutine of its own, never two at
// once for one instance, with a context that ends at the operation's deadline.
// A method returns soon after its context ends; what it could not finish is
// OutcomeUnknown. Every operation is idempotent: starting what runs and
// stopping what does not run both succeed. Nothing an agent starts may die with
// the daemon: services live in systemd units or sessions of their own.
type Agent interface {
	// Spec says what the agent supports. It does no I/O and always returns the
	// same value.
	Spec() Spec
	// Start brings the instance to RoleStarted and returns when it serves.
	Start(context.Context, Request) Result
	// Stop ends the instance and returns OutcomeOK only when it has proven that
	// nothing of it is left.
	Stop(context.Context, Request) Result
	// Promote raises a started instance. Only for promotable agents.
	Promote(context.Context, Request) Result
	// Demote lowers a promoted instance to started. Only for promotable agents.
	Demote(context.Context, Request) Result
	// Monitor looks at the instance and changes nothing that its clients can
	// notice. Request.Op is OpProbe when nobody knows whether it runs. The result
	// is OutcomeOK with the Role found, OutcomeNotRunning when it is cleanly
	// stopped, or OutcomeFailed when it runs but does not serve.
	Monitor(context.Context, Request) Result
}

// Notified is implemented by agents that want to hear of actions on the
// instances of their clone (clone option notify).
type Notified interface {
	// Notify reports one action before or after it, to each running instance. The
	// action waits until all have returned, or their time is up; what they return
	// changes nothing else, but for the attributes. It may be called again for the
	// same action.
	Notify(context.Context, Request, Notification) Result
}

// Migrator is implemented by agents that can move a running instance to another
// node without a stop (meta-attribute allow_migrate). Spec.Migrates says that they
// are.
//
// MigrateTo is called on the node that the instance runs on, then MigrateFrom on
// the other, then Stop on the first, which cleans up what is left there. A result
// other than OutcomeOK leaves the instance in doubt on both nodes: Monitor is
// called on each, so it must tell truly whether the instance runs there.
type Migrator interface {
	// MigrateTo moves the instance to Request.Peer and returns when it has left.
	// It may be called again for an instance that has left.
	MigrateTo(context.Context, Request) Result
	// MigrateFrom completes on this node what MigrateTo began on Request.Peer, and
	// returns when the instance serves here.
	MigrateFrom(context.Context, Request) Result
}

// Refresher is implemented by agents whose running instance depends on what
// other resources do, such as a load balancer's backends.
type Refresher interface {
	// Watches names the resources whose instances matter to this one.
	Watches(resources.Params) []resources.ResourceID
	// Refresh brings a running instance into line with Request.View without
	// interrupting its clients. The local executor calls it when the view of a
	// watched resource has changed and no other operation is under way. It is
	// idempotent and cheap when nothing changed.
	Refresh(context.Context, Request) Result
}

// Advisor is implemented by agents whose promotion, or whose first start after
// an outage, is a decision about all members at once. It is pure: the leader
// calls it with everything that the members reported and records the answer
// in the log before anything acts on it.
type Advisor interface {
	Advise(Situation) Advice
}

// Spec is what an agent supports.
type Spec struct {
	// Name in definitions: "galera", or "systemd" for "systemd:UNIT".
	Name string
	// Summary is one line for `resource agents`.
	Summary string
	// Suffix is set when the agent's name carries more after a colon.
	Suffix     bool
	Promotable bool
	// Migrates says that the agent is a Migrator.
	Migrates bool
	Params   []Param
	// Timeouts of each operation where the definition says nothing.
	Timeouts map[resources.Op]time.Duration
	// MonitorInterval where the definition says nothing.
	MonitorInterval time.Duration
	// Monitors, when not empty, replace the single default monitor.
	Monitors []resources.Operation
	// Renews names the parameter, a time, for which something lasts that each monitor
	// renews and that vanishes then; 0 is for ever. It is monitored often enough for
	// that, whatever the definition says.
	Renews string
}

// Kind is a parameter's type.
type Kind string

// The parameter types.
const (
	KindString   Kind = "string"
	KindInt      Kind = "integer"
	KindBool     Kind = "boolean"
	KindDuration Kind = "duration"
	KindAddress  Kind = "address"  // 192.0.2.1 or 2001:db8::1
	KindPrefix   Kind = "prefix"   // 192.0.2.1/24
	KindEndpoint Kind = "endpoint" // host:port
	KindPath     Kind = "path"     // absolute
	KindEnum     Kind = "enum"
	KindResource Kind = "resource" // id of another resource
)

// Param describes one parameter. A "*" as one dotted part of Name stands for
// any name there: "listen.*.bind".
type Param struct {
	Name        string
	Kind        Kind
	Required    bool
	Default     string
	Enum        []string
	Secret      bool // may be, and should be, a secret:// reference
	Description string
}

// Request is one call of an agent.
type Request struct {
	Op       resources.Op
	Instance resources.InstanceID
	Node     resources.NodeName
	// Peer is the other node of a migration; its address is in View. Empty for
	// other operations.
	Peer  resources.NodeName
	Agent string // as in the definition: "systemd:nova-api"
	// Params of the definition with the spec's defaults filled in and secrets
	// opened.
	Params resources.Params
	// Role that a monitor expects; RoleUnknown for probes.
	Role resources.Role
	// Timeout of the whole operation; the context ends with it, unless Progress
	// keeps it alive.
	Timeout time.Duration
	// View is what the cluster does at the moment of the call.
	View View
	// Advice is what the Advisor decided for this instance (see Advice).
	Advice map[string]string
	// DataDir is a directory of the instance's own that outlives the daemon
	// and the host's restart; RunDir is one that the host's restart empties.
	DataDir, RunDir string
	// Progress reports that a long operation moves. Each call with a new Done
	// value gives the operation its full timeout again, within a bound that the
	// executor sets. Never nil.
	Progress func(Progress)
}

// Progress is how far a long operation is.
type Progress struct {
	Text string `json:"text"`
	// Done and Total in bytes, or in whatever Text names; Total 0 is unknown.
	Done, Total int64
}

// View is what an agent may know of the rest of the cluster: the definition's
// resources that it watches, its own, and the nodes.
type View struct {
	// Index of the state that the view was taken from.
	Index uint64
	Nodes map[resources.NodeName]NodeView
	Peers map[resources.ResourceID][]Peer
}

// NodeView is what is known of a node.
type NodeView struct {
	Address string
	Alive   bool
	Suspect bool
	// Expected nodes may run the request's resource by the definition.
	Expected bool
}

// Peer is one instance somewhere in the cluster.
type Peer struct {
	Instance   resources.InstanceID
	Node       resources.NodeName
	Role       resources.Role
	Failed     bool // its last monitor failed
	Busy       bool // an operation is under way
	Stopping   bool // it is about to be stopped or demoted: drain it
	Attributes map[string]string
	Params     resources.Params
}

// Result is what came of an operation.
type Result struct {
	Outcome Outcome        `json:"outcome"`
	Role    resources.Role `json:"role,omitempty"` // found by a monitor
	// Reason is one line for people: what is wrong and what to do.
	Reason string `json:"reason,omitempty"`
	// Output is the tail of what the service or command said, at most MaxOutput
	// bytes, without secrets.
	Output string `json:"output,omitempty"`
	// Attributes replace the instance's transient attributes when not nil.
	// They vanish when the instance's node is lost or restarts.
	Attributes map[string]string `json:"attributes,omitempty"`
}

// MaxOutput bounds Result.Output, in bytes.
const MaxOutput = 4096

// Notification says which action on which peers is about to happen or has
// happened. What runs at the moment of the call is in Request.View.
type Notification struct {
	Before bool // else after
	Op     resources.Op
	// Peers whose action it is; the called instance may be among them.
	Peers []Peer
	// Also names the peers that the cluster is about to do something else with,
	// by what that is.
	Also map[resources.Op][]Peer
}

// Of returns the peers that an operation is about to happen or has happened to.
func (n Notification) Of(op resources.Op) []Peer {
	if op == n.Op {
		return n.Peers
	}
	return n.Also[op]
}

// Variables returns the notification as Pacemaker passes it to OCF agents, in
// their environment's names without the prefix OCF_RESKEY_CRM_meta_. Lists are
// separated by spaces; resource and uname lists have the same order. Active,
// promoted and unpromoted are what runs at the moment of the call: before the
// operation in a notice before it, after it in one after it, which adding or
// taking away the operation's own peers leaves right.
func (n Notification) Variables(r Request) map[string]string {
	vars := map[string]string{"notify_type": "post", "notify_operation": string(n.Op)}
	if n.Before {
		vars["notify_type"] = "pre"
	}
	list := func(name string, peers []Peer) {
		ids, nodes := make([]string, len(peers)), make([]string, len(peers))
		for i, p := range peers {
			ids[i], nodes[i] = string(p.Instance), string(p.Node)
		}
		vars["notify_"+name+"_resource"] = strings.Join(ids, " ")
		vars["notify_"+name+"_uname"] = strings.Join(nodes, " ")
	}
	for _, op := range []resources.Op{resources.OpStart, resources.OpStop, resources.OpPromote, resources.OpDemote} {
		list(string(op), n.Of(op))
	}
	var active, promoted, unpromoted []Peer
	for _, p := range r.View.Peers[r.Instance.Resource()] {
		switch p.Role {
		case resources.RoleStarted:
			unpromoted = append(unpromoted, p)
		case resources.RolePromoted:
			promoted = append(promoted, p)
		default:
			continue
		}
		active = append(active, p)
	}
	list("active", active)
	list("promoted", promoted)
	list("unpromoted", unpromoted)
	for _, suffix := range []string{"_resource", "_uname"} { // the names before Pacemaker 2.1
		vars["notify_master"+suffix] = vars["notify_promoted"+suffix]
		vars["notify_slave"+suffix] = vars["notify_unpromoted"+suffix]
	}
	return vars
}

// Situation is everything an Advisor may know.
type Situation struct {
	Resource resources.ResourceID
	Params   resources.Params
	View     View
	// Current advice as recorded in the log; nil at first.
	Current Advice
	// Override is an operator's recorded word, such as {"bootstrap": "node-1"}.
	Override map[string]string
}

// Advice is an Advisor's decision.
type Advice struct {
	// Instances holds each node's word for Request.Advice.
	Instances map[resources.NodeName]map[string]string `json:"instances,omitempty"`
	// Promotion scores by node; a node without one is not promoted.
	Promotion map[resources.NodeName]resources.Score `json:"promotion,omitempty"`
	// Reason explains the decision in one or two sentences; Table, when the
	// decision compared members, shows what was compared.
	Reason string     `json:"reason,omitempty"`
	Table  [][]string `json:"table,omitempty"`
	// Blocked says that an operator must act; Reason then holds the command.
	Blocked bool `json:"blocked,omitempty"`
}
