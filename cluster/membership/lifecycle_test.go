package membership

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/belay-ha/belay/internal/bubble"
)

func valid() Config {
	return Config{Name: "a", Key: testKey, Label: "test", Logger: zap.NewNop()}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no name":             {func(c *Config) { c.Name = "" }, "name must have"},
		"short key":           {func(c *Config) { c.Key = testKey[:16] }, "gossip key must have 32 bytes"},
		"no key":              {func(c *Config) { c.Key = nil }, "gossip key must have 32 bytes"},
		"no label":            {func(c *Config) { c.Label = "" }, "label"},
		"oversize metadata":   {func(c *Config) { c.Meta = make([]byte, MaxMeta+1) }, "over the limit"},
		"host name":           {func(c *Config) { c.BindAddr = "localhost" }, "not an IP address"},
		"advertised name":     {func(c *Config) { c.AdvertiseAddr = "me" }, "not an IP address"},
		"port":                {func(c *Config) { c.Port = 1 << 16 }, "port 65536"},
		"no logger":           {func(c *Config) { c.Logger = nil }, "logger is missing"},
		"hasty":               {func(c *Config) { c.Timing.SuspectAfter = 100 * time.Millisecond }, "three ping intervals"},
		"dead before suspect": {func(c *Config) { c.Timing.DeadAfter = 500 * time.Millisecond }, "after suspect"},
		"negative":            {func(c *Config) { c.Timing.HoldAlive = -1 }, "hold alive"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := valid()
			c.change(&cfg)
			if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New: %v, want an error with %q", err, c.want)
			}
		})
	}
	if _, err := New(valid()); err != nil {
		t.Errorf("New of a valid configuration: %v", err)
	}
}

func TestBeforeRun(t *testing.T) {
	m, err := New(valid())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Confirm(t.Context(), "b"); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Confirm: %v", err)
	}
	if err := m.SetMeta(t.Context(), nil); !errors.Is(err, ErrNotRunning) {
		t.Errorf("SetMeta: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Join(ctx, Peer{"b", "10.0.0.1:1"}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Join: %v", err)
	}
	if err := m.Join(t.Context(), Peer{"b", "b.example:1"}); err == nil || !strings.Contains(err.Error(), "not IP:port") {
		t.Errorf("Join by host name: %v", err)
	}
	if got := m.Snapshot(); len(got) != 1 || got[0].Node != "a" {
		t.Errorf("Snapshot = %v, want this member", got)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"wrong key":   {func(c *Config) { c.Key = bytes.Repeat([]byte{8}, KeySize) }, "decrypt"},
		"wrong label": {func(c *Config) { c.Label = "other" }, "check the gossip key, the cluster label"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				r := newRig(t, 2, 1)
				defer r.close()
				r.addName("n02")
				stranger := r.start(2, func(cfg *Config) { c.change(cfg); cfg.Peers = nil })
				<-stranger.Ready()
				err := stranger.Join(t.Context(), Peer{"n00", r.addr(0)})
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("Join: %v, want an error with %q", err, c.want)
				}
				if got := len(stranger.Snapshot()); got != 1 {
					t.Errorf("the stranger sees %d members", got)
				}
				if got := r.verdict("n00", "n02"); got != Unknown {
					t.Errorf("n00 holds the stranger %s", got)
				}
			})
		})
	}
}

func TestJoinWithoutPeersCallback(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, 2, 1)
		defer r.close()
		r.addName("n02")
		third := r.start(2, func(cfg *Config) { cfg.Peers = nil })
		if err := third.Join(t.Context(), Peer{"n01", r.addr(1)}); err != nil {
			t.Fatal(err)
		}
		r.converge(r.names, 3*time.Second)
	})
}

func TestMetadata(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, 3, 1)
		defer r.close()
		a := r.nodes["n00"]
		if err := a.SetMeta(t.Context(), make([]byte, MaxMeta+1)); err == nil {
			t.Error("oversize metadata is taken")
		}
		want := bytes.Repeat([]byte("m"), MaxMeta)
		if err := a.SetMeta(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		r.await(3*time.Second, "metadata", func() bool {
			o, _ := r.nodes["n02"].Observe("n00")
			return bytes.Equal(o.Meta, want) && o.Instance == a.Instance()
		})
	})
}

func TestKeyRotation(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, 3, 1)
		defer r.close()
		at := time.Now()
		fresh := bytes.Repeat([]byte{9}, KeySize)
		for _, step := range []func(*testNode) error{
			func(n *testNode) error { return n.AddKey(fresh) },
			func(n *testNode) error { return n.UseKey(fresh) },
			func(n *testNode) error { return n.RemoveKey(testKey) },
		} {
			for _, n := range r.nodes {
				if err := step(n); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
		}
		none(t, "rotation", of(r.since(at), Suspect, Dead))
		if err := r.nodes["n00"].RemoveKey(fresh); err == nil {
			t.Error("the key in use can be removed")
		}
		if err := r.nodes["n00"].AddKey(fresh[:24]); err == nil {
			t.Error("a short key is taken")
		}
		r.kill("n02")
		r.await(3*time.Second, "death", func() bool { return r.verdict("n00", "n02") == Dead })
		old := r.start(2, nil) // still has the old key only
		if err := old.Join(t.Context(), Peer{"n00", r.addr(0)}); err == nil {
			t.Error("the old key still opens the cluster")
		}
	})
}

func TestLeaveIsNotDeath(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, 8, 1)
		defer r.close()
		at := time.Now()
		n := r.nodes["n03"]
		n.stop()
		<-n.done
		time.Sleep(4 * time.Second)
		events := about(r.since(at), func(e event) bool { return e.observer != "n03" })
		if got := len(of(events, Left)); got != 7 {
			t.Errorf("%d of 7 members hold it left", got)
		}
		none(t, "leave", of(events, Suspect, Dead))
		if o, err := r.nodes["n00"].Confirm(t.Context(), "n03"); err != nil || o.Verdict != Left {
			t.Errorf("Confirm = %s, %v; want left", o.Verdict, err)
		}
		if _, err := n.Confirm(t.Context(), "n00"); !errors.Is(err, ErrNotRunning) {
			t.Errorf("Confirm after Run: %v", err)
		}
		if err := n.Run(t.Context()); err == nil {
			t.Error("Run can be called twice")
		}
		back := r.start(3, nil)
		r.converge(r.names, 4*time.Second)
		r.await(3*time.Second, "new instance", func() bool {
			o, _ := r.nodes["n00"].Observe("n03")
			return o.Instance == back.Instance()
		})
	})
}

func TestRestartTakesItsName(t *testing.T) {
	for name, c := range map[string]struct {
		down time.Duration
		move bool
	}{
		"quick, same address":            {100 * time.Millisecond, false},
		"after its death, same address":  {5 * time.Second, false},
		"after its death, other address": {5 * time.Second, true},
		"forgotten, other address":       {45 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				r := newRig(t, 4, 1)
				defer r.close()
				before := r.nodes["n03"].Instance()
				r.kill("n03")
				time.Sleep(c.down)
				seat := 3
				if c.move {
					seat = 99
				}
				names := append(slices.Clone(r.names[:3]), make([]string, seat+1-3)...)
				names[seat] = "n03"
				r.setNames(names...)
				back := r.start(seat, func(cfg *Config) {
					cfg.Peers = func() []Peer { return []Peer{{"n00", r.addr(0)}, {"n01", r.addr(1)}} }
				})
				want := []string{"n00", "n01", "n02", "n03"}
				r.converge(want, 12*time.Second)
				r.await(5*time.Second, "new instance and address", func() bool {
					o, _ := r.nodes["n00"].Observe("n03")
					return o.Instance == back.Instance() && o.Instance != before && o.Addr == r.addr(seat)
				})
			})
		})
	}
}

func TestConflictIsObservedAndLogged(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.ErrorLevel)
		r := newRig(t, 2, 1)
		defer r.close()
		r.addName("n02")
		r.start(2, func(cfg *Config) { cfg.Logger = zap.New(core) })
		r.converge(r.names, 5*time.Second)
		r.addName("n01") // a second n01 elsewhere
		first := r.nodes["n01"]
		r.start(3, func(cfg *Config) { cfg.Peers = func() []Peer { return []Peer{{"n02", r.addr(2)}} } })
		defer func() { first.stop(); <-first.done }()
		r.await(5*time.Second, "conflict", func() bool {
			o, _ := r.nodes["n02"].Observe("n01")
			return o.Conflict == r.addr(3) && o.Addr == r.addr(1)
		})
		if got := logs.FilterMessageSnippet("two processes claim").Len(); got != 1 {
			t.Errorf("%d error lines, want 1", got)
		}
	})
}

func TestConfirm(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, 3, 1)
		defer r.close()
		a := r.nodes["n00"]
		start := time.Now()
		if o, err := a.Confirm(t.Context(), "n01"); err != nil || o.Verdict != Alive || time.Since(start) > 10*time.Millisecond {
			t.Errorf("Confirm of a live member = %s, %v in %s", o.Verdict, err, time.Since(start))
		}
		r.net.Freeze(r.nodes["n01"].addr) // its kernel still accepts streams
		start = time.Now()
		o, err := a.Confirm(t.Context(), "n01")
		if took := time.Since(start); err != nil || o.Verdict != Dead || took > 450*time.Millisecond {
			t.Errorf("Confirm of a frozen member = %s, %v in %s", o.Verdict, err, took)
		}
		if len(o.Evidence.Observers) != 1 || o.Evidence.Observers[0] != "n00" || o.Evidence.Unanswered < 5 || o.Evidence.LastHeard.IsZero() {
			t.Errorf("evidence = %+v", o.Evidence)
		}
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if o, err := a.Confirm(short, "n01"); err != nil || o.Verdict != Unknown {
			t.Errorf("Confirm without time = %s, %v; want unknown", o.Verdict, err)
		}
		if _, err := a.Confirm(t.Context(), "n77"); !errors.Is(err, ErrUnknownNode) {
			t.Errorf("Confirm of a stranger: %v", err)
		}
		if o, err := a.Confirm(t.Context(), "n00"); err != nil || o.Verdict != Alive {
			t.Errorf("Confirm of itself = %s, %v", o.Verdict, err)
		}
		r.net.Thaw(r.nodes["n01"].addr)
	})
}

func TestWatchIsLevelTriggered(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, 4, 1)
		defer r.close()
		ctx, cancel := context.WithCancel(t.Context())
		seen := map[string]Verdict{}
		watch := r.nodes["n00"].Watch(ctx)
		for range 4 {
			o := <-watch
			seen[o.Node] = o.Verdict
		}
		if len(seen) != 4 {
			t.Errorf("the first view holds %v, want 4 members", seen)
		}
		for range 6 { // nobody reads meanwhile
			r.pause("n01", 1200*time.Millisecond)
			time.Sleep(1500 * time.Millisecond)
		}
		r.kill("n02")
		time.Sleep(3 * time.Second)
		for done := false; !done; {
			bubble.Wait()
			select {
			case o := <-watch:
				seen[o.Node] = o.Verdict
			default:
				done = true
			}
		}
		if seen["n01"] != Alive || seen["n02"] != Dead {
			t.Errorf("last view = %v", seen)
		}
		cancel()
		bubble.Wait()
		for range watch { // closed, or the test hangs
			continue
		}
		changed := r.nodes["n00"].Changed()
		r.kill("n03")
		<-changed
	})
}

func TestPeerNeverHeardIsUnknown(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, 2, 1)
		defer r.close()
		r.addName("n02")
		at := time.Now()
		time.Sleep(10 * time.Second)
		o, ok := r.nodes["n00"].Observe("n02")
		if !ok || o.Verdict != Unknown || !o.Evidence.LastHeard.IsZero() || o.Addr != r.addr(2) {
			t.Errorf("observation = %+v, %t; want unknown, never heard", o, ok)
		}
		none(t, "never heard", r.since(at))
	})
}
