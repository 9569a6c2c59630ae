package leader

import (
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/state"
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
	// maxChecks bounds one log entry.
	maxChecks = 64
)

// deviceWatch has two members look at each target of each fence device now and
// then, and records what differs from what is on record.
type deviceWatch struct {
	revision uint64
	secrets  map[string]string
	interval time.Duration
	targets  []*watchedTarget
	busy     map[string]*deviceRead // by device
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

// deviceRead is a read that is under way.
type deviceRead struct {
	id     uint64
	device string
	target resources.NodeName
	slot   int
	digest string
	before *state.State // when it began
}

// refusal is a device that refused a login, as it was used then.
type refusal struct {
	digest string
	times  int
	until  time.Time
}

func newDeviceWatch() *deviceWatch {
	return &deviceWatch{busy: map[string]*deviceRead{}, refused: map[string]*refusal{}}
}

// watchDevices begins the reads that are due and records what is new.
func (c *Core) watchDevices() {
	c.followDefinition()
	if c.devices.interval == 0 {
		return
	}
	for _, t := range c.devices.targets {
		c.readTarget(t)
	}
	c.recordChecks()
}

// followDefinition takes over a changed definition or secret. A device that is
// used with something new is looked at at once; what is known of the others
// stays.
func (c *Core) followDefinition() {
	w, s := c.devices, c.s
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
				c.beginTarget(t, s.FenceChecks[key])
			} else if w.interval != before {
				c.spread(t)
			}
			t.turn = deviceTurn(s, f.ID, target)
			w.targets = append(w.targets, t)
		}
	}
}

// spread plans a target's next reads somewhere within the interval.
func (c *Core) spread(t *watchedTarget) {
	for slot := range t.due {
		t.due[slot] = c.in.Now.Add(c.jitter(c.devices.interval))
	}
}

func (c *Core) jitter(d time.Duration) time.Duration { return c.config.Jitter(max(d, 1)) }

// beginTarget plans a target's first reads. What an earlier leader has recorded
// is not asked for again at once, and a refused login not for long.
func (c *Core) beginTarget(t *watchedTarget, recorded *state.FenceCheck) {
	if recorded == nil || recorded.Digest != t.digest {
		for slot := range t.due {
			t.due[slot] = c.in.Now
		}
		return
	}
	c.spread(t)
	for slot := range min(fenceReaders, len(recorded.Results)) {
		t.found[slot] = &recorded.Results[slot]
		if t.found[slot].Failure == state.FailureLogin {
			c.devices.refused[t.device] = &refusal{digest: t.digest, times: 1, until: c.in.Now.Add(refusedPause)}
		}
	}
}

// readTarget begins the target's read that is due. A device is read once at a
// time, and not while it may be fencing.
func (c *Core) readTarget(t *watchedTarget) {
	w := c.devices
	for _, due := range t.due {
		c.wakeAt(due)
	}
	if len(w.busy) >= manyReads || w.busy[t.device] != nil || c.s.Fencing[t.target] != nil {
		return // an answer, or a new state, wakes this up
	}
	if held := w.refused[t.device]; held != nil && held.digest == t.digest && c.in.Now.Before(held.until) {
		c.wakeAt(held.until)
		return
	}
	slot := slices.IndexFunc(t.due[:], func(due time.Time) bool { return !c.in.Now.Before(due) })
	if slot < 0 {
		return
	}
	readers := readersOf(c.s, t.target, t.turn)
	if slot >= len(readers) {
		t.due[slot] = c.in.Now.Add(w.interval)
		c.wakeAt(t.due[slot])
		if t.found[slot] != nil {
			t.found[slot], w.dirty = nil, true
		}
		return
	}
	r := &deviceRead{id: c.newID(), device: t.device, target: t.target, slot: slot, digest: t.digest, before: c.s}
	w.busy[t.device] = r
	c.out.Reads = append(c.out.Reads, Read{ID: r.id, Device: t.device, Target: t.target, By: readers[slot], Index: c.s.Index})
}

// recordChecks proposes what differs from the record: who looks, and what is
// wrong.
func (c *Core) recordChecks() {
	if !c.devices.dirty {
		return
	}
	var changed []state.FenceCheck
	for _, t := range c.devices.targets {
		check := state.FenceCheck{Device: t.device, Target: t.target, Digest: t.digest}
		for _, found := range t.found {
			if found != nil {
				check.Results = append(check.Results, *found)
			}
		}
		whole := len(check.Results) >= min(fenceReaders, len(readersOf(c.s, t.target, t.turn)))
		recorded := c.s.FenceChecks[state.FenceCheckKey(t.device, t.target)]
		if len(check.Results) > 0 && (whole || len(check.Failing()) > 0) && !sameCheck(recorded, &check) {
			changed = append(changed, check)
		}
	}
	if len(changed) == 0 {
		c.devices.dirty = false
		return
	}
	c.propose(&state.FenceChecked{Checks: changed[:min(len(changed), maxChecks)]})
}

// sameCheck compares what is worth an entry of the log.
func sameCheck(a, b *state.FenceCheck) bool {
	return a != nil && a.Digest == b.Digest && slices.EqualFunc(a.Results, b.Results, func(x, y state.FenceCheckResult) bool {
		return x.By == y.By && x.Failure == y.Failure
	})
}
