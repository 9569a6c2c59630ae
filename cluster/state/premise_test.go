package state

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/resources"
)

// An intent whose premise has gone since it was planned is not recorded.
func TestIntentWhosePremiseIsGone(t *testing.T) {
	clone := func(c *resources.Clone) func(*world) {
		return func(w *world) {
			w.do(&DefinitionSet{Base: w.s.Revision, Definition: &resources.Definition{
				Nodes:     []resources.Node{{Name: "a"}, {Name: "b"}, {Name: "c"}},
				Resources: []resources.Resource{{ID: "vip", Agent: "vip", Clone: c}},
			}})
		}
	}
	for name, tc := range map[string]struct {
		happens func(*world)
		op      resources.Op
		taken   bool
	}{
		"it runs elsewhere":                     {func(w *world) { w.run("b", resources.OpStart, ok) }, resources.OpStart, false},
		"it is about to run elsewhere":          {func(w *world) { w.order("b", resources.OpStart) }, resources.OpStart, false},
		"it is looked at elsewhere":             {func(w *world) { w.order("b", resources.OpProbe) }, resources.OpStart, true},
		"it ran elsewhere":                      {func(w *world) { w.run("b", resources.OpStart, ok); w.run("b", resources.OpStop, ok) }, resources.OpStart, true},
		"it ran on a host that is lost":         {func(w *world) { w.run("b", resources.OpStart, ok); w.dies("b") }, resources.OpStart, true}, // the planner's matter: requires
		"another copy runs elsewhere":           {func(w *world) { clone(&resources.Clone{})(w); w.run("b", resources.OpStart, ok) }, resources.OpStart, true},
		"nobody knows what became of its start": {func(w *world) { w.run("a", resources.OpStart, silent) }, resources.OpPromote, false},
		"nobody knows, and it is only stopped":  {func(w *world) { w.run("a", resources.OpStart, silent) }, resources.OpStop, true},
		"its failures were cleared: look again": {func(w *world) { w.run("a", resources.OpStart, failed); w.do(&FailuresCleared{}) }, resources.OpStart, false},
		"it was cleared and looked at since": {func(w *world) {
			w.run("a", resources.OpStart, failed)
			w.do(&FailuresCleared{})
			w.run("a", resources.OpProbe, ok)
		}, resources.OpPromote, true},
		"it was started and promoted since": {func(w *world) {
			w.run("a", resources.OpStart, ok)
			w.run("a", resources.OpPromote, ok)
		}, resources.OpStart, false},
		"it is told stopped and was never found": {func(*world) {}, resources.OpStart, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			fresh := *w.s
			fresh.Version = Version
			w.s = &fresh
			w.run("a", resources.OpProbe, absent)
			tc.happens(w)
			id := w.do(&OperationsStarted{Operations: []Intent{{Node: "a", Instance: "vip", Op: tc.op, Incarnation: "run-1-a", Timeout: resources.Duration(time.Minute)}}}).Actions[0]
			if taken := id != ""; taken != tc.taken {
				t.Errorf("recorded: %v", taken)
			}
			if tc.taken {
				return
			}
			older := *w.s
			older.Version = VersionMore
			w.s = &older
			if id := w.do(&OperationsStarted{Operations: []Intent{{Node: "a", Instance: "vip", Op: tc.op, Incarnation: "run-1-a"}}}).Actions[0]; id == "" {
				t.Error("a cluster of an older command set must record it: its members do")
			}
		})
	}
}

// What has lost its ticket since it was planned is not started, whatever the ticket
// is said of: the resource, its group, its bundle, a tag, or its promotion alone.
func TestIntentWhoseTicketIsGone(t *testing.T) {
	use := func(id resources.ResourceID, role resources.Role, loss resources.LossPolicy) resources.TicketUse {
		return resources.TicketUse{ID: "t", Ticket: "site", Resource: id, Role: role, LossPolicy: loss}
	}
	granted, standby := &TicketSet{Ticket: "site", Granted: new(true)}, &TicketSet{Ticket: "site", Standby: new(true)}
	for name, tc := range map[string]struct {
		use   resources.TicketUse
		says  []Command
		op    resources.Op
		taken bool
	}{
		"never granted":             {use("vip", 0, ""), nil, resources.OpStart, false},
		"granted":                   {use("vip", 0, ""), []Command{granted}, resources.OpStart, true},
		"revoked":                   {use("vip", 0, ""), []Command{granted, &TicketSet{Ticket: "site", Granted: new(false)}}, resources.OpStart, false},
		"on standby":                {use("vip", 0, ""), []Command{granted, standby}, resources.OpStart, false},
		"frozen":                    {use("vip", 0, resources.LossFreeze), nil, resources.OpStart, false},
		"of its group":              {use("group", 0, ""), nil, resources.OpStart, false},
		"of its tag":                {use("tag", 0, ""), nil, resources.OpStart, false},
		"of another":                {use("other", 0, ""), nil, resources.OpStart, true},
		"of its promotion":          {use("vip", resources.RolePromoted, ""), nil, resources.OpStart, true},
		"of its promotion, or none": {use("vip", resources.RolePromoted, resources.LossStop), nil, resources.OpStart, false},
		"to be promoted":            {use("vip", resources.RolePromoted, ""), nil, resources.OpPromote, false},
		"to be stopped":             {use("vip", 0, ""), nil, resources.OpStop, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			fresh := *w.s
			fresh.Version = Version
			w.s = &fresh
			w.do(&DefinitionSet{Base: w.s.Revision, Definition: &resources.Definition{
				Nodes:     []resources.Node{{Name: "a"}, {Name: "b"}, {Name: "c"}},
				Resources: []resources.Resource{{ID: "vip", Agent: "vip"}, {ID: "other", Agent: "vip"}},
				Groups:    []resources.Group{{ID: "group", Members: []resources.ResourceID{"vip"}}},
				Tags:      []resources.Tag{{ID: "tag", Members: []resources.ResourceID{"vip"}}},
				Tickets:   []resources.TicketUse{tc.use},
			}})
			w.run("a", resources.OpProbe, absent)
			if tc.op != resources.OpStart {
				w.do(&TicketSet{Ticket: "site", Granted: new(true)})
				w.run("a", resources.OpStart, ok)
				w.do(&TicketSet{Ticket: "site", Forget: true})
			}
			for _, says := range tc.says {
				w.do(says)
			}
			order := func() string {
				return string(w.do(&OperationsStarted{Operations: []Intent{{Node: "a", Instance: "vip", Op: tc.op, Incarnation: "run-1-a"}}}).Actions[0])
			}
			if taken := order() != ""; taken != tc.taken {
				t.Errorf("recorded: %v", taken)
			}
			if tc.taken {
				return
			}
			older := *w.s
			older.Version = VersionTickets - 1
			if w.s = &older; order() == "" {
				t.Error("a cluster of an older command set must record it: its members do")
			}
		})
	}
}
