package stage

import (
	"net"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/chaos"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

var dawn = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Fencings under way count, and those of earlier rounds do not.
func TestFencesSince(t *testing.T) {
	s := state.New()
	s.FenceHistory = []*state.Fencing{
		{Node: "controller-0", RequestedAt: dawn.Add(-time.Second), Phase: state.FencingDone},
		{Node: "controller-1", RequestedAt: dawn.Add(time.Second), OffAt: dawn.Add(2 * time.Second), Phase: state.FencingDone, Reason: "silent"},
	}
	s.Fencing["controller-2"] = &state.Fencing{Node: "controller-2", RequestedAt: dawn.Add(3 * time.Second), Phase: state.FencingRunning}
	got := fencesSince(s, dawn)
	if len(got) != 2 || got[0].Host != 1 || got[0].Off.IsZero() || got[0].Reason != "silent" || got[1].Host != 2 || !got[1].Off.IsZero() || got[1].Phase != "running" {
		t.Errorf("got %+v", got)
	}
}

// Everything that runs may be what the cluster remembers from before a host lost
// its power: the host must have announced itself since.
func TestBackFrom(t *testing.T) {
	status := func(booted ...time.Duration) api.Status {
		var st api.Status
		for i, after := range booted {
			st.Nodes = append(st.Nodes, api.NodeStatus{Name: nodeName(rig.Hosts()[i]), BootedAt: dawn.Add(after)})
		}
		return st
	}
	cases := []struct {
		name    string
		status  api.Status
		outcome chaos.Outcome
		want    bool
	}{
		{"nothing was cut", status(-1, -1, -1), chaos.Outcome{Began: dawn}, true},
		{"not yet", status(-1, -1, -1), chaos.Outcome{Began: dawn, Cut: []int{1}}, false},
		{"back", status(-1, time.Second, -1), chaos.Outcome{Began: dawn, Cut: []int{1}}, true},
		{"one of all", status(-1, time.Second, -1), chaos.Outcome{Began: dawn, Round: chaos.Round{Faults: []chaos.Fault{{Kind: chaos.Outage}}}}, false},
		{"all", status(1, 1, 1), chaos.Outcome{Began: dawn, Round: chaos.Round{Faults: []chaos.Fault{{Kind: chaos.Outage}}}}, true},
	}
	for _, c := range cases {
		if got := backFrom(c.status, c.outcome); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

func TestHasty(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	conn := hasty{near, time.Millisecond}
	if err := conn.SetDeadline(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("nobody has written")
	} else if timeout, is := err.(net.Error); !is || !timeout.Timeout() {
		t.Errorf("got %v, want the limit's timeout", err)
	}
}
