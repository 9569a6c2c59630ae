package localexec

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/view"
	"github.com/belay-ha/belay/resources"
)

// refreshes keeps running instances in line with the resources that they
// watch. Only Run's goroutine uses it, except done, which is guarded by the
// executor's mu.
type refreshes struct {
	e    *Executor
	seen map[resources.InstanceID]refreshed
}

// refreshed is the view that an instance was last brought into line with.
type refreshed struct {
	view  [sha256.Size]byte
	retry time.Time // when not zero, the last try failed
}

const (
	refreshTimeout = 20 * time.Second
	refreshRetry   = time.Second
)

func newRefreshes(e *Executor) *refreshes {
	return &refreshes{e: e, seen: map[resources.InstanceID]refreshed{}}
}

// step launches refreshes where the view has changed and returns how long it
// is until a retry is due.
func (r *refreshes) step(ctx context.Context, s *state.State, now time.Time) time.Duration {
	n, current := r.e.self(s)
	if !current {
		return time.Hour
	}
	next := time.Hour
	for _, id := range slices.Sorted(maps.Keys(n.Instances)) {
		i := n.Instances[id]
		if !i.Role.Active() || !i.Probed || i.Action != "" || i.Config == nil || s.Migrating(n.Name, id) {
			r.forget(id)
			continue
		}
		agent, found := r.e.config.Agents.Find(i.Config.Agent)
		refresher, refreshes := agent.(agents.Refresher)
		if !found || !refreshes {
			continue
		}
		view := viewDigest(view.Of(s, refresher.Watches(i.Config.Params)))
		r.e.mu.Lock()
		last := r.seen[id]
		r.e.mu.Unlock()
		if last.view == view && last.retry.IsZero() {
			continue
		}
		if last.view == view && now.Before(last.retry) {
			next = min(next, last.retry.Sub(now))
			continue
		}
		if !r.launch(ctx, s, id, refresher, view) {
			next = min(next, 50*time.Millisecond)
		}
	}
	return next
}

func (r *refreshes) forget(id resources.InstanceID) {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	delete(r.seen, id)
}

func (r *refreshes) launch(ctx context.Context, s *state.State, id resources.InstanceID, refresher agents.Refresher, view [sha256.Size]byte) bool {
	i := r.e.instance(id)
	ctx, yield := context.WithCancel(ctx)
	if !r.e.borrow(i, yield) {
		yield()
		return false
	}
	r.e.mu.Lock()
	r.seen[id] = refreshed{view: view}
	r.e.mu.Unlock()
	r.e.work.Go(func() {
		defer yield()
		result := r.e.refresh(ctx, s, i)
		if result.Outcome == agents.OutcomeOK {
			return
		}
		r.e.log.Warn("refresh", zap.String("resource", string(id)), zap.Stringer("outcome", result.Outcome), zap.String("reason", result.Reason))
		r.e.mu.Lock()
		if r.seen[id].view == view {
			r.seen[id] = refreshed{view: view, retry: time.Now().Add(refreshRetry)}
		}
		r.e.mu.Unlock()
		r.e.wakeUp() // Run knows of no retry yet
	})
	return true
}

// refresh calls the agent; it releases the instance.
func (e *Executor) refresh(ctx context.Context, s *state.State, i *instance) agents.Result {
	request, agent, err := e.request(s, i.id, resources.OpReload, refreshTimeout)
	if err != nil {
		i.release()
		return agents.Result{Outcome: agents.OutcomeMisconfigured, Reason: err.Error()}
	}
	return e.call(ctx, i, agent, request, func(agents.Progress) {})
}

// viewDigest names what a view says, but for its index.
func viewDigest(view agents.View) [sha256.Size]byte {
	view.Index = 0
	for _, peers := range view.Peers {
		for n := range peers {
			peers[n].Attributes = nil // reports of progress must not cause reloads
		}
	}
	data, err := json.Marshal(view)
	if err != nil {
		panic("localexec: a view is plain data: " + err.Error())
	}
	return sha256.Sum256(data)
}
