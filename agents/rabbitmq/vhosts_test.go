package rabbitmq

import (
	"context"
	"strings"
	"testing"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

// A broker with an empty vhost configuration hangs at its start: that is mended
// only where the node itself tells what was in it.
func TestStartAfterAPowerCutEmptiedAVhost(t *testing.T) {
	const good, other = "{segment_entry_count, 2048}.", "{segment_entry_count, 16384}."
	cases := []struct {
		name   string
		vhosts map[string]string
		want   string // of vhost A
		starts bool
	}{
		{"nothing is empty", map[string]string{"A": good, "B": other}, good, true},
		{"one is empty", map[string]string{"A": "", "B": good, "C": good}, good, true},
		{"the others differ", map[string]string{"A": "", "B": good, "C": other}, "", false},
		{"there is no other", map[string]string{"A": ""}, "", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := newCluster(t, "n1").host("n1").holds("rabbit@n1")
			for vhost, text := range c.vhosts {
				h.write(h.dir()+"/msg_stores/vhosts/"+vhost+"/.config", text)
			}
			result := h.do(resources.OpStart)
			if started := result.Outcome == agents.OutcomeOK; started != c.starts {
				t.Errorf("start: %s: %s", result.Outcome, result.Reason)
			}
			if !c.starts && !strings.Contains(result.Reason, "A/.config is empty") {
				t.Errorf("the reason does not name the file: %s", result.Reason)
			}
			if got := h.read(h.dir() + "/msg_stores/vhosts/A/.config"); got != c.want {
				t.Errorf("the file holds %q, want %q", got, c.want)
			}
		})
	}
}

// What a running broker has written once outlives the power cut that empties it,
// whether it was seen at the start or by a monitor later.
func TestVhostsAreRememberedWhileTheBrokerRuns(t *testing.T) {
	const first, second = "{segment_entry_count, 2048}.", "{segment_entry_count, 4096}."
	h := newCluster(t, "n1").host("n1").holds("rabbit@n1")
	file := func(vhost string) string { return h.dir() + "/msg_stores/vhosts/" + vhost + "/.config" }
	h.write(file("A"), first)
	if result := h.do(resources.OpStart); result.Outcome != agents.OutcomeOK {
		t.Fatalf("start: %+v", result)
	}
	h.write(file("B"), second)
	h.write(file("C"), "") // being created: not remembered as empty
	if result := h.do(resources.OpMonitor); result.Outcome != agents.OutcomeOK {
		t.Fatalf("monitor: %+v", result)
	}
	if result := h.do(resources.OpStop); result.Outcome != agents.OutcomeOK {
		t.Fatalf("stop: %+v", result)
	}
	h.write(file("A"), "")
	h.write(file("B"), "")
	h.write(file("C"), second)
	if result := h.do(resources.OpStart); result.Outcome != agents.OutcomeOK {
		t.Fatalf("start after the power cut: %+v", result)
	}
	for vhost, want := range map[string]string{"A": first, "B": second, "C": second} {
		if got := h.read(file(vhost)); got != want {
			t.Errorf("vhost %s holds %q, want %q", vhost, got, want)
		}
	}
}

// What did not come up in time must not be taken for a broker that is on its way
// up for ever.
func TestStartThatHangsIsEnded(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newCluster(t, "n1").host("n1").holds("rabbit@n1")
		h.units.OnStart = func(ctx context.Context) error {
			h.write("/var/log/rabbitmq/rabbit@n1.log", "[error] {rabbit_queue_index,scan_queue_segments,3,\n")
			<-ctx.Done()
			return ctx.Err()
		}
		result := h.do(resources.OpStart)
		if result.Outcome != agents.OutcomeFailed || !strings.Contains(result.Reason, "was ended") || !strings.Contains(result.Reason, "scan_queue_segments") {
			t.Errorf("start: %s: %s", result.Outcome, result.Reason)
		}
		if h.units.Running() {
			t.Error("the broker is left behind")
		}
		if probe := h.do(resources.OpProbe); probe.Outcome != agents.OutcomeNotRunning {
			t.Errorf("probe: %s: %s", probe.Outcome, probe.Reason)
		}
	})
}
