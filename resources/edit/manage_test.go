package edit_test

import (
	"strings"
	"testing"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/edit"
)

// TestEnableAndManageAgainstWhatIsAbove: what a group, a template or the defaults say
// is answered, not left to hold.
func TestEnableAndManageAgainstWhatIsAbove(t *testing.T) {
	no, yes, off, on := false, true, resources.RoleStopped, resources.RoleStarted
	def := func() *resources.Definition {
		return &resources.Definition{
			Resources: []resources.Resource{
				{ID: "own", Agent: "x", Meta: resources.Meta{Managed: &no, TargetRole: &off}},
				{ID: "made", Template: "like"},
				{ID: "member", Agent: "x"},
			},
			Templates: []resources.Resource{{ID: "like", Agent: "x", Meta: resources.Meta{Managed: &no, TargetRole: &off}}},
			Groups:    []resources.Group{{ID: "all", Members: []resources.ResourceID{"member"}, Meta: resources.Meta{Managed: &no, TargetRole: &off}}},
		}
	}
	same := func(a, b *bool) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	for name, c := range map[string]struct {
		defaults resources.Meta
		managed  *bool
		target   resources.Role
	}{
		"own":  {resources.Meta{}, nil, 0},
		"made": {resources.Meta{}, &yes, on},
		"all":  {resources.Meta{}, nil, 0},
		"own ": {resources.Meta{Managed: &no, TargetRole: &off}, &yes, on},
		"all ": {resources.Meta{Managed: &no, TargetRole: &off}, &yes, on},
	} {
		d, id := def(), strings.TrimSpace(name)
		d.Defaults.Resource = c.defaults
		d, err := edit.Manage(d, []string{id})
		if err == nil {
			d, err = edit.Enable(d, []string{id})
		}
		if err != nil {
			t.Fatal(err)
		}
		meta := d.Groups[0].Meta
		if r, found := d.Resource(resources.ResourceID(id)); found {
			meta = r.Meta
		}
		if !same(meta.Managed, c.managed) || resources.Or(meta.TargetRole, 0) != c.target {
			t.Errorf("%q: %+v", name, meta)
		}
	}
	d, err := edit.Manage(def(), []string{"member"})
	if r, _ := d.Resource("member"); err != nil || !same(r.Meta.Managed, &yes) {
		t.Errorf("a member of an unmanaged group: %v, %v", r.Meta, err)
	}
	if _, err := edit.Enable(def(), []string{"member"}); err == nil || !strings.Contains(err.Error(), "use: belayctl resource enable all") {
		t.Errorf("a member of a stopped group: %v", err)
	}
	if d, err := edit.Enable(def(), []string{"member", "all"}); err != nil || d.Groups[0].Meta.TargetRole != nil {
		t.Errorf("a member with its group: %v", err)
	}
}
