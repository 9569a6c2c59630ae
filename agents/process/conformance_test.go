package process

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/agenttest"
	"github.com/belay-ha/belay/resources"
)

// systemd is the fake unit control with what this agent needs more.
type systemd struct{ *agenttest.Units }

func (systemd) Available() error { return nil }

func (s systemd) StartTransient(ctx context.Context, name string, _ agents.TransientSpec) error {
	return s.StartUnit(ctx, name)
}

type harness struct {
	*agenttest.Trouble
	units  systemd
	runner *agenttest.Runner
	dir    string
}

func newHarness(t *testing.T) agenttest.Harness {
	trouble := &agenttest.Trouble{}
	h := &harness{Trouble: trouble, units: systemd{agenttest.NewUnits("belay-node-1-web.service", trouble)}, dir: t.TempDir()}
	h.runner = &agenttest.Runner{Trouble: trouble, Programs: map[string]func(context.Context, agents.Command) (agents.Exit, error){
		"/usr/bin/check": func(context.Context, agents.Command) (agents.Exit, error) { return agents.Exit{}, nil },
	}}
	return h
}

func (h *harness) Agent() agents.Agent { return New(h.units, h.runner, zap.NewNop()) }

func (h *harness) Request(op resources.Op) agents.Request {
	return agents.Request{
		Op: op, Instance: "web", Node: "node-1", Agent: "process", Timeout: 30 * time.Second, RunDir: filepath.Join(h.dir, "run"), Progress: func(agents.Progress) {},
		Params: resources.Params{"command": "/bin/sleep", "args": "600", "check": "command:/usr/bin/check", "env.PASSWORD": "correct horse", "stop_timeout": "1s"},
	}
}

func (h *harness) Running() bool     { return h.units.Running() }
func (h *harness) Noise()            { h.MakeNoise(h.Secrets()...) }
func (h *harness) Secrets() []string { return []string{"correct horse"} }

func (h *harness) Commands() []agents.Command { return h.runner.Calls() }

func TestConformance(t *testing.T) { agenttest.RunBubbled(t, newHarness) }
