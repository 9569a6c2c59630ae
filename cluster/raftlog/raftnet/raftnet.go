// Package raftnet is an in-memory network for tests of the replicated log:
// requests between named hosts that take a while, are lost without an answer, or
// wait for a frozen host. It works inside a testing/synctest bubble, where all its
// delays are virtual.
//
// It owns no goroutine.
package raftnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// leastDelay is what each way of a request takes at least.
const leastDelay = 100 * time.Microsecond

// ErrLost is the answer to what was lost: nobody knows what became of it.
var ErrLost = errors.New("no answer")

type link struct{ from, to string }

// Network connects hosts. Its methods may be called at any time.
type Network struct {
	patience time.Duration // a request to Raft is given up after it

	mu     sync.Mutex
	random *rand.Rand
	delay  time.Duration
	cuts   map[link]bool
	frozen map[string]chan struct{} // closed by Thaw
	ends   map[raft.ServerID]*Transport
}

// New returns a network without faults, whose requests take up to delay each way
// and which gives up requests of Raft after patience; seed drives its dice.
func New(seed uint64, delay, patience time.Duration) *Network {
	return &Network{
		patience: patience, random: rand.New(rand.NewPCG(seed, 1)), delay: delay,
		cuts: map[link]bool{}, frozen: map[string]chan struct{}{}, ends: map[raft.ServerID]*Transport{},
	}
}

// Random returns a duration below most.
func (n *Network) Random(most time.Duration) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Duration(n.random.Int64N(int64(most)))
}

// Cut loses everything sent from one host to another; the other way stays. Heal
// undoes it.
func (n *Network) Cut(from, to string) { n.set(from, to, true) }

// Heal undoes Cut.
func (n *Network) Heal(from, to string) { n.set(from, to, false) }

func (n *Network) set(from, to string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cuts[link{from, to}] = cut
}

// Freeze has everything from and to a host wait until Thaw.
func (n *Network) Freeze(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.frozen[host] == nil {
		n.frozen[host] = make(chan struct{})
	}
}

// Thaw undoes Freeze.
func (n *Network) Thaw(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if thawed := n.frozen[host]; thawed != nil {
		close(thawed)
		delete(n.frozen, host)
	}
}

// Carry takes something one way: it returns when it has arrived, with an error
// when ctx ends before.
func (n *Network) Carry(ctx context.Context, from, to string) error {
	n.mu.Lock()
	delay, cut := leastDelay+time.Duration(n.random.Int64N(int64(n.delay))), n.cuts[link{from, to}]
	waits := []<-chan struct{}{n.frozen[from], n.frozen[to]}
	n.mu.Unlock()
	lost := func() error { return fmt.Errorf("%s to %s: %w: %w", from, to, ErrLost, ctx.Err()) }
	if cut {
		<-ctx.Done()
		return lost()
	}
	for _, thawed := range waits {
		if thawed == nil {
			continue
		}
		select {
		case <-thawed:
		case <-ctx.Done():
			return lost()
		}
	}
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return lost()
	}
}

// Transport is the network's end at one host. It has what raftlog.Transport wants.
type Transport struct {
	net    *Network
	id     raft.ServerID
	in     chan raft.RPC
	once   sync.Once
	closed chan struct{}
}

// Transport attaches a host. One of that name that was there before is replaced:
// its process has restarted.
func (n *Network) Transport(id string) *Transport {
	t := &Transport{net: n, id: raft.ServerID(id), in: make(chan raft.RPC), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ends[t.id] = t
	return t
}

func (n *Network) end(id raft.ServerID) *Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ends[id]
}

// exchange sends a request and waits for the answer.
func (t *Transport) exchange(to raft.ServerID, request any, body io.Reader) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), t.net.patience)
	defer cancel()
	if err := t.net.Carry(ctx, string(t.id), string(to)); err != nil {
		return nil, err
	}
	peer := t.net.end(to)
	if peer == nil {
		return nil, fmt.Errorf("%s: no such host", to)
	}
	answers := make(chan raft.RPCResponse, 1)
	select {
	case peer.in <- raft.RPC{Command: request, Reader: body, RespChan: answers}:
	case <-peer.closed:
		return nil, fmt.Errorf("%s: connection refused", to)
	case <-t.closed:
		return nil, fmt.Errorf("%s is closed", t.id)
	case <-ctx.Done():
		return nil, fmt.Errorf("%s takes no request: %w", to, ErrLost)
	}
	select {
	case answer := <-answers:
		if err := t.net.Carry(ctx, string(to), string(t.id)); err != nil {
			return nil, err
		}
		return answer.Response, answer.Error
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", to, ErrLost)
	}
}

// exchangeInto is exchange for an answer of one type.
func exchangeInto[T any](t *Transport, to raft.ServerID, request any, body io.Reader, answer *T) error {
	got, err := t.exchange(to, request, body)
	if err != nil {
		return err
	}
	typed, is := got.(*T)
	if !is {
		return fmt.Errorf("%s answers with %T", to, got)
	}
	*answer = *typed
	return nil
}

// AppendEntries implements raft.Transport.
func (t *Transport) AppendEntries(id raft.ServerID, _ raft.ServerAddress, args *raft.AppendEntriesRequest, answer *raft.AppendEntriesResponse) error {
	return exchangeInto(t, id, args, nil, answer)
}

// RequestVote implements raft.Transport.
func (t *Transport) RequestVote(id raft.ServerID, _ raft.ServerAddress, args *raft.RequestVoteRequest, answer *raft.RequestVoteResponse) error {
	return exchangeInto(t, id, args, nil, answer)
}

// RequestPreVote implements raft.WithPreVote.
func (t *Transport) RequestPreVote(id raft.ServerID, _ raft.ServerAddress, args *raft.RequestPreVoteRequest, answer *raft.RequestPreVoteResponse) error {
	return exchangeInto(t, id, args, nil, answer)
}

// InstallSnapshot implements raft.Transport.
func (t *Transport) InstallSnapshot(id raft.ServerID, _ raft.ServerAddress, args *raft.InstallSnapshotRequest, answer *raft.InstallSnapshotResponse, data io.Reader) error {
	return exchangeInto(t, id, args, data, answer)
}

// TimeoutNow implements raft.Transport.
func (t *Transport) TimeoutNow(id raft.ServerID, _ raft.ServerAddress, args *raft.TimeoutNowRequest, answer *raft.TimeoutNowResponse) error {
	return exchangeInto(t, id, args, nil, answer)
}

// AppendEntriesPipeline implements raft.Transport: there is none.
func (t *Transport) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// Consumer implements raft.Transport.
func (t *Transport) Consumer() <-chan raft.RPC { return t.in }

// LocalAddr implements raft.Transport: a host's address is its name.
func (t *Transport) LocalAddr() raft.ServerAddress { return raft.ServerAddress(t.id) }

// EncodePeer implements raft.Transport.
func (t *Transport) EncodePeer(_ raft.ServerID, a raft.ServerAddress) []byte { return []byte(a) }

// DecodePeer implements raft.Transport.
func (t *Transport) DecodePeer(data []byte) raft.ServerAddress { return raft.ServerAddress(data) }

// SetHeartbeatHandler implements raft.Transport: heartbeats go the way of all
// requests.
func (t *Transport) SetHeartbeatHandler(func(raft.RPC)) {}

// Close implements raft.WithClose.
func (t *Transport) Close() error {
	t.once.Do(func() { close(t.closed) })
	return nil
}
