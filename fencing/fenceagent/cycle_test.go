package fenceagent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ha/belay/fencing"
)

// A cycle is asked for once: agents exit with 1 for a lost answer, too, and a second
// cycle would not be harmless.
func TestCycle(t *testing.T) {
	for mode, want := range map[string]fencing.Outcome{"good": fencing.OutcomeConfirmed, "fail": fencing.OutcomeUnknown, "incomplete": fencing.OutcomeFailed} {
		t.Run(mode, func(t *testing.T) {
			dir := install(t)
			outcome, evidence, err := fencing.Cycle(t.Context(), device(t, dir, mode, "5s"), quick)
			if outcome != want || (err == nil) != (want == fencing.OutcomeConfirmed) || len(evidence) != 1 || evidence[0].Step != fencing.StepCycle {
				t.Errorf("%s, %+v, %v", outcome, evidence, err)
			}
			if got := strings.Count(read(t, dir, "stdin"), "action=reboot\n"); got != 1 {
				t.Errorf("asked %d times", got)
			}
			if err != nil && strings.Contains(err.Error(), password) {
				t.Errorf("the password shows: %v", err)
			}
		})
	}
}

// What the agent says of itself decides whether only the target may ask.
func TestOnTarget(t *testing.T) {
	for says, want := range map[string]bool{`<action name="on" on_target="1" automatic="1"/>`: true, `<action name="on" automatic="1"/>`: false} {
		dir := install(t)
		text := `<resource-agent name="fence_test"><parameters/><actions>` + says + `<action name="off"/></actions></resource-agent>`
		if err := os.WriteFile(filepath.Join(dir, "metadata.xml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		local, is := device(t, dir, "good", "5s").(fencing.Local)
		if !is {
			t.Fatal("an agent does not say whether the target itself has to ask")
		}
		if got, err := local.OnTarget(t.Context()); err != nil || got != want {
			t.Errorf("%s: %v, %v", says, got, err)
		}
	}
}
