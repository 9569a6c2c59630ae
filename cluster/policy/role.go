package policy

import "strings"

// Role is what a resource does on a node.
type Role uint8

// The roles, in rising order.
const (
	RoleUnknown Role = iota
	RoleStopped
	RoleStarted
	RoleUnpromoted
	RolePromoted
)

var roleNames = [...]string{"Unknown", "Stopped", "Started", "Unpromoted", "Promoted"}

// String returns the role's word.
func (r Role) String() string { return roleNames[min(int(r), len(roleNames)-1)] }

// active reports whether something runs.
func (r Role) active() bool { return r > RoleStopped }

// parseRole reads a role's word in any case, old words too; RoleUnknown for
// anything else.
func parseRole(word string) Role {
	switch strings.ToLower(word) {
	case "stopped":
		return RoleStopped
	case "started":
		return RoleStarted
	case "unpromoted", "slave":
		return RoleUnpromoted
	case "promoted", "master":
		return RolePromoted
	default:
		return RoleUnknown
	}
}
