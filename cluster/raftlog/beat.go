package raftlog

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// A process that wakes for one peer may as well say what it has to say to all of
// them: most of what an idle cluster costs is waking up. Raft sends each peer its
// heartbeats at times of their own. Beat has them sent together, when this process is
// awake anyway; Raft's own times are longer then, and count when Beat is not called.

// beat is where Beat stands.
type beat struct {
	mu    sync.Mutex
	last  time.Time // guarded by mu
	going bool      // guarded by mu: Raft has not answered yet
}

// begin says whether it is time for a round, and keeps others away until end.
func (b *beat) begin(now time.Time, apart time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.going || now.Sub(b.last) < apart {
		return false
	}
	b.last, b.going = now, true
	return true
}

func (b *beat) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.going = false
}

// Beat has a leader send a heartbeat to every peer now, unless it did so within half
// of Config.BeatInterval. It never blocks, and does nothing on any other node.
func (n *Node) Beat() {
	if !n.running() || n.raft.State() != raft.Leader || !n.beat.begin(time.Now(), n.cfg.BeatInterval/2) {
		return
	}
	go func() {
		defer n.beat.end()
		ctx, cancel := bounded(context.Background())
		defer cancel()
		// To ask Raft whether this node still leads makes it send heartbeats. If it
		// does not, Watch tells.
		_ = n.call(ctx, func() error { return n.raft.VerifyLeader().Error() })
	}()
}
