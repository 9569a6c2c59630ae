package membership

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"
)

var (
	// ErrNotRunning: Run has not started yet, or has ended.
	ErrNotRunning = errors.New("membership is not running")
	// ErrUnknownNode: no such member is known.
	ErrUnknownNode = errors.New("unknown member")
)

// maxStreams bounds stream pings and their answers in flight.
const maxStreams = 64

// Membership is one member's failure detector. All methods may be called by any
// goroutine at any time.
type Membership struct {
	cfg     Config
	keyring *memberlist.Keyring
	list    atomic.Pointer[memberlist.Memberlist]
	started atomic.Bool
	ready   chan struct{}
	done    chan struct{}

	// streams and joins are semaphores of what memberlist calls cannot cancel.
	// Run fills them at its end: that waits for those in flight and bars more.
	streams, joins chan struct{}

	sendErrors atomic.Uint64
	// stall, if set, is called before each tick: tests stop this process's own
	// clockwork with it.
	stall func()

	// mu guards what follows. memberlist may hold its locks when it calls in
	// and takes mu, so nothing here calls memberlist while holding mu.
	mu      sync.Mutex
	det     *detector
	meta    []byte
	changed chan struct{}
	answers map[string]map[chan struct{}]struct{} // waiting Confirms by node
	timer   *time.Timer                           // of the next tick; nil before Run
	due     time.Time                             // when it fires
}

// New checks cfg and returns a detector that does not run yet. It reports all
// problems of cfg at once.
func New(cfg Config) (*Membership, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("membership configuration: %w", err)
	}
	ring, err := memberlist.NewKeyring(nil, append([]byte(nil), cfg.Key...))
	if err != nil {
		return nil, fmt.Errorf("membership keyring: %w", err)
	}
	var seed [16]byte
	crand.Read(seed[:]) // never fails (crypto/rand)
	instance, seq := binary.BigEndian.Uint64(seed[:8])|1, binary.BigEndian.Uint64(seed[8:])>>1
	return &Membership{
		cfg: cfg, keyring: ring,
		ready: make(chan struct{}), done: make(chan struct{}),
		streams: make(chan struct{}, maxStreams), joins: make(chan struct{}, 2*maxJoins),
		det:     newDetector(cfg.Name, instance, seq, cfg.Timing),
		meta:    append([]byte(nil), cfg.Meta...),
		changed: make(chan struct{}),
		answers: map[string]map[chan struct{}]struct{}{},
	}, nil
}

// Run opens the port, takes part in gossip and watches until ctx ends; then it
// says goodbye, closes, and returns nil. A process that dies without ending ctx
// is found dead by the others. It may be called once.
func (m *Membership) Run(ctx context.Context) error {
	if m.started.Swap(true) {
		return errors.New("membership run: already started")
	}
	defer close(m.done)
	list, err := m.create()
	if err != nil {
		return fmt.Errorf("membership: listen on %s port %d: %w", m.cfg.BindAddr, m.cfg.Port, err)
	}
	addr := list.LocalNode().Address()
	m.update(func(det *detector, _ time.Time) { det.selfAddr = addr; det.version++ })
	m.list.Store(list)
	close(m.ready)

	inner, stop := context.WithCancel(ctx)
	joinerDone := make(chan struct{})
	go func() { defer close(joinerDone); m.joinLoop(inner) }()
	m.watchLoop(inner)
	stop()
	<-joinerDone
	m.goodbye(list)
	m.list.Store(nil)
	err = list.Shutdown()
	for _, slots := range []chan struct{}{m.streams, m.joins} {
		for range cap(slots) {
			slots <- struct{}{}
		}
	}
	if err != nil {
		return fmt.Errorf("membership: close gossip: %w", err)
	}
	return nil
}

// Ready is closed once Run has opened the port.
func (m *Membership) Ready() <-chan struct{} { return m.ready }

// create opens the port and joins gossip.
func (m *Membership) create() (*memberlist.Memberlist, error) {
	config := m.cfg.gossipConfig(m.keyring, &delegate{m})
	if config.Transport != nil || config.AdvertiseAddr == "" {
		return memberlist.Create(config) // it chooses an address to advertise
	}
	own, err := listen(config.BindAddr, config.BindPort, m.cfg.Logger.Named("gossip"))
	if err != nil {
		return nil, err
	}
	config.Transport = own
	list, err := memberlist.Create(config)
	if err != nil {
		err = errors.Join(err, own.Shutdown())
	}
	return list, err
}

// watchLoop ticks the detector. A pause of the process shows as one long gap.
func (m *Membership) watchLoop(ctx context.Context) {
	timer := time.NewTimer(tickInterval)
	defer timer.Stop()
	m.mu.Lock()
	m.timer, m.due = timer, time.Now().Add(tickInterval)
	m.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if m.stall != nil {
			m.stall()
		}
		var out []action
		m.update(func(det *detector, now time.Time) { out = det.tick(now) })
		m.perform(out)
	}
}

// plan has the next tick come when the detector needs it; the caller holds mu.
func (m *Membership) plan(now time.Time) {
	if m.timer == nil {
		return
	}
	if due := m.det.nextTick(now); !due.Equal(m.due) {
		m.due = due
		m.timer.Reset(due.Sub(now))
	}
}

// update changes the view under the lock, wakes whom it concerns and logs.
func (m *Membership) update(f func(*detector, time.Time)) {
	m.mu.Lock()
	now := time.Now()
	before := m.det.version
	f(m.det, now)
	m.plan(now)
	if m.det.version != before {
		close(m.changed)
		m.changed = make(chan struct{})
	}
	for _, node := range m.det.answers {
		for ch := range m.answers[node] {
			select {
			case ch <- struct{}{}:
			default: // it is awake already
			}
		}
	}
	m.det.answers = m.det.answers[:0]
	changes := m.det.changes
	m.det.changes = nil
	m.mu.Unlock()
	for _, c := range changes {
		m.log(c)
	}
}

func (m *Membership) log(c change) {
	level := zap.InfoLevel
	if c.obs.Verdict == Suspect || c.obs.Verdict == Dead {
		level = zap.WarnLevel
	}
	m.cfg.Logger.Log(level, "member verdict", zap.String("node", c.obs.Node),
		zap.Stringer("from", c.from), zap.Stringer("to", c.obs.Verdict),
		zap.Strings("observers", c.obs.Evidence.Observers), zap.String("evidence", c.obs.Evidence.Text))
}

// perform sends. Packets never block; streams get a goroutine each, and are
// dropped when too many are in flight: silence is judged by packets as well.
func (m *Membership) perform(actions []action) {
	list := m.list.Load()
	if list == nil {
		return
	}
	pings := false
	for _, a := range actions {
		pings = pings || a.msg.kind == kindPing
		if !a.stream {
			if err := list.SendToAddress(memberlist.Address{Addr: a.addr, Name: a.to}, a.msg.encode()); err != nil {
				m.sendErrors.Add(1)
				m.cfg.Logger.Debug("membership packet not sent", zap.String("node", a.to), zap.Error(err))
			}
			continue
		}
		select {
		case m.streams <- struct{}{}:
			go func() {
				defer func() { <-m.streams }()
				m.sendStream(list, a)
			}()
		default:
		}
	}
	if pings && m.cfg.Awake != nil {
		m.cfg.Awake()
	}
}

func (m *Membership) sendStream(list *memberlist.Memberlist, a action) {
	to, err := netip.ParseAddrPort(a.addr)
	if err == nil {
		err = list.SendReliable(&memberlist.Node{Name: a.to, Addr: to.Addr().AsSlice(), Port: to.Port()}, a.msg.encode())
	}
	if err != nil {
		m.cfg.Logger.Debug("membership stream not sent", zap.String("node", a.to), zap.Error(err))
	}
}

// goodbye tells the others that this instance stops, by our own message (which
// names the instance, and which they can tell from a death) and by gossip's.
func (m *Membership) goodbye(list *memberlist.Memberlist) {
	var out []action
	m.update(func(det *detector, _ time.Time) {
		for _, e := range det.sorted() {
			if e.addr != "" && (e.verdict == Alive || e.verdict == Suspect) {
				out = append(out, action{to: e.name, addr: e.addr, msg: det.message(kindLeaving, func(*message) {})})
			}
		}
	})
	m.perform(out)
	if err := list.Leave(m.cfg.Timing.LeaveTimeout); err != nil {
		m.cfg.Logger.Info("gossip goodbye not confirmed", zap.Error(err))
	}
	m.perform(out) // once more: packets get lost
}

// Instance is the random identity of this process's run.
func (m *Membership) Instance() uint64 { return m.det.instance }

// SetMeta changes what this member advertises, at most MaxMeta bytes. It waits
// until the news has gone out to one other member, if there is any, or ctx ends.
func (m *Membership) SetMeta(ctx context.Context, meta []byte) error {
	if err := checkMeta(meta); err != nil {
		return fmt.Errorf("set metadata: %w", err)
	}
	list := m.list.Load()
	if list == nil {
		return fmt.Errorf("set metadata: %w", ErrNotRunning)
	}
	timeout := m.cfg.Timing.StreamTimeout
	if at, ok := ctx.Deadline(); ok {
		timeout = max(time.Until(at), time.Millisecond)
	}
	m.update(func(det *detector, _ time.Time) { m.meta = append([]byte(nil), meta...); det.version++ })
	if err := list.UpdateNode(timeout); err != nil {
		return fmt.Errorf("set metadata: tell the others: %w", err)
	}
	return nil
}

// LocalHealth says how fit this member is as a witness.
func (m *Membership) LocalHealth() Health {
	score := m.score()
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	return Health{
		Score: score, LastPause: m.det.lastPause, PausedUntil: m.det.pausedAt,
		Grace: now.Before(m.det.graceUntil), Lag: m.det.lag,
		Isolated: m.det.isolated(now), SendErrors: m.sendErrors.Load(),
	}
}

func (m *Membership) score() int {
	if list := m.list.Load(); list != nil {
		return list.GetHealthScore()
	}
	return 0
}
