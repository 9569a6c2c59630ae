package main

import (
	"testing"

	"github.com/belay-ha/belay/resources"
)

// A development cluster takes files that were written for another one: it has no name
// before one of them gives it one, and keeps that.
func TestDevDefinition(t *testing.T) {
	nodes := []resources.Node{{Name: "controller-0"}}
	fences := []resources.FenceDevice{{ID: "bmc-controller-0", Agent: "redfish"}}
	founded := &resources.Definition{Name: "dev"}
	if got := devDefinition(founded, nodes, fences, true); got.Name != "" || len(got.Nodes)+len(got.Resources)+len(got.Fences) != 0 {
		t.Errorf("empty: %+v, want nothing at all", got)
	}
	got := devDefinition(founded, nodes, fences, false)
	if got.Name != "" || len(got.Nodes) != 1 || len(got.Resources) != 3 || len(got.Fences) != 1 {
		t.Errorf("fresh: %+v, want no name, and something to look at", got)
	}
	if founded.Name != "dev" {
		t.Error("the cluster's own definition was changed")
	}
	got.Name, got.Resources = "overcloud", got.Resources[:1]
	renewed := []resources.FenceDevice{{ID: "bmc-controller-0", Agent: "redfish", Params: resources.Params{"endpoint": "https://127.0.0.1:2"}}}
	again := devDefinition(got, nil, renewed, false)
	if again.Name != "overcloud" || len(again.Resources) != 1 || len(again.Nodes) != 1 || again.Fences[0].Params["endpoint"] != "https://127.0.0.1:2" {
		t.Errorf("from the same directory: %+v, want what was there, with this run's power controllers", again)
	}
}
