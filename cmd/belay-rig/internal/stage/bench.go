package stage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/resources"
)

// Bench says what to measure.
type Bench struct {
	// Definition is the cluster's TOML file.
	Definition string
	// Cuts is how many power cuts of each kind to make.
	Cuts int
	// Outages is how often all hosts lose their power at once, afterwards.
	Outages int
	// Keep gets each cut as soon as it is measured, and the diagnoses.
	Keep *Keeper
}

// Series is one row of the failover benchmark: power cuts of one kind.
type Series struct {
	Device string // redfish or ipmi
	Leader bool
	Cuts   []Cut
	// Failed counts the cuts after which not everything came back in time. What
	// was measured of such a cut stands in Cuts all the same.
	Failed int
}

// Name says what the series is of.
func (s Series) Name() string {
	who := "follower"
	if s.Leader {
		who = "leader"
	}
	return who + ", " + s.Device
}

// Measured is all that a benchmark has found, also when it ended early.
type Measured struct {
	Series  []Series
	Outages []Outage
	// FailedOutages counts those after which not everything came back in time.
	FailedOutages int
}

// Bounds of a benchmark.
const (
	// maxReturn is how long a cut host and its instances may take to be back.
	maxReturn = 5 * time.Minute
	// maxSelfHelp is how long the cluster may take after that to heal by itself
	// before the cloud is put up anew.
	maxSelfHelp = 10 * time.Minute
	// maxRebuilds bounds how often that is done in a run.
	maxRebuilds = 3
)

// Bench cuts the power of the address's holder again and again: of followers
// and of the leader, fenced by Redfish and by IPMI; then of all hosts at once. A
// cut that fails is diagnosed and counted, and the next one follows when the
// cloud is whole again. The error says that something failed; what was measured
// is returned with it.
func (s *Stage) Bench(ctx context.Context, b Bench) (Measured, error) {
	run := &benchRun{Stage: s, Bench: b}
	if b.Cuts > 0 {
		for _, device := range []string{"redfish", "ipmi"} {
			if err := s.fenceBy(ctx, b.Definition, device); err != nil {
				return run.found, err
			}
			for _, leader := range []bool{false, true} {
				if err := run.series(ctx, device, leader); err != nil {
					return run.found, err
				}
			}
		}
	}
	for n := range b.Outages {
		if err := run.outage(ctx, n); err != nil {
			return run.found, err
		}
	}
	return run.found, run.found.verdict()
}

// verdict is an error when a cut failed or a write was lost.
func (m Measured) verdict() error {
	failed, lost, cuts := m.FailedOutages, 0, m.FailedOutages+len(m.Outages)
	for _, series := range m.Series {
		failed += series.Failed
		cuts += len(series.Cuts)
		for _, cut := range series.Cuts {
			lost += cut.Lost
		}
	}
	if failed == 0 && lost == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d cuts failed, %d acknowledged writes are lost", failed, cuts, lost)
}

// benchRun is a benchmark under way.
type benchRun struct {
	*Stage
	Bench
	found    Measured
	rebuilds int
}

// series makes the cuts of one kind. An error ends the whole run.
func (r *benchRun) series(ctx context.Context, device string, leader bool) error {
	r.found.Series = append(r.found.Series, Series{Device: device, Leader: leader})
	series := &r.found.Series[len(r.found.Series)-1]
	for n := range r.Cuts {
		r.Say("%s: cut %d of %d", series.Name(), n+1, r.Cuts)
		cut, err := r.cutHolder(ctx, leader)
		for again := 1; err != nil && cut.Node == "" && again < pickAttempts && ctx.Err() == nil; again++ {
			r.Say("no power is cut yet, once more: %v", err)
			cut, err = r.cutHolder(ctx, leader)
		}
		series.Cuts = append(series.Cuts, cut)
		if err != nil {
			series.Failed++
		}
		if keepErr := r.Keep.Cut(*series, n+1, cut, err); keepErr != nil {
			return errors.Join(err, keepErr)
		}
		r.Say("%s", cut.Line())
		if err != nil {
			again := func(ctx context.Context) error { return r.fenceBy(ctx, r.Definition, device) }
			if err := r.mend(ctx, fmt.Sprintf("%s, cut %d", series.Name(), n+1), err, again); err != nil {
				return err
			}
		}
	}
	return nil
}

// mend diagnoses a cloud that did not come back, and makes it whole: it gets
// time to heal by itself, and is put up anew after that. again configures the
// new one.
func (r *benchRun) mend(ctx context.Context, what string, cause error, again func(context.Context) error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, cause)
	}
	r.Say("FAILED: %s: %v", what, cause)
	if file, err := r.Keep.Diagnosis(what, r.Diagnose(ctx)); err != nil {
		r.Say("the diagnosis cannot be kept: %v", err)
	} else {
		r.Say("what was found out is in %s", file)
	}
	began := time.Now()
	_, err := r.Until(ctx, maxSelfHelp, "the cloud is whole again", Whole)
	if err == nil {
		r.Say("%s: the cluster has healed by itself, %.0f s later", what, time.Since(began).Seconds())
		return nil
	}
	if ctx.Err() != nil || r.rebuilds == maxRebuilds {
		return fmt.Errorf("%s: %w", what, errors.Join(cause, err))
	}
	r.rebuilds++
	r.Say("%s: not healed within %s more: the cloud is put up anew", what, maxSelfHelp)
	return errors.Join(r.Up(ctx, r.bootDelay), r.Form(ctx), r.Deploy(ctx, r.Definition), again(ctx))
}

// pickAttempts bounds how often a cut is prepared: leadership may move meanwhile.
const pickAttempts = 3

// cutHolder moves the address to the leader or to a follower and cuts its power.
func (s *Stage) cutHolder(ctx context.Context, leader bool) (Cut, error) {
	if err := s.Forgive(ctx); err != nil {
		return Cut{}, fmt.Errorf("before the cut: %w", err)
	}
	for range pickAttempts {
		status, err := s.Until(ctx, maxReturn, "before the cut: everything runs", Whole)
		if err != nil {
			return Cut{}, err
		}
		if (Holder(status, Address) == status.Leader) == leader {
			return s.CutPower(ctx, Holder(status, Address), maxReturn)
		}
		to := status.Leader
		if !leader {
			i := slices.IndexFunc(status.Nodes, func(n api.NodeStatus) bool { return n.Name != status.Leader })
			to = status.Nodes[i].Name
		}
		if err := s.moveAddress(ctx, to); err != nil {
			return Cut{}, fmt.Errorf("before the cut: %w", err)
		}
	}
	return Cut{}, errors.New("before the cut: leadership moves again and again")
}

// moveAddress moves the address to a node, and no more than that: the wish must
// not pull it back later.
func (s *Stage) moveAddress(ctx context.Context, to resources.NodeName) error {
	if _, err := s.anyHost(ctx, "belayctl", "resource", "move", string(Address), string(to), "--wait=60"); err != nil {
		return err
	}
	if _, err := s.Until(ctx, time.Minute, "the address has moved", func(st api.Status) bool { return Holder(st, Address) == to && Whole(st) }); err != nil {
		return err
	}
	_, err := s.anyHost(ctx, "belayctl", "resource", "move", string(Address), "--end")
	return err
}
