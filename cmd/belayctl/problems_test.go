package main

import (
	"slices"
	"testing"

	"github.com/belay-ha/belay/cluster/api"
)

// Each line of a problem says where it is, and nothing is said twice.
func TestProblemGroups(t *testing.T) {
	missing := "web cannot run here: start said not_installed"
	got := problemGroups([]api.ProblemStatus{
		{Severity: "critical", Node: "c0", Text: "node c0 is lost"},
		{Severity: "warning", Node: "c0", Text: missing, Next: "belayctl resource retry web"},
		{Severity: "critical", Text: "no node may run web", Next: "belayctl explain web"},
		{Severity: "warning", Node: "c1", Text: missing, Next: "belayctl resource retry web"},
	})
	want := []problemGroup{
		{"critical", "node c0 is lost", ""},
		{"warning", "c0, c1: " + missing, "belayctl resource retry web"},
		{"critical", "no node may run web", "belayctl explain web"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
