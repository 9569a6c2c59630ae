package state

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/resources"
)

// maintained is a cluster of two nodes with a resource, a group and a unit.
func maintained(t *testing.T) *State {
	t.Helper()
	s := New()
	s.Version, s.At = Version, epoch
	s.Nodes["a"], s.Nodes["b"] = &Node{Name: "a"}, &Node{Name: "b"}
	s.Definition = &resources.Definition{
		Resources: []resources.Resource{{ID: "db", Agent: "galera"}, {ID: "api", Agent: "systemd:nova-api"}}, Groups: []resources.Group{{ID: "web", Members: []resources.ResourceID{"api"}}},
	}
	return s
}

func TestMaintenanceScopes(t *testing.T) {
	for scope, code := range map[Scope]RejectionCode{
		"cluster": "", "node/a": "", "resource/db": "", "resource/web": "", "agent/galera": "", "agent/systemd:nova-*": "",
		"node/z": NotFound, "resource/z": NotFound, "resource/": NotFound, "agent/": Invalid, "agent/[": Invalid, "": Invalid, "rack/1": Invalid, "cluster/x": Invalid,
	} {
		s := maintained(t)
		next, result := ApplyCommand(s, 1, 1, epoch, "alice", &MaintenanceSet{Scope: scope, Reason: "r"})
		var got RejectionCode
		if rejection, is := result.Err.(*Rejection); is {
			got = rejection.Code
		}
		if got != code {
			t.Errorf("%q: %v, want %q", scope, result.Err, code)
		}
		if code != "" {
			continue
		}
		if all := next.Maintenances(); len(all) != 1 || all[0].Scope != scope || all[0].By != "alice" || len(s.Maintenances()) != 0 {
			t.Errorf("%q: recorded as %+v", scope, all)
		}
		ended, result := ApplyCommand(next, 2, 1, epoch, "bob", &MaintenanceEnded{Scope: scope})
		if result.Err != nil || len(ended.Maintenances()) != 0 {
			t.Errorf("%q: ended with %v, left %+v", scope, result.Err, ended.Maintenances())
		}
		if _, result := ApplyCommand(ended, 3, 1, epoch, "bob", &MaintenanceEnded{Scope: scope}); result.Err == nil {
			t.Errorf("%q was ended twice", scope)
		}
	}
}

func TestMaintenanceOf(t *testing.T) {
	s := maintained(t)
	for _, scope := range []Scope{"resource/web", "agent/gal*", "agent/systemd"} {
		s, _ = ApplyCommand(s, 1, 1, epoch, "alice", &MaintenanceSet{Scope: scope, Until: epoch.Add(time.Hour)})
	}
	for name, tc := range map[string]struct {
		agent string
		ids   []resources.ResourceID
		want  Scope
	}{
		"of its group":     {"systemd:x", []resources.ResourceID{"api", "web"}, "resource/web"},
		"of its agent":     {"galera", []resources.ResourceID{"db"}, "agent/gal*"},
		"before the colon": {"systemd:y", []resources.ResourceID{"y"}, "agent/systemd"},
		"of none":          {"vip", []resources.ResourceID{"vip", ""}, ""},
	} {
		var got Scope
		if m := s.MaintenanceOf(epoch, tc.agent, tc.ids...); m != nil {
			got = m.Scope
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		if m := s.MaintenanceOf(epoch.Add(time.Hour), tc.agent, tc.ids...); m != nil {
			t.Errorf("%s: %s holds although its time is over", name, m.Scope)
		}
	}
}

// TestMaintenanceExpiry: only a time that is over expires, once, and is told of
// for a day.
func TestMaintenanceExpiry(t *testing.T) {
	s, _ := ApplyCommand(maintained(t), 1, 1, epoch, "alice", &MaintenanceSet{Scope: "node/a", Until: epoch.Add(time.Hour)})
	if _, result := ApplyCommand(s, 2, 1, epoch.Add(time.Minute), ByCluster, &MaintenanceEnded{Scope: "node/a", Expired: true}); result.Err == nil {
		t.Error("expired before its time")
	}
	s, result := ApplyCommand(s, 2, 1, epoch.Add(time.Hour), ByCluster, &MaintenanceEnded{Scope: "node/a", Expired: true})
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	if s.Nodes["a"].InMaintenance(epoch) {
		t.Error("holds after it was recorded as expired")
	}
	if _, result := ApplyCommand(s, 3, 1, epoch.Add(2*time.Hour), ByCluster, &MaintenanceEnded{Scope: "node/a", Expired: true}); result.Err == nil {
		t.Error("expired twice")
	}
	s, _ = ApplyCommand(s, 3, 1, epoch.Add(26*time.Hour), "alice", &MaintenanceSet{Scope: "node/b"})
	if all := s.Maintenances(); len(all) != 1 || all[0].Scope != "node/b" {
		t.Errorf("after a day there are %+v", all)
	}
	if _, result := ApplyCommand(s, 4, 1, epoch.Add(26*time.Hour), "alice", &MaintenanceSet{Scope: "node/a", Until: epoch}); result.Err == nil {
		t.Error("a maintenance began that was over already")
	}
}

func TestMaintenanceIsBounded(t *testing.T) {
	s := maintained(t)
	for i := range MaxMaintenance {
		s, _ = ApplyCommand(s, 1, 1, epoch, "alice", &MaintenanceSet{Scope: Scope(fmt.Sprintf("agent/a%d", i))})
	}
	if _, result := ApplyCommand(s, 2, 1, epoch, "alice", &MaintenanceSet{Scope: "agent/more"}); result.Err == nil {
		t.Error("no bound")
	}
	if _, result := ApplyCommand(s, 2, 1, epoch, "alice", &MaintenanceSet{Scope: "agent/a7"}); result.Err != nil {
		t.Errorf("replacing one: %v", result.Err)
	}
}

// TestMaintenanceSurvivesSnapshots: what restarts read back is all of it.
func TestMaintenanceSurvivesSnapshots(t *testing.T) {
	s, _ := ApplyCommand(maintained(t), 1, 1, epoch, "alice", &MaintenanceSet{Scope: "resource/db", Owner: "storage", Reason: "disks", Until: epoch.Add(time.Hour)})
	var stream bytes.Buffer
	if err := s.WriteSnapshot(&stream); err != nil {
		t.Fatal(err)
	}
	back, err := ReadSnapshot(&stream)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Maintenances(), back.Maintenances()); diff != "" || s.Hash() != back.Hash() {
		t.Errorf("a snapshot lost something (-before +after):\n%s", diff)
	}
}
