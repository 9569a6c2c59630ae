package dev

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

func deviceProblem(s api.Status, says string) bool {
	for _, p := range s.Problems {
		if p.Code == "fence_device" && strings.Contains(p.Text, says) && p.Next != "" {
			return true
		}
	}
	return false
}

// A device that would fail is told of before it is needed, and no more when it
// is mended.
func TestFenceDevicesAreWatched(t *testing.T) {
	c, _ := running(t, func(d *resources.Definition) {
		every := resources.Duration(time.Second)
		d.Properties.FenceCheckInterval = &every
	})
	client := c.Client()
	until(t, c, "every device is checked", soon, func(api.Status) bool {
		s := stateOf(t, c)
		for _, check := range s.FenceChecks {
			if len(check.Results) != 2 || len(check.Failing()) != 0 {
				return false
			}
		}
		return len(s.FenceChecks) == 3
	})
	insist(t, "devices are checked on demand", func() error {
		answer, err := client.CheckFences(t.Context(), api.FenceCheckRequest{Devices: []string{"bmc-controller-0", "bmc-controller-2"}})
		if err != nil || len(answer.Checks) != 4 {
			return fmt.Errorf("got %+v, error %v", answer, err)
		}
		for _, r := range answer.Checks {
			if r.Failure != "" || r.Unasked || r.Power != "on" || r.By == r.Target || r.Took == 0 {
				return fmt.Errorf("got %+v", r)
			}
		}
		return nil
	})
	setPassword := func(value string) {
		insist(t, "the password is set", func() error { return client.SetSecret(t.Context(), api.SecretRequest{Secret: "bmc", Value: value}) })
	}
	setPassword("wrong")
	until(t, c, "the refused login is a problem", soon, func(s api.Status) bool { return deviceProblem(s, "HTTP 401") })
	setPassword(BMCPassword)
	until(t, c, "the problem is closed", soon, func(s api.Status) bool { return !deviceProblem(s, "") })

	c.hosts[1].bmc.Close()
	until(t, c, "the BMC without network is a problem", soon, func(s api.Status) bool { return deviceProblem(s, "bmc-controller-1") })
	if s := stateOf(t, c); len(s.FenceHistory) != 0 || len(s.Fencing) != 0 {
		t.Errorf("a check has fenced: %+v", s.FenceHistory)
	}
	until(t, c, "everything runs", soon, func(s api.Status) bool { return count(s, "web") == 3 })
}

// A BMC whose power is read as off although its node lives answers for another.
func TestExchangedControllersAreFound(t *testing.T) {
	c, _ := running(t, nil)
	definition, err := c.Client().Definition(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changed := definition.Definition.Clone()
	every := resources.Duration(time.Second)
	changed.Properties.FenceCheckInterval = &every
	changed.Properties.FencingAction = resources.FencingOff
	params := changed.Fences[1].Params
	changed.Fences[1].Params = changed.Fences[2].Params
	changed.Fences[2].Params = params
	changed.Fences = changed.Fences[1:2] // "bmc-controller-1", which leads to controller-2
	c.hosts[2].CutPower()
	if _, err := c.Client().Command(t.Context(), &state.DefinitionSet{Base: definition.Revision, Definition: changed}); err != nil {
		t.Fatal(err)
	}
	until(t, c, "the device of another host is a problem", soon, func(s api.Status) bool { return deviceProblem(s, state.FailureWrongHost) })
}

// While the login is refused nothing is recovered; with the right password it
// goes on at once, however long the pause was.
func TestFencingGoesOnWhenThePasswordIsMended(t *testing.T) {
	c, _ := running(t, nil)
	victim := c.hosts[2]
	place(t, c, "vip", victim.Name())
	client := c.Client()
	if err := client.SetSecret(t.Context(), api.SecretRequest{Secret: "bmc", Value: "wrong"}); err != nil {
		t.Fatal(err)
	}
	victim.CutPower()
	eventually(t, "two attempts are refused", soon, func() bool {
		f := stateOf(t, c).Fencing[victim.Name()]
		return f != nil && f.Attempts >= 2 && f.Phase == state.FencingFailed && f.Refused != ""
	})
	mended := time.Now()
	if err := client.SetSecret(t.Context(), api.SecretRequest{Secret: "bmc", Value: BMCPassword}); err != nil {
		t.Fatal(err)
	}
	until(t, c, "the address moves", soon, func(s api.Status) bool { return holder(s, "vip") != "" && holder(s, "vip") != victim.Name() })
	t.Logf("recovered %s after the password was set right", time.Since(mended).Round(time.Millisecond))
	if took := time.Since(mended); took > 8*time.Second { // the pause after two refusals is 10 s
		t.Errorf("it took %s", took)
	}
}

// A node that is fenced again and again is left off, and comes back when it is
// released.
func TestRepeatedFencingEnds(t *testing.T) {
	c, _ := running(t, func(d *resources.Definition) { d.Properties.FenceLimit = 2 })
	victim := c.hosts[2]
	victim.CutPower()
	eventually(t, "it is fenced and comes back", outage, func() bool {
		s := stateOf(t, c)
		return len(s.FenceHistory) == 1 && s.Nodes[victim.Name()].Online()
	})
	everythingRuns(t, c, outage)
	victim.CutPower()
	held := func(s api.Status) bool {
		for _, p := range s.Problems {
			if p.Code == "fence_limit" && p.Node == victim.Name() && p.Next == "belayctl fence release "+string(victim.Name()) {
				return true
			}
		}
		return false
	}
	until(t, c, "it is left off", outage, held)
	time.Sleep(3 * time.Second)
	s := stateOf(t, c)
	if last := s.FenceHistory[len(s.FenceHistory)-1]; last.Action != resources.FencingHold || s.Nodes[victim.Name()].Off == nil || len(s.Fencing) != 0 {
		t.Fatalf("newest fencing %+v, node %+v", last, s.Nodes[victim.Name()])
	}
	if _, err := c.Client().Command(t.Context(), &state.FenceReleased{Node: victim.Name(), Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	status := everythingRuns(t, c, outage)
	if held(status) {
		t.Errorf("problems: %+v", status.Problems)
	}
}

// A node that comes back after its second fencing waits, until it is released.
func TestQuarantine(t *testing.T) {
	c, _ := running(t, nil)
	untilVersion(t, c, state.VersionQuarantine)
	before := stateOf(t, c)
	changed := before.Definition.Clone()
	changed.Properties.FenceQuarantine = new(resources.Duration(time.Hour))
	if _, err := c.Client().Command(t.Context(), &state.DefinitionSet{Base: before.Revision, Definition: changed}); err != nil {
		t.Fatal(err)
	}
	victim := c.hosts[2]
	for times := 1; times <= 2; times++ {
		if times == 2 {
			everythingRuns(t, c, outage)
		}
		victim.CutPower()
		eventually(t, "it is fenced and comes back", outage, func() bool {
			s := stateOf(t, c)
			return len(s.FenceHistory) == times && s.Nodes[victim.Name()].Online()
		})
	}
	waits := func(s api.Status) bool {
		return slices.ContainsFunc(s.Problems, func(p api.ProblemStatus) bool {
			return p.Code == "fence_quarantine" && p.Node == victim.Name() && p.Next == "belayctl fence release "+string(victim.Name())
		})
	}
	until(t, c, "it is in quarantine, and nothing is under way", outage, func(s api.Status) bool { return waits(s) && len(s.Actions) == 0 })
	for _, i := range stateOf(t, c).Nodes[victim.Name()].Instances {
		if i.Role.Active() || !i.Probed {
			t.Errorf("%s is %s, looked at: %v", i.ID, i.Role, i.Probed)
		}
	}
	if _, err := c.Client().Command(t.Context(), &state.FenceReleased{Node: victim.Name(), Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	if status := everythingRuns(t, c, outage); waits(status) {
		t.Errorf("problems: %+v", status.Problems)
	}
}
