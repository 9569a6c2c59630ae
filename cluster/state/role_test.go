package state

import (
	"fmt"
	"strings"
	"testing"
)

func TestBindingRoles(t *testing.T) {
	for name, c := range map[string]struct {
		subject Subject
		role    string
		good    bool
	}{
		"a user": {"user:alice", "viewer", true}, "a group": {"group:ops", "admin", true}, "a certificate": {"cert:deploy", "none", true},
		"root": {"user:root", "viewer", false}, "root as nothing": {"user:root", "none", false}, "root's certificate": {"cert:root", "viewer", true},
		"nobody": {"alice", "viewer", false}, "of another kind": {"host:a", "viewer", false}, "no name": {"user:", "viewer", false}, "a space": {"user:a b", "viewer", false},
		"no such role": {"user:alice", "emperor", false}, "a member": {"user:alice", "member", false}, "a long name": {Subject("user:" + strings.Repeat("x", 129)), "viewer", false},
	} {
		s, result := ApplyCommand(maintained(t), 1, 1, epoch, "anna", &RoleBound{Subject: c.subject, Role: c.role})
		if (result.Err == nil) != c.good {
			t.Errorf("%s: %v", name, result.Err)
		}
		if b, bound := s.Roles[c.subject]; bound != c.good || c.good && (b.Role != c.role || b.By != "anna" || !b.At.Equal(epoch)) {
			t.Errorf("%s: bound %+v", name, s.Roles)
		}
		if !c.good {
			continue
		}
		after, result := ApplyCommand(s, 2, 1, epoch, "anna", &RoleBound{Subject: c.subject})
		if result.Err != nil || len(after.Roles) != 0 || len(s.Roles) != 1 {
			t.Errorf("%s: taken back with %v, left %+v", name, result.Err, after.Roles)
		}
		if _, result = ApplyCommand(after, 3, 1, epoch, "anna", &RoleBound{Subject: c.subject}); result.Err == nil {
			t.Errorf("%s: taken back twice", name)
		}
	}
}

func TestRolesAreBounded(t *testing.T) {
	s := maintained(t)
	for i := range MaxRoles {
		s, _ = ApplyCommand(s, 1, 1, epoch, "anna", &RoleBound{Subject: Subject(fmt.Sprintf("user:u%d", i)), Role: RoleViewer})
	}
	if _, result := ApplyCommand(s, 2, 1, epoch, "anna", &RoleBound{Subject: "user:more", Role: RoleViewer}); result.Err == nil {
		t.Error("no bound")
	}
	if _, result := ApplyCommand(s, 2, 1, epoch, "anna", &RoleBound{Subject: "user:u7", Role: RoleAdmin}); result.Err != nil {
		t.Errorf("another role: %v", result.Err)
	}
}
