package membership

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"
)

const (
	// joinPoll is how often the peers are read, and how often joining is tried
	// until the first success.
	joinPoll = time.Second
	// maxJoins is how many missing peers are contacted at a time, and maxTries
	// how many rounds Join makes.
	maxJoins = 4
	maxTries = 10
)

// Join contacts peers until one has exchanged state with this member, and
// returns nil; or ctx ends, or ten rounds have failed. Run joins by itself from
// Config.Peers: Join is for the first contact with a cluster that Raft does not
// list yet, and to tell a person why it fails (a wrong key, a wrong label). It
// waits for Run to open the port.
func (m *Membership) Join(ctx context.Context, peers ...Peer) error {
	for _, p := range peers {
		if err := checkPeer(p); err != nil {
			return fmt.Errorf("join: %w", err)
		}
	}
	select {
	case <-m.ready:
	case <-m.done:
		return fmt.Errorf("join: %w", ErrNotRunning)
	case <-ctx.Done():
		return fmt.Errorf("join: %w: %w", ErrNotRunning, ctx.Err())
	}
	var last error
	wait := 250 * time.Millisecond
	for range maxTries {
		var errs []error
		for _, p := range peers {
			err := m.joinOne(ctx, p)
			if err == nil {
				return nil
			}
			errs = append(errs, err)
		}
		last = errors.Join(errs...)
		select {
		case <-time.After(wait):
			wait = min(2*wait, 2*time.Second)
		case <-ctx.Done():
			return fmt.Errorf("join: %w: %w", ctx.Err(), last)
		}
	}
	return fmt.Errorf("join: no peer answered in %d rounds: %w", maxTries, last)
}

// joinOne exchanges state with one peer. memberlist knows no context, so the
// exchange may outlive ctx, by at most a few StreamTimeouts.
func (m *Membership) joinOne(ctx context.Context, p Peer) error {
	list := m.list.Load()
	if list == nil {
		return ErrNotRunning
	}
	select {
	case m.joins <- struct{}{}:
	case <-m.done:
		return ErrNotRunning
	case <-ctx.Done():
		return fmt.Errorf("join %s at %s: %w", p.Name, p.Addr, ctx.Err())
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-m.joins }()
		done <- exchange(list, p)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("join %s at %s: %w", p.Name, p.Addr, ctx.Err())
	}
}

func exchange(list *memberlist.Memberlist, p Peer) error {
	if _, err := list.Join([]string{p.Name + "/" + p.Addr}); err != nil {
		return fmt.Errorf("join %s at %s (check the gossip key, the cluster label and port reachability): %w", p.Name, p.Addr, err)
	}
	return nil
}

// joinLoop reads the peers every second and contacts those that gossip misses:
// every second until the first answers, then every RejoinInterval. So two halves
// of a healed cluster find each other even after gossip has forgotten.
func (m *Membership) joinLoop(ctx context.Context) {
	if m.cfg.Peers == nil {
		return
	}
	var joined bool
	var next time.Time
	turn := 0
	for {
		peers := m.readPeers()
		missing := m.missing(peers)
		if len(missing) > 0 && !time.Now().Before(next) {
			n := min(len(missing), maxJoins)
			errs := make(chan error, n)
			for i := range n {
				p := missing[(turn+i)%len(missing)]
				go func() { errs <- m.joinOne(ctx, p) }()
			}
			turn += n
			for range n {
				if err := <-errs; err == nil {
					joined = true
				} else if ctx.Err() == nil {
					m.cfg.Logger.Debug("peer not joined", zap.Error(err))
				}
			}
			next = time.Now().Add(joinPoll)
			if joined {
				next = time.Now().Add(m.cfg.Timing.RejoinInterval)
			}
		}
		select {
		case <-time.After(joinPoll):
		case <-ctx.Done():
			return
		}
	}
}

// readPeers takes the valid peers into the view.
func (m *Membership) readPeers() []Peer {
	var valid []Peer
	for _, p := range m.cfg.Peers() {
		if err := checkPeer(p); err != nil {
			m.cfg.Logger.Debug("peer ignored", zap.Error(err))
			continue
		}
		if p.Name != m.cfg.Name {
			valid = append(valid, p)
		}
	}
	m.update(func(det *detector, now time.Time) { det.setPeers(valid, now) })
	return valid
}

// missing are the peers that gossip does not hold alive. Those that left come
// back by themselves.
func (m *Membership) missing(peers []Peer) []Peer {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Peer
	for _, p := range peers {
		if e := m.det.members[p.Name]; e == nil || e.gossip != gossipAlive && e.verdict != Left {
			out = append(out, p)
		}
	}
	return out
}
