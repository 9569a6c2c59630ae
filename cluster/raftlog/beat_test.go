package raftlog

import (
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// beatsTold makes a leader's transport count at how many moments it sends.
type beatsTold struct {
	countingTransport
	moments map[time.Time]int
}

func (b *beatsTold) AppendEntries(id raft.ServerID, a raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if args.PrevLogEntry == 0 && args.LeaderCommitIndex == 0 && len(args.Entries) == 0 {
		b.mu.Lock()
		b.moments[time.Now()]++
		b.mu.Unlock()
	}
	return b.countingTransport.AppendEntries(id, a, args, resp)
}

// A leader that is told when its process is awake sends all heartbeats then, and
// none at other times.
func TestBeatsTogether(t *testing.T) {
	const interval = 200 * time.Millisecond
	inBubble(t, 2, func(t *testing.T, g *group) {
		told := &beatsTold{countingTransport: countingTransport{last: map[raft.ServerID]time.Time{}}, moments: map[time.Time]int{}}
		leader := g.add("told", func(c *Config) {
			told.InmemTransport = c.Transport.(*raft.InmemTransport)
			c.Transport, c.BeatInterval = told, interval
		})
		first := g.leader(g.peers[0], g.peers[1])
		if _, err := first.AddVoter(t.Context(), leader.id, leader.id, 0); err != nil {
			t.Fatal(err)
		}
		g.settle()
		if err := first.TransferLeadership(t.Context(), leader.id); err != nil {
			t.Fatal(err)
		}
		g.leader(leader)
		g.settle()
		term := leader.Status().Term
		time.Sleep(2 * time.Second)
		for _, p := range g.peers {
			p.Beat() // only a leader's counts
		}
		time.Sleep(interval)
		told.reset()
		clear(told.moments)
		const rounds = 50
		for range rounds {
			for range 3 { // more often than needed
				leader.Beat()
			}
			time.Sleep(interval)
		}
		beats, _, longest := told.read()
		if beats != 2*rounds || longest != interval {
			t.Errorf("%d heartbeats to two peers in %d rounds, %s apart at most; want %d, %s apart", beats, rounds, longest, 2*rounds, interval)
		}
		if len(told.moments) != rounds {
			t.Errorf("they were sent at %d times, want %d", len(told.moments), rounds)
		}
		// When nobody calls Beat any more, Raft's own heartbeats keep the followers.
		told.reset()
		time.Sleep(time.Minute)
		if _, _, longest := told.read(); longest >= DefaultHeartbeatTimeout {
			t.Errorf("without Beat %s passed between two heartbeats", longest)
		}
		if s := leader.Status(); s.State != Leader || s.Term != term {
			t.Errorf("without Beat it lost the leadership: %v", s)
		}
	})
}

// Beat returns at once, and asks a Raft that does not answer no second time.
func TestBeatNeverBlocks(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, g *group) {
		leader := g.settle()
		release := leader.store.hang()
		defer release()
		go func() { _, _, _ = leader.Propose(t.Context(), []byte("hangs")) }()
		time.Sleep(10 * time.Millisecond)
		began := time.Now()
		for range 20 {
			leader.Beat()
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(began); took > 20*10*time.Millisecond {
			t.Errorf("20 calls took %s", took)
		}
		if busy := len(leader.calls); busy > 2 {
			t.Errorf("%d calls wait for Raft, want the proposal and one more", busy)
		}
	})
	unstarted := &Node{}
	unstarted.Beat()
}

// A node whose owner calls Beat too seldom for its timeout has the rhythm of one
// that is never told.
func TestRhythmOfASlowOwner(t *testing.T) {
	slow := Config{HeartbeatTimeout: MinHeartbeatTimeout, BeatInterval: MinHeartbeatTimeout}
	never := Config{HeartbeatTimeout: MinHeartbeatTimeout}
	if slow.leaderTimeout() != never.leaderTimeout() {
		t.Errorf("a leader's timeout is %s, want %s", slow.leaderTimeout(), never.leaderTimeout())
	}
	often := Config{HeartbeatTimeout: DefaultHeartbeatTimeout, BeatInterval: DefaultHeartbeatTimeout / 2}
	often.setDefaults()
	if most := often.leaderTimeout() / 5; most > often.LeaseTimeout-10*time.Millisecond {
		t.Errorf("without Beat, %s may pass between two heartbeats, with a lease of %s", most, often.LeaseTimeout)
	}
	if often.leaderTimeout() <= slow.leaderTimeout()*DefaultHeartbeatTimeout/MinHeartbeatTimeout {
		t.Error("Raft's own heartbeats are as many as without Beat")
	}
}
