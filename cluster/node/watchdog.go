package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

// Watchdog is an armed hardware watchdog (watchdog.Timer).
type Watchdog interface {
	// Timeout is the time unfed after which it resets the host.
	Timeout() time.Duration
	// Software reports whether it is no hardware.
	Software() bool
	Feed() error
	// Disarm stops it; Abandon leaves it running, unfed.
	Disarm() error
	Abandon() error
}

// noWatchdog is Config.OpenWatchdog's default.
func noWatchdog(string, time.Duration) (Watchdog, error) {
	return nil, errors.New("this belayd opens no watchdogs")
}

// The host's watchdog is fed only while one of these holds:
//
//   - the leader has let it, by a lease that counts from when it was asked for;
//   - everything here was stopped after the lease had run out, and nothing is
//     started (member.Core.Idle).
//
// The leader gives no lease to a node that it is about to fence. So from the
// beginning of a fencing the node's host is down, or idle, after
// state.Watchdog.Bound; see outwait.
const (
	// leasePause is the time between two requests for a lease.
	leasePause = time.Second
	// feedTick is how often the feeder looks; it must be well below
	// any watchdog's timeout.
	feedTick = time.Second
	// watchdogRetry is when a watchdog that could not be opened is tried again.
	watchdogRetry = 10 * time.Second
)

// feeder keeps this host's watchdog. Its methods may be called from anywhere.
type feeder struct {
	mu sync.Mutex
	// The fields below are guarded by mu.
	asked time.Time     // when the newest lease that was given was asked for
	lease time.Duration // how long it lasts; see promise
}

// given notes a lease that was asked for at a time, or that the host was idle then:
// whatever it runs later is started later, by a leader.
func (f *feeder) given(asked time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if asked.After(f.asked) {
		f.asked = asked
	}
}

// promise sets how long a lease lasts, also the one that was given before.
func (f *feeder) promise(lease time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lease = lease
}

// may reports whether the host may live on.
func (f *feeder) may(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.asked.IsZero() && now.Sub(f.asked) < f.lease
}

// watchdogOf returns the watchdog that the definition gives a node, or nil. It is
// the first of several.
func (n *Node) watchdogOf(s *state.State, name resources.NodeName) *resources.FenceDevice {
	if !resources.Or(s.Definition.Properties.FencingEnabled, true) {
		return nil
	}
	for _, f := range s.Definition.FencesOf(name) {
		if spec, found := n.config.Fences.Find(f.Agent); found && spec.Watchdog {
			return &f
		}
	}
	return nil
}

// renewLeases asks the leader for leases while the definition gives this host a
// watchdog.
func (n *Node) renewLeases(ctx context.Context) error {
	ticker := time.NewTicker(leasePause)
	defer ticker.Stop()
	for {
		if n.watchdogOf(n.machine.current.Load(), n.config.Name) != nil && !n.exec.Suspended() {
			asked := time.Now()
			if err := n.askLease(ctx); err == nil {
				n.feeder.given(asked)
			} else {
				n.log.Debug("ask for a lease", zap.Error(err))
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (n *Node) askLease(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	name, address, self := n.Leader()
	switch {
	case self:
		return n.GrantLease(ctx, n.config.Name, n.exec.Incarnation())
	case name == "" || address == "":
		return &api.Error{Code: api.CodeNoQuorum, Text: n.NoQuorum()}
	default:
		return n.client(name, address).RenewLease(ctx, api.LeaseRequest{Node: n.config.Name, Incarnation: n.exec.Incarnation()})
	}
}

// GrantLease lets a member feed its watchdog on. A majority has to say that this
// member still leads: one that was paused could let a host live that its successor
// counts out.
func (n *Node) GrantLease(ctx context.Context, node resources.NodeName, incarnation string) error {
	s, err := n.Read(ctx)
	if err != nil {
		return err
	}
	if !s.MayLive(node, incarnation) {
		return &api.Error{Code: api.CodeRefused, Text: fmt.Sprintf("no lease for %s: it counts as lost, is being fenced, or has not announced itself", node)}
	}
	return nil
}

// keepWatchdog feeds this host's watchdog until ctx ends.
func (n *Node) keepWatchdog(ctx context.Context) error {
	k := &keeper{n: n}
	ticker := time.NewTicker(feedTick)
	defer ticker.Stop()
	for {
		k.step(ctx, time.Now())
		select {
		case <-ticker.C:
		case <-ctx.Done():
			k.end(ctx)
			return nil
		}
	}
}

// keeper is the watchdog as it is kept. Only keepWatchdog uses it.
type keeper struct {
	n       *Node
	timer   Watchdog // nil while none is armed
	defined resources.FenceDevice
	said    *state.Watchdog // what was announced last
	retryAt time.Time
	refused string // why none is armed, as logged last
}

func (k *keeper) step(ctx context.Context, now time.Time) {
	s := k.n.machine.current.Load()
	wanted := k.n.watchdogOf(s, k.n.config.Name)
	k.n.feeder.promise(k.promised(s))
	if k.n.exec.Idle() {
		k.n.feeder.given(now) // now is from before this was known
	}
	may := k.n.feeder.may(now)
	switch {
	case k.timer == nil && wanted != nil && may && !now.Before(k.retryAt):
		k.open(ctx, s, *wanted, now)
	case k.timer != nil && may:
		if err := k.timer.Feed(); err != nil {
			k.n.log.Error("the watchdog takes nothing: it may reset this host", zap.Error(err))
		}
	}
	switch {
	case k.timer != nil && may && (wanted == nil || changed(*wanted, k.defined) || k.doubt(*wanted, k.timer) != ""):
		k.giveUp(ctx, s)
	case k.timer != nil && may:
		k.announce(ctx, s)
	}
}

// promised is how long a lease lasts: no longer than anybody was told.
func (k *keeper) promised(s *state.State) time.Duration {
	lease := s.Lease()
	if k.said != nil {
		lease = min(lease, k.said.Lease.Std())
	}
	if self, known := s.Nodes[k.n.config.Name]; known && self.Watchdog != nil {
		lease = min(lease, self.Watchdog.Lease.Std())
	}
	return lease
}

func changed(a, b resources.FenceDevice) bool {
	return a.Params["device"] != b.Params["device"] || a.Params["timeout"] != b.Params["timeout"]
}

// params are the device's, with the defaults.
func (k *keeper) params(defined resources.FenceDevice) fencing.Params {
	spec, _ := k.n.config.Fences.Find(defined.Agent)
	return spec.Complete(fencing.Params(defined.Params))
}

// doubt says why the cluster must not count on this host's watchdog, "" when it
// may; timer is nil before it is open.
func (k *keeper) doubt(wanted resources.FenceDevice, timer Watchdog) string {
	params := k.params(wanted)
	switch {
	case k.n.config.Virtual != "" && !params.Bool("unsafe_in_vm"):
		return fmt.Sprintf("it is a virtual machine (%s): a pause of it stops its watchdog and its clocks, and afterwards its services go on; "+
			"use a power controller of the hypervisor, or say unsafe_in_vm = true", k.n.config.Virtual)
	case timer != nil && timer.Software() && !params.Bool("unsafe_softdog"):
		return "its watchdog is softdog, which a stuck processor stops, or a reset that hangs; load the hardware's driver, or say unsafe_softdog = true"
	}
	return ""
}

// open arms the watchdog, unless it would prove nothing. One that the cluster counts
// on is armed all the same, and given up in order: it may be running.
func (k *keeper) open(ctx context.Context, s *state.State, wanted resources.FenceDevice, now time.Time) {
	self, known := s.Nodes[k.n.config.Name]
	counted := known && self.Watchdog != nil
	why := k.doubt(wanted, nil)
	if why != "" && !counted {
		k.refuse(ctx, s, why, now)
		return
	}
	params := k.params(wanted)
	timer, err := k.n.config.OpenWatchdog(params["device"], params.Duration("timeout"))
	if err != nil {
		k.refuse(ctx, s, err.Error(), now)
		return
	}
	k.timer, k.defined = timer, wanted
	if why = k.doubt(wanted, timer); why != "" && !counted {
		k.disarm()
		k.refuse(ctx, s, why, now)
		return
	}
	k.refused = ""
	k.n.log.Info("the watchdog is armed", zap.String("device", params["device"]), zap.Duration("timeout", timer.Timeout()))
}

// maxRefused bounds what is told of a watchdog that is not fed.
const maxRefused = 480

// refuse says that none is armed, and why: in the journal once, and to the cluster
// until it knows.
func (k *keeper) refuse(ctx context.Context, s *state.State, why string, now time.Time) {
	k.retryAt = now.Add(watchdogRetry)
	why = why[:min(len(why), maxRefused)] // or it would never be what is on record
	if k.refused != why {
		k.n.log.Error("this host feeds no watchdog", zap.String("why", why))
		k.refused = why
	}
	self, known := s.Nodes[k.n.config.Name]
	if known && self.Incarnation == k.n.exec.Incarnation() && self.Watchdog == nil && self.WatchdogRefused != why && s.Version >= state.VersionUnfencing {
		k.tell(ctx, &state.MemberWatchdog{Refused: why})
	}
}

// announce tells the cluster what it may rely on, until the log holds it.
func (k *keeper) announce(ctx context.Context, s *state.State) {
	fact := state.Watchdog{Device: k.params(k.defined)["device"], Timeout: resources.Duration(k.timer.Timeout()), Lease: resources.Duration(s.Lease())}
	self, known := s.Nodes[k.n.config.Name]
	if !known || self.Incarnation != k.n.exec.Incarnation() || self.Watchdog != nil && *self.Watchdog == fact || s.Version < state.VersionMore {
		return
	}
	k.said = &fact // obeyed from here on
	k.tell(ctx, &state.MemberWatchdog{Watchdog: &fact})
}

// giveUp disarms a watchdog that the definition does not want any more, after the
// cluster has taken note.
func (k *keeper) giveUp(ctx context.Context, s *state.State) {
	if self, known := s.Nodes[k.n.config.Name]; known && self.Watchdog != nil {
		k.tell(ctx, &state.MemberWatchdog{})
		return // and again, until the log says so
	}
	k.disarm()
}

func (k *keeper) disarm() {
	if err := k.timer.Disarm(); err != nil {
		k.n.log.Error("disarm the watchdog", zap.Error(err))
	} else {
		k.n.log.Info("the watchdog is disarmed")
	}
	k.timer, k.said = nil, nil
}

// tell announces, for less time than may pass between two meals.
func (k *keeper) tell(ctx context.Context, command *state.MemberWatchdog) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	command.Node, command.Incarnation = k.n.config.Name, k.n.exec.Incarnation()
	err := k.n.tellLeader(ctx, command)
	if err != nil {
		k.n.log.Debug("announce the watchdog", zap.Error(err))
	}
	return err == nil
}

// end is the orderly end of the daemon. The watchdog is disarmed once the cluster
// does not rely on it any more; otherwise it runs on, and the next start of the
// daemon feeds it.
func (k *keeper) end(ctx context.Context) {
	if k.timer == nil {
		return
	}
	if !errors.Is(context.Cause(ctx), ErrPowerCut) {
		self, known := k.n.machine.current.Load().Nodes[k.n.config.Name]
		if known && self.Watchdog == nil || k.tell(context.WithoutCancel(ctx), &state.MemberWatchdog{}) {
			k.disarm()
			return
		}
	}
	k.n.log.Warn("the cluster may rely on the watchdog: it stays armed and resets this host unless belayd starts again in time")
	if err := k.timer.Abandon(); err != nil {
		k.n.log.Error("close the watchdog", zap.Error(err))
	}
}

// errNoWatchdog is a node that feeds none.
var errNoWatchdog = errors.New("its belayd feeds no watchdog: see its journal, and `belayctl fence check`")

// outwait waits until a node's own watchdog must have reset it. No lease is given
// to a node that is being fenced, so the time counts from here.
func (n *Node) outwait(ctx context.Context, s *state.State, defined resources.FenceDevice, node resources.NodeName) (state.FenceStep, error) {
	step := state.FenceStep{At: time.Now().UTC(), Executor: n.config.Name, Device: defined.ID, Step: "wait for its watchdog"}
	lost, known := s.Nodes[node]
	if !known || lost.Watchdog == nil {
		err := errNoWatchdog
		if known && lost.WatchdogRefused != "" {
			err = fmt.Errorf("its belayd feeds no watchdog: %s", lost.WatchdogRefused)
		}
		step.Error = err.Error()
		return step, err
	}
	w, began := lost.Watchdog, time.Now()
	step.Answer = fmt.Sprintf("lease %s, twice its timeout %s and a margin: %s", w.Lease, w.Timeout, w.Bound())
	if deadline, bounded := ctx.Deadline(); bounded && time.Until(deadline) < w.Bound() {
		err := fmt.Errorf("%s is longer than what is left of this attempt: raise fencing_timeout, or lower the watchdog's timeout", w.Bound())
		step.Error = err.Error()
		return step, err
	}
	select {
	case <-time.After(w.Bound()):
	case <-ctx.Done():
		step.Error = context.Cause(ctx).Error()
		step.Took = resources.Duration(time.Since(began))
		return step, context.Cause(ctx)
	}
	step.Took = resources.Duration(time.Since(began))
	return step, nil
}
