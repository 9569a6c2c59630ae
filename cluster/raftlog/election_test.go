package raftlog

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/belay-ha/belay/cluster/raftlog/raftnet"
	"github.com/belay-ha/belay/internal/bubble"
)

// slowVotes is a store whose votes take a while to be on the disk.
type slowVotes struct {
	*stallStore
	net  *raftnet.Network
	most time.Duration
}

func (s *slowVotes) Set(key, value []byte) error {
	time.Sleep(s.net.Random(s.most))
	return s.stallStore.Set(key, value)
}

// spread is a sorted sample.
type spread []time.Duration

func (s spread) at(share float64) time.Duration { return s[min(int(share*float64(len(s))), len(s)-1)] }

func (s spread) String() string {
	return fmt.Sprintf("median %v, 99th percentile %v, maximum %v of %d", s.at(0.5), s.at(0.99), s.at(1), len(s))
}

// failovers cuts the leader of a group of voters off, again and again, each time at
// another moment, and measures until another one leads. Each way of a request
// takes up to slow, and a vote is written within writes.
func failovers(t *testing.T, seed uint64, voters, rounds int, slow, writes time.Duration) spread {
	t.Helper()
	var took spread
	net := raftnet.New(seed, slow, 2*DefaultHeartbeatTimeout)
	dir := t.TempDir()
	bubble.Test(t, func(t *testing.T) {
		g := &group{t: t, dirs: func(id string) string { return dir + "/" + id }}
		defer g.shutdown()
		for i := range voters {
			id := fmt.Sprintf("n%d", i)
			g.add(id, func(c *Config) {
				c.Transport = net.Transport(id)
				c.Store = &slowVotes{c.Store.(*stallStore), net, writes}
			})
		}
		founder := g.peers[0]
		if err := founder.Bootstrap(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.leader(founder)
		for _, p := range g.peers[1:] {
			if _, err := founder.AddVoter(t.Context(), p.id, p.id, 0); err != nil {
				t.Fatal(err)
			}
		}
		for range rounds {
			old := g.settle()
			time.Sleep(net.Random(2 * time.Second))
			if old.Status().State != Leader {
				t.Error("leadership moved by itself")
				continue
			}
			for _, p := range g.others(old) {
				net.Cut(old.id, p.id)
				net.Cut(p.id, old.id)
			}
			took = append(took, g.until("a new leader", func() bool {
				return slices.ContainsFunc(g.others(old), func(p *peer) bool { return p.Status().State == Leader })
			}))
			for _, p := range g.others(old) {
				net.Heal(old.id, p.id)
				net.Heal(p.id, old.id)
			}
		}
	})
	slices.Sort(took)
	return took
}

// A lost leader is replaced in one round, whenever it is lost, whoever notices
// first, and however long votes take to be written.
func TestNewLeaderIsQuick(t *testing.T) {
	const idle, busy = DefaultHeartbeatTimeout + 250*time.Millisecond, DefaultHeartbeatTimeout + 500*time.Millisecond
	for _, c := range []struct {
		name         string
		voters       int
		slow, writes time.Duration
		limit        time.Duration
	}{
		{"three, idle", 3, time.Millisecond, 5 * time.Millisecond, idle},
		{"three, busy", 3, 20 * time.Millisecond, 100 * time.Millisecond, busy},
		{"five, idle", 5, time.Millisecond, 5 * time.Millisecond, idle},
		{"five, busy", 5, 20 * time.Millisecond, 100 * time.Millisecond, busy},
		{"seven, busy", 7, 20 * time.Millisecond, 100 * time.Millisecond, busy},
	} {
		t.Run(c.name, func(t *testing.T) {
			took := failovers(t, 1, c.voters, 100, c.slow, c.writes)
			t.Logf("a new leader after: %s", took)
			if got := took.at(0.99); got > c.limit {
				t.Errorf("99th percentile %v, want %v at most", got, c.limit)
			}
		})
	}
}

// Of two that ask each other the one with the newer log comes first, then the one
// that comes first by name; whom a pre-vote was granted is not overtaken.
func TestTurns(t *testing.T) {
	own := question{term: 3, index: 10}
	for name, c := range map[string]struct {
		asked       bool
		granted     string
		term, index uint64
		from        string
		refused     bool
	}{
		"nothing is asked":                     {false, "", 3, 10, "c", false},
		"the same log, a later name":           {true, "", 3, 10, "c", true},
		"the same log, an earlier name":        {true, "", 3, 10, "a", false},
		"a later term":                         {true, "", 4, 1, "c", false},
		"a longer log":                         {true, "", 3, 11, "c", false},
		"a shorter log":                        {true, "", 3, 9, "a", true},
		"another was granted it":               {false, "x", 3, 10, "a", true},
		"it was granted before":                {false, "a", 3, 10, "a", false},
		"another was granted it, a longer log": {false, "x", 4, 1, "a", true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				turn := &turn{self: "b", timeout: time.Second, asked: map[string]question{}}
				if c.asked {
					turn.note(c.from, question{own.term, own.index, time.Now()})
				}
				turn.answered(c.granted, c.granted != "")
				ask := &raft.RequestPreVoteRequest{LastLogTerm: c.term, LastLogIndex: c.index}
				if got := turn.refuses(c.from, ask); got != c.refused {
					t.Errorf("refused: %v, want %v", got, c.refused)
				}
				time.Sleep(turn.timeout)
				if turn.refuses(c.from, ask) {
					t.Error("refused for ever")
				}
			})
		})
	}
}
