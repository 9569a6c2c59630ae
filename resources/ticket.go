package resources

// TicketName names the right of a site to run something, granted by an operator
// or by whoever arbitrates between sites.
type TicketName string

// TicketUse binds resources to a ticket: without it they do not run (Pacemaker
// Explained, "Multi-Site Clusters and Tickets"). Whether a ticket is granted is
// state, not definition.
type TicketUse struct {
	ID     string     `json:"id"`
	Ticket TicketName `json:"ticket"`
	// Resource, or Sets, need the ticket; in RolePromoted to be promoted only.
	Resource ResourceID    `json:"resource,omitempty"`
	Role     Role          `json:"role,omitempty"`
	Sets     []ResourceSet `json:"sets,omitempty"`
	// LossPolicy is what happens to what is active when the ticket is revoked.
	LossPolicy LossPolicy `json:"loss_policy,omitempty"` // stop; in RolePromoted demote
}

// LossPolicy is what happens to what is active when its ticket is revoked.
type LossPolicy string

// The policies.
const (
	LossStop   LossPolicy = "stop"
	LossDemote LossPolicy = "demote"
	LossFreeze LossPolicy = "freeze" // left as it is, unmanaged
	LossFence  LossPolicy = "fence"  // its node is fenced
)

// LossPolicies lists every policy that a definition may name.
var LossPolicies = []LossPolicy{LossStop, LossDemote, LossFreeze, LossFence}

// Policy returns the loss policy with the default filled in.
func (t *TicketUse) Policy() LossPolicy {
	switch {
	case t.LossPolicy != "":
		return t.LossPolicy
	case t.Role == RolePromoted:
		return LossDemote
	}
	return LossStop
}

// DefaultID returns the id of a ticket constraint that was written without one.
func (t *TicketUse) DefaultID() string {
	return joinID("ticket", string(t.Ticket), string(t.Resource), roleWord(t.Role), setsID(t.Sets))
}
