package vip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/agenttest"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

var (
	own   = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	other = net.HardwareAddr{2, 0, 0, 0, 0, 2}
)

// fakeHost is a network in memory with eth0 (192.0.2.10/24) and lo.
type fakeHost struct {
	agenttest.Trouble
	mu        sync.Mutex
	all       []link
	held      []address
	lifetimes []time.Duration
	answer    net.HardwareAddr // of the probe
	probes    int
	told      []time.Time
	sticky    bool          // removals do not help
	stall     time.Duration // of each announcement
	err       error
}

func newFakeHost() *fakeHost {
	return &fakeHost{
		all: []link{
			{name: "lo", index: 1, loopback: true, up: true, carrier: true},
			{name: "eth0", index: 2, mac: own, talks: true, up: true, carrier: true},
			{name: "eth1", index: 3, mac: own, talks: true, up: true, carrier: true},
		},
		held: []address{
			{prefix: netip.MustParsePrefix("127.0.0.1/8"), index: 1},
			{prefix: netip.MustParsePrefix("192.0.2.10/24"), index: 2},
			{prefix: netip.MustParsePrefix("2001:db8::10/64"), index: 2},
		},
	}
}

func (f *fakeHost) links(ctx context.Context) ([]link, error) {
	return f.all, errors.Join(f.err, f.Strike(ctx))
}

func (f *fakeHost) addresses(ctx context.Context) ([]address, error) {
	f.mu.Lock()
	held := slices.Clone(f.held)
	f.mu.Unlock()
	return held, errors.Join(f.err, f.Strike(ctx))
}

func (f *fakeHost) put(_ context.Context, on link, prefix netip.Prefix, lifetime time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lifetimes = append(f.lifetimes, lifetime)
	if !slices.ContainsFunc(f.held, func(a address) bool { return a.prefix == prefix }) {
		f.held = append(f.held, address{prefix: prefix, index: on.index})
	}
	return nil
}

func (f *fakeHost) remove(_ context.Context, held address) error {
	if f.sticky {
		return nil
	}
	f.drop(held.prefix)
	return nil
}

// drop takes an address away, as the kernel does when its lifetime is over.
func (f *fakeHost) drop(prefix netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = slices.DeleteFunc(f.held, func(a address) bool { return a.prefix == prefix })
}

func (f *fakeHost) conflict(context.Context, link, netip.Addr) (net.HardwareAddr, error) {
	f.probes++
	return f.answer, nil
}

func (f *fakeHost) announce(link, netip.Addr) error {
	time.Sleep(f.stall)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, time.Now())
	return nil
}

func (f *fakeHost) has(prefix string) bool {
	return slices.ContainsFunc(f.held, func(a address) bool { return a.prefix.String() == prefix })
}

func request(op resources.Op, params resources.Params) agents.Request {
	return agents.Request{Op: op, Instance: "vip", Node: "node-1", Agent: "vip", Params: params, Timeout: 10 * time.Second, Progress: func(agents.Progress) {}}
}

func newTestAgent(t *testing.T, f host) *Agent {
	t.Helper()
	a := newAgent(f, zap.NewNop())
	t.Cleanup(a.Close)
	return a
}

func TestStartPlacesTheAddress(t *testing.T) {
	cases := map[string]struct {
		params  resources.Params
		change  func(*fakeHost)
		outcome agents.Outcome
		held    string
		says    string
	}{
		"beside the subnet's address": {resources.Params{"address": "192.0.2.201/24"}, nil, agents.OutcomeOK, "192.0.2.201/32", ""},
		"IPv6":                        {resources.Params{"address": "2001:db8::201/64"}, nil, agents.OutcomeOK, "2001:db8::201/128", ""},
		"alone on an interface":       {resources.Params{"address": "198.51.100.1/24", "interface": "eth1"}, nil, agents.OutcomeOK, "198.51.100.1/24", ""},
		"on the loopback":             {resources.Params{"address": "198.51.100.1/24", "interface": "lo"}, nil, agents.OutcomeOK, "198.51.100.1/32", ""},
		"no interface fits":           {resources.Params{"address": "198.51.100.1/24"}, nil, agents.OutcomeNotInstalled, "", "parameter interface"},
		"no such interface":           {resources.Params{"address": "192.0.2.201/24", "interface": "eth7"}, nil, agents.OutcomeNotInstalled, "", "eth7"},
		"somebody has it":             {resources.Params{"address": "192.0.2.201/24"}, func(f *fakeHost) { f.answer = other }, agents.OutcomeFailed, "", "answered by MAC 02:00:00:00:00:02"},
		"somebody has it, do not ask": {resources.Params{"address": "192.0.2.201/24", "detect_duplicate": "false"}, func(f *fakeHost) { f.answer = other }, agents.OutcomeOK, "192.0.2.201/32", ""},
		"no carrier":                  {resources.Params{"address": "192.0.2.201/24"}, func(f *fakeHost) { f.all[1].carrier = false }, agents.OutcomeFailed, "", "no carrier"},
		"may not":                     {resources.Params{"address": "192.0.2.201/24"}, func(f *fakeHost) { f.err = unix.EPERM }, agents.OutcomeNotPermitted, "", "CAP_NET_ADMIN"},
		"no prefix length":            {resources.Params{"address": "192.0.2.201"}, nil, agents.OutcomeMisconfigured, "", "192.0.2.201/24"},
		"lease too short":             {resources.Params{"address": "192.0.2.201/24", "lft": "1s"}, nil, agents.OutcomeMisconfigured, "", "lft"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFakeHost()
			if c.change != nil {
				c.change(f)
			}
			got := newTestAgent(t, f).Start(t.Context(), request(resources.OpStart, c.params))
			if got.Outcome != c.outcome || !strings.Contains(got.Reason, c.says) {
				t.Fatalf("got %+v, want %v saying %q", got, c.outcome, c.says)
			}
			if c.held != "" && !f.has(c.held) {
				t.Errorf("got %v, want it to hold %s", f.held, c.held)
			}
			if c.held == "" && len(f.held) != 3 {
				t.Errorf("an address was added: %v", f.held)
			}
		})
	}
}

func TestLifecycleIsIdempotent(t *testing.T) {
	f := newFakeHost()
	a := newTestAgent(t, f)
	params := resources.Params{"address": "192.0.2.201/24", "lft": "7s"}
	for range 2 {
		if got := a.Monitor(t.Context(), request(resources.OpProbe, params)); got.Outcome != agents.OutcomeNotRunning {
			t.Fatalf("probe: %+v", got)
		}
		if got := a.Stop(t.Context(), request(resources.OpStop, params)); got.Outcome != agents.OutcomeOK {
			t.Fatalf("stop: %+v", got)
		}
	}
	for range 2 {
		if got := a.Start(t.Context(), request(resources.OpStart, params)); got.Outcome != agents.OutcomeOK || got.Attributes["interface"] != "eth0" {
			t.Fatalf("start: %+v", got)
		}
	}
	if f.probes != 1 {
		t.Errorf("%d probes, want one: the second start found the address", f.probes)
	}
	renewed := len(f.lifetimes)
	if got := a.Monitor(t.Context(), request(resources.OpProbe, params)); got.Outcome != agents.OutcomeOK || len(f.lifetimes) != renewed {
		t.Errorf("probe: %+v, %d renewals", got, len(f.lifetimes)-renewed)
	}
	if got := a.Monitor(t.Context(), request(resources.OpMonitor, params)); got.Outcome != agents.OutcomeOK || len(f.lifetimes) != renewed+1 || f.lifetimes[renewed] != 7*time.Second {
		t.Errorf("monitor: %+v, lifetimes %v", got, f.lifetimes)
	}
	if got := a.Stop(t.Context(), request(resources.OpStop, params)); got.Outcome != agents.OutcomeOK || len(f.held) != 3 {
		t.Errorf("stop: %+v, held %v", got, f.held)
	}
}

func TestStopProvesTheRemoval(t *testing.T) {
	f := newFakeHost()
	f.sticky = true
	f.held = append(f.held, address{prefix: netip.MustParsePrefix("192.0.2.201/24"), index: 3})
	got := newTestAgent(t, f).Stop(t.Context(), request(resources.OpStop, resources.Params{"address": "192.0.2.201/24"}))
	if got.Outcome != agents.OutcomeFailed || !strings.Contains(got.Reason, "still there") {
		t.Errorf("got %+v, want failed", got)
	}
	f.sticky = false
	f.err = errors.New("netlink is broken")
	if got := newTestAgent(t, f).Stop(t.Context(), request(resources.OpStop, resources.Params{"address": "192.0.2.201/24"})); got.Outcome == agents.OutcomeOK {
		t.Errorf("got %+v without having looked", got)
	}
}

func TestMonitorSeesALinkWithoutCarrierAndALostAddress(t *testing.T) {
	f := newFakeHost()
	a := newTestAgent(t, f)
	params := resources.Params{"address": "192.0.2.201/24"}
	a.Start(t.Context(), request(resources.OpStart, params))
	f.all[1].carrier = false
	if got := a.Monitor(t.Context(), request(resources.OpMonitor, params)); got.Outcome != agents.OutcomeFailed {
		t.Errorf("no carrier: %+v", got)
	}
	f.all[1].carrier = true
	f.drop(netip.MustParsePrefix("192.0.2.201/32"))
	req := request(resources.OpMonitor, params)
	req.Role = resources.RoleStarted
	if got := a.Monitor(t.Context(), req); got.Outcome != agents.OutcomeNotRunning || got.Reason == "" {
		t.Errorf("lost address: %+v", got)
	}
}

func TestAnnouncementsComeInABurstAndLater(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		f := newFakeHost()
		a := newAgent(f, zap.NewNop())
		defer a.Close()
		began := time.Now()
		a.Start(t.Context(), request(resources.OpStart, resources.Params{"address": "192.0.2.201/24"}))
		time.Sleep(10 * time.Second)
		bubble.Wait()
		var at []time.Duration
		for _, when := range f.told {
			at = append(at, when.Sub(began))
		}
		if want := []time.Duration{0, burstGap, 2 * burstGap, time.Second, 5 * time.Second}; !slices.Equal(at, want) {
			t.Errorf("announced at %v, want %v", at, want)
		}
	})
}

func TestAStoppedAddressIsAnnouncedNoMore(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		f := newFakeHost()
		a := newAgent(f, zap.NewNop())
		defer a.Close()
		params := resources.Params{"address": "192.0.2.201/24"}
		a.Start(t.Context(), request(resources.OpStart, params))
		time.Sleep(500 * time.Millisecond)
		bubble.Wait()
		a.Stop(t.Context(), request(resources.OpStop, params))
		before := len(f.told)
		time.Sleep(10 * time.Second)
		bubble.Wait()
		if len(f.told) != before {
			t.Errorf("%d announcements after the stop", len(f.told)-before)
		}
	})
}

// A daemon that was frozen must not announce what the kernel has taken away
// meanwhile, or what it was about to say long ago: the address may be another node's.
func TestNothingIsAnnouncedThatMayNotHold(t *testing.T) {
	for name, c := range map[string]struct {
		stall time.Duration // of each announcement
		drop  bool          // the kernel takes the address away after half a second
		want  int           // announcements
	}{
		"all is well":         {0, false, 5},
		"a short stall":       {900 * time.Millisecond, false, 5},
		"frozen for long":     {3 * time.Second, false, 2},
		"the address is gone": {0, true, 3},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				f := newFakeHost()
				f.stall = c.stall
				a := newAgent(f, zap.NewNop())
				defer a.Close()
				go a.Start(t.Context(), request(resources.OpStart, resources.Params{"address": "192.0.2.201/24"}))
				time.Sleep(500 * time.Millisecond)
				if c.drop {
					f.drop(netip.MustParsePrefix("192.0.2.201/32"))
				}
				time.Sleep(20 * time.Second)
				bubble.Wait()
				if len(f.told) != c.want {
					t.Errorf("%d announcements, want %d", len(f.told), c.want)
				}
			})
		})
	}
}

func TestPackets(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.201"), netip.MustParseAddr("2001:db8::1:201")
	if got, want := probeOf(own, v4).payload, "\x00\x01\x08\x00\x06\x04\x00\x01\x02\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xc0\x00\x02\xc9"; string(got) != want {
		t.Errorf("probe % x", got)
	}
	if got := probeOf(own, v6).to.String(); got != "33:33:ff:01:02:01" {
		t.Errorf("solicitation goes to %s", got)
	}
	for _, f := range append(announcementsOf(own, v6), probeOf(own, v6)) {
		body := slices.Clone(f.payload[40:])
		sum := uint16(body[2])<<8 | uint16(body[3])
		body[2], body[3] = 0, 0
		if got := checksum(f.payload[8:40], body); got != sum || sum == 0 {
			t.Errorf("checksum %x, want %x", sum, got)
		}
	}
	cases := []struct {
		name   string
		packet []byte
		ip     netip.Addr
		claims bool
	}{
		{"ARP probe for it", probeOf(other, v4).payload, v4, true},
		{"gratuitous request", announcementsOf(other, v4)[0].payload, v4, true},
		{"gratuitous reply", announcementsOf(other, v4)[1].payload, v4, true},
		{"ARP of another address", probeOf(other, v4).payload, v4.Next(), false},
		{"request from elsewhere for it", arp(arpRequest, other, v4.Next(), make(net.HardwareAddr, 6), v4), v4, false},
		{"half an ARP packet", probeOf(other, v4).payload[:20], v4, false},
		{"solicitation from nobody", probeOf(other, v6).payload, v6, true},
		{"solicitation from a neighbour", discovery(solicitation, 0, v6.Next(), solicitedNode(v6), v6, nil), v6, false},
		{"advertisement", announcementsOf(other, v6)[0].payload, v6, true},
		{"advertisement of another address", announcementsOf(other, v6)[0].payload, v6.Next(), false},
	}
	for _, c := range cases {
		if got := claims(c.packet, other, c.ip) != nil; got != c.claims {
			t.Errorf("%s: claims %v, want %v", c.name, got, c.claims)
		}
	}
}

func TestSpecIsComplete(t *testing.T) {
	a := New(zap.NewNop())
	spec := a.Spec()
	for _, op := range []resources.Op{resources.OpStart, resources.OpStop, resources.OpMonitor, resources.OpProbe} {
		if spec.Timeouts[op] <= 0 {
			t.Errorf("%s has no timeout", op)
		}
	}
	defaults := resources.Params{"address": "192.0.2.1/24"}
	for _, p := range spec.Params {
		if p.Default != "" {
			defaults[p.Name] = p.Default
		}
	}
	s, err := parse(defaults)
	if err != nil || s.lifetime < 2*spec.MonitorInterval {
		t.Errorf("the defaults give %+v, %v", s, err)
	}
	if got := a.Promote(t.Context(), agents.Request{}); got.Outcome != agents.OutcomeUnsupported {
		t.Errorf("promote: %+v", got)
	}
}

type harness struct {
	*fakeHost
	t *testing.T
}

func (h harness) Agent() agents.Agent { return newTestAgent(h.t, h.fakeHost) }
func (h harness) Request(op resources.Op) agents.Request {
	return request(op, resources.Params{"address": "192.0.2.201/24"})
}
func (h harness) Running() bool     { return len(h.held) > 3 }
func (h harness) Noise()            { h.MakeNoise() }
func (h harness) Secrets() []string { return nil }

func TestConformance(t *testing.T) {
	agenttest.RunBubbled(t, func(t *testing.T) agenttest.Harness { return harness{newFakeHost(), t} })
}
