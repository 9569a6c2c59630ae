package haproxy

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/agenttest"
	"github.com/belay-ha/belay/resources"
)

// harness is the suite's fake unit, with this package's fake admin socket open
// while the unit runs.
type harness struct {
	*agenttest.Units
	*agenttest.Runner
	trouble *agenttest.Trouble
	socket  *fakeUnits
	dir     string
}

func newHarness(t *testing.T) agenttest.Harness {
	dir, err := os.MkdirTemp("", "haproxy") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	trouble := &agenttest.Trouble{}
	h := &harness{Units: agenttest.NewUnits("haproxy.service", trouble), trouble: trouble, dir: dir}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h.Runner = &agenttest.Runner{Trouble: trouble, Programs: map[string]func(context.Context, agents.Command) (agents.Exit, error){
		"/usr/sbin/haproxy": func(context.Context, agents.Command) (agents.Exit, error) { return agents.Exit{}, nil },
	}}
	h.socket = &fakeUnits{t: t, socket: filepath.Join(dir, "run", "admin.sock"), worker: 1, states: map[string]int{"x/c1": 0, "x/c2": 0, "x/c3": 0}}
	h.OnStart = func(context.Context) error { return h.socket.serve() }
	h.OnEnd = func(bool) { h.socket.listen.Close() }
	return h
}

// Hang is the unit's; the runner's is the same.
func (h *harness) Hang(hang bool)    { h.trouble.Hang(hang) }
func (h *harness) Noise()            { h.trouble.MakeNoise() }
func (h *harness) Secrets() []string { return nil }
func (h *harness) Running() bool     { return h.Units.Running() }
func (h *harness) Agent() agents.Agent {
	return New(h, h, zap.NewNop())
}

func (h *harness) Journal(ctx context.Context, unit string, n int) string {
	return h.Units.Journal(ctx, unit, n)
}

func (h *harness) RestartUnit(ctx context.Context, unit string) error {
	if err := h.End(ctx, unit, time.Second); err != nil {
		return err
	}
	return h.StartUnit(ctx, unit)
}

func (h *harness) ReloadUnit(ctx context.Context, unit string) error {
	if err := h.trouble.Strike(ctx); err != nil {
		return err
	}
	return h.socket.ReloadUnit(ctx, unit)
}

func (h *harness) Request(op resources.Op) agents.Request {
	req := request(resources.Params{
		"config": filepath.Join(h.dir, "etc", "belay.cfg"), "listen.x.bind": "127.0.0.1:1", "listen.x.backend": "galera", "listen.x.policy": "one_active",
	}, cluster3())
	req.Op, req.Timeout, req.RunDir = op, 10*time.Second, filepath.Join(h.dir, "run")
	return req
}

func TestConformance(t *testing.T) { agenttest.Run(t, newHarness) }
