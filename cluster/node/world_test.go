package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/simulated"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/membership"
	"github.com/belay-ha/belay/cluster/membership/memnet"
	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/raftlog/raftnet"
	"github.com/belay-ha/belay/cluster/security"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

// world is a cluster of whole members in virtual time: the real log, gossip,
// leader loop, executor and API, on hosts, disks, networks and power that are the
// test's. Use it inside a bubble.
type world struct {
	t      *testing.T
	net    *raftnet.Network // what the log and the API use
	gossip *memnet.Network
	boxes  []*box
	stuck  bool // power controllers do not answer; set before there are faults
	// outfit gives a daemon what its host has besides; nil: nothing.
	outfit func(*box, *Config)
}

// box is a host with its disk and its services.
type box struct {
	world    *world
	name     string
	dir      string
	store    *disk
	services *simulated.Host

	mu sync.Mutex
	// The fields below are guarded by mu.
	boots int
	on    bool
	older string // a request that its release does not know
	node  *Node  // nil while its daemon does not run
	end   func(cause error)
}

func (b *box) knows(request string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.older != request
}

// inWorld runs f in a world of members that have settled, and ends them all.
func inWorld(t *testing.T, seed uint64, members int, f func(w *world)) {
	t.Helper()
	inWorldOf(t, seed, members, nil, f)
}

// inWorldOf is inWorld with hosts that have more.
func inWorldOf(t *testing.T, seed uint64, members int, outfit func(*box, *Config), f func(w *world)) {
	t.Helper()
	dir := t.TempDir()
	bubble.Test(t, func(t *testing.T) {
		w := &world{t: t, net: raftnet.New(seed, time.Millisecond, 800*time.Millisecond), gossip: memnet.New(seed), outfit: outfit}
		for i := range members {
			name := string(rune('a' + i))
			b := &box{world: w, name: name, dir: filepath.Join(dir, name), store: &disk{InmemStore: raft.NewInmemStore()}, services: simulated.NewHost()}
			w.boxes = append(w.boxes, b)
		}
		defer func() {
			for _, b := range w.boxes {
				b.stop(nil)
			}
			time.Sleep(time.Minute) // gossip leaves probes under way behind
		}()
		w.form()
		f(w)
	})
}

// form founds the cluster on the first host, and has the others join.
func (w *world) form() {
	first := w.boxes[0]
	record, err := json.Marshal(Founding{ClusterID: "id", Name: "test", Serial: "01"})
	if err == nil {
		err = errors.Join(os.MkdirAll(first.dir, 0o700), os.WriteFile(filepath.Join(first.dir, FoundingFile), record, 0o600))
	}
	if err != nil {
		w.t.Fatal(err)
	}
	first.start()
	w.until("the cluster exists", func() bool { return first.run().live.Load() != nil })
	for _, b := range w.boxes[1:] {
		b.start()
		w.commit(&state.TokenCreated{ID: "t" + b.name, Verifier: w.sealed("join-token/t" + b.name), ExpiresAt: time.Now().Add(time.Hour)})
		w.commit(&state.MemberJoined{Node: resources.NodeName(b.name), Address: b.address(), Voter: true, Serial: "s-" + b.name, Token: "t" + b.name})
	}
	w.until("all vote and are online", func() bool { return w.whole() && len(first.run().raft.Configuration().Voters()) == len(w.boxes) })
	d := &resources.Definition{Name: "test", Resources: []resources.Resource{{ID: "vip", Agent: "simulated"}}}
	for _, b := range w.boxes {
		name := resources.NodeName(b.name)
		d.Nodes = append(d.Nodes, resources.Node{Name: name})
		d.Fences = append(d.Fences, resources.FenceDevice{ID: "outlet-" + b.name, Agent: "outlet", Targets: []resources.NodeName{name}})
	}
	w.commit(&state.DefinitionSet{Base: w.leader().run().Local().Revision, Definition: d})
	w.until("the service runs", func() bool { return len(w.runs("vip")) == 1 })
}

// firstDataKey seals until another replaces it.
var firstDataKey = security.Key{1}

// sealed is something sealed with the first data key, for a place.
func (w *world) sealed(name string) string {
	w.t.Helper()
	keys, err := security.NewKeyring(firstDataKey)
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := keys.Seal(name, []byte("verifier"))
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

func (b *box) index() int      { return int(b.name[0] - 'a') }
func (b *box) address() string { return fmt.Sprintf("192.0.2.%d:7450", b.index()+1) }
func (b *box) gossips() string { return fmt.Sprintf("192.0.2.%d:7451", b.index()+1) }

// run returns the daemon that runs; nil if none does.
func (b *box) run() *Node {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.node
}

// start switches the host on, if it is off, and starts its daemon, unless that
// runs.
func (b *box) start() {
	w := b.world
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.node != nil {
		return
	}
	if !b.on {
		b.on = true
		b.boots++
		b.services.Power(true)
	}
	ip, _, _ := net.SplitHostPort(b.gossips())
	keys, err := security.NewKeyring(firstDataKey)
	if err != nil {
		w.t.Error(err)
		return
	}
	config := Config{
		Keys: security.NewVault(keys, nil),
		Name: resources.NodeName(b.name), Address: b.address(), BootID: fmt.Sprint("boot-", b.boots), DataDir: b.dir, RunDir: filepath.Join(b.dir, fmt.Sprint("run-", b.boots)),
		Agents: agents.NewRegistry(simulated.New(agents.Spec{Name: "simulated", MonitorInterval: 10 * time.Second}, b.services, 50*time.Millisecond)),
		Fences: fencing.NewRegistry([]fencing.Spec{{Name: "outlet", New: func(name string, _ fencing.Params) (fencing.Device, error) { return outlet{w, name}, nil }}}),
		RoundTripper: func(to resources.NodeName) http.RoundTripper {
			return &caller{world: w, from: b.name, to: string(to), organization: "belay:node"}
		},
		Raft:     raftlog.Config{Transport: w.net.Transport(b.name), Store: b.store},
		Gossip:   membership.Config{Key: make([]byte, membership.KeySize), Label: "test", Transport: w.gossip.Transport(b.gossips()), BindAddr: ip, AdvertiseAddr: ip, Port: 7451},
		DialHost: w.dialHost, Fault: func(err error) { w.t.Errorf("%s: %v", b.name, err) }, Suicide: func() { go b.cutPower() }, Log: zap.NewNop(),
	}
	if w.outfit != nil {
		w.outfit(b, &config)
	}
	node, err := New(config)
	if err != nil {
		w.t.Error(err)
		return
	}
	if err := os.MkdirAll(node.config.RunDir, 0o700); err != nil {
		w.t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := node.Run(ctx); err != nil && ctx.Err() == nil {
			w.t.Errorf("%s ended by itself: %v", b.name, err)
		}
	}()
	b.node, b.end = node, func(cause error) {
		cancel(cause)
		<-done
	}
}

// stop ends the daemon and waits for it.
func (b *box) stop(cause error) {
	b.mu.Lock()
	end := b.end
	b.node, b.end = nil, nil
	b.mu.Unlock()
	if end != nil {
		end(cause)
	}
}

// cutPower ends the host without a word.
func (b *box) cutPower() {
	b.mu.Lock()
	b.on = false
	b.mu.Unlock()
	b.services.Power(false)
	b.world.isolate(b)
	b.stop(ErrPowerCut)
}

// powerOn starts a host that is off, with its cables plugged in.
func (b *box) powerOn() {
	b.world.heal(b)
	b.start()
}

func (b *box) powered() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.on
}

// cut loses everything from one host to another.
func (w *world) cut(from, to *box) {
	w.net.Cut(from.name, to.name)
	w.gossip.Cut(from.gossips(), to.gossips())
}

// isolate cuts a host off from all others; heal undoes it, and every other cut of
// that host.
func (w *world) isolate(b *box) {
	for _, o := range w.boxes {
		if o != b {
			w.cut(b, o)
			w.cut(o, b)
		}
	}
}

func (w *world) heal(b *box) {
	for _, o := range w.boxes {
		for _, link := range [][2]*box{{b, o}, {o, b}} {
			w.net.Heal(link[0].name, link[1].name)
			w.gossip.Heal(link[0].gossips(), link[1].gossips())
		}
	}
}

func (w *world) dialHost(_ context.Context, address string) (refused bool, text string) {
	for _, b := range w.boxes {
		if b.address() == address && b.powered() {
			return b.run() == nil, "the host answers"
		}
	}
	return false, "no answer"
}

// disk is a log's store whose writes may hang.
type disk struct {
	*raft.InmemStore
	mu   sync.Mutex
	hung chan struct{} // guarded by mu; nil, or closed when it goes on
}

// StoreLogs implements raft.LogStore.
func (d *disk) StoreLogs(logs []*raft.Log) error {
	d.mu.Lock()
	hung := d.hung
	d.mu.Unlock()
	if hung != nil {
		<-hung
	}
	return d.InmemStore.StoreLogs(logs)
}

// StoreLog implements raft.LogStore.
func (d *disk) StoreLog(l *raft.Log) error { return d.StoreLogs([]*raft.Log{l}) }

func (d *disk) hang() (goOn func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	hung := make(chan struct{})
	d.hung = hung
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.hung = nil
		close(hung)
	}
}

// outlet is a host's power.
type outlet struct {
	world *world
	name  string // outlet-HOST
}

func (o outlet) Name() string           { return o.name }
func (o outlet) Timeout() time.Duration { return time.Minute }

func (o outlet) box(step string) (*box, error) {
	for _, b := range o.world.boxes {
		if "outlet-"+b.name == o.name && !o.world.stuck {
			return b, nil
		}
	}
	return nil, fencing.NewError(fencing.KindTimeout, o.name, step, "no answer", context.DeadlineExceeded)
}

func (o outlet) Status(context.Context) (fencing.Power, fencing.Evidence, error) {
	b, err := o.box(fencing.StepRead)
	switch {
	case err != nil:
		return fencing.PowerUnknown, fencing.Evidence{}, err
	case b.powered():
		return fencing.PowerOn, fencing.Evidence{}, nil
	}
	return fencing.PowerOff, fencing.Evidence{}, nil
}

func (o outlet) Off(context.Context) (fencing.Evidence, error) {
	b, err := o.box(fencing.StepOff)
	if err == nil && b.powered() {
		b.cutPower()
	}
	return fencing.Evidence{}, err
}

func (o outlet) On(context.Context) (fencing.Evidence, error) {
	b, err := o.box(fencing.StepOn)
	if err == nil && !b.powered() {
		b.powerOn()
	}
	return fencing.Evidence{}, err
}

// caller carries requests to one member's API.
type caller struct {
	world        *world
	from, to     string
	organization string // of the caller's certificate
}

// connectionPatience is how long it takes to notice that a connection is dead.
const connectionPatience = 2 * time.Second

func (c *caller) RoundTrip(request *http.Request) (*http.Response, error) {
	var body io.Reader = http.NoBody
	if request.Body != nil {
		defer request.Body.Close()
		body = request.Body
	}
	if err := c.carry(request.Context(), c.from, c.to); err != nil {
		return nil, err
	}
	node := c.world.box(c.to).run()
	if node == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	r := httptest.NewRequestWithContext(request.Context(), request.Method, request.URL.RequestURI(), body)
	r.Header = request.Header
	subject := pkix.Name{CommonName: c.from, Organization: []string{c.organization}}
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Subject: subject}}}
	answer := httptest.NewRecorder()
	if c.world.box(c.to).knows(request.URL.Path) {
		node.API().Handler(api.CertificateIdentity).ServeHTTP(answer, r)
	} else {
		http.NotFound(answer, r)
	}
	if err := c.carry(request.Context(), c.to, c.from); err != nil {
		return nil, err
	}
	return answer.Result(), nil
}

func (c *caller) carry(ctx context.Context, from, to string) error {
	ctx, cancel := context.WithTimeout(ctx, connectionPatience)
	defer cancel()
	return c.world.net.Carry(ctx, from, to)
}

// client returns a client, on a host of its own, of one member.
func (w *world) client(name string, to *box) *api.Client {
	return api.NewClient(to.address(), &caller{world: w, from: name, to: to.name, organization: "belay:admin"})
}

func (w *world) box(name string) *box { return w.boxes[name[0]-'a'] }

// commit commits a command at the leader.
func (w *world) commit(c state.Command) {
	w.t.Helper()
	if _, err := w.leader().run().propose(context.Background(), c); err != nil {
		w.t.Fatalf("%T: %v", c, err)
	}
}

// leader waits for a leader that leads with a plan, and returns its host.
func (w *world) leader() *box {
	w.t.Helper()
	var leader *box
	w.until("a leader", func() bool {
		leader = nil
		for _, b := range w.boxes {
			if n := b.run(); n != nil && n.live.Load() != nil && n.raft.Status().State == raftlog.Leader {
				leader = b
			}
		}
		return leader != nil
	})
	return leader
}

// whole reports whether every member runs, has applied the same, and is online
// for all.
func (w *world) whole() bool {
	for _, b := range w.boxes {
		n := b.run()
		if n == nil || n.Local().Index != w.boxes[0].run().Local().Index || len(n.Local().Nodes) != len(w.boxes) {
			return false
		}
		for _, member := range n.Local().Nodes {
			if !member.Online() {
				return false
			}
		}
	}
	return true
}

// runs returns the hosts on which a service runs.
func (w *world) runs(id resources.InstanceID) (hosts []*box) {
	for _, b := range w.boxes {
		if b.services.Running(id).Active() {
			hosts = append(hosts, b)
		}
	}
	return hosts
}

// until waits in virtual time, two minutes at most.
func (w *world) until(what string, holds func() bool) time.Duration {
	w.t.Helper()
	began := time.Now()
	for !holds() {
		if time.Since(began) > 2*time.Minute {
			w.t.Fatalf("not after two minutes: %s", what)
		}
		time.Sleep(10 * time.Millisecond) // virtual
	}
	return time.Since(began)
}
