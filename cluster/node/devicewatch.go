package node

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

const (
	defaultCheckInterval = 60 * time.Second
	// doubtInterval is when a failure that may heal is looked at again: one alone
	// says little, two in a row are recorded.
	doubtInterval = 10 * time.Second
	// refusedPause is how long a device that refused a login is left alone; it
	// doubles with each refusal. Accounts lock after a few.
	refusedPause, longestRefusedPause = 15 * time.Minute, 4 * time.Hour
	// manyReads bounds how many devices are read at once.
	manyReads = 8
)

// deviceWatch has two members look at each target of each fence device now and
// then, and records what differs from what is on record. Only the leader loop
// calls step; report may be called from anywhere.
type deviceWatch struct {
	// read has a member read a device; current is the newest state.
	read    func(ctx context.Context, s *state.State, by resources.NodeName, device string, target resources.NodeName) (state.FenceCheckResult, error)
	current func() *state.State
	propose func(context.Context, state.Command) (state.Result, error)
	log     *zap.Logger

	work sync.WaitGroup // reads under way
	wake chan struct{}

	mu   sync.Mutex
	done []read // guarded by mu: reads that step has not taken yet

	revision uint64
	secrets  map[string]string
	interval time.Duration
	targets  []*watchedTarget
	busy     map[string]bool // devices that are being read
	refused  map[string]*refusal
	dirty    bool // something may have to be recorded
}

// watchedTarget is one target of one device.
type watchedTarget struct {
	device string
	target resources.NodeName
	turn   int
	digest string
	// By turn of the reading members: when each is due, how often in a row it
	// has doubted, and what it found.
	due    [fenceReaders]time.Time
	doubts [fenceReaders]int
	found  [fenceReaders]*state.FenceCheckResult
}

// refusal is a device that refused a login, as it was used then.
type refusal struct {
	digest string
	times  int
	until  time.Time
}

// read is one look at a device that is over.
type read struct {
	device string
	target resources.NodeName
	slot   int
	digest string
	result state.FenceCheckResult
	err    error // nobody looked
	asked  bool  // by an operator: slot is unknown, and one look is enough
}

func newDeviceWatch(n *Node) *deviceWatch {
	return &deviceWatch{
		read: n.readByMember, current: n.machine.current.Load, propose: n.propose, log: n.log,
		wake: make(chan struct{}, 1), busy: map[string]bool{}, refused: map[string]*refusal{},
	}
}

// report hands over a read.
func (w *deviceWatch) report(r read) {
	w.mu.Lock()
	w.done = append(w.done, r)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *deviceWatch) take() []read {
	w.mu.Lock()
	defer w.mu.Unlock()
	done := w.done
	w.done = nil
	return done
}

// step takes what was found, starts the reads that are due and records what is
// new. It blocks on nothing but the log.
func (w *deviceWatch) step(ctx context.Context, s *state.State, now time.Time) {
	w.follow(s, now)
	for _, r := range w.take() {
		w.took(s, r, now)
	}
	if w.interval == 0 {
		return
	}
	for _, t := range w.targets {
		w.start(ctx, s, t, now)
	}
	w.record(ctx, s)
}

// follow takes over a changed definition or secret. A device that is used with
// something new is looked at at once; what is known of the others stays.
func (w *deviceWatch) follow(s *state.State, now time.Time) {
	if w.revision == s.Revision && maps.Equal(w.secrets, s.Secrets) {
		return
	}
	before := w.interval
	w.revision, w.secrets, w.dirty = s.Revision, s.Secrets, true
	p := s.Definition.Properties
	w.interval = resources.Or(p.FenceCheckInterval, resources.Duration(defaultCheckInterval)).Std()
	if !resources.Or(p.FencingEnabled, true) {
		w.interval = 0
	}
	known := map[string]*watchedTarget{}
	for _, t := range w.targets {
		known[state.FenceCheckKey(t.device, t.target)] = t
	}
	w.targets = nil
	for _, f := range s.Definition.Fences {
		digest := s.FenceDigest(f)
		for _, target := range f.Targets {
			key := state.FenceCheckKey(f.ID, target)
			t := known[key]
			if t == nil || t.digest != digest {
				t = &watchedTarget{device: f.ID, target: target, digest: digest}
				w.begin(t, s.FenceChecks[key], now)
			} else if w.interval != before {
				for slot := range t.due {
					t.due[slot] = now.Add(rand.N(max(w.interval, 1)))
				}
			}
			t.turn = deviceTurn(s, f.ID, target)
			w.targets = append(w.targets, t)
		}
	}
}

// begin plans a target's first reads. What an earlier leader has recorded is
// not asked for again at once, and a refused login not for long.
func (w *deviceWatch) begin(t *watchedTarget, recorded *state.FenceCheck, now time.Time) {
	if recorded == nil || recorded.Digest != t.digest {
		for slot := range t.due {
			t.due[slot] = now
		}
		return
	}
	for slot := range t.due {
		t.due[slot] = now.Add(rand.N(max(w.interval, 1)))
		if slot < len(recorded.Results) {
			t.found[slot] = &recorded.Results[slot]
			if t.found[slot].Failure == state.FailureLogin {
				w.refused[t.device] = &refusal{digest: t.digest, times: 1, until: now.Add(refusedPause)}
			}
		}
	}
}

// took takes one read over.
func (w *deviceWatch) took(s *state.State, r read, now time.Time) {
	if !r.asked {
		delete(w.busy, r.device)
	}
	i := slices.IndexFunc(w.targets, func(t *watchedTarget) bool { return t.device == r.device && t.target == r.target })
	if i < 0 || w.targets[i].digest != r.digest {
		return // of a device that is used otherwise now
	}
	t, slot := w.targets[i], r.slot
	if r.asked {
		if slot = slices.Index(readersOf(s, t.target, t.turn), r.result.By); slot < 0 {
			return
		}
	}
	pause := w.interval
	switch {
	case r.err != nil:
		w.log.Debug("read a fence device", zap.String("device", t.device), zap.String("by", string(r.result.By)), zap.Error(r.err))
		t.due[slot] = now.Add(min(doubtInterval, pause))
		return
	case r.result.Failure == "":
		delete(w.refused, t.device)
		t.doubts[slot] = 0
	case r.result.Failure == state.FailureLogin:
		w.refuse(t, now)
	case !lasting(r.result.Failure) && !r.asked:
		if t.doubts[slot]++; t.doubts[slot] < 2 {
			t.due[slot] = now.Add(min(doubtInterval, pause))
			return
		}
	}
	t.due[slot] = now.Add(pause*9/10 + rand.N(pause/5+1))
	if old := t.found[slot]; old == nil || old.By != r.result.By || old.Failure != r.result.Failure {
		t.found[slot], w.dirty = &r.result, true
	}
}

func (w *deviceWatch) refuse(t *watchedTarget, now time.Time) {
	times := 0
	if before := w.refused[t.device]; before != nil && before.digest == t.digest {
		times = before.times
	}
	pause := min(refusedPause<<min(times, 6), longestRefusedPause)
	w.refused[t.device] = &refusal{digest: t.digest, times: times + 1, until: now.Add(pause)}
}

// lasting reports whether a failure does not heal by itself.
func lasting(failure string) bool {
	for kind := fencing.KindAuth; kind <= fencing.KindUnsupported; kind++ {
		if kind.String() == failure {
			return true
		}
	}
	return false
}

// start begins the target's read that is due. A device is read once at a time,
// and not while it may be fencing.
func (w *deviceWatch) start(ctx context.Context, s *state.State, t *watchedTarget, now time.Time) {
	if len(w.busy) >= manyReads || w.busy[t.device] || s.Fencing[t.target] != nil {
		return
	}
	if held := w.refused[t.device]; held != nil && held.digest == t.digest && now.Before(held.until) {
		return
	}
	slot := slices.IndexFunc(t.due[:], func(due time.Time) bool { return !now.Before(due) })
	if slot < 0 {
		return
	}
	readers := readersOf(s, t.target, t.turn)
	if slot >= len(readers) {
		t.due[slot] = now.Add(w.interval)
		if t.found[slot] != nil {
			t.found[slot], w.dirty = nil, true
		}
		return
	}
	w.busy[t.device] = true
	by := readers[slot]
	w.work.Go(func() {
		result, err := w.read(ctx, s, by, t.device, t.target)
		if err == nil {
			result = judgeRead(s, w.current(), t.device, t.target, result)
		}
		w.report(read{device: t.device, target: t.target, slot: slot, digest: t.digest, result: result, err: err})
	})
}

// maxChecks bounds one log entry.
const maxChecks = 64

// record proposes what differs from the record: who looks, and what is wrong.
func (w *deviceWatch) record(ctx context.Context, s *state.State) {
	if !w.dirty {
		return
	}
	var changed []state.FenceCheck
	for _, t := range w.targets {
		check := state.FenceCheck{Device: t.device, Target: t.target, Digest: t.digest}
		for _, found := range t.found {
			if found != nil {
				check.Results = append(check.Results, *found)
			}
		}
		whole := len(check.Results) >= min(fenceReaders, len(readersOf(s, t.target, t.turn)))
		recorded := s.FenceChecks[state.FenceCheckKey(t.device, t.target)]
		if len(check.Results) > 0 && (whole || len(check.Failing()) > 0) && !sameCheck(recorded, &check) {
			changed = append(changed, check)
		}
	}
	if len(changed) == 0 {
		w.dirty = false
		return
	}
	if _, err := w.propose(ctx, &state.FenceChecked{Checks: changed[:min(len(changed), maxChecks)]}); err != nil {
		w.log.Warn("record the state of fence devices", zap.Error(err))
	}
}

// sameCheck compares what is worth an entry of the log.
func sameCheck(a, b *state.FenceCheck) bool {
	return a != nil && a.Digest == b.Digest && slices.EqualFunc(a.Results, b.Results, func(x, y state.FenceCheckResult) bool {
		return x.By == y.By && x.Failure == y.Failure
	})
}
