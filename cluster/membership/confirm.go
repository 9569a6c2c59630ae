package membership

import (
	"context"
	"fmt"
	"time"
)

const (
	// confirmFor bounds Confirm if ctx does not; confirmEvery spaces its pings,
	// confirmMin is the least it must have tried to say Dead.
	confirmFor   = 400 * time.Millisecond
	confirmEvery = 50 * time.Millisecond
	confirmMin   = 250 * time.Millisecond
	// maxConfirms bounds Confirms waiting on one node.
	maxConfirms = 16
)

// Confirm checks one member now, by packets and by a stream at once, for at
// most 400 ms or as long as ctx lasts, and returns what this member can witness:
//
//   - Alive: it answered.
//   - Dead: nothing was answered. Evidence.Observers holds this member alone: it
//     is one witness. The caller counts.
//   - Left: it said goodbye before; nothing was sent.
//   - Unknown: this member is not fit to judge: it was paused just now, hears
//     nobody at all, could not send, or ctx ended too soon.
//
// It does not change the view except through answers. The leader calls it
// before it declares a death, and other members call it when the leader asks.
// It fails only for a member that is not known, or when Run is not running.
func (m *Membership) Confirm(ctx context.Context, node string) (Observation, error) {
	if m.list.Load() == nil {
		return Observation{}, fmt.Errorf("confirm %s: %w", node, ErrNotRunning)
	}
	o, ok := m.Observe(node)
	if !ok {
		return Observation{}, fmt.Errorf("confirm %s: %w", node, ErrUnknownNode)
	}
	if node == m.cfg.Name || o.Verdict == Left {
		return o, nil
	}
	ctx, cancel := context.WithTimeout(ctx, confirmFor)
	defer cancel()
	start := time.Now()
	answered, release, err := m.await(node)
	if err != nil {
		return Observation{}, err
	}
	defer release()
	failedBefore := m.sendErrors.Load()
	sent, alive, stalled := m.pingUntil(ctx, node, answered)
	o, _ = m.Observe(node)
	now := time.Now()
	o.Evidence.Source = SourcePing
	switch {
	case alive:
		o.Verdict = Alive
		o.Evidence.Observers = nil
		o.Evidence.Text = fmt.Sprintf("answered within %s", now.Sub(start).Round(time.Millisecond))
		return o, nil
	case m.unfit(start, stalled), now.Sub(start) < confirmMin, m.sendErrors.Load()-failedBefore >= uint64(sent):
		o.Verdict = Unknown
		o.Evidence.Observers = nil
		o.Evidence.Text = fmt.Sprintf("no answer within %s, but this member is not fit to judge", now.Sub(start).Round(time.Millisecond))
		return o, nil
	}
	o.Verdict = Dead
	o.Evidence.Observers = []string{m.cfg.Name}
	o.Evidence.Unanswered = sent
	o.Evidence.Text = fmt.Sprintf("no answer to %d packets and a stream within %s", sent, now.Sub(start).Round(time.Millisecond))
	return o, nil
}

// pingUntil pings until an answer, or the end of ctx. stalled is true if this
// process itself did not run meanwhile.
func (m *Membership) pingUntil(ctx context.Context, node string, answered <-chan struct{}) (sent int, alive, stalled bool) {
	ticker := time.NewTicker(confirmEvery)
	defer ticker.Stop()
	for last := time.Now(); ; {
		var out []action
		m.update(func(det *detector, now time.Time) {
			e := det.members[node]
			if e == nil || e.addr == "" {
				return
			}
			out = append(out, action{to: node, addr: e.addr, msg: det.question(kindPing, e, now)})
			if sent == 0 {
				out = append(out, action{to: node, addr: e.addr, stream: true, msg: det.question(kindStreamPing, e, now)})
			}
		})
		if len(out) > 0 {
			sent++
		}
		m.perform(out)
		select {
		case <-answered:
			return sent, true, stalled
		case <-ctx.Done():
			select {
			case <-answered:
				return sent, true, stalled
			default:
			}
			return sent, false, stalled || time.Since(last) > m.cfg.Timing.PauseGap
		case <-ticker.C:
			stalled = stalled || time.Since(last) > m.cfg.Timing.PauseGap
			last = time.Now()
		}
	}
}

// unfit says whether this member's deafness is likelier than the other's death.
func (m *Membership) unfit(start time.Time, stalled bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	return stalled || now.Before(m.det.graceUntil) || m.det.pausedAt.After(start) ||
		now.Sub(m.det.lastTick) > m.cfg.Timing.PauseGap || m.det.isolated(now)
}

// await registers for answers of node.
func (m *Membership) await(node string) (<-chan struct{}, func(), error) {
	ch := make(chan struct{}, 1)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.answers[node]) >= maxConfirms {
		return nil, nil, fmt.Errorf("confirm %s: %d checks are under way already", node, maxConfirms)
	}
	if m.answers[node] == nil {
		m.answers[node] = map[chan struct{}]struct{}{}
	}
	m.answers[node][ch] = struct{}{}
	return ch, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.answers[node], ch)
		if len(m.answers[node]) == 0 {
			delete(m.answers, node)
		}
	}, nil
}
