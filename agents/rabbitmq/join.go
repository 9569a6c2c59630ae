package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
)

// joinRetry is how long to wait before a peer is asked again.
const joinRetry = 3 * time.Second

// join makes a node without data a member: it starts alone, is reset and joins
// a running member. copied names the copy of what it held before, if anything.
func (c *call) join(ctx context.Context, here local, copied string) agents.Result {
	target, err := c.awaitPeer(ctx)
	if err != nil {
		result := c.failure(ctx, fmt.Errorf("join: %w", err))
		result.Attributes = c.attributes(here, answer{})
		return result
	}
	// From here on what is in the node directory came from this join.
	if err := c.beginJoin(); err != nil {
		return c.failure(ctx, err)
	}
	if err := c.host.Units.StartUnit(ctx, c.unit); err != nil {
		result := c.failure(ctx, fmt.Errorf("join: %w", err))
		if result.Output == "" {
			result.Output = output(c.host.Units.Journal(ctx, c.unit, 30))
		}
		return result
	}
	if err := c.enter(ctx, target); err != nil {
		return c.failure(ctx, fmt.Errorf("join %s: %w", target, err))
	}
	result := c.served(ctx)
	if result.Outcome == agents.OutcomeOK {
		result.Reason = "joined by " + target + "; " + result.Reason
		if copied != "" {
			result.Reason += "; its former data is in " + copied
		}
	}
	return result
}

// enterAttempts bounds how often a join is begun from nothing.
const enterAttempts = 3

// enter makes this node, which has nothing of its own, a member. Another one that
// joins at the same time changes Mnesia's schema, too, and what this node has
// copied then may never fit the others' again ("Failed to merge schema"): it is
// thrown away, and the join begun anew.
func (c *call) enter(ctx context.Context, target string) error {
	reset := "reset"
	for attempt := 1; ; attempt++ {
		if err := c.copyFrom(ctx, target, reset); err != nil {
			return err
		}
		err := c.stepAgain(ctx, startAttempts, "start_app")
		if err == nil || attempt == enterAttempts || ctx.Err() != nil {
			return err
		}
		// Tables that cannot be loaded cannot be left in order, either.
		reset = "force_reset"
	}
}

// copyFrom stops this node's broker, empties it by the command reset, and copies
// the tables of a member. A member of this node's name that the cluster still
// knows is a former self without its data: it is forgotten first, else the join
// is refused as inconsistent.
func (c *call) copyFrom(ctx context.Context, target, reset string) error {
	if err := c.step(ctx, c.name, "stop_app"); err != nil {
		return err
	}
	there, err := c.ask(ctx, target)
	if err != nil {
		return err
	}
	if slices.Contains(there.Members, c.name) {
		if err := c.step(ctx, target, "forget_cluster_node", c.name); err != nil {
			return err
		}
	}
	if err := c.step(ctx, c.name, reset); err != nil {
		return err
	}
	return c.stepAgain(ctx, joinAttempts, "join_cluster", target)
}

// How often a step is tried that another node, which is just joining too, can be
// in the way of: join_cluster is refused then, and Mnesia may be killed in the
// middle of start_app.
const (
	joinAttempts  = 5
	startAttempts = 2
)

// stepAgain runs one command of a join on this node until it succeeds, so many
// times. Doing it twice does no harm.
func (c *call) stepAgain(ctx context.Context, attempts int, args ...string) error {
	var err error
	for range attempts {
		if err = c.step(ctx, c.name, args...); err == nil || ctx.Err() != nil {
			return err
		}
		c.log.Warn("a step of the join failed: once more", zap.String("resource", string(c.req.Instance)), zap.Strings("args", args), zap.Error(err))
		pause := time.NewTimer(joinRetry)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("%w (last: %w)", context.Cause(ctx), err)
		}
	}
	return err
}

// step runs one command of a join. It may take as long as the operation has:
// joining copies the cluster's tables.
func (c *call) step(ctx context.Context, node string, args ...string) error {
	c.log.Info("rabbitmqctl", zap.String("resource", string(c.req.Instance)), zap.String("target", node), zap.Strings("args", args))
	_, err := c.ctl(ctx, node, args...)
	return err
}

// awaitPeer waits until one of the members to join runs. The first node of a
// new cluster takes a while.
func (c *call) awaitPeer(ctx context.Context) (string, error) {
	targets := split(c.req.Advice[adviceTargets])
	if len(targets) == 0 {
		return "", errors.New("the cluster named no member to join")
	}
	last := errNoPeer
	for {
		for _, target := range targets {
			if target == c.name || checkNodeName(target) != nil {
				continue
			}
			a, err := c.ask(ctx, target)
			switch {
			case err != nil:
				last = err
			case a.AppRunning && 2*len(a.Running) > len(others(a.Members, c.name)):
				return target, nil
			default:
				last = fmt.Errorf("%s runs with %d of %d members", target, len(a.Running), len(a.Members))
			}
		}
		pause := time.NewTimer(joinRetry)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return "", fmt.Errorf("%w (%s): %w", errNoPeer, last, context.Cause(ctx))
		}
	}
}

func others(members []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(members), func(m string) bool { return m == name })
}

// joinWithCopy makes a cluster of one, such as a package's first start leaves
// behind, a member of the cluster. What it holds is copied first.
func (c *call) joinWithCopy(ctx context.Context, here local) agents.Result {
	if _, err := c.awaitPeer(ctx); err != nil {
		result := c.failure(ctx, fmt.Errorf("join: %w", err))
		result.Attributes = c.attributes(here, answer{})
		return result
	}
	copied, err := c.backup(ctx)
	if err != nil {
		return c.failure(ctx, fmt.Errorf("join: %w", err))
	}
	// Its definitions can only be had while it runs.
	if err := c.host.Units.StartUnit(ctx, c.unit); err != nil {
		return c.failure(ctx, fmt.Errorf("join: %w", err))
	}
	if err := c.saveDefinitions(ctx, c.name, copied); err != nil {
		c.log.Warn("the copy has the node's files but no definitions", zap.String("resource", string(c.req.Instance)), zap.Error(err))
	}
	return c.join(ctx, here, copied)
}

// rejoin brings back a node that the cluster has forgotten. That is believed
// only when a running majority of the members that this node itself knows says
// so: a single peer that disagrees may be the one that lost its data.
func (c *call) rejoin(ctx context.Context, here local) agents.Result {
	target, err := c.majorityWithoutUs(ctx, here.known)
	if err != nil {
		result := c.failure(ctx, fmt.Errorf("the cluster disagrees about this node, and its data is kept: %w", err))
		result.Attributes = c.attributes(here, answer{})
		return result
	}
	if err := c.host.Units.End(ctx, c.unit, c.grace(ctx)); err != nil {
		return c.failure(ctx, fmt.Errorf("rejoin: %w", err))
	}
	copied, err := c.backup(ctx)
	if err != nil {
		return c.failure(ctx, fmt.Errorf("rejoin: %w", err))
	}
	if err := c.saveDefinitions(ctx, target, copied); err != nil {
		c.log.Warn("the copy has the node's files but no definitions", zap.String("resource", string(c.req.Instance)), zap.Error(err))
	}
	if err := c.beginJoin(); err != nil {
		return c.failure(ctx, err)
	}
	if err := c.wipe(); err != nil {
		return c.failure(ctx, fmt.Errorf("rejoin: %w", err))
	}
	c.req.Advice = map[string]string{adviceMode: modeJoin, adviceTargets: target}
	return c.join(ctx, local{data: dataNone, store: storeNone}, copied)
}

// majorityWithoutUs returns a running member of a cluster that more than half
// of the known members run in and that does not count this node.
func (c *call) majorityWithoutUs(ctx context.Context, known []string) (string, error) {
	var said []string
	for _, peer := range known {
		if peer == c.name {
			continue
		}
		a, err := c.ask(ctx, peer)
		if err != nil {
			said = append(said, fmt.Sprintf("%s: %s", peer, reason(err)))
			continue
		}
		together := 0
		for _, member := range a.Running {
			if slices.Contains(known, member) && member != c.name {
				together++
			}
		}
		switch {
		case !a.AppRunning:
			said = append(said, peer+" is stopped")
		case slices.Contains(a.Members, c.name):
			said = append(said, peer+" still counts this node")
		case 2*together <= len(known):
			said = append(said, fmt.Sprintf("%s runs with %d of the %d members that this node knows", peer, together, len(known)))
		default:
			return peer, nil
		}
	}
	return "", fmt.Errorf("no running majority of %s without it (%s); look which side has the data, then forget or reset the other by hand", strings.Join(known, ", "), strings.Join(said, "; "))
}

func split(text string) []string {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}
