package systemd

import (
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/agenttest"
	"github.com/belay-ha/belay/resources"
)

type harness struct{ *agenttest.Units }

func (h harness) Agent() agents.Agent { return New(h.Units, zap.NewNop()) }

func (h harness) Request(op resources.Op) agents.Request {
	req := request(op, resources.Params{"stop_timeout": "1s"})
	req.Timeout = 30 * time.Second
	return req
}

func (h harness) Noise()            { h.MakeNoise() }
func (h harness) Secrets() []string { return nil }

func TestConformance(t *testing.T) {
	agenttest.RunBubbled(t, func(*testing.T) agenttest.Harness {
		return harness{agenttest.NewUnits("x.service", &agenttest.Trouble{})}
	})
}
