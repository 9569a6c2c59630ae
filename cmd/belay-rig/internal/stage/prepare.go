package stage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
	"github.com/belay-ha/belay/resources"
)

// Prepare readies a deployed cloud for Checks, which fence more often than the
// defaults allow.
func (s *Stage) Prepare(ctx context.Context) error {
	_, err := s.anyHost(ctx, "belayctl", "property", "set", fmt.Sprintf("fence_budget=%d", manyFences), fmt.Sprintf("fence_limit=%d", manyFences), "fence_quarantine=0s")
	return err
}

// Forgive forgets what has failed so far: a fault every half minute would spend
// migration thresholds that are meant for ten minutes.
func (s *Stage) Forgive(ctx context.Context) error {
	_, err := s.anyHost(ctx, "belayctl", "resource", "retry", "--wait=60")
	return err
}

// holder returns the host that has the address.
func (s *Stage) holder(ctx context.Context) (rig.Host, error) {
	status, err := s.Status(ctx)
	if err != nil {
		return 0, err
	}
	return rig.ParseHost(string(Holder(status, Address)))
}

// other returns a host that does not have the address.
func (s *Stage) other(ctx context.Context) (rig.Host, error) {
	holder, err := s.holder(ctx)
	if err != nil {
		return 0, err
	}
	all := rig.Hosts()
	return all[(int(holder)+1)%len(all)], nil
}

func nodeName(host rig.Host) resources.NodeName { return resources.NodeName(host.String()) }

// problemOf returns a problem about a node whose text holds a word and that says
// what to do.
func problemOf(st api.Status, node resources.NodeName, word string) (api.ProblemStatus, bool) {
	i := slices.IndexFunc(st.Problems, func(p api.ProblemStatus) bool {
		return p.Node == node && strings.Contains(p.Text, word) && p.Next != ""
	})
	if i < 0 {
		return api.ProblemStatus{}, false
	}
	return st.Problems[i], true
}

// await waits until something outside the cluster is true.
func await(ctx context.Context, limit time.Duration, what string, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !holds() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %s", what, limit)
		}
	}
	return nil
}

// offProven returns when the power of a node was read back as off in the newest
// fencing since a moment.
func (s *Stage) offProven(ctx context.Context, node resources.NodeName, since time.Time) (time.Time, error) {
	current, err := s.State(ctx)
	if err != nil {
		return time.Time{}, err
	}
	all := slices.Clone(current.FenceHistory)
	if open, found := current.Fencing[node]; found {
		all = append(all, open)
	}
	for _, f := range slices.Backward(all) {
		if f.Node == node && f.OffAt.After(since) {
			return f.OffAt, nil
		}
	}
	return time.Time{}, fmt.Errorf("no fencing of %s has proven its power off", node)
}
