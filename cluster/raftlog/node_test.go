package raftlog

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/belay-ha/belay/internal/bubble"
)

func propose(t *testing.T, p *peer, data string) uint64 {
	t.Helper()
	index, response, err := p.Propose(t.Context(), []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := response.(string); !ok || !strings.HasPrefix(s, data+"@") {
		t.Fatalf("response %v", response)
	}
	return index
}

func TestElectionAndReplication(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, g *group) {
		l := g.settle()
		index := propose(t, l, "a")
		for _, p := range g.peers {
			if err := p.WaitApplied(t.Context(), index); err != nil {
				t.Fatal(err)
			}
			if got := p.machine.list(); !slices.Equal(got, []string{"a"}) {
				t.Errorf("%s has %v", p.id, got)
			}
		}
		f := g.others(l)[0]
		_, _, err := f.Propose(t.Context(), []byte("b"))
		var nl *NotLeaderError
		if !errors.As(err, &nl) || !errors.Is(err, ErrNotLeader) || nl.LeaderID != l.id || nl.LeaderAddr != l.id {
			t.Errorf("proposal to a follower: %v", err)
		}
		if _, _, err := l.Propose(t.Context(), make([]byte, MaxEntry+1)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("huge proposal: %v", err)
		}
		if err := l.Bootstrap(t.Context()); !errors.Is(err, ErrHasState) {
			t.Errorf("second bootstrap: %v", err)
		}
	})
}

func TestLeaderLoss(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, g *group) {
		old := g.settle()
		changed, stop := old.Watch()
		defer stop()
		term := old.Status().Term
		g.isolate(old)
		rest := g.others(old)
		var l *peer
		took := g.until("a new leader", func() bool {
			for _, p := range rest {
				if p.Status().State == Leader {
					l = p
				}
			}
			return l != nil
		})
		if took > 3*time.Second {
			t.Errorf("new leader after %v", took)
		}
		if l.Status().Term <= term {
			t.Errorf("term %d after %d", l.Status().Term, term)
		}
		propose(t, l, "after")
		g.until("the old leader steps down", func() bool { return old.Status().State != Leader })
		<-changed
		g.heal(old)
		g.settle()
		if got := old.machine.list(); !slices.Equal(got, []string{"after"}) {
			t.Errorf("old leader has %v", got)
		}
	})
}

func TestReturningFollowerDoesNotDepose(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, g *group) {
		l := g.settle()
		f := g.others(l)[0]
		term := l.Status().Term
		g.isolate(f)
		time.Sleep(10 * time.Second)
		if f.Status().Term != term {
			t.Errorf("the lonely follower raised the term from %d to %d", term, f.Status().Term)
		}
		g.heal(f)
		time.Sleep(5 * time.Second)
		if s := l.Status(); s.State != Leader || s.Term != term {
			t.Errorf("leader is %v in term %d, was leader in %d", s.State, s.Term, term)
		}
	})
}

func TestWithoutQuorum(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, g *group) {
		l := g.settle()
		for _, p := range g.others(l) {
			g.isolate(p)
		}
		// In flight when quorum goes: nobody knows.
		if _, _, err := l.Propose(t.Context(), []byte("lost?")); !errors.Is(err, ErrUnknown) {
			t.Errorf("proposal in flight: %v", err)
		}
		g.until("it steps down", func() bool { return l.Status().State != Leader })
		if _, _, err := l.Propose(t.Context(), []byte("x")); !errors.Is(err, ErrNoQuorum) || errors.Is(err, ErrUnknown) {
			t.Errorf("proposal without quorum: %v", err)
		}
		if _, err := l.ReadIndex(t.Context()); !errors.Is(err, ErrNoQuorum) {
			t.Errorf("read without quorum: %v", err)
		}
		if err := l.VerifyLeader(t.Context()); !errors.Is(err, ErrNoQuorum) {
			t.Errorf("verify without quorum: %v", err)
		}
		for _, p := range g.peers {
			g.heal(p)
		}
		propose(t, g.settle(), "y")
	})
}

// A leader whose disk hangs must be replaced, and its fault reported.
func TestLeaderDiskStall(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, g *group) {
		old := g.settle()
		release := old.store.hang()
		defer release()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := old.Propose(ctx, []byte("stuck")); !errors.Is(err, ErrUnknown) {
			t.Errorf("proposal into a hung disk: %v", err)
		}
		if old.Status().State != Leader {
			t.Error("it should still lead: heartbeats do not touch the disk")
		}
		if err := <-old.faults; !errors.Is(err, ErrDiskStalled) {
			t.Errorf("fault: %v", err)
		}
		if took := time.Since(start); took < minStall || took > minStall+time.Second {
			t.Errorf("fault after %v", took)
		}
		l := g.leader(g.others(old)...)
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("new leader %v after the stall began", took)
		}
		propose(t, l, "goes on")
		if got := l.machine.list(); slices.Contains(got, "stuck") {
			t.Errorf("the stuck entry was committed: %v", got)
		}
		release()
	})
}

func TestFailedWriteIsAFault(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, g *group) {
		boom := errors.New("input/output error")
		n := g.peers[0]
		n.logs.LogStable = failingStore{n.store, boom}
		if _, _, err := n.Propose(t.Context(), []byte("x")); !errors.Is(err, ErrUnknown) {
			t.Errorf("proposal: %v", err)
		}
		if err := <-n.faults; !errors.Is(err, boom) {
			t.Errorf("fault: %v", err)
		}
	})
}

type failingStore struct {
	LogStable
	err error
}

func (s failingStore) StoreLogs([]*raft.Log) error { return s.err }

// A pause of the whole process must not look like a hung disk.
func TestWatchdogCountsItsOwnTime(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		tripped := make(chan error, 1)
		dog := &watchdog{limit: 2 * time.Second, trip: func(err error) { tripped <- err }}
		f := dog.begin("write")
		time.Sleep(1900 * time.Millisecond)
		f.end()
		time.Sleep(time.Minute)
		select {
		case err := <-tripped:
			t.Errorf("tripped after the end: %v", err)
		default:
		}
		start := time.Now()
		dog.begin("write")
		<-tripped
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("tripped after %v", took)
		}
	})
}

func TestWatchedStoreForwardsMonotonicity(t *testing.T) {
	if (&watchedStore{LogStable: raft.NewInmemStore()}).IsMonotonic() {
		t.Error("the in-memory store is not monotonic")
	}
	if !(&watchedStore{LogStable: monotonicStore{raft.NewInmemStore()}}).IsMonotonic() {
		t.Error("monotonicity is hidden")
	}
}

type monotonicStore struct{ *raft.InmemStore }

func (monotonicStore) IsMonotonic() bool { return true }

func TestReadIndex(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, g *group) {
		l := g.settle()
		for _, s := range []string{"a", "b"} {
			index := propose(t, l, s)
			read, err := l.ReadIndex(t.Context())
			if err != nil || read < index {
				t.Fatalf("read index %d after entry %d: %v", read, index, err)
			}
		}
		// Entries that never reach the machine must not make reads wait or write.
		for range 5 {
			if err := l.Barrier(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		before := l.Status().LastIndex
		if _, err := l.ReadIndex(t.Context()); err != nil {
			t.Fatal(err)
		}
		if after := l.Status().LastIndex; after != before {
			t.Errorf("a read wrote to the log: %d to %d", before, after)
		}
		if _, err := g.others(l)[0].ReadIndex(t.Context()); !errors.Is(err, ErrNotLeader) {
			t.Errorf("read on a follower: %v", err)
		}
		g.isolate(l) // it does not know yet that it leads no more
		if _, err := l.ReadIndex(t.Context()); err == nil {
			t.Error("an isolated leader served a read")
		}
	})
}

// Answers of members without a vote must not confirm a leader.
func TestVerifyLeaderNeedsVoters(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, g *group) {
		l := g.settle()
		voters := g.others(l)
		for _, id := range []string{"x0", "x1"} {
			g.add(id)
			if _, err := l.AddNonvoter(t.Context(), id, id, 0); err != nil {
				t.Fatal(err)
			}
		}
		g.settle()
		if err := l.VerifyLeader(t.Context()); err != nil {
			t.Error(err)
		}
		for _, p := range voters {
			g.isolate(p)
		}
		if err := l.VerifyLeader(t.Context()); err == nil {
			t.Error("confirmed without a majority of the voters")
		}
	})
}

// ReadIndex must wait for the machine, not for Raft's hand-over to it.
func TestReadIndexWaitsForMachine(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, g *group) {
		n := g.peers[0]
		n.machine.block = make(chan struct{})
		last := n.raft.LastIndex()
		go n.Propose(context.Background(), []byte("slow"))
		g.until("the entry is committed", func() bool { return n.raft.AppliedIndex() > last })
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := n.ReadIndex(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("read before the machine applied: %v", err)
		}
		close(n.machine.block)
		if _, err := n.ReadIndex(t.Context()); err != nil {
			t.Error(err)
		}
		if !slices.Contains(n.machine.list(), "slow") {
			t.Error("the read does not see the entry")
		}
	})
}

func TestMembershipChanges(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, g *group) {
		l := g.settle()
		base := l.Configuration()
		if len(base.Voters()) != 3 || base.Index == 0 {
			t.Fatalf("configuration %+v", base)
		}
		n3 := g.add("n3")
		index, err := l.AddNonvoter(t.Context(), "n3", "n3", base.Index)
		if err != nil {
			t.Fatal(err)
		}
		if c := l.Configuration(); c.Index != index || len(c.Nonvoters()) != 1 {
			t.Errorf("configuration %+v, the change was %d", c, index)
		}
		if _, err := l.Demote(t.Context(), "n3", base.Index); !errors.Is(err, ErrConflict) {
			t.Errorf("stale change: %v", err)
		}
		if _, err := l.AddVoter(t.Context(), "n9", "n3", 0); err == nil || errors.Is(err, ErrUnknown) {
			t.Errorf("address twice: %v", err)
		}
		propose(t, l, "for n3 too")
		g.until("n3 has it", func() bool { return len(n3.machine.list()) == 1 })
		f := g.others(l)[0]
		if _, err := l.Demote(t.Context(), f.id, 0); err != nil {
			t.Error(err)
		}
		if _, err := l.Remove(t.Context(), f.id, 0); err != nil {
			t.Error(err)
		}
		if _, ok := l.Configuration().Find(f.id); ok {
			t.Error("removed member is still there")
		}
		if _, err := l.Remove(t.Context(), l.id, 0); err != nil {
			t.Error(err)
		}
		<-l.Done()
		if _, _, err := l.Propose(t.Context(), []byte("x")); !errors.Is(err, ErrClosed) {
			t.Errorf("proposal to a removed node: %v", err)
		}
	})
}

func TestTransferLeadership(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, g *group) {
		l := g.settle()
		to := g.others(l)[1]
		if err := l.TransferLeadership(t.Context(), to.id); err != nil {
			t.Fatal(err)
		}
		if now := g.leader(g.peers...); now != to {
			t.Errorf("leader is %s, want %s", now.id, to.id)
		}
		if err := to.TransferLeadership(t.Context(), "n9"); err == nil {
			t.Error("transfer to a stranger succeeded")
		}
	})
}

// The leader's evidence against a silent peer, quick and slow.
func TestContactsAndPeerEvents(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, g *group) {
		l := g.settle()
		f := g.others(l)[0]
		wake, take := l.PeerEvents()
		time.Sleep(time.Second)
		for _, c := range l.Contacts() {
			if c.SilentFor > 200*time.Millisecond || time.Since(c.LastContact) > 200*time.Millisecond {
				t.Errorf("healthy contact %+v", c)
			}
		}
		if g.others(l)[1].Contacts() != nil {
			t.Error("a follower reports contacts")
		}
		g.isolate(f)
		find := func() Contact {
			i := slices.IndexFunc(l.Contacts(), func(c Contact) bool { return c.Peer == f.id })
			return l.Contacts()[i]
		}
		if took := g.until("silence of 500 ms", func() bool { return find().SilentFor >= 500*time.Millisecond }); took > 700*time.Millisecond {
			t.Errorf("silence of 500 ms was noticed after %v", took)
		}
		<-wake
		if e := take(); len(e) != 1 || !e[0].Failed || e[0].Peer != f.id || e[0].LastContact.IsZero() {
			t.Errorf("events %+v", e)
		}
		g.heal(f)
		g.until("the contact is back", func() bool { return find().SilentFor < 200*time.Millisecond })
		time.Sleep(time.Second)
		<-wake
		if e := take(); len(e) != 1 || e[0].Failed {
			t.Errorf("events after the heal %+v", e)
		}
	})
}

func TestSnapshotReachesLateJoiner(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, g *group) {
		n0 := g.peers[0]
		var want []string
		for i := range 50 {
			want = append(want, strings.Repeat("x", i))
			propose(t, n0, want[i])
		}
		rc := n0.raft.ReloadableConfig()
		rc.TrailingLogs = 1
		if err := n0.raft.ReloadConfig(rc); err != nil {
			t.Fatal(err)
		}
		if err := n0.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		if first, _ := n0.store.FirstIndex(); first < 40 {
			t.Fatalf("log still begins at %d", first)
		}
		late := g.add("late")
		if _, err := n0.AddNonvoter(t.Context(), "late", "late", 0); err != nil {
			t.Fatal(err)
		}
		g.until("the joiner has all", func() bool { return slices.Equal(late.machine.list(), want) })
		g.until("and the configuration", func() bool { return late.Configuration().Index == n0.Configuration().Index })
		if late.AppliedIndex() != n0.AppliedIndex() {
			t.Errorf("applied %d, want %d", late.AppliedIndex(), n0.AppliedIndex())
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	_, trans := raft.NewInmemTransport("n0")
	good := Config{ID: "n0", DataDir: "x", Transport: trans, Machine: &listMachine{}, OnFault: func(error) {}}
	cases := []struct {
		name   string
		change func(*Config)
		says   string
	}{
		{"fine", func(*Config) {}, ""},
		{"hasty", func(c *Config) { c.HeartbeatTimeout = 199 * time.Millisecond }, "under 200ms"},
		{"lease beyond heartbeat", func(c *Config) { c.LeaseTimeout = time.Second }, "LeaderLeaseTimeout"},
		{"name with @", func(c *Config) { c.ID = "a@b" }, "'@'"},
		{"no network", func(c *Config) { c.Transport = nil }, "exactly one"},
		{"no fault handler", func(c *Config) { c.OnFault = nil }, "fault handler"},
		{"no directory", func(c *Config) { c.DataDir = "" }, "data directory"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			_, err := New(cfg)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNodeBeforeStartAndAfterShutdown(t *testing.T) {
	_, trans := raft.NewInmemTransport("n0")
	n, err := New(Config{ID: "n0", DataDir: t.TempDir(), Transport: trans, Machine: &listMachine{}, OnFault: func(error) {}})
	must(t, err)
	check := func(when string) {
		t.Helper()
		if _, _, err := n.Propose(t.Context(), nil); !errors.Is(err, ErrClosed) {
			t.Errorf("%s: propose: %v", when, err)
		}
		if _, err := n.ReadIndex(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("%s: read: %v", when, err)
		}
	}
	check("before start")
	if n.Status() != (Status{}) {
		t.Errorf("status before start: %+v", n.Status())
	}
	must(t, n.Start())
	if n.Start() == nil {
		t.Error("second start succeeded")
	}
	must(t, n.Shutdown(t.Context()))
	must(t, n.Shutdown(t.Context()))
	<-n.Done()
	check("after shutdown")
}
