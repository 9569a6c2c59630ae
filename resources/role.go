package resources

import "fmt"

// Role is what an instance is doing on a node. For a promotable clone,
// Started is what Pacemaker calls Unpromoted. The zero value means that
// nobody has looked yet.
type Role int

// The roles, in rising order.
const (
	RoleUnknown Role = iota
	RoleStopped
	RoleStarted
	RolePromoted
)

var roleNames = map[Role]string{
	RoleUnknown:  "unknown",
	RoleStopped:  "stopped",
	RoleStarted:  "started",
	RolePromoted: "promoted",
}

// String returns the role's word in definitions and in JSON.
func (r Role) String() string {
	if name, ok := roleNames[r]; ok {
		return name
	}
	return fmt.Sprintf("role(%d)", int(r))
}

// Active reports whether the role means that something runs.
func (r Role) Active() bool { return r == RoleStarted || r == RolePromoted }

// MarshalText writes the role's word.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a role's word. It also takes Pacemaker's old and new
// words: unpromoted, slave, master.
func (r *Role) UnmarshalText(text []byte) error {
	role, err := ParseRole(string(text))
	if err != nil {
		return err
	}
	*r = role
	return nil
}

// ParseRole reads a role's word in any case.
func ParseRole(text string) (Role, error) {
	switch lower(text) {
	case "unknown", "":
		return RoleUnknown, nil
	case "stopped":
		return RoleStopped, nil
	case "started", "unpromoted", "slave":
		return RoleStarted, nil
	case "promoted", "master":
		return RolePromoted, nil
	}
	return RoleUnknown, fmt.Errorf("unknown role %q: use stopped, started, unpromoted or promoted", text)
}
