package raftlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// Propose appends data to the log, waits until a majority has it on disk and
// this node's Machine has applied it, and returns the entry's index and the
// Machine's result. Only the leader can.
//
// Errors: ErrNotLeader (a *NotLeaderError), ErrNoQuorum, ErrBusy, ErrTooLarge
// and ErrClosed prove that nothing was done. ErrUnknown proves nothing: the
// entry may still be committed.
func (n *Node) Propose(ctx context.Context, data []byte) (index uint64, response any, err error) {
	const op = "propose"
	if len(data) > MaxEntry {
		return 0, nil, fmt.Errorf("%s: %w: %d bytes, at most %d", op, ErrTooLarge, len(data), MaxEntry)
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	var f raft.ApplyFuture
	err = n.call(ctx, func() error {
		f = n.raft.Apply(data, patience(ctx))
		return f.Error()
	})
	if err != nil {
		return 0, nil, n.classify(op, err)
	}
	return f.Index(), f.Response(), nil
}

// Barrier returns when this node, which must be the leader, has applied all that
// was committed before. It writes to the log. Errors as for Propose.
func (n *Node) Barrier(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return n.classify("barrier", n.call(ctx, func() error {
		return n.raft.Barrier(patience(ctx)).Error()
	}))
}

// VerifyLeader returns nil when a majority of the voters has confirmed, in answer
// to requests sent after the call began, that this node leads. Errors as for
// Propose; ErrUnknown means that no majority answered in time.
//
// Raft's own check is not enough: raft 1.8.0 counts the answers of members
// without a vote, and answers to heartbeats that were sent before the check, so
// a leader that wakes from a pause may confirm itself by what it finds in its
// sockets.
func (n *Node) VerifyLeader(ctx context.Context) error {
	const op = "verify leadership"
	ctx, cancel := bounded(ctx)
	defer cancel()
	if !n.running() {
		return fmt.Errorf("%s: %w", op, ErrClosed)
	}
	since, term := time.Now(), n.Status().Term
	for {
		err := n.call(ctx, func() error { return n.raft.VerifyLeader().Error() }) // sends heartbeats
		if err != nil {
			return n.classify(op, err)
		}
		if now := n.Status(); now.State != Leader || now.Term != term {
			return fmt.Errorf("%s: %w: leadership changed hands", op, ErrBusy)
		}
		voters := configurationFrom(0, n.raft.GetConfiguration().Configuration()).Voters()
		if n.trans.confirmed(n.cfg.ID, voters, term, since) {
			return nil
		}
		select {
		case <-time.After(verifyPause):
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %w", op, ErrUnknown, ctx.Err())
		}
	}
}

// verifyPause spaces the rounds of VerifyLeader; two are enough as a rule.
const verifyPause = 2 * time.Millisecond

// ReadIndex makes reading the Machine's state linearizable: when it returns, the
// Machine has applied everything that was committed before the call, and this
// node was the leader after the call began. It returns that index. It writes to
// the log only once after each election. Errors as for Propose.
//
// The recipe is the Raft dissertation's (section 6.4): have an entry of this
// term committed, note the commit index, confirm leadership, wait.
func (n *Node) ReadIndex(ctx context.Context) (uint64, error) {
	const op = "linearizable read"
	ctx, cancel := bounded(ctx)
	defer cancel()
	if !n.running() {
		return 0, fmt.Errorf("%s: %w", op, ErrClosed)
	}
	before := n.Status()
	if before.State != Leader {
		return 0, fmt.Errorf("%s: %w", op, n.notLeader())
	}
	var last raft.Log
	if err := n.logs.GetLog(before.CommitIndex, &last); err != nil || last.Term != before.Term {
		// A new leader does not know yet what its predecessor committed.
		if err := n.Barrier(ctx); err != nil {
			return 0, fmt.Errorf("%s: %w", op, err)
		}
	}
	commit := n.raft.CommitIndex()
	if err := n.VerifyLeader(ctx); err != nil {
		return 0, fmt.Errorf("%s: %w", op, err)
	}
	if after := n.Status(); after.Term != before.Term || after.State != Leader {
		// Another leader may have committed between the two looks.
		return 0, fmt.Errorf("%s: %w: leadership changed hands", op, ErrBusy)
	}
	if err := n.waitCommands(ctx, commit); err != nil {
		return 0, fmt.Errorf("%s: %w: %w", op, ErrUnknown, err)
	}
	return commit, nil
}

// waitCommands returns when the Machine has applied every command up to commit.
// Raft's own applied index runs ahead of the Machine, and entries that are not
// commands never reach it, so the log tells which command is the last. covered
// remembers how far this was found true, so that each entry is looked at once.
func (n *Node) waitCommands(ctx context.Context, commit uint64) error {
	applied, _ := n.fsm.applied()
	floor := max(applied, n.covered.Load())
	for i := commit; i > floor; i-- {
		var l raft.Log
		err := n.logs.GetLog(i, &l)
		if errors.Is(err, raft.ErrLogNotFound) {
			break // compacted away, so it is in a snapshot of what the Machine applied
		}
		if err != nil {
			return err
		}
		if l.Type == raft.LogCommand {
			if err := n.fsm.wait(ctx, i); err != nil {
				return err
			}
			break
		}
	}
	for old := n.covered.Load(); old < commit && !n.covered.CompareAndSwap(old, commit); old = n.covered.Load() {
	}
	return nil
}

// Snapshot writes a snapshot of the Machine now and compacts the log. Nothing
// new to write is not an error.
func (n *Node) Snapshot(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	err := n.call(ctx, func() error { return n.raft.Snapshot().Error() })
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take snapshot: %w", err)
	}
	return nil
}

// patience is how long an operation may wait to be accepted by Raft: half of the
// time that ctx leaves, so that a refusal is still told apart from silence.
func patience(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return defaultTimeout
	}
	return max(time.Until(deadline)/2, time.Millisecond)
}
