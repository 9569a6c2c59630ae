package stage

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// good is a cut that met every aim.
func good() Cut {
	return Cut{Node: "controller-1", Suspect: 400 * time.Millisecond, Dead: 1200 * time.Millisecond, Asked: 1300 * time.Millisecond,
		Off: 1500 * time.Millisecond, Address: 2 * time.Second, Write: 3 * time.Second, Whole: 20 * time.Second, Writes: 100, Load: 4}
}

func TestReport(t *testing.T) {
	slow := good()
	slow.Address, slow.Whole = 6*time.Second, 0
	leader := good()
	leader.Leader, leader.Elected, leader.Lost = true, 300*time.Millisecond, 2
	m := Measured{
		Series: []Series{
			{Device: "redfish", Cuts: []Cut{good(), slow}, Failed: 1},
			{Device: "ipmi", Leader: true, Cuts: []Cut{leader}},
		},
		Outages: []Outage{{Hosts: 2 * time.Second, Address: 4 * time.Second, Database: 5 * time.Second, Whole: 19 * time.Second}},
	}
	for _, want := range []string{
		"| follower, redfish | 2, 1 | - | 0.40 / 0.40 / 0.40 | 1.20 / 1.20 / 1.20 |",
		"| 20.00 / 20.00 / 20.00 | 200 / 0 | 4 to 4 |", // what was not seen is not counted as nothing
		"| leader, ipmi | 1, 0 | 0.30 / 0.30 / 0.30 |",
		"| 1 | 2.00 | 4.00 | 5.00 | 19.00 |",
		"follower, redfish: address (maximum) after 6.00 s, the aim is 5.0 s",
		"follower, redfish: 1 of 2 cuts failed",
		"leader, ipmi: 2 of 100 acknowledged writes are lost",
	} {
		if text := m.Report(); !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	if err := m.verdict(); err == nil || !strings.Contains(err.Error(), "1 of 4 cuts failed, 2 acknowledged") {
		t.Errorf("verdict %v", err)
	}
}

func TestAimsMet(t *testing.T) {
	m := Measured{Series: []Series{{Device: "redfish", Cuts: []Cut{good()}}}}
	if misses := m.Misses(); len(misses) > 0 {
		t.Errorf("missed: %q", misses)
	}
	if err := m.verdict(); err != nil {
		t.Error(err)
	}
}

func TestAimsMissed(t *testing.T) {
	cases := []struct {
		name   string
		spoil  func(*Cut)
		leader bool
		want   string
	}{
		{"dead late", func(c *Cut) { c.Dead = 2100 * time.Millisecond }, false, "dead (99th"},
		{"elected late", func(c *Cut) { c.Elected = 1100 * time.Millisecond }, true, "new leader"},
		{"follower's address late", func(c *Cut) { c.Address = 3200 * time.Millisecond }, false, "address (median)"},
		{"leader's address late", func(c *Cut) { c.Address = 3600 * time.Millisecond }, true, "address (median)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cut := good()
			c.spoil(&cut)
			misses := Measured{Series: []Series{{Leader: c.leader, Cuts: []Cut{cut}}}}.Misses()
			if len(misses) != 1 || !strings.Contains(misses[0], c.want) {
				t.Errorf("got %q", misses)
			}
		})
	}
	late := good()
	late.Address = 3200 * time.Millisecond
	if misses := (Measured{Series: []Series{{Leader: true, Cuts: []Cut{late}}}}).Misses(); len(misses) > 0 {
		t.Errorf("a leader's address may take 3.5 s: %q", misses)
	}
}

// A run that ends early must not take with it what it has measured.
func TestKeeper(t *testing.T) {
	keep, err := NewKeeper(filepath.Join(t.TempDir(), "results"))
	if err != nil {
		t.Fatal(err)
	}
	series := Series{Device: "redfish"}
	failed := good()
	failed.Whole = 0
	if err := errors.Join(keep.Cut(series, 1, good(), nil), keep.Cut(series, 2, failed, errors.New("not back"))); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(keep.Dir(), "cuts.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var cuts []keptCut
	for line := range strings.Lines(string(data)) {
		var cut keptCut
		if err := json.Unmarshal([]byte(line), &cut); err != nil {
			t.Fatal(err)
		}
		cuts = append(cuts, cut)
	}
	if len(cuts) != 2 || cuts[0].After["address answers"] != 2 || cuts[0].Error != "" || cuts[1].Error != "not back" {
		t.Errorf("kept %+v", cuts)
	}
	if _, seen := cuts[1].After["everything back"]; seen {
		t.Error("what was not seen is kept as a time")
	}
	name, err := keep.Diagnosis("follower, redfish, cut 2", "it hangs")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "it hangs" || filepath.Dir(name) != keep.Dir() {
		t.Errorf("diagnosis %s: %q, %v", name, text, err)
	}
}

func TestLineOfCut(t *testing.T) {
	cut := good()
	cut.Whole = 0
	if got, want := cut.Line(), "controller-1; suspect 0.40; dead 1.20; fence asked 1.30; off proven 1.50; address answers 2.00; write through it 3.00; everything back -; writes 100, lost 0; load 4.0"; got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
