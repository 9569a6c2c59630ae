package raftlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

var (
	// ErrNotLeader: this node did nothing, another may be asked. The error is a
	// *NotLeaderError, which says who.
	ErrNotLeader = errors.New("this node is not the leader")
	// ErrNoQuorum: this node did nothing and knows of no leader. Either an
	// election is going on or a majority of the voters is out of reach.
	ErrNoQuorum = errors.New("no leader: an election is going on or quorum is lost")
	// ErrUnknown: the outcome is not known. The entry may be in the log, may get
	// there later, or may be lost. Look before trying again.
	ErrUnknown = errors.New("outcome unknown")
	// ErrBusy: nothing was done because too much is in progress or the log takes
	// no entries at present. Trying again later is safe.
	ErrBusy = errors.New("log is busy")
	// ErrTooLarge: the entry exceeds MaxEntry; nothing was done.
	ErrTooLarge = errors.New("entry is too large for the log")
	// ErrClosed: the node is not started, shut down or removed; nothing was done.
	ErrClosed = errors.New("raft node is not running")
	// ErrConflict: the membership changed since the index the caller based its
	// request on; nothing was done. Read Configuration and decide again.
	ErrConflict = errors.New("membership changed in the meantime")
	// ErrHasState: the node has a log already and cannot be bootstrapped.
	ErrHasState = errors.New("node has a log already")
)

// NotLeaderError says which node to ask instead. It matches ErrNotLeader.
type NotLeaderError struct {
	LeaderID   string
	LeaderAddr string
}

// Error implements error.
func (e *NotLeaderError) Error() string {
	return fmt.Sprintf("%v: the leader is %s at %s", ErrNotLeader, e.LeaderID, e.LeaderAddr)
}

// Is makes errors.Is(err, ErrNotLeader) true.
func (e *NotLeaderError) Is(target error) bool { return target == ErrNotLeader }

// errAbandoned is what call returns when ctx ended before Raft answered.
var errAbandoned = errors.New("no answer in time")

// classify turns an error of Raft into one of this package, or into an error
// that wraps ErrUnknown when it does not prove that nothing was done.
func (n *Node) classify(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader):
		return fmt.Errorf("%s: %w", op, n.notLeader())
	case errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return fmt.Errorf("%s: %w: leadership is being handed over", op, ErrBusy)
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return fmt.Errorf("%s: %w: %w", op, ErrBusy, err)
	case errors.Is(err, ErrBusy), errors.Is(err, ErrClosed):
		return fmt.Errorf("%s: %w", op, err)
	default:
		// Among them: leadership lost while committing, a failed write, shutdown
		// in the middle, no answer in time.
		return fmt.Errorf("%s: %w: %w", op, ErrUnknown, err)
	}
}

// notLeader says whom to ask.
func (n *Node) notLeader() error {
	addr, id := n.raft.LeaderWithID()
	if id == "" || string(id) == n.cfg.ID {
		return ErrNoQuorum
	}
	return &NotLeaderError{LeaderID: string(id), LeaderAddr: string(addr)}
}

// call runs f, which waits for Raft, on a goroutine of its own: Raft's futures
// know no context, and with a hung disk they never answer. At most maxCalls run
// at a time; a call whose ctx ended keeps its place until Raft answers it.
func (n *Node) call(ctx context.Context, f func() error) error {
	if !n.running() {
		return ErrClosed
	}
	select {
	case n.calls <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w: %d calls are in progress", ErrBusy, maxCalls)
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-n.calls }()
		done <- f()
	}()
	select {
	case err := <-done:
		return err
	case <-n.done:
		return lastWord(done)
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errAbandoned, ctx.Err())
	}
}

// lastWord gives an answer that Raft was just about to give when it stopped (a
// leader's removal of itself) the time to arrive.
func lastWord(done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-time.After(100 * time.Millisecond):
		return fmt.Errorf("%w: raft stopped", errAbandoned)
	}
}
