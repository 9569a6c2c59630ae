package localexec

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

func TestWhatCannotBeStoppedEndsTheHost(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.running("vip", "web")
		r.vip.on(func(_ context.Context, q agents.Request) agents.Result {
			if q.Instance == "web" && q.Op == resources.OpStop {
				return agents.Result{Outcome: agents.OutcomeFailed}
			}
			return agents.Result{Outcome: agents.OutcomeOK}
		})
		r.lose(resources.NoQuorumStop)
		if died := r.deaths(); len(died) != 1 || !strings.Contains(died[0], "[web]") {
			t.Errorf("got %q", died)
		}
	})
}

func TestStopAllCutsAStartShort(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.vip.on(func(ctx context.Context, q agents.Request) agents.Result {
			if q.Op == resources.OpStart {
				<-ctx.Done()
				return agents.Result{Outcome: agents.OutcomeFailed}
			}
			return agents.Result{Outcome: agents.OutcomeOK}
		})
		order := r.intend("web", resources.OpStart, time.Hour)
		started := make(chan agents.Result, 1)
		go func() { started <- r.obey(order) }()
		bubble.Wait()
		r.lose(resources.NoQuorumStop)
		if died := r.deaths(); len(died) != 0 {
			t.Errorf("not stopped: %v", died)
		}
		if got := (<-started).Outcome; got != agents.OutcomeCancelled {
			t.Errorf("the start came to %s", got)
		}
		if n := len(r.vip.ops(resources.OpStop)); n != 1 {
			t.Errorf("%d stops", n)
		}
	})
}
