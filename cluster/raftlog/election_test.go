package raftlog

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/belay-ha/belay/internal/bubble"
)

// wire carries the requests of a group as a network and its hosts do: each
// takes a while, and what is lost is not answered.
type wire struct {
	mu     sync.Mutex
	random *rand.Rand
	silent map[string]bool
	slow   time.Duration // the most that one way of a request takes
	writes time.Duration // the most that a write of a vote takes
}

var errLost = errors.New("no answer")

// carry takes a request or an answer from one node to another.
func (w *wire) carry(from, to string) error {
	w.mu.Lock()
	delay, lost := 100*time.Microsecond+time.Duration(w.random.Int64N(int64(w.slow))), w.silent[from] || w.silent[to]
	w.mu.Unlock()
	if lost {
		time.Sleep(2 * DefaultHeartbeatTimeout)
		return fmt.Errorf("%s to %s: %w", from, to, errLost)
	}
	time.Sleep(delay)
	return nil
}

func (w *wire) silence(id string, silent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent[id] = silent
}

func (w *wire) wait(most time.Duration) {
	w.mu.Lock()
	d := time.Duration(w.random.Int64N(int64(most)))
	w.mu.Unlock()
	time.Sleep(d)
}

// wired is the end of a wire at one node.
type wired struct {
	*raft.InmemTransport
	*wire
	id string
}

func (w *wired) exchange(to raft.ServerID, call func() error) error {
	if err := w.carry(w.id, string(to)); err != nil {
		return err
	}
	if err := call(); err != nil {
		return err
	}
	return w.carry(string(to), w.id)
}

func (w *wired) AppendEntries(id raft.ServerID, a raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	return w.exchange(id, func() error { return w.InmemTransport.AppendEntries(id, a, args, resp) })
}

func (w *wired) RequestVote(id raft.ServerID, a raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	return w.exchange(id, func() error { return w.InmemTransport.RequestVote(id, a, args, resp) })
}

func (w *wired) RequestPreVote(id raft.ServerID, a raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	return w.exchange(id, func() error { return w.InmemTransport.RequestPreVote(id, a, args, resp) })
}

func (w *wired) TimeoutNow(id raft.ServerID, a raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return w.exchange(id, func() error { return w.InmemTransport.TimeoutNow(id, a, args, resp) })
}

func (w *wired) InstallSnapshot(id raft.ServerID, a raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	return w.exchange(id, func() error { return w.InmemTransport.InstallSnapshot(id, a, args, resp, data) })
}

// slowVotes is a store whose votes take a while to be on the disk.
type slowVotes struct {
	*stallStore
	wire *wire
}

func (s *slowVotes) Set(key, value []byte) error {
	s.wire.wait(s.wire.writes)
	return s.stallStore.Set(key, value)
}

// spread is a sorted sample.
type spread []time.Duration

func (s spread) at(share float64) time.Duration { return s[min(int(share*float64(len(s))), len(s)-1)] }

func (s spread) String() string {
	return fmt.Sprintf("median %v, 99th percentile %v, maximum %v of %d", s.at(0.5), s.at(0.99), s.at(1), len(s))
}

// failovers cuts the leader of a group of voters off, again and again, each time at
// another moment, and measures until another one leads.
func failovers(t *testing.T, seed uint64, voters, rounds int, slow, writes time.Duration) spread {
	t.Helper()
	var took spread
	w := &wire{random: rand.New(rand.NewPCG(seed, 1)), silent: map[string]bool{}, slow: slow, writes: writes}
	inBubble(t, 1, func(t *testing.T, g *group) {
		for i := range voters {
			id := fmt.Sprintf("w%d", i)
			p := g.add(id, func(c *Config) {
				c.Transport = &wired{c.Transport.(*raft.InmemTransport), w, id}
				c.Store = &slowVotes{c.Store.(*stallStore), w}
			})
			if _, err := g.peers[0].AddVoter(t.Context(), p.id, p.id, 0); err != nil {
				t.Fatal(err)
			}
		}
		founder := g.peers[0]
		if err := founder.TransferLeadership(t.Context(), "w0"); err != nil {
			t.Fatal(err)
		}
		if _, err := g.leader(g.peers...).Remove(t.Context(), founder.id, 0); err != nil {
			t.Fatal(err)
		}
		if err := founder.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.peers = g.peers[1:]
		for range rounds {
			old := g.settle()
			w.wait(2 * time.Second)
			if old.Status().State != Leader {
				t.Error("leadership moved by itself")
				continue
			}
			w.silence(old.id, true)
			took = append(took, g.until("a new leader", func() bool {
				return slices.ContainsFunc(g.others(old), func(p *peer) bool { return p.Status().State == Leader })
			}))
			w.silence(old.id, false)
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
