package dev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/enroll"
	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// generous limits: a slow machine must not fail a test.
const (
	soon    = 30 * time.Second
	outage  = 60 * time.Second
	outwait = 3 * time.Minute // a watchdog's proof, which each new leader waits for anew
	lease   = 2 * time.Second
	noLater = 15 * time.Second // a lease, its ticks, the stops
)

// services stands before every member's agents: it counts what is done, looks
// after each start whether the address runs twice, and breaks what a test wants
// broken.
type services struct {
	t *testing.T
	c *Cluster

	mu       sync.Mutex
	acts     []string // "start vip on controller-0"
	behave   func(resources.NodeName, agents.Request) *agents.Result
	twoTimes bool
}

type watched struct {
	agents.Agent
	node resources.NodeName
	all  *services
}

func (s *services) wrap(name resources.NodeName, agent agents.Agent) agents.Agent {
	return &watched{agent, name, s}
}

func (w *watched) Start(ctx context.Context, r agents.Request) agents.Result {
	return w.do(ctx, r, w.Agent.Start)
}
func (w *watched) Stop(ctx context.Context, r agents.Request) agents.Result {
	return w.do(ctx, r, w.Agent.Stop)
}

func (w *watched) do(ctx context.Context, r agents.Request, act func(context.Context, agents.Request) agents.Result) agents.Result {
	s := w.all
	s.mu.Lock()
	s.acts = append(s.acts, fmt.Sprintf("%s %s on %s", r.Op, r.Instance, w.node))
	behave := s.behave
	s.mu.Unlock()
	if behave != nil {
		if result := behave(w.node, r); result != nil {
			return *result
		}
	}
	result := act(ctx, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	running := 0
	for _, h := range s.c.Hosts() {
		if h.Services.Running("vip").Active() {
			running++
		}
	}
	if running > 1 && !s.twoTimes {
		s.twoTimes = true
		s.t.Errorf("vip runs %d times after %v", running, s.acts)
	}
	return result
}

func (s *services) count(act string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, done := range s.acts {
		if strings.HasPrefix(done, act) {
			n++
		}
	}
	return n
}

func (s *services) set(behave func(resources.NodeName, agents.Request) *agents.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behave = behave
}

// running forms a cluster in which everything runs.
func running(t *testing.T, change func(*resources.Definition)) (*Cluster, *services) {
	t.Helper()
	s := &services{t: t}
	s.c = startWith(t, func(config *Config) { config.Wrap = s.wrap })
	define(t, s.c, func(d *resources.Definition) {
		d.Properties.Lease = resources.Duration(lease)
		if change != nil {
			change(d)
		}
	})
	everythingRuns(t, s.c, soon)
	return s.c, s
}

func everythingRuns(t *testing.T, c *Cluster, limit time.Duration) api.Status {
	t.Helper()
	return until(t, c, "everything runs", limit, func(s api.Status) bool {
		for _, n := range s.Nodes {
			if n.State != "alive" {
				return false
			}
		}
		for _, r := range s.Resources {
			if !r.Probed || r.Failed {
				return false
			}
		}
		return holder(s, "vip") != "" && count(s, "web") == len(c.Hosts()) && len(s.Actions) == 0
	})
}

// leads returns the leader's host.
func leads(t *testing.T, c *Cluster) *Host {
	t.Helper()
	status := until(t, c, "a leader", soon, func(s api.Status) bool { return s.Leader != "" })
	h, _ := c.Host(status.Leader)
	return h
}

func stateOf(t *testing.T, c *Cluster) *state.State {
	t.Helper()
	var s *state.State
	until(t, c, "the state", soon, func(api.Status) bool {
		var err error
		s, err = c.Client().State(t.Context(), false)
		return err == nil
	})
	return s
}

// insist makes a request that may be repeated until it is answered: on a busy machine
// the leader may change at any time.
func insist(t *testing.T, what string, request func() error) {
	t.Helper()
	var err error
	eventually(t, what, soon, func() bool {
		if err = request(); err != nil {
			t.Logf("%s: %v", what, err)
		}
		return err == nil
	})
}

// eventually waits for something that is not in the status.
func eventually(t *testing.T, what string, limit time.Duration, holds func() bool) {
	t.Helper()
	deadline := time.After(limit)
	for !holds() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}

func code(err error) api.Code {
	var wire *api.Error
	if errors.As(err, &wire) {
		return wire.Code
	}
	return ""
}

func TestDaemonRestartTouchesNoService(t *testing.T) {
	t.Parallel()
	c, s := running(t, nil)
	follower := c.Hosts()[0]
	if follower == leads(t, c) {
		follower = c.Hosts()[1]
	}
	restarts := []struct {
		name string
		host func() *Host
		end  func(*Host) error
	}{
		{"a follower's in order", func() *Host { return follower }, func(h *Host) error { return h.RestartDaemon(t.Context()) }},
		{"a follower's killed", func() *Host { return follower }, func(h *Host) error { return h.KillDaemon(t.Context()) }},
		{"the leader's in order", func() *Host { return leads(t, c) }, func(h *Host) error { return h.RestartDaemon(t.Context()) }},
		{"the leader's killed", func() *Host { return leads(t, c) }, func(h *Host) error { return h.KillDaemon(t.Context()) }},
	}
	for _, r := range restarts {
		host := r.host()
		before := stateOf(t, c).Nodes[host.Name()].Incarnation
		starts, stops := s.count("start"), s.count("stop")
		if err := r.end(host); err != nil {
			t.Fatal(err)
		}
		eventually(t, r.name+": announced", soon, func() bool { return stateOf(t, c).Nodes[host.Name()].Incarnation != before })
		everythingRuns(t, c, soon)
		if s.count("start") != starts || s.count("stop") != stops {
			t.Errorf("%s: services were touched: %v", r.name, s.acts[starts+stops:])
		}
	}
	if final := stateOf(t, c); len(final.FenceHistory) != 0 || len(final.Fencing) != 0 {
		t.Errorf("somebody was fenced: %+v", final.FenceHistory)
	}
}

func TestLeaderLosesItsPower(t *testing.T) {
	t.Parallel()
	c, _ := running(t, nil)
	victim := leads(t, c)
	victim.CutPower()
	until(t, c, "another leader, which fences it", soon, func(s api.Status) bool {
		return s.Leader != "" && s.Leader != victim.Name() && len(s.Fencing) > 0
	})
	everythingRuns(t, c, outage) // it is fenced, switched on, and back
	final := stateOf(t, c)
	if len(final.FenceHistory) != 1 || final.FenceHistory[0].Node != victim.Name() || final.FenceHistory[0].OffAt.IsZero() {
		t.Errorf("fencing on record: %+v", final.FenceHistory)
	}
}

// A survivor without quorum stops what it runs by itself, says what it knows,
// and changes nothing; when the others return so does everything.
func TestMinorityStopsAndReturns(t *testing.T) {
	t.Parallel()
	c, _ := running(t, nil)
	survivor := c.Hosts()[0]
	client := api.NewLocalClient(survivor.Settings.Socket)
	before, err := client.State(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range c.Hosts()[1:] {
		h.CutPower()
	}
	eventually(t, "the survivor stops its services", noLater, func() bool {
		return !survivor.Services.Running("vip").Active() && !survivor.Services.Running("web").Active()
	})
	eventually(t, "the survivor knows no leader", soon, func() bool {
		_, err = client.Command(t.Context(), &state.NodeStandby{Node: survivor.Name(), Standby: true})
		return code(err) == api.CodeNoQuorum
	})
	if !strings.Contains(err.Error(), "reaches 1 of 3 voters") {
		t.Errorf("it does not say what it knows: %v", err)
	}
	if _, err := client.Status(t.Context(), false); code(err) != api.CodeNoQuorum {
		t.Errorf("a fresh look without quorum: %v", err)
	}
	after, err := client.State(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if after.Nodes[survivor.Name()].Standby || len(after.FenceHistory)+len(after.Fencing) != len(before.FenceHistory)+len(before.Fencing) {
		t.Error("something was changed without quorum")
	}
	for _, h := range c.Hosts()[1:] {
		h.PowerOn()
	}
	everythingRuns(t, c, outage)
	if final := stateOf(t, c); len(final.FenceHistory) != 0 {
		t.Errorf("somebody was fenced: %+v", final.FenceHistory)
	}
}

// A daemon that restarts without quorum does not know the log; its last run has
// left what it takes to stop what runs.
func TestRestartWithoutQuorumStillStops(t *testing.T) {
	t.Parallel()
	c, _ := running(t, nil)
	survivor := c.Hosts()[0]
	for _, h := range c.Hosts()[1:] {
		h.CutPower()
	}
	if err := survivor.KillDaemon(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the survivor stops its services", noLater, func() bool {
		return !survivor.Services.Running("vip").Active() && !survivor.Services.Running("web").Active()
	})
}

func TestOutageOfAllAndReturn(t *testing.T) {
	t.Parallel()
	c, _ := running(t, nil)
	for _, h := range c.Hosts() {
		h.CutPower()
	}
	for _, h := range c.Hosts() {
		h.PowerOn()
	}
	everythingRuns(t, c, outage)
	if final := stateOf(t, c); len(final.FenceHistory) != 0 {
		t.Errorf("somebody was fenced: %+v", final.FenceHistory)
	}
}

func TestJoinTokens(t *testing.T) {
	t.Parallel()
	c := start(t)
	client := c.Client()
	join := func(name, token string) error {
		dir := t.TempDir()
		host := node.Host{Node: resources.NodeName(name), Address: "127.0.0.1:7450", DataDir: dir}.WithDefaults()
		host.DataDir = dir
		record := filepath.Join(dir, node.FoundingFile) // of a founding that went wrong
		if err := os.WriteFile(record, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := enroll.Join(t.Context(), host, c.Hosts()[1].Settings.Address, token, dir+"/belayd.toml", false) // by way of any member
		if _, left := os.Stat(record); err == nil && !errors.Is(left, fs.ErrNotExist) {
			t.Error("a host that has joined would found a cluster of its own")
		}
		return err
	}
	token := func(ttl time.Duration) string {
		answer, err := client.CreateToken(t.Context(), ttl)
		if err != nil {
			t.Fatal(err)
		}
		return answer.Token
	}
	expired, wrong, used := token(time.Millisecond), token(time.Hour), token(time.Hour)
	last := wrong[len(wrong)-2]
	replacement := byte('A')
	if last == 'A' {
		replacement = 'B'
	}
	wrong = wrong[:len(wrong)-2] + string(replacement) + wrong[len(wrong)-1:]
	if err := join("controller-7", used); err != nil {
		t.Fatalf("a good token: %v", err)
	}
	for name, bad := range map[string]string{"used": used, "expired": expired, "wrong": wrong} {
		if err := join("controller-8", bad); code(err) != api.CodeForbidden {
			t.Errorf("a token that is %s: %v", name, err)
		}
	}
	if err := join("controller-7", token(time.Hour)); code(err) != api.CodeRefused {
		t.Errorf("a name that is taken: %v", err)
	}
	s := stateOf(t, c)
	if s.Nodes["controller-7"] == nil || s.Nodes["controller-8"] != nil {
		t.Errorf("members: %v", s.NodeNames())
	}
}

func TestRemovedMemberIsCutOff(t *testing.T) {
	t.Parallel()
	c, _ := running(t, nil)
	victim := c.Hosts()[2]
	client := c.Client()
	if _, err := client.Command(t.Context(), &state.MemberRemoved{Node: victim.Name()}); code(err) != api.CodeRefused {
		t.Errorf("a member that runs something was removed: %v", err)
	}
	if _, err := client.Command(t.Context(), &state.NodeStandby{Node: victim.Name(), Standby: true}); err != nil {
		t.Fatal(err)
	}
	until(t, c, "it runs nothing", soon, func(s api.Status) bool {
		for _, r := range s.Resources {
			if r.Node == victim.Name() {
				return false
			}
		}
		return len(s.Actions) == 0
	})
	if _, err := client.Command(t.Context(), &state.MemberRemoved{Node: victim.Name()}); err != nil {
		t.Fatal(err)
	}
	removed := api.NewLocalClient(victim.Settings.Socket)
	eventually(t, "it is cut off", soon, func() bool {
		_, err := removed.Command(t.Context(), &state.NodeStandby{Node: c.Hosts()[0].Name(), Standby: true})
		return err != nil
	})
	until(t, c, "the others go on", soon, func(s api.Status) bool { return len(s.Nodes) == 2 && holder(s, "vip") != "" && count(s, "web") == 2 })
	if err := victim.RestartDaemon(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it answers after a restart", soon, func() bool { _, err := removed.State(t.Context(), true); return err == nil })
	if _, err := removed.Status(t.Context(), false); err == nil {
		t.Error("a removed member still reaches the cluster")
	}
	if s := stateOf(t, c); s.Nodes[c.Hosts()[0].Name()].Standby || s.Nodes[victim.Name()] != nil {
		t.Error("a removed member changed the cluster")
	}
}

func TestOneOfConcurrentChangesWins(t *testing.T) {
	t.Parallel()
	c := start(t)
	define(t, c, nil)
	answer, err := c.Client().Definition(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error, 9)
	for i := range cap(errs) {
		go func() {
			d := answer.Definition.Clone()
			d.Properties.FenceBudget = 10 + i
			client := api.NewLocalClient(c.Hosts()[i%3].Settings.Socket)
			_, err := client.Command(t.Context(), &state.DefinitionSet{Base: answer.Revision, Definition: d})
			errs <- err
		}()
	}
	won := 0
	for range cap(errs) {
		switch err := <-errs; {
		case err == nil:
			won++
		case code(err) != api.CodeConflict:
			t.Errorf("a loser was told %q: %v", code(err), err)
		}
	}
	if won != 1 {
		t.Errorf("%d changes of one revision won", won)
	}
}

func TestFailedMonitorsAreRecovered(t *testing.T) {
	t.Parallel()
	c, s := running(t, nil)
	host, _ := c.Host(holder(everythingRuns(t, c, soon), "vip"))
	for name, fault := range map[string]func(){
		"it stops serving": func() { host.Services.Break("web", "HTTP 500") },
		"it is killed":     func() { host.Services.Kill("web") },
	} {
		restarts := s.count("start web on " + string(host.Name()))
		fault()
		eventually(t, name+": started again", soon, func() bool { return s.count("start web on "+string(host.Name())) > restarts })
		everythingRuns(t, c, soon)
	}
	if final := stateOf(t, c); len(final.FenceHistory) != 0 {
		t.Errorf("somebody was fenced: %+v", final.FenceHistory)
	}
}

// A start that hangs is unknown: it has begun, perhaps. It is looked at, and the
// address runs somewhere in the end, never twice (services checks that).
func TestHungStartIsLookedAt(t *testing.T) {
	t.Parallel()
	s := &services{t: t}
	s.c = startWith(t, func(config *Config) { config.Wrap = s.wrap })
	var once sync.Once
	s.set(func(_ resources.NodeName, r agents.Request) *agents.Result {
		if r.Op != resources.OpStart || r.Instance != "vip" {
			return nil
		}
		var result *agents.Result
		once.Do(func() {
			<-time.After(2 * r.Timeout) // beyond the end of the context
			result = &agents.Result{Outcome: agents.OutcomeFailed, Reason: "cut short"}
		})
		return result
	})
	define(t, s.c, func(d *resources.Definition) {
		d.Resources[0].Ops = []resources.Operation{{Name: resources.OpStart, Timeout: resources.Duration(300 * time.Millisecond)}}
	})
	everythingRuns(t, s.c, soon)
	unknown := false
	past, err := s.c.Client().History(t.Context(), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range past.Events {
		unknown = unknown || strings.Contains(e.Text, "start vip: unknown")
	}
	if !unknown {
		t.Error("the hung start is not on record as unknown")
	}
}

// What cannot be stopped gets its node fenced, though the node is alive and
// heard all the time; its own leader included.
func TestFailedStopFencesALivingNode(t *testing.T) {
	for name, ofLeader := range map[string]bool{"a follower": false, "the leader": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s := running(t, nil)
			victim := leads(t, c)
			if !ofLeader {
				victim = c.Hosts()[(slices.Index(c.Hosts(), victim)+1)%3]
			}
			place(t, c, "vip", victim.Name())
			until(t, c, "the address is there", soon, func(s api.Status) bool { return holder(s, "vip") == victim.Name() && len(s.Actions) == 0 })
			s.set(func(name resources.NodeName, r agents.Request) *agents.Result {
				if name == victim.Name() && r.Op == resources.OpStop && r.Instance == "vip" {
					return &agents.Result{Outcome: agents.OutcomeFailed, Reason: "device busy"}
				}
				return nil
			})
			if _, err := c.Client().Command(t.Context(), &state.NodeStandby{Node: victim.Name(), Standby: true}); err != nil {
				t.Fatal(err)
			}
			until(t, c, "the address runs elsewhere", outage, func(s api.Status) bool {
				return holder(s, "vip") != "" && holder(s, "vip") != victim.Name()
			})
			if final := stateOf(t, c); len(final.FenceHistory)+len(final.Fencing) != 1 {
				t.Errorf("fencing on record: %+v, open: %+v", final.FenceHistory, final.Fencing)
			}
		})
	}
}

// place makes a resource like one node best.
func place(t *testing.T, c *Cluster, id resources.ResourceID, node resources.NodeName) {
	t.Helper()
	answer, err := c.Client().Definition(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := answer.Definition.Clone()
	d.Locations = append(d.Locations, resources.Location{ID: "place", Resource: id, Node: node, Score: 1000})
	if _, err := c.Client().Command(t.Context(), &state.DefinitionSet{Base: answer.Revision, Definition: d}); err != nil {
		t.Fatal(err)
	}
}
