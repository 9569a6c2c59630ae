package dev

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/doctor"
)

// TestDoctor: any member has all others examine themselves, over the real ways
// between them; one without power is silent, and the others tell that they cannot
// reach it.
func TestDoctor(t *testing.T) {
	c, _ := running(t, nil)
	answer, err := api.NewLocalClient(c.hosts[1].Settings.Socket).Doctor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Examinations) != 3 || len(answer.Silent) != 0 || answer.Member != c.hosts[1].Settings.Node || answer.Leader == "" {
		t.Fatalf("%+v", answer)
	}
	for _, e := range answer.Examinations {
		if len(e.Links) != 2 || len(e.Host.Disks) != 1 || e.Host.Disks[0].Typical <= 0 || len(e.Host.Certificates) != 2 || e.Version == "" {
			t.Errorf("%s: %+v", e.Node, e)
		}
		for _, l := range e.Links {
			// They share one clock.
			if l.API != "" || l.Large != "" || l.Took <= 0 || max(l.Offset, -l.Offset) > l.Took.Std()/2+100*time.Millisecond {
				t.Errorf("%s: %+v", e.Node, l)
			}
		}
		for _, c := range e.Host.Certificates {
			if c.Error != "" || time.Until(c.NotAfter) < 24*time.Hour {
				t.Errorf("%s: %+v", e.Node, c)
			}
		}
	}

	lost := c.hosts[2]
	lost.CutPower()
	answer, err = api.NewLocalClient(c.hosts[0].Settings.Socket).Doctor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Examinations) != 2 || len(answer.Silent) != 1 || answer.Silent[0].Node != lost.Settings.Node {
		t.Fatalf("after a power cut: %+v", answer)
	}
	codes := map[string]bool{}
	made := doctor.Judge(doctor.Input{Now: answer.At, State: stateOf(t, c), Leader: answer.Leader, Examinations: answer.Examinations, Silent: answer.Silent})
	for _, f := range made.Findings {
		codes[f.Code] = true
	}
	if !codes["member_silent"] || !codes["port_api"] {
		t.Errorf("found %+v", made.Findings)
	}
}
