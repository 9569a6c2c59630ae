package membership

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
)

// watchBuffer is how many observations a Watch may hold unread.
const watchBuffer = 64

// Changed returns a channel that is closed at the next visible change. Take it
// before Snapshot, so that no change falls between the two.
func (m *Membership) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

// Snapshot returns the current view, sorted by name, this member included. It
// is valid before Run (empty but for this member) and after it (the last view).
func (m *Membership) Snapshot() []Observation {
	score := m.score()
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	out := []Observation{m.local()}
	for _, name := range slices.Sorted(maps.Keys(m.det.members)) {
		out = append(out, m.det.members[name].observation(now))
	}
	for i := range out {
		out[i].Evidence.HealthScore = score
	}
	slices.SortFunc(out, func(a, b Observation) int { return cmp.Compare(a.Node, b.Node) })
	return out
}

// Observe returns the current view of one member; false if it is not known.
func (m *Membership) Observe(node string) (Observation, bool) {
	score := m.score()
	m.mu.Lock()
	defer m.mu.Unlock()
	var o Observation
	if node == m.cfg.Name {
		o = m.local()
	} else if e := m.det.members[node]; e != nil {
		o = e.observation(time.Now())
	} else {
		return Observation{}, false
	}
	o.Evidence.HealthScore = score
	return o, true
}

// local is this member's observation of itself; the caller holds mu.
func (m *Membership) local() Observation {
	return Observation{
		Node: m.cfg.Name, Addr: m.det.selfAddr, Verdict: Alive, Instance: m.det.instance,
		Meta:     append([]byte(nil), m.meta...),
		Evidence: Evidence{Source: SourceLocal, Text: "this member"},
	}
}

// Watch yields the present view and then each change, on a channel of bounded
// size that is closed when ctx or Run ends. It is level-triggered: a reader that
// falls behind gets the newest state of each member, never all the states in
// between; nothing is lost and nothing piles up.
func (m *Membership) Watch(ctx context.Context) <-chan Observation {
	out := make(chan Observation, watchBuffer)
	go func() {
		defer close(out)
		type mark struct {
			verdict Verdict
			at      time.Time
		}
		sent := map[string]mark{}
		for {
			changed := m.Changed()
			for _, o := range m.Snapshot() {
				now := mark{o.Verdict, o.At}
				if last, ok := sent[o.Node]; ok && last == now {
					continue
				}
				sent[o.Node] = now
				select {
				case out <- o:
				case <-ctx.Done():
					return
				case <-m.done:
					return
				}
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			case <-m.done:
				return
			}
		}
	}()
	return out
}
