package raftlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"
)

// Member is one node of the Raft group.
type Member struct {
	ID    string
	Addr  string
	Voter bool // false: it gets the log but has no vote
}

// Configuration is a committed membership of the Raft group.
type Configuration struct {
	Index   uint64 // of the log entry that brought it: the prevIndex of a change
	Members []Member
}

// Voters returns the members with a vote.
func (c Configuration) Voters() []Member { return c.filter(true) }

// Nonvoters returns the members without one.
func (c Configuration) Nonvoters() []Member { return c.filter(false) }

func (c Configuration) filter(voter bool) []Member {
	var out []Member
	for _, m := range c.Members {
		if m.Voter == voter {
			out = append(out, m)
		}
	}
	return out
}

// Find returns the member of that name.
func (c Configuration) Find(id string) (Member, bool) {
	i := slices.IndexFunc(c.Members, func(m Member) bool { return m.ID == id })
	if i < 0 {
		return Member{}, false
	}
	return c.Members[i], true
}

func (c Configuration) clone() Configuration {
	c.Members = slices.Clone(c.Members)
	return c
}

func configurationFrom(index uint64, rc raft.Configuration) Configuration {
	c := Configuration{Index: index}
	for _, s := range rc.Servers {
		c.Members = append(c.Members, Member{ID: string(s.ID), Addr: string(s.Address), Voter: s.Suffrage == raft.Voter})
	}
	slices.SortFunc(c.Members, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	return c
}

// Bootstrap makes this node the first and only voter of a new cluster. It fails
// with ErrHasState when the node has a log.
func (n *Node) Bootstrap(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	first := raft.Configuration{Servers: []raft.Server{{
		Suffrage: raft.Voter, ID: raft.ServerID(n.cfg.ID), Address: n.localAddr(),
	}}}
	err := n.call(ctx, func() error { return n.raft.BootstrapCluster(first).Error() })
	if errors.Is(err, raft.ErrCantBootstrap) {
		return fmt.Errorf("bootstrap cluster on %s: %w", n.cfg.ID, ErrHasState)
	}
	return n.classify("bootstrap cluster on "+n.cfg.ID, err)
}

func (n *Node) localAddr() raft.ServerAddress { return n.trans.LocalAddr() }

// Configuration returns the newest committed membership that this node knows;
// without an index when it knows none.
func (n *Node) Configuration() Configuration { return n.fsm.configuration() }

// AddVoter adds a member with a vote, gives a member the vote, or changes a
// voter's address. It returns the index of the new configuration.
//
// For this and the other changes: only the leader can; prevIndex is the Index of
// the configuration that the caller decided upon, 0 for any, and the error is
// ErrConflict when there is a newer one. Other errors are those of Propose.
func (n *Node) AddVoter(ctx context.Context, id, addr string, prevIndex uint64) (uint64, error) {
	if !validID(id) || addr == "" {
		return 0, fmt.Errorf("add voter: name %q or address %q is not valid", id, addr)
	}
	return n.change(ctx, "add voter "+id, func(wait time.Duration) raft.IndexFuture {
		return n.raft.AddVoter(raft.ServerID(id), raft.ServerAddress(addr), prevIndex, wait)
	})
}

// AddNonvoter adds a member without a vote, or changes its address. It leaves a
// voter's vote alone; see Demote.
func (n *Node) AddNonvoter(ctx context.Context, id, addr string, prevIndex uint64) (uint64, error) {
	if !validID(id) || addr == "" {
		return 0, fmt.Errorf("add member: name %q or address %q is not valid", id, addr)
	}
	return n.change(ctx, "add member "+id, func(wait time.Duration) raft.IndexFuture {
		return n.raft.AddNonvoter(raft.ServerID(id), raft.ServerAddress(addr), prevIndex, wait)
	})
}

// Demote takes away a member's vote.
func (n *Node) Demote(ctx context.Context, id string, prevIndex uint64) (uint64, error) {
	return n.change(ctx, "demote "+id, func(wait time.Duration) raft.IndexFuture {
		return n.raft.DemoteVoter(raft.ServerID(id), prevIndex, wait)
	})
}

// Remove removes a member. A leader that removes itself shuts down: see Done.
func (n *Node) Remove(ctx context.Context, id string, prevIndex uint64) (uint64, error) {
	return n.change(ctx, "remove "+id, func(wait time.Duration) raft.IndexFuture {
		return n.raft.RemoveServer(raft.ServerID(id), prevIndex, wait)
	})
}

func (n *Node) change(ctx context.Context, op string, request func(time.Duration) raft.IndexFuture) (uint64, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	var f raft.IndexFuture
	err := n.call(ctx, func() error {
		f = request(patience(ctx))
		return f.Error()
	})
	if err == nil {
		return f.Index(), nil
	}
	// raft/configuration.go refuses a change before it writes anything, but has
	// no variables for these errors.
	if strings.HasPrefix(err.Error(), "configuration changed since") {
		return 0, fmt.Errorf("%s: %w: %w", op, ErrConflict, err)
	}
	for _, refusal := range []string{"need at least one voter", "found duplicate", "empty ID", "empty address"} {
		if strings.HasPrefix(err.Error(), refusal) {
			return 0, fmt.Errorf("%s: %w", op, err)
		}
	}
	return 0, n.classify(op, err)
}

// TransferLeadership hands leadership to a voter, or with id "" to the one whose
// log is the most complete, and returns when this node leads no more. Errors as
// for Propose; after ErrUnknown look at Status.
func (n *Node) TransferLeadership(ctx context.Context, id string) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	op := "transfer leadership"
	transfer := func() error { return n.raft.LeadershipTransfer().Error() }
	if id != "" {
		op += " to " + id
		m, ok := n.Configuration().Find(id)
		if !ok || !m.Voter {
			return fmt.Errorf("%s: it is not a voter", op)
		}
		transfer = func() error {
			return n.raft.LeadershipTransferToServer(raft.ServerID(id), raft.ServerAddress(m.Addr)).Error()
		}
	}
	// Raft waits for an answer of the new leader first, even if it has every entry.
	return n.classify(op, n.call(ctx, func() error {
		defer n.trans.quiet.pass()()
		return transfer()
	}))
}
