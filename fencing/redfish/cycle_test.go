package redfish_test

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/fencetest"
)

func TestCycle(t *testing.T) {
	types := func(names ...string) fencetest.RedfishConfig {
		return fencetest.RedfishConfig{Systems: []*fencetest.System{{ID: "1", ResetTypes: names}}}
	}
	tests := []struct {
		name   string
		config fencetest.RedfishConfig
		fault  fencetest.Fault
		want   fencing.Outcome
		asked  int
	}{
		{"taken", types("ForceOff", "ForceRestart"), fencetest.Fault{}, fencing.OutcomeConfirmed, 1},
		{"by power cycle", types("PowerCycle"), fencetest.Fault{}, fencing.OutcomeConfirmed, 1},
		{"not among the allowed", types("On", "ForceOff"), fencetest.Fault{}, fencing.OutcomeFailed, 0},
		{"busy at first", types("ForceRestart"), fencetest.Fault{On: fencetest.OpCycle, Times: 1, Status: 503, Message: "starting"}, fencing.OutcomeConfirmed, 1},
		{"refused", types("ForceRestart"), fencetest.Fault{On: fencetest.OpCycle, Status: 409, Message: "locked"}, fencing.OutcomeFailed, 0},
		{"its answer is lost", types("ForceRestart"), fencetest.Fault{On: fencetest.OpCycle, Act: true, Drop: true}, fencing.OutcomeUnknown, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, tt.config)
			if tt.fault != (fencetest.Fault{}) {
				r.Script.Add(tt.fault)
			}
			outcome, evidence, err := fencing.Cycle(t.Context(), r.device(t), fencing.Options{Timeout: 10 * time.Second, RefusalInterval: 20 * time.Millisecond, PollInterval: 10 * time.Millisecond})
			if outcome != tt.want || (err == nil) != (tt.want == fencing.OutcomeConfirmed) || len(evidence) == 0 {
				t.Errorf("got %s, %v, %+v", outcome, err, evidence)
			}
			if cycles := len(r.machines[0].History()) / 2; cycles != tt.asked {
				t.Errorf("the power was cycled %d times, want %d", cycles, tt.asked)
			}
		})
	}
}
