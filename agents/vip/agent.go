// Package vip runs a virtual IP address: it puts the address on an interface,
// tells the neighbours, and lets the kernel take it away again by itself when
// nobody renews it.
//
// The lease in the kernel (a finite valid lifetime, renewed by each monitor) is
// what keeps a dead or frozen daemon from holding an address that the cluster
// has given to another node. The package starts one goroutine per started
// address for at most announceEnd; Close ends and awaits them.
package vip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// host is the kernel's network, as far as this agent needs it.
type host interface {
	links(ctx context.Context) ([]link, error)
	addresses(ctx context.Context) ([]address, error)
	// put adds the address, or renews its lifetime; lifetime 0 is for ever.
	put(ctx context.Context, on link, prefix netip.Prefix, lifetime time.Duration) error
	remove(ctx context.Context, held address) error
	// conflict asks the neighbours for the address and returns the hardware
	// address of one that has it or wants it, or nil.
	conflict(ctx context.Context, on link, ip netip.Addr) (net.HardwareAddr, error)
	// announce tells the neighbours once that the address is here.
	announce(on link, ip netip.Addr) error
}

type link struct {
	name     string
	index    int
	mac      net.HardwareAddr
	loopback bool
	talks    bool // has ARP or neighbour discovery
	up       bool
	carrier  bool
}

type address struct {
	prefix netip.Prefix
	index  int // of its link
	failed bool
}

// Agent runs virtual addresses. It is safe for concurrent use.
type Agent struct {
	host host
	log  *zap.Logger

	mu         sync.Mutex // guards announcing and closed
	announcing map[resources.InstanceID]announcement
	closed     bool
	running    sync.WaitGroup
}

// New returns the agent for this host's network. It does no I/O.
func New(log *zap.Logger) *Agent { return newAgent(kernel{}, log) }

func newAgent(h host, log *zap.Logger) *Agent {
	return &Agent{host: h, log: log, announcing: map[resources.InstanceID]announcement{}}
}

// Close ends the announcements that are under way. Addresses stay.
func (a *Agent) Close() {
	a.mu.Lock()
	a.closed = true
	for _, one := range a.announcing {
		one.cancel()
	}
	a.mu.Unlock()
	a.running.Wait()
}

// Spec says what the agent supports.
func (a *Agent) Spec() agents.Spec {
	return agents.Spec{
		Name:    "vip",
		Summary: "a virtual IP address, IPv4 or IPv6, that the kernel drops when nobody renews it",
		Params: []agents.Param{
			{Name: "address", Kind: agents.KindPrefix, Required: true, Description: "the address and its prefix length, 192.0.2.201/24 or 2001:db8::201/64"},
			{Name: "interface", Kind: agents.KindString, Description: "the interface; default: the one whose own address is in the same subnet"},
			{Name: "lft", Kind: agents.KindDuration, Default: "10s", Description: "how long the kernel keeps the address without a renewal; each monitor renews it; at least 3s, 0 is for ever"},
			{Name: "arp_burst", Kind: agents.KindInt, Default: "3", Description: "announcements right after the start, 1 to 10; two more follow after 1 s and 5 s"},
			{Name: "detect_duplicate", Kind: agents.KindBool, Default: "true", Description: "ask the neighbours before taking the address and refuse when one has it"},
		},
		Timeouts: map[resources.Op]time.Duration{
			resources.OpStart:   10 * time.Second,
			resources.OpStop:    10 * time.Second,
			resources.OpMonitor: 5 * time.Second,
			resources.OpProbe:   5 * time.Second,
		},
		MonitorInterval: 2 * time.Second,
		Renews:          "lft",
	}
}

// settings are the parsed parameters.
type settings struct {
	prefix    netip.Prefix
	iface     string
	lifetime  time.Duration
	burst     int
	duplicate bool
}

func parse(params resources.Params) (settings, error) {
	s := settings{iface: params["interface"], lifetime: 10 * time.Second, burst: 3, duplicate: true}
	var problems []error
	prefix, err := netip.ParsePrefix(params["address"])
	if err != nil || prefix.Addr().IsUnspecified() || prefix.Addr().IsMulticast() || prefix.Addr().Is4In6() {
		problems = append(problems, fmt.Errorf("address %q: write an address with its prefix length, such as 192.0.2.201/24", params["address"]))
	}
	s.prefix = prefix
	if text := params["lft"]; text != "" {
		lifetime, err := resources.ParseDuration(text)
		if err == nil && lifetime != 0 && lifetime.Std() < 3*time.Second {
			err = errors.New("at least 3s, or 0 for ever")
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("lft: %w", err))
		}
		s.lifetime = lifetime.Std()
	}
	if text := params["arp_burst"]; text != "" {
		s.burst, err = strconv.Atoi(text)
		if err != nil || s.burst < 1 || s.burst > 10 {
			problems = append(problems, fmt.Errorf("arp_burst %q: a number from 1 to 10", text))
		}
	}
	if text := params["detect_duplicate"]; text != "" {
		if s.duplicate, err = strconv.ParseBool(text); err != nil {
			problems = append(problems, fmt.Errorf("detect_duplicate: %w", err))
		}
	}
	return s, errors.Join(problems...)
}

// Start takes the address: it asks whether a neighbour has it, adds it with a
// finite lifetime and announces it. An address that is there already is renewed
// and announced.
func (a *Agent) Start(ctx context.Context, req agents.Request) agents.Result {
	s, err := parse(req.Params)
	if err != nil {
		return agents.Misconfigured(err)
	}
	held, links, err := a.look(ctx, s.prefix.Addr())
	if err != nil {
		return failed("list addresses", err)
	}
	if len(held) > 0 {
		on := linkOf(links, held[0].index)
		return a.take(ctx, req, s, on, held[0].prefix)
	}
	on, prefix, problem := a.place(ctx, s, links)
	if problem != "" {
		return result(agents.OutcomeNotInstalled, problem)
	}
	if !on.up || !on.carrier {
		return result(agents.OutcomeFailed, fmt.Sprintf("%s is down or has no carrier", on.name))
	}
	if s.duplicate && on.talks {
		other, err := a.host.conflict(ctx, on, s.prefix.Addr())
		if err != nil {
			return failed(fmt.Sprintf("ask the neighbours on %s for %s", on.name, s.prefix.Addr()), err)
		}
		if other != nil {
			return result(agents.OutcomeFailed, fmt.Sprintf("%s is in use: address answered by MAC %s on %s; find that host before this one takes the address", s.prefix.Addr(), other, on.name))
		}
	}
	return a.take(ctx, req, s, on, prefix)
}

func (a *Agent) take(ctx context.Context, req agents.Request, s settings, on link, prefix netip.Prefix) agents.Result {
	if err := a.host.put(ctx, on, prefix, s.lifetime); err != nil {
		return failed(fmt.Sprintf("add %s to %s", prefix, on.name), err)
	}
	if on.talks {
		a.announce(req.Instance, on, prefix.Addr(), s.burst)
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted, Attributes: map[string]string{"interface": on.name}}
}

// Stop removes the address from whichever interface holds it and proves it by
// listing the addresses again.
func (a *Agent) Stop(ctx context.Context, req agents.Request) agents.Result {
	a.hush(req.Instance)
	s, err := parse(req.Params)
	if err != nil {
		return agents.Misconfigured(err)
	}
	held, _, err := a.look(ctx, s.prefix.Addr())
	if err != nil {
		return failed("list addresses", err)
	}
	for _, h := range held {
		// EADDRNOTAVAIL: the kernel's own timer was faster.
		if err := a.host.remove(ctx, h); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return failed("remove "+h.prefix.String(), err)
		}
	}
	left, _, err := a.look(ctx, s.prefix.Addr())
	if err != nil {
		return failed("list addresses", err)
	}
	if len(left) > 0 {
		return result(agents.OutcomeFailed, fmt.Sprintf("%s is still there after its removal: something else adds it again", left[0].prefix))
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStopped}
}

// Promote is not supported.
func (a *Agent) Promote(context.Context, agents.Request) agents.Result {
	return result(agents.OutcomeUnsupported, "an address has no promoted role")
}

// Demote is not supported.
func (a *Agent) Demote(context.Context, agents.Request) agents.Result {
	return result(agents.OutcomeUnsupported, "an address has no promoted role")
}

// Monitor looks for the address and renews its lifetime. A probe does not
// renew: nobody has said yet that the address belongs here.
func (a *Agent) Monitor(ctx context.Context, req agents.Request) agents.Result {
	s, err := parse(req.Params)
	if err != nil {
		return agents.Misconfigured(err)
	}
	held, links, err := a.look(ctx, s.prefix.Addr())
	if err != nil {
		return failed("list addresses", err)
	}
	if len(held) == 0 {
		r := result(agents.OutcomeNotRunning, "")
		r.Role = resources.RoleStopped
		if req.Role.Active() {
			r.Reason = fmt.Sprintf("%s is gone: it was removed by hand, or not renewed for %s", s.prefix.Addr(), s.lifetime)
		}
		return r
	}
	on := linkOf(links, held[0].index)
	ok := agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted, Attributes: map[string]string{"interface": on.name}}
	problem := ""
	switch {
	case held[0].failed:
		problem = fmt.Sprintf("%s on %s: the kernel found the address in use elsewhere", s.prefix.Addr(), on.name)
	case !on.up || !on.carrier:
		problem = fmt.Sprintf("%s holds %s but is down or has no carrier", on.name, s.prefix.Addr())
	}
	if problem != "" {
		r := result(agents.OutcomeFailed, problem)
		r.Role = resources.RoleStarted
		return r
	}
	if req.Op == resources.OpProbe {
		return ok
	}
	if err := a.host.put(ctx, on, held[0].prefix, s.lifetime); err != nil {
		return failed("renew "+held[0].prefix.String(), err)
	}
	return ok
}

// look returns who holds the address, and every link.
func (a *Agent) look(ctx context.Context, ip netip.Addr) ([]address, []link, error) {
	links, err := a.host.links(ctx)
	if err != nil {
		return nil, nil, err
	}
	all, err := a.host.addresses(ctx)
	if err != nil {
		return nil, nil, err
	}
	var held []address
	for _, candidate := range all {
		if candidate.prefix.Addr() == ip {
			held = append(held, candidate)
		}
	}
	return held, links, nil
}

// place chooses the link and the prefix length. Beside another address of the
// subnet the virtual one is a host address (/32, /128): as a primary of the
// subnet its removal would take the others with it, and it must not become a
// source address for the host's own connections.
func (a *Agent) place(ctx context.Context, s settings, links []link) (link, netip.Prefix, string) {
	ip := s.prefix.Addr()
	all, err := a.host.addresses(ctx)
	if err != nil {
		return link{}, s.prefix, "list addresses: " + err.Error()
	}
	alone := netip.PrefixFrom(ip, ip.BitLen())
	best, bits := link{}, -1
	for _, l := range links {
		if s.iface != "" && l.name != s.iface || s.iface == "" && l.loopback {
			continue
		}
		if s.iface != "" && bits < 0 {
			best = l
		}
		for _, own := range all {
			if own.index == l.index && own.prefix.Bits() > bits && own.prefix.Masked().Contains(ip) {
				best, bits = l, own.prefix.Bits()
			}
		}
	}
	switch {
	case bits >= 0 || best.loopback:
		return best, alone, ""
	case best.index != 0:
		return best, s.prefix, ""
	case s.iface != "":
		return best, s.prefix, fmt.Sprintf("this node has no interface %q", s.iface)
	}
	return best, s.prefix, fmt.Sprintf("no interface of this node has an address in the subnet of %s: set the parameter interface", s.prefix)
}

func linkOf(links []link, index int) link {
	for _, l := range links {
		if l.index == index {
			return l
		}
	}
	return link{index: index, name: fmt.Sprintf("interface %d", index)}
}

func result(outcome agents.Outcome, reason string) agents.Result {
	return agents.Result{Outcome: outcome, Reason: reason}
}

func failed(what string, err error) agents.Result {
	r := result(agents.OutcomeFailed, strings.ReplaceAll(fmt.Sprintf("%s: %v", what, err), "\n", "; "))
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		r.Outcome = agents.OutcomeNotPermitted
		r.Reason += "; belayd needs CAP_NET_ADMIN and CAP_NET_RAW"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		r.Outcome = agents.OutcomeUnknown
	}
	return r
}
