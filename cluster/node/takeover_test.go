package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// unitHost is one host's unit files, and the log that its member tells.
type unitHost struct {
	t     *testing.T
	s     *state.State
	files map[string]string
	did   []string
	fail  string // the verb that fails, once
	stuck string // the unit that cannot be changed
	mute  bool   // the leader cannot be told
}

func (h *unitHost) UnitFile(_ context.Context, unit string) (string, error) {
	return h.files[unit], nil
}

func (h *unitHost) SetUnitFile(_ context.Context, verb, unit string) error {
	if h.fail == verb {
		h.fail = ""
		return errors.New("killed in between")
	}
	if h.stuck == unit {
		return errors.New("read-only file system")
	}
	h.did = append(h.did, verb+" "+unit)
	h.files[unit] = map[string]string{"enable": "enabled", "enable-runtime": "enabled-runtime", "disable": "disabled", "mask": "masked", "unmask": "disabled"}[verb]
	return nil
}

func (h *unitHost) apply(command state.Command) {
	h.t.Helper()
	next, result := state.ApplyCommand(h.s, h.s.Index+1, 1, time.Unix(0, 0), "alice", command)
	if result.Err != nil {
		h.t.Fatalf("%+v: %v", command, result.Err)
	}
	h.s = next
}

// run lets the member do all that it has to do now.
func (h *unitHost) run() error {
	holder := unitHolder{self: "a", files: h, log: zap.NewNop(), tell: func(_ context.Context, c state.Command) error {
		if h.mute {
			return errors.New("no leader")
		}
		h.apply(c)
		return nil
	}}
	return holder.takeSteps(h.t.Context(), unitSteps(h.s, "a"))
}

func newUnitHost(t *testing.T) *unitHost {
	s := state.New()
	s.Version = state.Version
	s.Nodes["a"] = &state.Node{Name: "a"}
	s.Definition = &resources.Definition{Resources: []resources.Resource{{ID: "db", Agent: "galera"}, {ID: "web", Agent: "process"}}}
	return &unitHost{t: t, s: s, files: map[string]string{"mariadb.service": "enabled", "web.service": "enabled", "off.service": "disabled", "boot.service": "enabled-runtime"}}
}

func (h *unitHost) want(what string, err error, files map[string]string) {
	h.t.Helper()
	if err != nil {
		h.t.Errorf("%s: %v", what, err)
	}
	for unit, state := range files {
		if h.files[unit] != state {
			h.t.Errorf("%s: %s is %q, want %q (did %q)", what, unit, h.files[unit], state, h.did)
		}
	}
}

// TestUnitsAreTakenAndGivenBack: until the resource is deleted; a unit that was
// not enabled is not enabled afterwards.
func TestUnitsAreTakenAndGivenBack(t *testing.T) {
	h := newUnitHost(t)
	h.apply(&state.TakeOverSet{Resource: "db", Units: []state.OwnedUnit{{Unit: "mariadb.service"}, {Unit: "off.service"}, {Unit: "boot.service"}, {Unit: "absent.service"}}})
	h.apply(&state.TakeOverSet{Resource: "web", Units: []state.OwnedUnit{{Unit: "web.service", Mask: true}}})
	taken := map[string]string{"mariadb.service": "disabled", "off.service": "disabled", "boot.service": "disabled", "web.service": "masked"}
	h.want("taken", h.run(), taken)
	did := len(h.did)
	h.want("again", h.run(), taken)
	if len(h.did) != did {
		t.Errorf("did it twice: %q", h.did[did:])
	}
	if held := h.s.Nodes["a"].Units; len(held) != 4 || held["mariadb.service"].Was != "enabled" || held["web.service"].Was != "enabled" || !held["web.service"].Mask {
		t.Errorf("on record: %+v", held)
	}
	h.files["mariadb.service"] = "enabled" // an upgrade of its package
	h.want("enabled by somebody", h.run(), taken)
	h.apply(&state.DefinitionSet{Base: h.s.Revision, Definition: &resources.Definition{}})
	if len(h.s.TakeOvers) != 0 {
		t.Errorf("deleted, and still taken over: %+v", h.s.TakeOvers)
	}
	h.want("given back", h.run(), map[string]string{"mariadb.service": "enabled", "off.service": "disabled", "boot.service": "enabled-runtime", "web.service": "enabled"})
	if held := h.s.Nodes["a"].Units; len(held) != 0 {
		t.Errorf("still on record: %+v", held)
	}
}

// TestTakeOverSurvivesCrashes: killed anywhere, or without a leader, a member ends
// where it would have ended, and knows what the unit was.
func TestTakeOverSurvivesCrashes(t *testing.T) {
	for _, verb := range []string{"disable", "mask", "unmask", "enable"} {
		h := newUnitHost(t)
		h.apply(&state.TakeOverSet{Resource: "web", Units: []state.OwnedUnit{{Unit: "web.service", Mask: true}}})
		h.mute = true
		if h.run() == nil || len(h.did) != 0 {
			t.Errorf("%s: did %q before it was on record", verb, h.did)
		}
		h.mute, h.fail = false, verb
		failures := 0
		for range 4 {
			if h.run() != nil {
				failures++
			}
		}
		h.want(verb, nil, map[string]string{"web.service": "masked"})
		h.apply(&state.TakeOverSet{Resource: "web"})
		for range 4 {
			if h.run() != nil {
				failures++
			}
		}
		h.want(verb, nil, map[string]string{"web.service": "enabled"})
		if failures != 1 || len(h.s.Nodes["a"].Units) != 0 {
			t.Errorf("%s: %d failures, on record %+v", verb, failures, h.s.Nodes["a"].Units)
		}
	}
}

// TestOneUnitHoldsUpNoOther: what cannot be changed is said by its name, and tried again;
// without a leader nothing more is tried.
func TestOneUnitHoldsUpNoOther(t *testing.T) {
	h := newUnitHost(t)
	h.apply(&state.TakeOverSet{Resource: "db", Units: []state.OwnedUnit{{Unit: "boot.service"}, {Unit: "mariadb.service"}, {Unit: "web.service"}}})
	h.stuck = "boot.service"
	err := h.run()
	if err == nil || !strings.Contains(err.Error(), "boot.service: read-only file system") || strings.Contains(err.Error(), "web.service") {
		t.Errorf("said %v", err)
	}
	h.want("the others", nil, map[string]string{"boot.service": "enabled-runtime", "mariadb.service": "disabled", "web.service": "disabled"})
	h.stuck = ""
	h.want("later", h.run(), map[string]string{"boot.service": "disabled"})
	h.apply(&state.TakeOverSet{Resource: "db"})
	h.mute = true
	if err := h.run(); !errors.Is(err, errUntold) || strings.Count(err.Error(), ".service") != 1 {
		t.Errorf("without a leader: %v", err)
	}
}

// TestTakeOverChanges: a unit that is to be masked no more is unmasked, and goes
// back to what it was first.
func TestTakeOverChanges(t *testing.T) {
	h := newUnitHost(t)
	for n, mask := range []bool{true, false, true} {
		h.apply(&state.TakeOverSet{Resource: "web", Units: []state.OwnedUnit{{Unit: "web.service", Mask: mask}}})
		h.want(fmt.Sprint("step ", n), h.run(), map[string]string{"web.service": map[bool]string{true: "masked", false: "disabled"}[mask]})
	}
	h.apply(&state.TakeOverSet{Resource: "web"})
	h.want("in the end", h.run(), map[string]string{"web.service": "enabled"})
	h.s.Nodes["a"].Witness = true
	h.apply(&state.TakeOverSet{Resource: "web", Units: []state.OwnedUnit{{Unit: "web.service"}}})
	h.want("a witness", h.run(), map[string]string{"web.service": "enabled"})
}
