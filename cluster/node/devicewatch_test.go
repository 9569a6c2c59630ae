package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

// watchRig is a device watch whose log and members are the test's.
type watchRig struct {
	*deviceWatch
	t *testing.T

	mu      sync.Mutex
	s       *state.State
	reads   []string // "bmc-a by b"
	flying  int
	most    int
	records int
	answer  func(by resources.NodeName, device string) (state.FenceCheckResult, error)
}

// inWatchRig runs a test with three members, each with a device.
func inWatchRig(t *testing.T, test func(*testing.T, *watchRig)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		r := &watchRig{t: t, s: state.New()}
		r.deviceWatch = &deviceWatch{
			read: r.readDevice, current: r.state, propose: r.commit, log: zap.NewNop(),
			wake: make(chan struct{}, 1), busy: map[string]bool{}, refused: map[string]*refusal{},
		}
		r.apply(&state.ClusterCreated{ID: "id", Name: "test", Node: "a"})
		for _, name := range []resources.NodeName{"b", "c"} {
			r.apply(&state.TokenCreated{ID: "t" + string(name), ExpiresAt: time.Now().Add(time.Hour)})
			r.apply(&state.MemberJoined{Node: name, Token: "t" + string(name)})
		}
		for _, name := range []resources.NodeName{"a", "b", "c"} {
			r.apply(&state.MemberBooted{Node: name, Incarnation: "run-" + string(name), BootID: "boot"})
		}
		r.apply(&state.SecretSet{Secret: "bmc", Sealed: "v1"})
		r.define(func(*resources.Definition) {})
		test(t, r)
		r.work.Wait()
	})
}

func (r *watchRig) define(change func(*resources.Definition)) {
	d := &resources.Definition{}
	for _, name := range []resources.NodeName{"a", "b", "c"} {
		d.Nodes = append(d.Nodes, resources.Node{Name: name})
		d.Fences = append(d.Fences, resources.FenceDevice{ID: "bmc-" + string(name), Agent: "plug", Targets: []resources.NodeName{name}, Params: resources.Params{"password": "secret://bmc"}})
	}
	change(d)
	r.apply(&state.DefinitionSet{Base: r.state().Revision, Definition: d})
}

func (r *watchRig) state() *state.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.s
}

func (r *watchRig) apply(c state.Command) state.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, result := state.ApplyCommand(r.s, r.s.Index+1, 1, time.Now(), state.ByCluster, c)
	if result.Err != nil {
		r.t.Fatalf("%T: %v", c, result.Err)
	}
	r.s = next
	return result
}

func (r *watchRig) commit(_ context.Context, c state.Command) (state.Result, error) {
	r.records++
	return r.apply(c), nil
}

func (r *watchRig) readDevice(_ context.Context, _ *state.State, by resources.NodeName, device string, _ resources.NodeName) (state.FenceCheckResult, error) {
	r.mu.Lock()
	r.reads = append(r.reads, device+" by "+string(by))
	r.flying++
	r.most = max(r.most, r.flying)
	answer := r.answer
	r.mu.Unlock()
	time.Sleep(100 * time.Millisecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flying--
	result := state.FenceCheckResult{Power: "on"}
	var err error
	if answer != nil {
		result, err = answer(by, device)
	}
	result.By, result.At = by, time.Now()
	return result, err
}

// run lets the leader loop turn for a time, and returns what was read in it.
func (r *watchRig) run(d time.Duration) []string {
	r.mu.Lock()
	r.reads = nil
	r.mu.Unlock()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(tick) {
		r.step(r.t.Context(), r.state(), time.Now())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.reads)
}

func (r *watchRig) failing() []string {
	var list []string
	for _, c := range r.state().FenceChecks {
		for _, f := range c.Failing() {
			list = append(list, fmt.Sprintf("%s by %s: %s", c.Device, f.By, f.Failure))
		}
	}
	slices.Sort(list)
	return list
}

func (r *watchRig) say(failure string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = func(_ resources.NodeName, device string) (state.FenceCheckResult, error) {
		if device != "bmc-a" {
			return state.FenceCheckResult{Power: "on"}, nil
		}
		return state.FenceCheckResult{Failure: failure, Text: failure}, nil
	}
}

func count(list []string, item string) int {
	n := 0
	for _, i := range list {
		if i == item {
			n++
		}
	}
	return n
}

func TestEveryDeviceIsReadByTwoOthers(t *testing.T) {
	inWatchRig(t, func(t *testing.T, r *watchRig) {
		read := r.run(2 * time.Second)
		slices.Sort(read)
		want := []string{"bmc-a by b", "bmc-a by c", "bmc-b by a", "bmc-b by c", "bmc-c by a", "bmc-c by b"}
		if !slices.Equal(read, want) {
			t.Errorf("read %v, want %v", read, want)
		}
		if len(r.state().FenceChecks) != 3 || len(r.failing()) != 0 {
			t.Errorf("on record: %v", r.state().FenceChecks)
		}
		records := r.records
		if read = r.run(10 * time.Minute); len(read) < 50 || len(read) > 70 {
			t.Errorf("%d reads in ten minutes, want about 60", len(read))
		}
		if r.records != records {
			t.Errorf("%d entries although nothing has changed", r.records-records)
		}
	})
}

func TestFailuresAreRecordedAndClosed(t *testing.T) {
	inWatchRig(t, func(t *testing.T, r *watchRig) {
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
	})
}

// One lost packet is no news; the second look follows soon.
func TestOneDoubtIsNotRecorded(t *testing.T) {
	inWatchRig(t, func(t *testing.T, r *watchRig) {
		r.run(5 * time.Second)
		before, lost := r.records, 0
		r.answer = func(_ resources.NodeName, device string) (state.FenceCheckResult, error) {
			if device == "bmc-a" && lost == 0 { // with r.mu held
				lost++
				return state.FenceCheckResult{Failure: "timeout", Text: "timeout"}, nil
			}
			return state.FenceCheckResult{Power: "on"}, nil
		}
		r.run(3 * time.Minute)
		if lost != 1 || r.records != before || len(r.failing()) != 0 {
			t.Errorf("after %d lost answers: %d records more, failing: %v", lost, r.records-before, r.failing())
		}
	})
}

func TestRefusedLoginIsLeftAloneUntilTheSecretChanges(t *testing.T) {
	inWatchRig(t, func(t *testing.T, r *watchRig) {
		r.say(state.FailureLogin)
		read := r.run(10 * time.Minute)
		if n := count(read, "bmc-a by b") + count(read, "bmc-a by c"); n != 1 {
			t.Errorf("a device that refuses the login was asked %d times", n)
		}
		if n := count(read, "bmc-b by a"); n < 8 {
			t.Errorf("another device was read %d times only", n)
		}
		if len(r.failing()) != 1 {
			t.Errorf("got %v", r.failing())
		}
		if read = r.run(24 * time.Hour); count(read, "bmc-a by b")+count(read, "bmc-a by c") > 10 {
			t.Errorf("asked again and again in a day: %d times", count(read, "bmc-a by b")+count(read, "bmc-a by c"))
		}
		r.say("")
		r.apply(&state.SecretSet{Secret: "bmc", Sealed: "v2"})
		r.run(3 * time.Second)
		if got := r.failing(); len(got) != 0 {
			t.Errorf("still %v", got)
		}
	})
}

// A new leader knows from the log which login was refused.
func TestNewLeaderKeepsTheRefusal(t *testing.T) {
	inWatchRig(t, func(t *testing.T, r *watchRig) {
		r.say(state.FailureLogin)
		r.run(time.Minute)
		r.work.Wait()
		r.deviceWatch = &deviceWatch{
			read: r.readDevice, current: r.state, propose: r.commit, log: zap.NewNop(),
			wake: make(chan struct{}, 1), busy: map[string]bool{}, refused: map[string]*refusal{},
		}
		read := r.run(10 * time.Minute)
		if n := count(read, "bmc-a by b") + count(read, "bmc-a by c"); n != 0 {
			t.Errorf("asked %d times by the next leader", n)
		}
	})
}

func TestDeviceThatReadsOffOfALivingNode(t *testing.T) {
	inWatchRig(t, func(t *testing.T, r *watchRig) {
		r.mu.Lock()
		r.answer = func(_ resources.NodeName, device string) (state.FenceCheckResult, error) {
			power := map[string]string{"bmc-a": "off", "bmc-b": "on", "bmc-c": "off"}[device]
			return state.FenceCheckResult{Power: power}, nil
		}
		r.mu.Unlock()
		r.apply(&state.MemberVerdict{Node: "c", Liveness: state.LivenessDead, Incarnation: "run-c"})
		r.run(3 * time.Minute)
		if got, want := r.failing(), []string{"bmc-a by b: wrong host"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestNothingIsReadWhileItFences(t *testing.T) {
	inWatchRig(t, func(t *testing.T, r *watchRig) {
		r.apply(&state.MemberVerdict{Node: "a", Liveness: state.LivenessDead, Incarnation: "run-a"})
		r.apply(&state.FenceRequested{Node: "a", Action: resources.FencingReboot, Reason: "lost"})
		if read := r.run(5 * time.Minute); count(read, "bmc-a by b") != 0 || count(read, "bmc-b by c") == 0 {
			t.Errorf("read %v", read)
		}
	})
}

func TestChecksAreOffAndFew(t *testing.T) {
	inWatchRig(t, func(t *testing.T, r *watchRig) {
		off := resources.Duration(0)
		r.define(func(d *resources.Definition) { d.Properties.FenceCheckInterval = &off })
		if read := r.run(5 * time.Minute); len(read) != 0 {
			t.Errorf("read %v", read)
		}
		r.define(func(d *resources.Definition) {
			for i := range 50 {
				d.Fences = append(d.Fences, resources.FenceDevice{ID: fmt.Sprintf("pdu-%d", i), Agent: "plug", Targets: []resources.NodeName{"a", "b"}})
			}
		})
		r.run(time.Minute)
		if r.most > manyReads || len(r.state().FenceChecks) != 103 {
			t.Errorf("%d reads at once, %d on record", r.most, len(r.state().FenceChecks))
		}
	})
}

func TestMemberThatCannotBeAskedSaysNothing(t *testing.T) {
	inWatchRig(t, func(t *testing.T, r *watchRig) {
		r.mu.Lock()
		r.answer = func(by resources.NodeName, _ string) (state.FenceCheckResult, error) {
			if by == "c" {
				return state.FenceCheckResult{}, errors.New("connection refused")
			}
			return state.FenceCheckResult{Power: "on"}, nil
		}
		r.mu.Unlock()
		r.run(5 * time.Minute)
		if len(r.failing()) != 0 {
			t.Errorf("got %v", r.failing())
		}
	})
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

func TestReadFence(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		order := api.FenceCheckOrder{Index: m.index, Device: "plug-b", Target: "b", Timeout: resources.Duration(time.Minute)}
		result, err := m.ReadFence(t.Context(), order)
		if err != nil || result.Failure != "" || result.Power != "on" || result.By != "a" {
			t.Errorf("%+v, %v", result, err)
		}
		if asked := m.bmc.requests(); len(asked) != 0 {
			t.Errorf("the power was touched: %v", asked)
		}
		order.Device = "plug-x"
		if _, err := m.ReadFence(t.Context(), order); err == nil {
			t.Error("a device that is not defined was read")
		}
		order.Device, order.Index = "plug-b", m.index+1
		if _, err := m.ReadFence(t.Context(), order); err == nil {
			t.Error("read by a member that is behind")
		}
		m.define(func(d *resources.Definition) { d.Fences[0].Params = resources.Params{"password": "secret://none"} })
		order.Index = m.index
		if result, err := m.ReadFence(t.Context(), order); err != nil || result.Failure != fencing.KindConfig.String() {
			t.Errorf("%+v, %v", result, err)
		}
	})
}
