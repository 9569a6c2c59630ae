package leader

import (
	"fmt"
	"slices"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// takeReadings takes the looks at fence devices that are over.
func (c *Core) takeReadings() {
	for _, r := range c.in.Readings {
		if r.ID == 0 {
			c.takeAsked(r)
			continue
		}
		for device, read := range c.devices.busy {
			if read.id == r.ID {
				delete(c.devices.busy, device)
				c.takeReading(read, r)
				break
			}
		}
	}
}

// watched returns the target that was read, unless it is used otherwise now.
func (w *deviceWatch) watched(device string, target resources.NodeName, digest string) *watchedTarget {
	i := slices.IndexFunc(w.targets, func(t *watchedTarget) bool { return t.device == device && t.target == target })
	if i < 0 || w.targets[i].digest != digest {
		return nil
	}
	return w.targets[i]
}

// takeAsked takes a read that an operator has asked for. One is enough.
func (c *Core) takeAsked(r Reading) {
	t := c.devices.watched(r.Device, r.Target, r.Digest)
	if t == nil {
		return
	}
	slot := slices.Index(readersOf(c.s, t.target, t.turn), r.Result.By)
	if slot >= 0 && r.Error == "" {
		c.settle(t, slot, r.Result)
	}
}

// takeReading takes a read that this core began.
func (c *Core) takeReading(read *deviceRead, r Reading) {
	t := c.devices.watched(read.device, read.target, read.digest)
	if t == nil {
		return
	}
	soon := c.in.Now.Add(min(doubtInterval, c.devices.interval))
	if r.Error != "" {
		c.note(Note{Text: fmt.Sprintf("device %s was not read by %s: %s", t.device, r.Result.By, r.Error), Node: t.target})
		t.due[read.slot] = soon
		return
	}
	result := JudgeReading(read.before, c.s, t.device, t.target, r.Result)
	if result.Failure != "" && result.Failure != state.FailureLogin && !lasting(result.Failure) {
		if t.doubts[read.slot]++; t.doubts[read.slot] < 2 {
			t.due[read.slot] = soon
			return
		}
	}
	c.settle(t, read.slot, result)
}

// settle takes a result that is not in doubt.
func (c *Core) settle(t *watchedTarget, slot int, result state.FenceCheckResult) {
	w := c.devices
	switch result.Failure {
	case "":
		delete(w.refused, t.device)
		t.doubts[slot] = 0
	case state.FailureLogin:
		w.refuse(t, c)
	}
	t.due[slot] = c.in.Now.Add(w.interval*9/10 + c.jitter(w.interval/5+1))
	if old := t.found[slot]; old == nil || old.By != result.By || old.Failure != result.Failure {
		t.found[slot], w.dirty = &result, true
	}
}

// refuse leaves a device alone that refused the login.
func (w *deviceWatch) refuse(t *watchedTarget, c *Core) {
	times := 0
	if before := w.refused[t.device]; before != nil && before.digest == t.digest {
		times = before.times
	}
	pause := min(refusedPause<<min(times, 6), longestRefusedPause)
	w.refused[t.device] = &refusal{digest: t.digest, times: times + 1, until: c.in.Now.Add(pause)}
}
