package api

import (
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

func TestDeviceProblems(t *testing.T) {
	good := state.FenceCheckResult{By: "c", Power: "on"}
	bad := func(failure string) state.FenceCheckResult {
		return state.FenceCheckResult{By: "b", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Failure: failure, Text: "what it said"}
	}
	off := resources.Duration(0)
	cases := map[string]struct {
		change   func(*resources.Definition)
		results  []state.FenceCheckResult
		severity string // none: no problem
		says     string
		next     string
	}{
		"works":           {results: []state.FenceCheckResult{good}},
		"never looked at": {},
		"wrong password":  {results: []state.FenceCheckResult{bad(state.FailureLogin)}, severity: "critical", says: "fence device bmc-a would fail to fence a (auth, seen by b since 2026-01-02T03:04:05Z): what it said", next: "belayctl secret set bmc"},
		"unreachable":     {results: []state.FenceCheckResult{bad("unreachable")}, severity: "critical", says: "would fail", next: "belayctl fence check bmc-a"},
		"wrong host":      {results: []state.FenceCheckResult{bad(state.FailureWrongHost)}, severity: "critical", says: "wrong host", next: "belayctl fence update bmc-a NAME=VALUE"},
		"of one member":   {results: []state.FenceCheckResult{bad("timeout"), good}, severity: "warning", says: "cannot be used by every member", next: "belayctl fence check bmc-a"},
		"another level": {
			change: func(d *resources.Definition) {
				d.Fences = append(d.Fences, resources.FenceDevice{ID: "pdu", Targets: []resources.NodeName{"a"}, Level: 2})
			},
			results: []state.FenceCheckResult{bad("unreachable")}, severity: "warning", says: "would fail", next: "belayctl fence check bmc-a",
		},
		"a feed of the same level": {
			change: func(d *resources.Definition) {
				d.Fences = append(d.Fences, resources.FenceDevice{ID: "feed", Targets: []resources.NodeName{"a"}})
			},
			results: []state.FenceCheckResult{bad("unreachable")}, severity: "critical", says: "would fail", next: "belayctl fence check bmc-a",
		},
		"nobody looks": {change: func(d *resources.Definition) { d.Properties.FenceCheckInterval = &off }, results: []state.FenceCheckResult{bad("tls")}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := state.New()
			s.Definition = &resources.Definition{Fences: []resources.FenceDevice{{ID: "bmc-a", Targets: []resources.NodeName{"a"}, Params: resources.Params{"password": "secret://bmc"}}}}
			if c.change != nil {
				c.change(s.Definition)
			}
			if c.results != nil {
				check := &state.FenceCheck{Device: "bmc-a", Target: "a", Digest: s.FenceDigest(s.Definition.Fences[0]), Results: c.results}
				s.FenceChecks = map[string]*state.FenceCheck{state.FenceCheckKey("bmc-a", "a"): check}
			}
			problems := BuildStatus(s, Live{}, "b", false, s.At).Problems
			if c.severity == "" {
				if len(problems) != 0 {
					t.Errorf("got %+v", problems)
				}
				return
			}
			if len(problems) != 1 || problems[0].Severity != c.severity || !strings.Contains(problems[0].Text, c.says) || problems[0].Next != c.next || problems[0].Node != "a" {
				t.Fatalf("got %+v", problems)
			}
			s.Secrets["bmc"] = "set anew"
			if after := BuildStatus(s, Live{}, "b", false, s.At).Problems; len(after) != 0 {
				t.Errorf("it is not known yet whether the new secret is right: %+v", after)
			}
		})
	}
}
