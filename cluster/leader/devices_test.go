package leader

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// newWatchRig is a rig that reads its devices.
func newWatchRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.define(func(*resources.Definition) {})
	return r
}

// readFor drives the core and returns what was read in that time.
func (r *rig) readFor(d time.Duration) []string {
	r.reads = nil
	r.run(d)
	return r.reads
}

func (r *rig) failing() []string {
	var list []string
	for _, c := range r.s.FenceChecks {
		for _, f := range c.Failing() {
			list = append(list, fmt.Sprintf("%s by %s: %s", c.Device, f.By, f.Failure))
		}
	}
	slices.Sort(list)
	return list
}

// say makes reads of bmc-a fail, or not.
func (r *rig) say(failure string) {
	r.read = func(read Read) Reading {
		if read.Device != "bmc-a" || failure == "" {
			return Reading{Result: state.FenceCheckResult{Power: "on"}}
		}
		return Reading{Result: state.FenceCheckResult{Failure: failure, Text: failure}}
	}
}

func count(list []string, items ...string) int {
	n := 0
	for _, i := range list {
		if slices.Contains(items, i) {
			n++
		}
	}
	return n
}

func TestEveryDeviceIsReadByTwoOthers(t *testing.T) {
	r := newWatchRig(t)
	read := r.readFor(2 * time.Second)
	slices.Sort(read)
	want := []string{"bmc-a by b", "bmc-a by c", "bmc-b by a", "bmc-b by c", "bmc-c by a", "bmc-c by b"}
	if !slices.Equal(read, want) {
		t.Errorf("read %v, want %v", read, want)
	}
	if len(r.s.FenceChecks) != 3 || len(r.failing()) != 0 {
		t.Errorf("on record: %v", r.s.FenceChecks)
	}
	records := len(r.proposed)
	if read = r.readFor(10 * time.Minute); len(read) < 50 || len(read) > 70 {
		t.Errorf("%d reads in ten minutes, want about 60", len(read))
	}
	if len(r.proposed) != records {
		t.Errorf("%d entries although nothing has changed", len(r.proposed)-records)
	}
}

func TestFailuresAreRecordedAndClosed(t *testing.T) {
	r := newWatchRig(t)
	r.run(2 * time.Minute)
	r.say("unreachable")
	r.run(3 * time.Minute)
	if got, want := r.failing(), []string{"bmc-a by b: unreachable", "bmc-a by c: unreachable"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	r.say("")
	r.run(2 * time.Minute)
	if got := r.failing(); len(got) != 0 {
		t.Errorf("still %v", got)
	}
}

// One lost packet is no news; the second look follows soon.
func TestOneDoubtIsNotRecorded(t *testing.T) {
	r := newWatchRig(t)
	r.run(5 * time.Second)
	before, lost := len(r.proposed), 0
	r.read = func(read Read) Reading {
		if read.Device == "bmc-a" && lost == 0 {
			lost++
			return Reading{Result: state.FenceCheckResult{Failure: "timeout", Text: "timeout"}}
		}
		return Reading{Result: state.FenceCheckResult{Power: "on"}}
	}
	r.run(3 * time.Minute)
	if lost != 1 || len(r.proposed) != before || len(r.failing()) != 0 {
		t.Errorf("after %d lost answers: %d records more, failing: %v", lost, len(r.proposed)-before, r.failing())
	}
}

func TestRefusedLoginIsLeftAloneUntilTheSecretChanges(t *testing.T) {
	r := newWatchRig(t)
	r.say(state.FailureLogin)
	read := r.readFor(10 * time.Minute)
	if n := count(read, "bmc-a by b", "bmc-a by c"); n != 1 {
		t.Errorf("a device that refuses the login was asked %d times", n)
	}
	if n := count(read, "bmc-b by a"); n < 8 {
		t.Errorf("another device was read %d times only", n)
	}
	if len(r.failing()) != 1 {
		t.Errorf("got %v", r.failing())
	}
	if n := count(r.readFor(24*time.Hour), "bmc-a by b", "bmc-a by c"); n > 10 {
		t.Errorf("asked again and again in a day: %d times", n)
	}
	r.say("")
	r.apply(&state.SecretSet{Secret: "bmc", Sealed: "v2"})
	r.run(3 * time.Second)
	if got := r.failing(); len(got) != 0 {
		t.Errorf("still %v", got)
	}
}

// A new leader knows from the log which login was refused.
func TestNewLeaderKeepsTheRefusal(t *testing.T) {
	r := newWatchRig(t)
	r.say(state.FailureLogin)
	r.run(time.Minute)
	r.lead("a", 4)
	if n := count(r.readFor(10*time.Minute), "bmc-a by b", "bmc-a by c"); n != 0 {
		t.Errorf("asked %d times by the next leader", n)
	}
}

func TestDeviceThatReadsOffOfALivingNode(t *testing.T) {
	r := newWatchRig(t)
	r.read = func(read Read) Reading {
		power := map[string]string{"bmc-a": "off", "bmc-b": "on", "bmc-c": "off"}[read.Device]
		return Reading{Result: state.FenceCheckResult{Power: power}}
	}
	r.hear("c", Dead)
	r.apply(&state.MemberVerdict{Node: "c", Liveness: state.LivenessDead, Incarnation: "run-c"})
	r.run(3 * time.Minute)
	if got, want := r.failing(), []string{"bmc-a by b: wrong host"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNothingIsReadWhileItFences(t *testing.T) {
	r := newWatchRig(t)
	r.fence = func(int, Attempt) Fenced { return Fenced{Error: "HTTP 503"} }
	r.hear("a", Dead)
	r.lead("b", 4)
	r.apply(&state.MemberVerdict{Node: "a", Liveness: state.LivenessDead, Incarnation: "run-a"})
	r.apply(&state.FenceRequested{Node: "a", Action: resources.FencingReboot, Reason: "lost"})
	if read := r.readFor(5 * time.Minute); count(read, "bmc-a by b", "bmc-a by c") != 0 || count(read, "bmc-b by c") == 0 {
		t.Errorf("read %v", read)
	}
}

func TestChecksAreOffAndFew(t *testing.T) {
	r := newRig(t) // the interval is 0
	if read := r.readFor(5 * time.Minute); len(read) != 0 {
		t.Errorf("read %v", read)
	}
	r.define(func(d *resources.Definition) {
		for i := range 50 {
			d.Fences = append(d.Fences, resources.FenceDevice{ID: fmt.Sprintf("pdu-%d", i), Agent: "plug", Targets: []resources.NodeName{"a", "b"}})
		}
	})
	r.run(time.Minute)
	if r.most > manyReads || len(r.s.FenceChecks) != 103 {
		t.Errorf("%d reads at once, %d on record", r.most, len(r.s.FenceChecks))
	}
}

func TestMemberThatCannotBeAskedSaysNothing(t *testing.T) {
	r := newWatchRig(t)
	r.read = func(read Read) Reading {
		if read.By == "c" {
			return Reading{Error: "connection refused"}
		}
		return Reading{Result: state.FenceCheckResult{Power: "on"}}
	}
	r.run(5 * time.Minute)
	if len(r.failing()) != 0 {
		t.Errorf("got %v", r.failing())
	}
}

// What an operator's own look found is taken over at once.
func TestReadingThatAnOperatorAskedFor(t *testing.T) {
	r := newWatchRig(t)
	r.run(5 * time.Second)
	reading := Reading{Device: "bmc-a", Target: "a", Digest: r.s.FenceDigest(r.s.Definition.Fences[0]), Result: state.FenceCheckResult{By: "b", At: r.now, Failure: "timeout"}}
	stale := reading
	stale.Digest, stale.Result.Failure = "other", "config"
	r.in.Readings = []Reading{reading, stale}
	r.run(time.Second)
	if got, want := r.failing(), []string{"bmc-a by b: timeout"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReadersAreSpread(t *testing.T) {
	s := state.New()
	const members = 10
	for i := range members {
		name := resources.NodeName(fmt.Sprintf("n%d", i))
		s.Nodes[name] = &state.Node{Name: name, Liveness: state.LivenessAlive}
	}
	s.Nodes["n3"].Liveness = state.LivenessSuspect
	load := map[resources.NodeName]int{}
	for _, target := range s.NodeNames() {
		for turn := range 2 {
			readers := readersOf(s, target, turn)
			if len(readers) != fenceReaders || readers[0] == readers[1] || slices.Contains(readers, target) || slices.Contains(readers, "n3") {
				t.Errorf("%s is read by %v", target, readers)
			}
			for _, by := range readers {
				load[by]++
			}
		}
	}
	for by, n := range load {
		if n > 6 {
			t.Errorf("%s reads %d of %d", by, n, members*4)
		}
	}
}
