package raftlog

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// countingTransport counts what its node sends.
type countingTransport struct {
	*raft.InmemTransport
	mu                sync.Mutex
	beats, replicates int
	last              map[raft.ServerID]time.Time
	longest           time.Duration // between two heartbeats to one peer
}

func (c *countingTransport) AppendEntries(id raft.ServerID, a raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	c.mu.Lock()
	if args.PrevLogEntry == 0 && args.LeaderCommitIndex == 0 && len(args.Entries) == 0 {
		c.beats++
		if last, known := c.last[id]; known {
			c.longest = max(c.longest, time.Since(last))
		}
		c.last[id] = time.Now()
	} else {
		c.replicates++
	}
	c.mu.Unlock()
	return c.InmemTransport.AppendEntries(id, a, args, resp)
}

func (c *countingTransport) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beats, c.replicates, c.longest, c.last = 0, 0, 0, map[raft.ServerID]time.Time{}
}

func (c *countingTransport) read() (beats, replicates int, longest time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.beats, c.replicates, c.longest
}

// countedLeader makes a voter that counts the leader of a settled group.
func countedLeader(t *testing.T, g *group) (*peer, *countingTransport) {
	t.Helper()
	counting := &countingTransport{last: map[raft.ServerID]time.Time{}}
	counted := g.add("counted", func(c *Config) {
		counting.InmemTransport = c.Transport.(*raft.InmemTransport)
		c.Transport = counting
	})
	first := g.leader(g.peers[0], g.peers[1])
	if _, err := first.AddVoter(t.Context(), counted.id, counted.id, 0); err != nil {
		t.Fatal(err)
	}
	g.settle()
	if err := first.TransferLeadership(t.Context(), counted.id); err != nil {
		t.Fatal(err)
	}
	g.leader(counted)
	g.settle()
	return counted, counting
}

// In a cluster in which nothing happens a leader sends little but heartbeats,
// and these often enough for each follower's timeout.
func TestQuietLeader(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, g *group) {
		_, counting := countedLeader(t, g)
		time.Sleep(2 * time.Second)
		counting.reset()
		const span = 21 * time.Second
		time.Sleep(span)
		beats, replicates, longest := counting.read()
		if most := 2 * int(span/maxQuiet); replicates > most {
			t.Errorf("%d requests beside the heartbeats in %s, want %d at most", replicates, span, most)
		}
		if beats > 2*10*int(span/time.Second) {
			t.Errorf("%d heartbeats to two peers in %s", beats, span)
		}
		if half := DefaultHeartbeatTimeout / 2; longest > half {
			t.Errorf("%s between two heartbeats, want %s at most", longest, half)
		}
	})
}

// What is held back must not delay what is new: not an entry, not the word that
// it is committed, not the help for a follower that was away.
func TestQuietLeaderSpeaksUp(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, g *group) {
		leader, _ := countedLeader(t, g)
		follower := g.others(leader)[0]
		for range 5 {
			time.Sleep(3*time.Second + 137*time.Millisecond)
			began := time.Now()
			if _, _, err := leader.Propose(t.Context(), []byte("news")); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > 5*time.Millisecond {
				t.Errorf("committed after %s", took)
			}
			g.until("the follower has applied it", func() bool { return follower.AppliedIndex() == leader.AppliedIndex() })
			if took := time.Since(began); took > 2*leader.cfg.CommitTimeout+10*time.Millisecond {
				t.Errorf("the follower learned of the commit after %s", took)
			}
		}
		g.isolate(follower)
		time.Sleep(500 * time.Millisecond) // Raft's own pauses grow with the time away
		if _, _, err := leader.Propose(t.Context(), []byte("missed")); err != nil {
			t.Fatal(err)
		}
		g.heal(follower)
		took := g.until("the follower has caught up", func() bool { return follower.AppliedIndex() == leader.AppliedIndex() })
		if took > time.Second {
			t.Errorf("a follower that was away caught up after %s", took)
		}
	})
}

// A leader takes a slower rhythm for itself and gives it up when it follows.
func TestRhythmFollowsRole(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, g *group) {
		for range 3 {
			leader := g.settle()
			time.Sleep(time.Second)
			for _, p := range g.peers {
				want := p.cfg.HeartbeatTimeout
				if p == leader {
					want = want * rhythmNumerator / rhythmDenominator
				}
				if got := p.raft.ReloadableConfig().HeartbeatTimeout; got != want {
					t.Errorf("%s has a heartbeat timeout of %s, want %s", p.id, got, want)
				}
			}
			if err := leader.TransferLeadership(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A node that ends does not wait for what it holds back, and one that is severed
// says nothing more.
func TestQuietEnds(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, g *group) {
		leader, counting := countedLeader(t, g)
		time.Sleep(2 * time.Second)
		leader.Node.trans.sever()
		counting.reset()
		time.Sleep(2 * maxQuiet)
		if beats, replicates, _ := counting.read(); beats+replicates > 0 {
			t.Errorf("severed, it sent %d heartbeats and %d other requests", beats, replicates)
		}
	})
	inBubble(t, 3, func(t *testing.T, g *group) {
		leader := g.settle()
		time.Sleep(2 * time.Second)
		began := time.Now()
		if err := leader.Node.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > maxQuiet/2 {
			t.Errorf("shut down after %s", took)
		}
	})
}
