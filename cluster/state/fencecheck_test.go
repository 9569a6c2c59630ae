package state

import (
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/resources"
)

func watchedWorld(t *testing.T) *world {
	w := newWorld(t)
	w.do(&SecretSet{Secret: "bmc", Sealed: "v1"})
	w.do(&DefinitionSet{Base: w.s.Revision, Definition: &resources.Definition{
		Nodes:  []resources.Node{{Name: "a"}, {Name: "b"}, {Name: "c"}},
		Fences: []resources.FenceDevice{{ID: "bmc-a", Agent: "redfish", Targets: []resources.NodeName{"a"}, Params: resources.Params{"password": "secret://bmc"}}},
	}})
	return w
}

func checked(failure string) *FenceChecked {
	return &FenceChecked{Checks: []FenceCheck{{Device: "bmc-a", Target: "a", Digest: "d", Results: []FenceCheckResult{{By: "b", At: epoch, Failure: failure, Text: "HTTP 401"}}}}}
}

func TestFenceChecksAreKeptWhileDefined(t *testing.T) {
	w := watchedWorld(t)
	w.do(checked(FailureLogin))
	check := w.s.FenceChecks[FenceCheckKey("bmc-a", "a")]
	if check == nil || len(check.Failing()) != 1 {
		t.Fatalf("on record: %+v", w.s.FenceChecks)
	}
	if last := w.s.Events[len(w.s.Events)-1]; last.Kind != "fence_check" || last.Node != "a" || !strings.Contains(last.Text, "would fail") {
		t.Errorf("event %+v", last)
	}
	events := len(w.s.Events)
	w.do(checked(FailureLogin))
	if len(w.s.Events) != events {
		t.Error("the same again made an event")
	}
	w.do(checked(""))
	if last := w.s.Events[len(w.s.Events)-1]; !strings.Contains(last.Text, "answers again") {
		t.Errorf("event %+v", last)
	}
	other := checked("")
	other.Checks[0].Target = "b" // which the device does not fence
	w.do(other)
	if len(w.s.FenceChecks) != 1 {
		t.Errorf("kept %d checks", len(w.s.FenceChecks))
	}
	w.do(&DefinitionSet{Base: w.s.Revision, Definition: &resources.Definition{}})
	if w.s.FenceChecks != nil {
		t.Errorf("checks outlive their device: %+v", w.s.FenceChecks)
	}
}

func TestFenceChecksAreBounded(t *testing.T) {
	w := watchedWorld(t)
	long := checked("unreachable")
	for len(long.Checks[0].Results) < 20 {
		long.Checks[0].Results = append(long.Checks[0].Results, FenceCheckResult{By: "c", Text: strings.Repeat("ä", 1000)})
	}
	w.do(long)
	check := w.s.FenceChecks[FenceCheckKey("bmc-a", "a")]
	if len(check.Results) != maxCheckResults || len(check.Results[1].Text) > maxCheckText {
		t.Errorf("kept %d results, a text of %d bytes", len(check.Results), len(check.Results[1].Text))
	}
	if len(long.Checks[0].Results[1].Text) < 1000 {
		t.Error("the command itself was changed")
	}
}

func TestFenceDigestNamesParametersAndSecrets(t *testing.T) {
	w := watchedWorld(t)
	before := w.s.FencingDigest("a")
	w.do(&NodeStandby{Node: "b", Standby: true})
	if w.s.FencingDigest("a") != before {
		t.Error("something else changed the digest")
	}
	w.do(&SecretSet{Secret: "bmc", Sealed: "v2"})
	sealed := w.s.FencingDigest("a")
	changed := w.s.Definition.Clone()
	changed.Fences[0].Params["username"] = "belay"
	w.do(&DefinitionSet{Base: w.s.Revision, Definition: changed})
	if named := w.s.FencingDigest("a"); sealed == before || named == sealed || named == before {
		t.Errorf("digests %s, %s, %s", before, sealed, named)
	}
}

func TestRefusedLoginIsOfOneAttempt(t *testing.T) {
	w := watchedWorld(t)
	w.do(&MemberVerdict{Node: "a", Liveness: LivenessDead, Incarnation: "run-1-a"})
	id := w.do(&FenceRequested{Node: "a", Action: resources.FencingReboot, Reason: "lost"}).Fence
	refused := &FenceRefused{Fence: id, Node: "a", Digest: "d"}
	w.rejected(refused, Conflict, "no attempt")
	w.do(&FenceStarted{Fence: id, Node: "a", Executor: "b"})
	w.do(refused)
	w.do(&FenceReported{Fence: id, Node: "a", Error: "HTTP 401", RetryAt: epoch.Add(time.Hour)})
	if f := w.s.Fencing["a"]; f.Refused != "d" {
		t.Errorf("got %+v", f)
	}
	w.do(&FenceStarted{Fence: id, Node: "a", Executor: "c"})
	if f := w.s.Fencing["a"]; f.Refused != "" {
		t.Errorf("got %+v", f)
	}
}
