package state

import (
	"maps"
	"strings"
	"time"
)

// Subject is whom a role is bound to: user:NAME and group:NAME of the hosts'
// users, or cert:NAME, the name in a certificate of the cluster's authority.
type Subject string

// The roles that can be bound. Each but RoleNone includes the ones before it.
const (
	RoleNone     = "none"
	RoleViewer   = "viewer"   // reads
	RoleOperator = "operator" // runs the cluster
	RoleAdmin    = "admin"    // also members, secrets, tokens, roles
)

// RoleBinding is the role of a subject.
type RoleBinding struct {
	Role string    `json:"role"`
	By   string    `json:"by"`
	At   time.Time `json:"at"`
}

// Bounds of roles.
const (
	MaxRoles       = 256
	maxSubjectName = 128 // bytes
)

// RoleBound gives a subject a role, instead of the one that it has; with Role
// empty it takes the binding back.
type RoleBound struct {
	Subject Subject `json:"subject"`
	Role    string  `json:"role,omitempty"`
}

func (*RoleBound) name() string { return "role.bound/1" }

func (c *RoleBound) apply(t *tx) error {
	if c.Role == "" {
		if _, known := t.s.Roles[c.Subject]; !known {
			return noneSuch("", "no role is bound to %s", c.Subject, keys(t.s.Roles))
		}
		t.s.Roles = maps.Clone(t.s.Roles)
		delete(t.s.Roles, c.Subject)
		t.event("role", "", "", "the role of %s is no longer bound", c.Subject)
		return nil
	}
	if err := t.checkBinding(c); err != nil {
		return err
	}
	fresh := map[Subject]RoleBinding{}
	maps.Copy(fresh, t.s.Roles)
	fresh[c.Subject] = RoleBinding{Role: c.Role, By: t.by, At: t.at}
	t.s.Roles = fresh
	t.event("role", "", "", "%s is %s", c.Subject, c.Role)
	return nil
}

func (t *tx) checkBinding(c *RoleBound) error {
	kind, name, _ := strings.Cut(string(c.Subject), ":")
	switch {
	case kind != "user" && kind != "group" && kind != "cert":
		return reject(Invalid, "%q is nobody: write user:NAME, group:NAME or cert:NAME", c.Subject)
	case name == "" || len(name) > maxSubjectName || strings.ContainsAny(name, " \t\r\n/"):
		return reject(Invalid, "%q is no name: 1 to %d bytes, without spaces and slashes", name, maxSubjectName)
	case c.Subject == "user:root":
		return reject(Refused, "root on a member is an administrator always, so that nobody is locked out")
	case c.Role != RoleNone && c.Role != RoleViewer && c.Role != RoleOperator && c.Role != RoleAdmin:
		return reject(Invalid, "%q is no role: write viewer, operator, admin or none", c.Role)
	}
	if _, known := t.s.Roles[c.Subject]; !known && len(t.s.Roles) >= MaxRoles {
		return rejectFor(Refused, ReasonLimitReached, "%d roles are bound already: unbind some", MaxRoles)
	}
	return nil
}

// CertificateIssued records that a person was given a certificate. Nothing of it
// is kept but the audit.
type CertificateIssued struct {
	Name      string    `json:"name"`
	Role      string    `json:"role"`
	Serial    string    `json:"serial"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (*CertificateIssued) name() string { return "certificate.issued/1" }

func (c *CertificateIssued) apply(t *tx) error {
	t.event("role", "", "", "certificate %s for %s as %s, good until %s", c.Serial, c.Name, c.Role, c.ExpiresAt.UTC().Format(time.RFC3339))
	return nil
}
