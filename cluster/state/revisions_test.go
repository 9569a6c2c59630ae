package state

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/resources"
)

func named(name string, count int) *resources.Definition {
	d := &resources.Definition{Name: name}
	for n := range count {
		d.Resources = append(d.Resources, resources.Resource{ID: resources.ResourceID(fmt.Sprintf("r%d", n)), Agent: "vip"})
	}
	return d
}

// define sets a definition on top of the newest.
func define(t *testing.T, s *State, c *DefinitionSet) *State {
	t.Helper()
	c.Base = s.Revision
	next, result := ApplyCommand(s, s.Index+1, 1, epoch, "op", c)
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	return next
}

func TestRevisionsAreKeptAndBounded(t *testing.T) {
	s := New()
	s.Version = VersionMore
	for n := range 3 * MaxRevisions {
		s = define(t, s, &DefinitionSet{Definition: named(fmt.Sprint(n), 3), Owner: "files", Note: "why"})
	}
	if len(s.Revisions) != MaxRevisions {
		t.Fatalf("%d revisions", len(s.Revisions))
	}
	last := s.Revisions[len(s.Revisions)-1]
	if want := (Revision{Index: s.Revision, At: epoch, By: "op", Owner: "files", Note: "why", Definition: s.Definition}); cmp.Diff(want, last) != "" {
		t.Errorf("the newest is %+v", last)
	}
	if s.Revisions[0].Index != uint64(2*MaxRevisions+1) {
		t.Errorf("the oldest is %d", s.Revisions[0].Index)
	}
	big := define(t, s, &DefinitionSet{Definition: named("big", MaxRevisionThings+5)})
	if len(big.Revisions) != 1 || big.Revisions[0].Definition.Name != "big" {
		t.Errorf("%d revisions beside a big one", len(big.Revisions))
	}
	some := define(t, define(t, s, &DefinitionSet{Definition: named("half", MaxRevisionThings/2)}), &DefinitionSet{Definition: named("half", MaxRevisionThings/2)})
	if len(some.Revisions) != 1 {
		t.Errorf("%d revisions beside two big ones", len(some.Revisions))
	}
	if len(s.Revisions) != MaxRevisions {
		t.Error("an older state was changed")
	}
}

// TestRevisionsWaitForEveryMember: members that keep none must not differ.
func TestRevisionsWaitForEveryMember(t *testing.T) {
	s := define(t, New(), &DefinitionSet{Definition: named("old", 1)})
	var text bytes.Buffer
	if err := s.WriteSnapshot(&text); err != nil {
		t.Fatal(err)
	}
	if len(s.Revisions) > 0 || strings.Contains(text.String(), "revisions") {
		t.Error("a revision is kept before every member understands them")
	}
}

func TestOwners(t *testing.T) {
	s := New()
	s.Version = VersionMore
	s = define(t, s, &DefinitionSet{Definition: named("a", 1), Owner: "files", Owners: &Owners{"resource[r0]": "files"}})
	kept := define(t, s, &DefinitionSet{Definition: named("a", 2)})
	if diff := cmp.Diff(Owners{"resource[r0]": "files"}, kept.Owners); diff != "" {
		t.Errorf("a single command changed the owners:\n%s", diff)
	}
	if cleared := define(t, kept, &DefinitionSet{Definition: named("a", 2), Owners: &Owners{}}); len(cleared.Owners) != 0 {
		t.Errorf("owners are %v", cleared.Owners)
	}
	for name, c := range map[string]*DefinitionSet{
		"a long owner": {Owner: strings.Repeat("x", maxRevisionText+1)}, "a long note": {Note: strings.Repeat("x", maxRevisionText+1)},
	} {
		c.Base, c.Definition = s.Revision, named("a", 1)
		if after, result := ApplyCommand(s, s.Index+1, 1, epoch, "op", c); result.Err == nil || after.Revision != s.Revision {
			t.Errorf("%s is taken", name)
		}
	}
	var text bytes.Buffer
	if err := s.WriteSnapshot(&text); err != nil {
		t.Fatal(err)
	}
	again, err := ReadSnapshot(&text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, again); diff != "" {
		t.Errorf("a snapshot loses revisions:\n%s", diff)
	}
}
