package podman

import (
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/agenttest"
	"github.com/belay-ha/belay/resources"
)

type harness struct {
	*agenttest.Trouble
	podman *fakePodman
	made   []string // directories
}

func newHarness() *harness {
	trouble := &agenttest.Trouble{}
	return &harness{Trouble: trouble, podman: newFakePodman(trouble)}
}

func (h *harness) Agent() agents.Agent {
	return New(Host{Run: h.podman, Began: h.podman.began, MakeDir: func(path string) error {
		h.made = append(h.made, path)
		return nil
	}}, zap.NewNop())
}

func (h *harness) Request(op resources.Op) agents.Request {
	return agents.Request{
		Op: op, Instance: "web-podman-0", Node: "node-1", Agent: "podman", Timeout: 90 * time.Second, Progress: func(agents.Progress) {},
		Params: resources.Params{"image": "web:1", "options": "--health-cmd='true'", "env.PASSWORD": "correct horse", "directory.0": "/var/log/web"},
	}
}

func (h *harness) Running() bool {
	h.podman.mu.Lock()
	defer h.podman.mu.Unlock()
	return len(h.podman.processes) > 0
}

func (h *harness) Noise()                     { h.MakeNoise(h.Secrets()...) }
func (h *harness) Secrets() []string          { return []string{"correct horse"} }
func (h *harness) Commands() []agents.Command { return h.podman.Calls() }

func TestConformance(t *testing.T) {
	agenttest.RunBubbled(t, func(*testing.T) agenttest.Harness { return newHarness() })
}
