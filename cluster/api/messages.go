package api

import (
	"encoding/json"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// Status is the cluster at a glance, as `belayctl status` shows it. Fields are
// only ever added: scripts lean on them.
type Status struct {
	Cluster  string             `json:"cluster"`
	ID       string             `json:"cluster_id"`
	At       time.Time          `json:"at"`
	Index    uint64             `json:"index"`
	Revision uint64             `json:"revision"`
	Leader   resources.NodeName `json:"leader"`
	Quorum   bool               `json:"quorum"`
	// Stale says that the answer is from one member's own copy.
	Stale     bool               `json:"stale,omitempty"`
	Member    resources.NodeName `json:"member"` // who answered
	Nodes     []NodeStatus       `json:"nodes"`
	Resources []InstanceStatus   `json:"resources"`
	Fencing   []*state.Fencing   `json:"fencing"`
	Actions   []ActionStatus     `json:"actions"`
	Problems  []ProblemStatus    `json:"problems"`
	Defined   []ResourceSummary  `json:"defined"`
	// Maintenance is what is left alone by command, nodes too; and for a day what
	// was and has expired.
	Maintenance []MaintenanceStatus `json:"maintenance"`
	// MaintenanceMode says that the definition has everything left alone.
	MaintenanceMode bool `json:"maintenance_mode,omitempty"`
}

// MaintenanceStatus is one maintenance: of the cluster, a node, a resource or an
// agent.
type MaintenanceStatus struct {
	state.ScopedMaintenance
	// Expired says that its time is over: it holds no more.
	Expired bool `json:"expired,omitempty"`
}

// NodeStatus is one member.
type NodeStatus struct {
	Name        resources.NodeName `json:"name"`
	Address     string             `json:"address"`
	Online      bool               `json:"online"`
	State       string             `json:"state"` // alive, suspect, dead, left, unknown
	Since       time.Time          `json:"since"`
	Lost        bool               `json:"lost,omitempty"` // dead without proof
	PoweredOff  bool               `json:"powered_off,omitempty"`
	Voter       bool               `json:"voter"`
	Witness     bool               `json:"witness,omitempty"`
	Leader      bool               `json:"leader,omitempty"`
	Standby     bool               `json:"standby,omitempty"`
	Maintenance *state.Maintenance `json:"maintenance,omitempty"`
	Evidence    []state.Evidence   `json:"evidence,omitempty"`
	BootedAt    time.Time          `json:"booted_at,omitzero"`
	Attributes  map[string]string  `json:"attributes,omitempty"`
}

// InstanceStatus is one instance on one node, or a defined resource that is
// active nowhere (Node then is empty).
type InstanceStatus struct {
	ID       resources.InstanceID `json:"id"`
	Resource resources.ResourceID `json:"resource"`
	Agent    string               `json:"agent"`
	Node     resources.NodeName   `json:"node"`
	Role     resources.Role       `json:"role"`
	Since    time.Time            `json:"since,omitzero"`
	// Probed false means that the role is only believed.
	Probed     bool                            `json:"probed"`
	Failed     bool                            `json:"failed,omitempty"`
	Reason     string                          `json:"reason,omitempty"`
	Failures   map[resources.Op]*state.Failure `json:"failures,omitempty"`
	Op         resources.Op                    `json:"op,omitempty"` // in flight
	OpSince    time.Time                       `json:"op_since,omitzero"`
	Progress   string                          `json:"progress,omitempty"`
	Attributes map[string]string               `json:"attributes,omitempty"`
}

// ResourceSummary is one defined resource and its shape.
type ResourceSummary struct {
	ID    resources.ResourceID `json:"id"`
	Agent string               `json:"agent"`
	Group resources.ResourceID `json:"group,omitempty"`
	// Bundle has the resource for a part.
	Bundle     resources.ResourceID `json:"bundle,omitempty"`
	Clone      bool                 `json:"clone,omitempty"`
	Promotable bool                 `json:"promotable,omitempty"`
	// TargetRole and Managed are what is in force now: of its own, of its group, of the
	// defaults, or by a rule. Managed is also false with maintenance = true.
	TargetRole resources.Role `json:"target_role,omitempty"`
	// Disabled names what has it stopped: itself, its group or its bundle; none where
	// that is a rule or the defaults.
	Disabled resources.ResourceID `json:"disabled,omitempty"`
	Managed  bool                 `json:"managed"`
	Advice   *state.Advice        `json:"advice,omitempty"`
}

// ActionStatus is one action of the present transition.
type ActionStatus struct {
	Key      string `json:"key"`
	InFlight bool   `json:"in_flight,omitempty"`
	// Wait says what it waits for although nothing precedes it.
	Wait   string   `json:"wait,omitempty"`
	After  []string `json:"after,omitempty"`
	Reason string   `json:"reason,omitempty"`
}

// ProblemStatus is something an operator should know, with the next command.
type ProblemStatus struct {
	Code     string               `json:"code"`
	Severity string               `json:"severity"`
	Node     resources.NodeName   `json:"node,omitempty"`
	Resource resources.ResourceID `json:"resource,omitempty"`
	Text     string               `json:"text"`
	Next     string               `json:"next,omitempty"`
}

// Live is what only the leader knows beyond the state.
type Live struct {
	Transition transition.Transition                  `json:"transition"`
	Progress   map[resources.ActionID]agents.Progress `json:"progress,omitempty"`
	Problems   []ProblemStatus                        `json:"problems,omitempty"`
}

// DefinitionAnswer is the definition and the revision to base a change on.
type DefinitionAnswer struct {
	Revision   uint64                `json:"revision"`
	Definition *resources.Definition `json:"definition"`
	// Owners says which set of files keeps what.
	Owners state.Owners `json:"owners,omitempty"`
	// CommandSet is the newest that every member understands.
	CommandSet int `json:"command_set,omitempty"`
}

// RevisionsAnswer is the definitions until now, oldest first.
type RevisionsAnswer struct {
	Revisions []state.Revision `json:"revisions"`
}

// CommandRequest asks for one command to be committed.
type CommandRequest struct {
	Name string          `json:"name"`
	Data json.RawMessage `json:"data"`
}

// CommandAnswer says that a command is committed and applied.
type CommandAnswer struct {
	Index uint64 `json:"index"`
	Fence string `json:"fence,omitempty"`
}

// WaitRequest asks whether the cluster has settled after Index.
type WaitRequest struct {
	Index uint64 `json:"index"`
	// Resources to wait for; none means everything.
	Resources []resources.ResourceID `json:"resources,omitempty"`
	// Holding says that the change itself leaves things alone: what that holds back is
	// as asked.
	Holding bool `json:"holding,omitempty"`
	// Timeout of this request, at most MaxWait; ask again for more.
	Timeout resources.Duration `json:"timeout"`
}

// MaxWait bounds one wait request.
const MaxWait = 30 * time.Second

// WaitAnswer says how far the cluster is.
type WaitAnswer struct {
	Settled bool `json:"settled"`
	// AsAsked says that what was asked for is true; false with Settled means
	// that nothing more happens by itself.
	AsAsked  bool            `json:"as_asked"`
	Index    uint64          `json:"index"`
	Actions  []ActionStatus  `json:"actions,omitempty"` // still to come
	Problems []ProblemStatus `json:"problems,omitempty"`
}

// SecretRequest stores a secret; an empty value deletes it.
type SecretRequest struct {
	Secret string `json:"secret"`
	Value  string `json:"value,omitempty"`
	// Rotate refuses a name that is not set yet.
	Rotate bool `json:"rotate,omitempty"`
}

// CertificateRequest asks for a person's certificate.
type CertificateRequest struct {
	Name string `json:"name"`
	Role string `json:"role"` // viewer, operator or admin
	// Request is the certificate request, PEM: the key stays with the person.
	Request string `json:"request"`
}

// CertificateAnswer is the certificate and the authority that signed it, PEM.
type CertificateAnswer struct {
	Certificate string    `json:"certificate"`
	Authority   string    `json:"authority"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// TokenRequest asks for a join token.
type TokenRequest struct {
	TTL resources.Duration `json:"ttl"`
}

// TokenAnswer holds the token: it is shown once.
type TokenAnswer struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}

// OrderAnswer is how far an order is on a member.
type OrderAnswer struct {
	Done     bool            `json:"done"`
	Result   agents.Result   `json:"result,omitzero"`
	Progress agents.Progress `json:"progress,omitzero"`
}

// FenceOrder asks a member to switch another node's power. The member obeys only
// if the fencing is open in its own state at Index or later.
type FenceOrder struct {
	LeaderTerm uint64             `json:"leader_term"`
	Index      uint64             `json:"index"`
	Fence      string             `json:"fence"`
	Node       resources.NodeName `json:"node"`
	On         bool               `json:"on,omitempty"` // else off, proven
	// Unfence has the node let in again by what cuts it off; the member may be the
	// node itself.
	Unfence bool               `json:"unfence,omitempty"`
	Timeout resources.Duration `json:"timeout"`
}

// FenceAnswer is what came of it.
type FenceAnswer struct {
	Proven bool              `json:"proven"` // off read back; or, with On or Unfence, on
	Steps  []state.FenceStep `json:"steps"`
	Error  string            `json:"error,omitempty"`
	// Proof is how it was proven, when not by power (state.OffProof.By).
	Proof string `json:"proof,omitempty"`
	// Refused says that a device of each level refused the login.
	Refused bool `json:"refused,omitempty"`
}

// LeaseRequest asks the leader to let the member feed its watchdog on.
type LeaseRequest struct {
	Node        resources.NodeName `json:"node"`
	Incarnation string             `json:"incarnation"`
}

// FenceCheckOrder asks a member to read a fence device, changing nothing, with
// what its own state holds of it at Index or later.
type FenceCheckOrder struct {
	Index   uint64             `json:"index"`
	Device  string             `json:"device"`
	Target  resources.NodeName `json:"target"`
	Timeout resources.Duration `json:"timeout"`
}

// FenceCheckRequest asks whether fence devices would do their work now, for each
// of their targets.
type FenceCheckRequest struct {
	Devices []string `json:"devices"`
}

// MaxCheckedDevices bounds one request, so that it is answered in time.
const MaxCheckedDevices = 8

// FenceCheckAnswer is what the members were answered.
type FenceCheckAnswer struct {
	Checks []FenceCheckResult `json:"checks"`
}

// FenceCheckResult is what one member was answered by one device.
type FenceCheckResult struct {
	Device string             `json:"device"`
	Target resources.NodeName `json:"target"`
	state.FenceCheckResult
	// Unasked says that it is not known: no member could be asked.
	Unasked bool `json:"unasked,omitempty"`
}

// CheckAnswer is what a member itself sees of another.
type CheckAnswer struct {
	Reachable bool             `json:"reachable"`
	Evidence  []state.Evidence `json:"evidence"`
}
