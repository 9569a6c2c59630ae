package localexec

import (
	"context"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/member"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// startDelay is how long a start waits before its agent is called.
func startDelay(s *state.State, self resources.NodeName, t member.Task) time.Duration {
	config, found := s.ConfigOf(self, t.Instance)
	if t.Op != resources.OpStart || !found {
		return 0
	}
	for i := range config.Ops {
		if config.Ops[i].Name == resources.OpStart {
			return config.Ops[i].StartDelay.Std()
		}
	}
	return 0
}

// delay waits; false if the task was cut short meanwhile, and nothing has begun.
func (e *Executor) delay(ctx context.Context, t member.Task, wait time.Duration) bool {
	e.give(func(in *member.Input) {
		in.Progress = append(in.Progress, member.Progressed{Task: t.ID, Progress: agents.Progress{Text: "waits " + wait.String() + " (start_delay)"}})
	})
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
