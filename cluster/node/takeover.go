package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// UnitFiles is what decides on this host whether systemd starts a unit by itself.
// Methods are called from one goroutine and return within their context.
type UnitFiles interface {
	// UnitFile returns a unit's state as systemctl is-enabled does, "" for a unit
	// that this host does not have.
	UnitFile(ctx context.Context, unit string) (string, error)
	// SetUnitFile carries out enable, enable-runtime, disable, mask or unmask.
	SetUnitFile(ctx context.Context, verb, unit string) error
}

const (
	// unitsAgain is how often the units that are held are looked at, though nothing
	// has changed: an upgrade of a package may enable one.
	unitsAgain = 5 * time.Minute
	// unitsRetry is the pause after something could not be done.
	unitsRetry = 10 * time.Second
	// unitTimeout bounds one look at or change of a unit.
	unitTimeout = 30 * time.Second
)

// holdUnits takes units over and gives them back, as the state asks of this
// member; one that was away does it when it is back. What a unit was is on record
// before it is changed, so that no crash forgets it.
func (n *Node) holdUnits(ctx context.Context) error {
	if n.config.Units == nil {
		return nil
	}
	holder := unitHolder{self: n.config.Name, files: n.config.Units, tell: n.tellLeader, log: n.log}
	again := time.NewTimer(unitsAgain)
	defer again.Stop()
	var seen map[string]unitStep
	for due := true; ; {
		s, changed := n.machine.watch()
		if steps := unitSteps(s, n.config.Name); due || !maps.Equal(seen, steps) {
			wait := unitsAgain
			if err := holder.takeSteps(ctx, steps); err != nil && ctx.Err() == nil {
				n.log.Warn("units are not all as the cluster wants them", zap.Error(err))
				wait = unitsRetry
			}
			seen, due = steps, false
			again.Reset(wait)
		}
		select {
		case <-changed:
		case <-again.C:
			due = true
		case <-ctx.Done():
			return nil
		}
	}
}

// unitStep is what this member has to see to about a unit.
type unitStep struct {
	resource resources.ResourceID
	want     bool // to hold it; else to give it back
	mask     bool // of what is wanted, or else of what is held
	held     bool // it is on record
	was      string
	reheld   bool // on record otherwise than wanted
}

// unitSteps lists the units that are to be held or given back.
func unitSteps(s *state.State, self resources.NodeName) map[string]unitStep {
	steps := map[string]unitStep{}
	own, member := s.Nodes[self]
	if !member {
		return steps
	}
	for unit, wanted := range s.WantedUnits(self) {
		steps[unit] = unitStep{resource: wanted.Resource, want: true, mask: wanted.Mask}
	}
	for unit, held := range own.Units {
		step, wanted := steps[unit]
		step.held, step.was = true, held.Was
		if !wanted {
			step.resource, step.mask = held.Resource, held.Mask
		}
		step.reheld = wanted && (held.Mask != step.mask || held.Resource != step.resource)
		steps[unit] = step
	}
	return steps
}

// unitHolder carries out what a member has to see to.
type unitHolder struct {
	self  resources.NodeName
	files UnitFiles
	// tell commits what is on record of this member.
	tell func(context.Context, state.Command) error
	log  *zap.Logger
}

// errUntold: what a unit was could not be put on record.
var errUntold = errors.New("the leader could not be told")

// takeSteps does what is to be done, unit by unit. One that cannot be changed holds up
// no other, unless the leader does not answer, or systemd: then none can.
func (h unitHolder) takeSteps(ctx context.Context, steps map[string]unitStep) error {
	var failed error
	for _, unit := range slices.Sorted(maps.Keys(steps)) {
		within, cancel := context.WithTimeout(ctx, unitTimeout)
		err := h.takeStep(within, unit, steps[unit])
		none := within.Err() != nil || errors.Is(err, errUntold)
		cancel()
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", unit, err))
		}
		if none {
			break
		}
	}
	return failed
}

func (h unitHolder) takeStep(ctx context.Context, unit string, step unitStep) error {
	is, err := h.files.UnitFile(ctx, unit)
	if err != nil {
		return err
	}
	if !step.want {
		if err := h.giveBack(ctx, unit, is, step); err != nil {
			return err
		}
		return h.record(ctx, &state.UnitReleased{Node: h.self, Unit: unit})
	}
	if is == "" {
		return nil // this host does not have it
	}
	if !step.held || step.reheld {
		if err := h.record(ctx, &state.UnitHeld{Node: h.self, Unit: unit, Resource: step.resource, Was: is, Mask: step.mask}); err != nil {
			return err
		}
	}
	if step.reheld && !step.mask && is == "masked" && step.was != "masked" {
		return h.files.SetUnitFile(ctx, "unmask", unit)
	}
	if startsItself(is) {
		h.log.Info("systemd starts this unit no more: it is the cluster's", zap.String("unit", unit), zap.String("resource", string(step.resource)), zap.String("was", is))
		if err := h.files.SetUnitFile(ctx, "disable", unit); err != nil {
			return err
		}
	}
	if step.mask && is != "masked" {
		return h.files.SetUnitFile(ctx, "mask", unit)
	}
	return nil
}

// record puts on record what this member does with a unit.
func (h unitHolder) record(ctx context.Context, command state.Command) error {
	if err := h.tell(ctx, command); err != nil {
		return fmt.Errorf("%w: %w", errUntold, err)
	}
	return nil
}

// giveBack makes a unit what it was before it was taken over.
func (h unitHolder) giveBack(ctx context.Context, unit, is string, step unitStep) error {
	if is == "" {
		return nil // it was uninstalled meanwhile
	}
	if step.mask && step.was != "masked" && strings.HasPrefix(is, "masked") {
		if err := h.files.SetUnitFile(ctx, "unmask", unit); err != nil {
			return err
		}
	}
	verb := map[string]string{"enabled": "enable", "enabled-runtime": "enable-runtime"}[step.was]
	if verb == "" || startsItself(is) {
		return nil
	}
	h.log.Info("a unit is given back to systemd", zap.String("unit", unit), zap.String("resource", string(step.resource)), zap.String("again", step.was))
	return h.files.SetUnitFile(ctx, verb, unit)
}

// startsItself reports whether systemd starts a unit in that state at boot
// (systemctl(1), is-enabled).
func startsItself(is string) bool { return is == "enabled" || is == "enabled-runtime" }
