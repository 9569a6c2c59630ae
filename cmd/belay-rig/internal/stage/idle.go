package stage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// IdleDaemon is what one belayd costs while nothing happens.
type IdleDaemon struct {
	Host   string
	Leader bool
	// RSS in bytes, CPU as a share of one core.
	RSS int64
	CPU float64
}

// Idle runs a number of small processes as resources, and measures each belayd
// over a span in which nothing changes.
func (s *Stage) Idle(ctx context.Context, count int, span time.Duration) ([]IdleDaemon, error) {
	def := &resources.Definition{Name: "overcloud"}
	off := false
	def.Properties.FencingEnabled = &off
	for _, host := range rig.Hosts() {
		def.Nodes = append(def.Nodes, resources.Node{Name: resources.NodeName(host.String()), Address: host.ClusterAddr()})
	}
	for n := range count {
		def.Resources = append(def.Resources, resources.Resource{
			ID: resources.ResourceID(fmt.Sprintf("idle-%d", n)), Agent: "process", Params: resources.Params{"command": "/bin/sleep", "args": "infinity"},
		})
	}
	dir, err := os.MkdirTemp("", "belay-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover in the temporary directory
	path := filepath.Join(dir, "idle.toml")
	if err := os.WriteFile(path, definition.Encode(def), 0o600); err != nil {
		return nil, err
	}
	first := rig.Hosts()[0]
	if err := s.rig.Push(ctx, first, path, "/root/idle.toml", 0o600); err != nil {
		return nil, err
	}
	if _, err := s.Ctl(ctx, first, "apply", "--yes", "-f", "/root/idle.toml"); err != nil {
		return nil, err
	}
	status, err := s.Until(ctx, 3*time.Minute, "all resources run", func(st api.Status) bool { return Whole(st) && len(st.Defined) == count })
	if err != nil {
		return nil, err
	}
	s.Say("%d resources run; measuring for %s", count, span)
	before, err := s.ticks(ctx)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	select {
	case <-time.After(span):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	after, err := s.ticks(ctx)
	if err != nil {
		return nil, err
	}
	var daemons []IdleDaemon
	for n, host := range rig.Hosts() {
		rss, err := s.rig.Run(ctx, host, "sh", "-c", "awk '/^VmRSS:/{print $2}' /proc/$(pgrep -x belayd)/status")
		if err != nil {
			return nil, err
		}
		kib, err := strconv.ParseInt(strings.TrimSpace(rss), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read the memory of belayd on %s: %w", host, err)
		}
		daemons = append(daemons, IdleDaemon{
			Host: host.String(), Leader: string(status.Leader) == host.String(), RSS: kib << 10,
			CPU: float64(after[n]-before[n]) / clockTicks / time.Since(began).Seconds(),
		})
	}
	return daemons, nil
}

// clockTicks is USER_HZ, which is 100 on every Linux architecture that Go knows
// (proc(5), /proc/pid/stat).
const clockTicks = 100

// ticks returns the CPU time that each host's belayd has used.
func (s *Stage) ticks(ctx context.Context) ([]int64, error) {
	var all []int64
	for _, host := range rig.Hosts() {
		out, err := s.rig.Run(ctx, host, "sh", "-c", "cat /proc/$(pgrep -x belayd)/stat")
		if err != nil {
			return nil, err
		}
		_, rest, _ := strings.Cut(out, ") ")
		fields := strings.Fields(rest)
		if len(fields) < 13 {
			return nil, fmt.Errorf("read the CPU time of belayd on %s: %q", host, out)
		}
		user, err := strconv.ParseInt(fields[11], 10, 64)
		if err != nil {
			return nil, err
		}
		system, err := strconv.ParseInt(fields[12], 10, 64)
		if err != nil {
			return nil, err
		}
		all = append(all, user+system)
	}
	return all, nil
}

// IdleReport writes the daemons as a Markdown table.
func IdleReport(daemons []IdleDaemon, count int) string {
	text := fmt.Sprintf("| idle with %d resources | RSS | CPU |\n|---|---|---|\n", count)
	for _, d := range daemons {
		who := d.Host
		if d.Leader {
			who += " (leader)"
		}
		text += fmt.Sprintf("| %s | %.1f MiB | %.2f %% of a core |\n", who, float64(d.RSS)/(1<<20), d.CPU*100)
	}
	return text
}
