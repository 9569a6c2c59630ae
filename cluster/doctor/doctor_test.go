package doctor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// well is a cluster of three in which there is nothing to cure.
func well() Input {
	s := state.New()
	s.Version = state.Version
	s.Definition = &resources.Definition{
		Resources: []resources.Resource{{ID: "web", Agent: "systemd:web"}, {ID: "near", Agent: "systemd:near"}},
		Locations: []resources.Location{{ID: "l", Resource: "near", Node: "a", Score: 100}},
	}
	in := Input{Now: now, State: s, Leader: "a"}
	for _, name := range []resources.NodeName{"a", "b", "c"} {
		s.Nodes[name] = &state.Node{Name: name, Voter: true, Liveness: state.LivenessAlive}
		s.Definition.Fences = append(s.Definition.Fences, resources.FenceDevice{ID: "bmc-" + string(name), Agent: "redfish", Targets: []resources.NodeName{name}})
		in.Fences = append(in.Fences, Fence{Device: "bmc-" + string(name), Target: name})
		e := Examination{Node: name, At: now, Version: "1.0", CommandSet: state.Version, Host: Host{
			Clock: Clock{Known: true, Synced: true}, Memory: Memory{Total: 64 << 30, Available: 32 << 30},
			Disks:        []Disk{{Path: "/var/lib/belay", Size: 100 << 30, Free: 50 << 30, Typical: resources.Duration(time.Millisecond), Worst: resources.Duration(5 * time.Millisecond)}},
			Certificates: []Certificate{{Name: "node.crt", NotAfter: now.AddDate(1, 0, 0)}},
			Units:        []Unit{{Name: "web.service", Resource: "web", Load: "loaded", File: "disabled"}, {Name: "near.service", Resource: "near", Load: "loaded", File: "static"}},
			Programs:     []Program{{Path: "fence_apc", For: "pdu", Fence: true, Found: true}},
			Root:         true, Systemd: true,
		}}
		for _, other := range []resources.NodeName{"a", "b", "c"} {
			if other != name {
				e.Links = append(e.Links, Link{To: other, Address: "192.0.2.1:7450", Gossip: "alive", Took: resources.Duration(time.Millisecond), Interface: "eth0", MTU: 1500})
			}
		}
		in.Examinations = append(in.Examinations, e)
	}
	return in
}

// TestJudge: each fault leads to its finding, and to no other.
func TestJudge(t *testing.T) {
	host := func(in *Input, n int) *Host { return &in.Examinations[n].Host }
	for name, tc := range map[string]struct {
		change func(*Input)
		want   []string // severity code node
	}{
		"nothing": {func(*Input) {}, nil},
		"a silent member": {func(in *Input) {
			in.Silent, in.Examinations = []Silent{{Node: "c", Error: "timeout"}}, in.Examinations[:2]
		}, []string{"critical member_silent c"}},
		"a stopped member": {func(in *Input) {
			in.Silent, in.Examinations = []Silent{{Node: "c", Error: "refused"}}, in.Examinations[:2]
			in.State.Nodes["c"].Liveness = state.LivenessLeft
			in.Examinations[0].Links[1].API = "connection refused" // it is told once
		}, []string{"critical no_margin ", "note member_stopped c"}},
		"no leader":             {func(in *Input) { in.Leader = "" }, []string{"critical no_quorum "}},
		"two voters":            {func(in *Input) { in.State.Nodes["c"].Voter = false }, []string{"warning two_voters "}},
		"one voter":             {func(in *Input) { in.State.Nodes["c"].Voter, in.State.Nodes["b"].Voter = false, false }, []string{"critical one_voter "}},
		"another release":       {func(in *Input) { in.Examinations[1].Version = "1.1" }, []string{"warning version_skew "}},
		"nobody keeps a clock":  {func(in *Input) { host(in, 1).Clock.Synced = false }, []string{"warning clock_unsynced b"}},
		"a clock that is ahead": {func(in *Input) { skew(in, "c", 90*time.Second) }, []string{"warning clock_offset c"}},
		"a clock far behind":    {func(in *Input) { skew(in, "b", -time.Hour) }, []string{"critical clock_offset b"}},
		"two clocks differ": {func(in *Input) {
			in.Examinations = in.Examinations[:2]
			in.Examinations[0].Links, in.Examinations[1].Links = in.Examinations[0].Links[:1], in.Examinations[1].Links[:1]
			skew(in, "b", 3*time.Second)
		}, []string{"warning clock_offset a", "warning clock_offset b"}},
		"a slow link's doubt": {func(in *Input) {
			in.Examinations[0].Links[0].Took, in.Examinations[0].Links[0].Offset = resources.Duration(40*time.Millisecond), time.Second
		}, nil},
		"a closed port":        {func(in *Input) { in.Examinations[0].Links[0].API = "i/o timeout" }, []string{"critical port_api a"}},
		"a closed gossip port": {func(in *Input) { in.Examinations[0].Links[0].GossipTCP = "i/o timeout" }, []string{"critical port_gossip a"}},
		"no UDP":               {func(in *Input) { in.Examinations[0].Links[0].Gossip = "suspect" }, []string{"warning gossip a"}},
		"a distant member":     {func(in *Input) { in.Examinations[0].Links[0].Took = resources.Duration(80 * time.Millisecond) }, []string{"warning slow_link a"}},
		"and on one interface": {func(in *Input) {
			for _, e := range in.Examinations {
				for l := range e.Links {
					e.Links[l].Interface = "lo"
				}
			}
			in.Examinations[2].Links[0].Large = "deadline exceeded"
		}, []string{"critical mtu c"}},
		"large packets vanish":  {func(in *Input) { in.Examinations[2].Links[0].Large = "deadline exceeded" }, []string{"critical mtu c"}},
		"another packet size":   {func(in *Input) { in.Examinations[2].Links[0].MTU, in.Examinations[2].Links[1].MTU = 9000, 9000 }, []string{"warning mtu_differs "}},
		"a full disk":           {func(in *Input) { host(in, 0).Disks[0].Free = 100 << 20 }, []string{"critical disk_full a"}},
		"a filling disk":        {func(in *Input) { host(in, 0).Disks[0].Free = 900 << 20 }, []string{"warning disk_full a"}},
		"a slow disk":           {func(in *Input) { host(in, 0).Disks[0].Worst = resources.Duration(400 * time.Millisecond) }, []string{"warning disk_slow a"}},
		"a hanging disk":        {func(in *Input) { host(in, 0).Disks[0].Worst = resources.Duration(2 * time.Second) }, []string{"critical disk_slow a"}},
		"a broken disk":         {func(in *Input) { host(in, 0).Disks[0].Error = "read-only file system" }, []string{"critical disk_error a"}},
		"swap":                  {func(in *Input) { host(in, 0).Memory.SwapTotal = 1 << 30 }, []string{"note swap a"}},
		"swapped out":           {func(in *Input) { host(in, 0).Memory.SwapTotal, host(in, 0).Memory.SwapUsed = 1<<30, 1<<29 }, []string{"warning swap a"}},
		"no memory":             {func(in *Input) { host(in, 0).Memory.Available = 1 << 28 }, []string{"warning memory a"}},
		"a certificate's end":   {func(in *Input) { host(in, 0).Certificates[0].NotAfter = now.AddDate(0, 0, 20) }, []string{"warning certificate a"}},
		"a certificate's last":  {func(in *Input) { host(in, 0).Certificates[0].NotAfter = now.AddDate(0, 0, 2) }, []string{"critical certificate a"}},
		"no certificate":        {func(in *Input) { host(in, 0).Certificates[0].Error = "no such file" }, []string{"critical certificate a"}},
		"fencing is off":        {func(in *Input) { in.State.Definition.Properties.FencingEnabled = new(false) }, []string{"critical fencing_off "}},
		"no device":             {func(in *Input) { in.State.Definition.Fences = in.State.Definition.Fences[:2] }, []string{"critical unfenced c"}},
		"a device that fails":   {func(in *Input) { in.Fences[1].Failure = "login refused" }, []string{"critical fence_device b"}},
		"devices not asked":     {func(in *Input) { in.Fences, in.FencesUnasked = nil, "quick" }, []string{"note fence_unasked "}},
		"an unfed watchdog":     {func(in *Input) { in.State.Definition.Fences[0].Agent = "watchdog" }, []string{"critical watchdog_unfed a"}},
		"systemd starts it too": {func(in *Input) { host(in, 2).Units[0].File = "enabled" }, []string{"warning unit_enabled c"}},
		"a masked unit":         {func(in *Input) { host(in, 2).Units[0].Load = "masked" }, []string{"warning unit_masked c"}},
		"a missing unit":        {func(in *Input) { host(in, 2).Units[0].Load = "not-found" }, []string{"warning unit_missing c"}},
		"one that is elsewhere": {func(in *Input) { host(in, 2).Units[1].Load = "not-found" }, nil},
		"a witness has no unit": {func(in *Input) { host(in, 2).Units[0].Load, in.State.Nodes["c"].Witness = "not-found", true }, nil},
		"a missing program":     {func(in *Input) { host(in, 2).Programs[0].Found = false }, []string{"warning program_missing c"}},
		"what was not seen":     {func(in *Input) { host(in, 2).Unknown = []string{"the units: no bus"} }, []string{"note not_examined c"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := well()
			tc.change(&in)
			made := Judge(in)
			var got []string
			for _, f := range made.Findings {
				got = append(got, fmt.Sprintf("%s %s %s", f.Severity, f.Code, f.Node))
				if f.Found == "" || f.Cure == "" {
					t.Errorf("%s says %q, cured by %q", f.Code, f.Found, f.Cure)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("found %q, want %q", got, tc.want)
			}
			if fine := !slices.ContainsFunc(tc.want, func(w string) bool { return !strings.HasPrefix(w, "note") }); made.Fine() != fine {
				t.Errorf("fine is %v", made.Fine())
			}
			open := 0
			for _, c := range made.Checks {
				open += c.Findings
				if c.Findings > 0 && strings.Contains(c.Said, "everywhere") {
					t.Errorf("check %s found %d, and says %q", c.Name, c.Findings, c.Said)
				}
				if c.Said == "" {
					t.Errorf("check %s says nothing", c.Name)
				}
			}
			if serious := len(slices.DeleteFunc(slices.Clone(made.Findings), func(f Finding) bool { return f.Severity == Note })); open != serious {
				t.Errorf("the checks count %d findings of %d", open, serious)
			}
		})
	}
}

// skew sets one member's clock, as each of them sees it.
func skew(in *Input, of resources.NodeName, by time.Duration) {
	for n := range in.Examinations {
		for l := range in.Examinations[n].Links {
			switch {
			case in.Examinations[n].Node == of:
				in.Examinations[n].Links[l].Offset = -by
			case in.Examinations[n].Links[l].To == of:
				in.Examinations[n].Links[l].Offset = by
			}
		}
	}
}

// TestLocal judges a host that is no member yet.
// TestEnabledAgain: who has taken a unit over is not told to take it over.
func TestEnabledAgain(t *testing.T) {
	for _, taken := range []bool{false, true} {
		in := well()
		in.Examinations[2].Host.Units[0].File = "enabled"
		want := "belayctl resource take-over web"
		if taken {
			in.State.TakeOvers = map[resources.ResourceID]*state.TakeOver{"web": {Units: []state.OwnedUnit{{Unit: "web.service"}}}}
			want = "on c: journalctl -u belayd | grep units"
		}
		found := Judge(in).Findings
		if len(found) != 1 || found[0].Code != "unit_enabled" || found[0].Cure != want || strings.Contains(found[0].Found, "enabled again") != taken {
			t.Errorf("taken over: %v, found %+v, want the cure %q", taken, found, want)
		}
	}
}

func TestLocal(t *testing.T) {
	e := Examination{Node: "here", Host: Host{Ports: []Port{{Address: ":7450", Use: "the API", Error: "in use"}}, Units: []Unit{{Name: "web.service", Resource: "web", Load: "not-found"}}}}
	made := Judge(Input{Now: now, Examinations: []Examination{e}})
	var got []string
	for _, f := range made.Findings {
		got = append(got, f.Code)
	}
	if want := []string{"port_taken", "unit_missing", "not_root", "no_systemd"}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

func TestWantsOf(t *testing.T) {
	def := &resources.Definition{
		Resources: []resources.Resource{
			{ID: "web", Agent: "systemd:web"}, {ID: "timer", Agent: "systemd:nightly.timer"}, {ID: "db", Agent: "galera"}, {ID: "db2", Agent: "galera", Params: resources.Params{"unit": "mysql.service"}},
			{ID: "redis", Agent: "ocf:heartbeat:redis"}, {ID: "own", Agent: "process", Params: resources.Params{"command": "/opt/own"}}, {ID: "vip", Agent: "vip"},
		},
		Fences: []resources.FenceDevice{{ID: "pdu", Agent: "fence_apc"}, {ID: "bmc", Agent: "redfish"}},
	}
	wants := WantsOf(def, []agents.Spec{{Name: "galera", Params: []agents.Param{{Name: "unit", Default: "mariadb.service"}}}, {Name: "vip"}})
	var got []string
	for _, u := range wants.Units {
		got = append(got, u.Name)
	}
	for _, p := range wants.Programs {
		got = append(got, p.Path)
	}
	if want := []string{"web.service", "nightly.timer", "mariadb.service", "mysql.service", "/usr/lib/ocf/resource.d/heartbeat/redis", "/opt/own", "fence_apc"}; !slices.Equal(got, want) {
		t.Errorf("wants %v, want %v", got, want)
	}
}
