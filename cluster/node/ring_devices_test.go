package node

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

// starts is how often a host was started.
func (b *box) starts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.boots
}

// define changes the definition of the cluster.
func (w *world) define(change func(*resources.Definition)) {
	w.t.Helper()
	s := w.leader().run().Local()
	d := s.Definition.Clone()
	change(d)
	w.commit(&state.DefinitionSet{Base: s.Revision, Definition: d})
}

// known returns what the leader knows of a host.
func (w *world) known(b *box) *state.Node {
	return w.leader().run().Local().Nodes[resources.NodeName(b.name)]
}

// hardwareDog is a watchdog that takes its host's power.
type hardwareDog struct {
	b     *box
	boot  int
	after time.Duration
	fires *time.Timer
}

func (d *hardwareDog) Software() bool         { return false }
func (d *hardwareDog) Timeout() time.Duration { return d.after }
func (d *hardwareDog) Feed() error            { d.fires.Reset(d.after); return nil }
func (d *hardwareDog) Disarm() error          { d.fires.Stop(); return nil }
func (d *hardwareDog) Abandon() error         { return nil }

func (d *hardwareDog) bite() {
	if d.b.powered() && d.b.starts() == d.boot {
		d.b.cutPower()
	}
}

// Where no power controller answers, a host that is cut off is proven dead by its
// own watchdog's time, and not before; then its service is taken over.
func TestWatchdogProvesWhoIsCutOff(t *testing.T) {
	guard := func(b *box, c *Config) {
		boot := b.boots // start holds the lock
		c.OpenWatchdog = func(_ string, timeout time.Duration) (Watchdog, error) {
			d := &hardwareDog{b: b, boot: boot, after: timeout}
			d.fires = time.AfterFunc(timeout, d.bite)
			return d, nil
		}
		c.Fences = fencing.NewRegistry([]fencing.Spec{
			{Name: "outlet", New: func(name string, _ fencing.Params) (fencing.Device, error) { return outlet{b.world, name}, nil }},
			{Name: "watchdog", Watchdog: true, Passive: true, Params: []fencing.ParamSpec{
				{Name: "device", Type: fencing.TypeString, Default: "/dev/watchdog"}, {Name: "timeout", Type: fencing.TypeDuration, Default: ownTimeout.String()},
				{Name: "unsafe_in_vm", Type: fencing.TypeBool}, {Name: "unsafe_softdog", Type: fencing.TypeBool}}},
		})
	}
	inWorldOf(t, 5, 3, guard, func(w *world) {
		w.stuck = true
		defer w.once()()
		w.define(func(d *resources.Definition) {
			d.Properties.FencingTimeout = resources.Duration(2 * time.Minute)
			d.Fences = []resources.FenceDevice{{ID: "dog", Agent: "watchdog", Targets: []resources.NodeName{"a", "b", "c"}}}
		})
		w.until("all feed their watchdogs", func() bool {
			for _, b := range w.boxes {
				if n := w.known(b); n == nil || n.Watchdog == nil {
					return false
				}
			}
			return true
		})
		host := w.runs("vip")[0]
		bound := w.known(host).Watchdog.Bound()
		w.isolate(host)
		after := w.until("it is proven dead", func() bool {
			leader, _ := w.leads(w.others(host)...)
			off := leader.run().Local().Nodes[resources.NodeName(host.name)].Off
			return off != nil && off.By == state.ProofWatchdog
		})
		if after < bound {
			t.Errorf("proven after %s, which proves nothing before %s", after, bound)
		}
		w.until("the service is taken over", func() bool { return len(w.runs("vip")) == 1 && w.runs("vip")[0] != host })
		w.heal(host)
		host.start()
		w.settled()
	})
}

// gate cuts a host off from its storage, forgets whom it has let in when the host
// starts again, and takes its time to let it in.
type gate struct {
	mu   sync.Mutex
	open map[string]int // by device: the start of the host that was let in
}

type gateOf struct {
	g    *gate
	name string
	b    *box
}

func (g *gate) lets(b *box) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open["gate-"+b.name] == b.starts()
}

func (o gateOf) set(start int) (fencing.Evidence, error) {
	o.g.mu.Lock()
	defer o.g.mu.Unlock()
	o.g.open[o.name] = start
	return fencing.Evidence{}, nil
}

func (o gateOf) Name() string                                  { return o.name }
func (o gateOf) Timeout() time.Duration                        { return time.Minute }
func (o gateOf) Off(context.Context) (fencing.Evidence, error) { return o.set(0) }

func (o gateOf) On(context.Context) (fencing.Evidence, error) {
	time.Sleep(3 * time.Second)
	return o.set(o.b.starts())
}

func (o gateOf) Status(context.Context) (fencing.Power, fencing.Evidence, error) {
	if o.g.lets(o.b) {
		return fencing.PowerOn, fencing.Evidence{}, nil
	}
	return fencing.PowerOff, fencing.Evidence{}, nil
}

// A host that starts again is let in by its storage before anything starts there.
func TestNothingStartsBeforeItsHostIsLetIn(t *testing.T) {
	g := &gate{open: map[string]int{}}
	fenced := func(b *box, c *Config) {
		w := b.world
		c.Fences = fencing.NewRegistry([]fencing.Spec{
			{Name: "outlet", New: func(name string, _ fencing.Params) (fencing.Device, error) { return outlet{w, name}, nil }},
			{Name: "gate", Cuts: true, New: func(name string, _ fencing.Params) (fencing.Device, error) {
				return gateOf{g, name, w.box(name[len("gate-"):])}, nil
			}},
		})
	}
	inWorldOf(t, 6, 3, fenced, func(w *world) {
		defer w.once()()
		w.define(func(d *resources.Definition) {
			for _, b := range w.boxes {
				d.Fences = append(d.Fences, resources.FenceDevice{ID: "gate-" + b.name, Agent: "gate", Targets: []resources.NodeName{resources.NodeName(b.name)}, Provides: resources.ProvidesUnfencing})
			}
		})
		everybody := func() bool { return g.lets(w.boxes[0]) && g.lets(w.boxes[1]) && g.lets(w.boxes[2]) }
		w.until("all are let in", everybody)
		host := w.runs("vip")[0]
		host.cutPower()
		w.until("another one runs it", func() bool { return len(w.runs("vip")) == 1 })
		if g.lets(host) {
			t.Error("its storage lets in a host that is lost")
		}
		for _, b := range w.others(host) {
			w.commit(&state.NodeStandby{Node: resources.NodeName(b.name), Standby: true})
		}
		w.until("it runs where it was", func() bool {
			back := host.services.Running("vip").Active()
			if back && !g.lets(host) {
				w.t.Fatal("it was started before its storage let the host in")
			}
			return back
		})
		if host.starts() < 2 {
			t.Errorf("the host was started %d times", host.starts())
		}
		w.until("all are let in again", everybody)
	})
}

// A host whose answers to the leader are lost for a while, and that others reach, is
// not fenced, and goes on.
func TestLostAnswersFenceNobody(t *testing.T) {
	inWorld(t, 7, 3, func(w *world) {
		defer w.once()()
		leader := w.leader()
		for _, b := range w.others(leader) {
			w.cut(b, leader)
			time.Sleep(4 * time.Second)
			w.heal(b)
			w.until("all are online", w.whole)
		}
		w.settled()
		for _, b := range w.boxes {
			if b.starts() != 1 {
				t.Errorf("%s was started %d times", b.name, b.starts())
			}
		}
		if s := w.leader().run().Local(); len(s.FenceHistory) > 0 || len(s.Fencing) > 0 {
			t.Errorf("fenced: %v, open: %v", s.FenceHistory, s.Fencing)
		}
	})
}

// units is which units systemd starts on a host.
type units struct {
	mu    sync.Mutex
	state map[string]string
}

func (u *units) UnitFile(_ context.Context, unit string) (string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state[unit], nil
}

func (u *units) SetUnitFile(_ context.Context, verb, unit string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state[unit] = map[string]string{"enable": "enabled", "disable": "disabled"}[verb]
	return nil
}

// A unit is taken over on every host, on one that was away when it is back, and
// given back everywhere.
func TestUnitIsTakenOverEverywhere(t *testing.T) {
	const unit = "vip.service"
	all := map[string]*units{}
	for _, name := range []string{"a", "b", "c"} {
		all[name] = &units{state: map[string]string{unit: "enabled"}}
	}
	inWorldOf(t, 8, 3, func(b *box, c *Config) { c.Units = all[b.name] }, func(w *world) {
		is := func(want string, among ...*box) func() bool {
			return func() bool {
				for _, b := range among {
					if got, _ := all[b.name].UnitFile(t.Context(), unit); got != want {
						return false
					}
				}
				return true
			}
		}
		away := w.others(w.leader())[0]
		w.isolate(away)
		w.commit(&state.TakeOverSet{Resource: "vip", Units: []state.OwnedUnit{{Unit: unit}}})
		w.until("the others hold it", is("disabled", w.others(away)...))
		if !is("enabled", away)() {
			t.Error("who is away has heard of it")
		}
		w.heal(away)
		w.until("all hold it", is("disabled", w.boxes...))
		w.until("it is known how it was", func() bool { return w.known(away).Units[unit].Was == "enabled" })
		w.commit(&state.TakeOverSet{Resource: "vip"})
		w.until("all have given it back", is("enabled", w.boxes...))
		w.settled()
	})
}
