package stage

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
	"github.com/belay-ha/belay/resources"
)

// Check is one thing that the system test shows on real hosts.
type Check struct {
	Name string
	Run  func(context.Context, *Stage) error
	// Extra checks run only when all are asked for.
	Extra bool
}

// Checks are the main job, in the order in which they are run: each begins with
// a whole cloud and leaves one.
func Checks() []Check {
	return []Check{
		{Name: "a killed daemon stops nothing and fences nobody", Run: killedDaemon},
		{Name: "a power cut is detected, fenced and recovered, with no write lost", Run: powerCut},
		{Name: "a pause, lost packets, a stalled disk and a busy host fence nobody and lose nothing", Run: gentleFaults},
		{Name: "a resource that dies is restarted where it was", Run: killedService},
		{Name: "what can migrate moves without a stop, and by a restart where it cannot arrive", Run: movesLive},
		{Name: "a definition with mistakes changes nothing, and each mistake has its place", Run: badDefinition},
		{Name: "a program that is missing on one host is told, and heals when it is back", Run: missingProgram},
		{Name: "a frozen host is switched off before its address is anywhere else", Run: frozenHost},
		{Name: "a host that is cut off stops by itself, and nothing of it moves without proof", Run: cutOffHost},
		{Name: "a wrong BMC password is told, and fencing goes on when it is right", Run: wrongPassword},
		{Name: "one DHCP door at most, through a power cut fenced by IPMI", Run: doorMoves},
		{Name: "everything loses its power at once and comes back without a hand", Run: fullOutage},
		{Name: "a host whose disk is full is given up, and comes back when there is room", Run: fullDisk, Extra: true},
		{Name: "a host that was cut off and comes back rejoins", Run: cutOffHostReturns, Extra: true},
		{Name: "a port that something else holds is told, and heals when it is free", Run: takenPort, Extra: true},
	}
}

// killedDaemon kills belayd on the address's node with SIGKILL.
func killedDaemon(ctx context.Context, s *Stage) error {
	before, err := s.Status(ctx)
	if err != nil {
		return err
	}
	node := Holder(before, Address)
	host, err := rig.ParseHost(string(node))
	if err != nil {
		return err
	}
	pings, err := s.Ping(ctx)
	if err != nil {
		return err
	}
	defer pings.Stop()
	fenced, err := s.fencings(ctx)
	if err != nil {
		return err
	}
	services, err := s.rig.Run(ctx, host, "pgrep", "-x", "mariadbd")
	if err != nil {
		return fmt.Errorf("find the database's process: %w", err)
	}
	killed := time.Now()
	if err := s.run(ctx, host, "systemctl", "kill", "--signal=KILL", "belayd"); err != nil {
		return err
	}
	after, err := s.Until(ctx, time.Minute, "the daemon is back and everything runs", func(st api.Status) bool {
		return time.Since(killed) > 3*time.Second && Whole(st)
	})
	if err != nil {
		return err
	}
	if still, err := s.rig.Run(ctx, host, "pgrep", "-x", "mariadbd"); err != nil || still != services {
		return fmt.Errorf("the database was restarted: process %q before, %q after (%v)", services, still, err)
	}
	if Holder(after, Address) != node {
		return fmt.Errorf("the address moved from %s to %s", node, Holder(after, Address))
	}
	if gap := pings.Longest(killed).Length(); gap > time.Second {
		return fmt.Errorf("the address was silent for %s", gap)
	}
	return s.noFencingSince(ctx, fenced)
}

func (s *Stage) fencings(ctx context.Context) (int, error) {
	current, err := s.State(ctx)
	if err != nil {
		return 0, err
	}
	return len(current.FenceHistory) + len(current.Fencing), nil
}

func (s *Stage) noFencingSince(ctx context.Context, before int) error {
	after, err := s.fencings(ctx)
	if err != nil {
		return err
	}
	if after != before {
		return fmt.Errorf("%d nodes were fenced for nothing", after-before)
	}
	return nil
}

// Bounds that the system test holds a power cut to. They are the design's hard
// ceilings with room for a busy machine; the benchmark measures.
const (
	maxDead    = 4 * time.Second
	maxAddress = 8 * time.Second
)

func powerCut(ctx context.Context, s *Stage) error {
	before, err := s.Status(ctx)
	if err != nil {
		return err
	}
	cut, err := s.CutPower(ctx, Holder(before, Address), 4*time.Minute)
	s.Say("%s", strings.TrimPrefix(cut.Table(), "\n"))
	switch {
	case err != nil:
		return err
	case cut.Lost > 0:
		return fmt.Errorf("%d of %d acknowledged writes are lost", cut.Lost, cut.Writes)
	case cut.Dead == 0 || cut.Dead > maxDead:
		return fmt.Errorf("declared dead after %s, want within %s", cut.Dead, maxDead)
	case cut.Off == 0:
		return fmt.Errorf("the power was never proven off")
	case cut.Address < cut.Off:
		return fmt.Errorf("the address answered after %s, before the power was proven off after %s", cut.Address, cut.Off)
	case cut.Address > maxAddress:
		return fmt.Errorf("the address answered after %s, want within %s", cut.Address, maxAddress)
	}
	return nil
}

// killedService kills a load balancer and expects it back on its node.
func killedService(ctx context.Context, s *Stage) error {
	before, err := s.Status(ctx)
	if err != nil {
		return err
	}
	node := Holder(before, Address)
	for _, host := range rig.Hosts() {
		if host.String() == string(node) {
			continue
		}
		fenced, err := s.fencings(ctx)
		if err != nil {
			return err
		}
		if err := s.run(ctx, host, "systemctl", "kill", "--signal=KILL", "haproxy"); err != nil {
			return err
		}
		if _, err := s.Until(ctx, time.Minute, "the cluster notices and haproxy is back", func(st api.Status) bool {
			return failures(st, "haproxy", resources.NodeName(host.String())) > 0 && Whole(st)
		}); err != nil {
			return err
		}
		return s.noFencingSince(ctx, fenced)
	}
	return nil
}

func bootedSince(st api.Status, moment time.Time) bool {
	for _, n := range st.Nodes {
		if !n.BootedAt.After(moment) {
			return false
		}
	}
	return len(st.Nodes) > 0
}

// bootedAfter reports whether a node's host has started since a moment.
func bootedAfter(st api.Status, node resources.NodeName, moment time.Time) bool {
	for _, n := range st.Nodes {
		if n.Name == node {
			return n.BootedAt.After(moment)
		}
	}
	return false
}

// failures counts an instance's failed monitors.
func failures(st api.Status, id resources.InstanceID, node resources.NodeName) int {
	for _, r := range st.Resources {
		if failure, failed := r.Failures[resources.OpMonitor]; failed && r.ID == id && r.Node == node {
			return failure.Count
		}
	}
	return 0
}
