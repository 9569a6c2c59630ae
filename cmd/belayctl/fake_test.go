package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/simulated"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/cluster/examine"
	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

var epoch = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// fakeCluster is a cluster of one process: the real state machine, and answers
// to waiting that the test chooses.
type fakeCluster struct {
	mu    sync.Mutex
	state *state.State
	// waits are answered in turn; the last one again and again.
	waits []api.WaitAnswer
	// silences is how many waits find that nobody leads, before the answers.
	silences int
	waited   []api.WaitRequest
	commands []state.Command
	secrets  map[string]string
	units    map[string]string // "node unit" to its file's state
	rotated  map[string]bool
	issued   []api.CertificateRequest
	// broken devices answer with a failure.
	broken  map[string]string
	checked [][]string
	// examined and silent are what the doctor hears of members.
	examined map[resources.NodeName]doctor.Examination
	silent   []doctor.Silent
	// before is called before each command, to change something in between.
	before func(*fakeCluster)
	// beforeState is called before the state is read.
	beforeState func(*fakeCluster)
	err         error
}

const baseFile = `
[cluster]
name = "overcloud"
[[node]]
name = "controller-0"
attributes = { osprole = "controller" }
[[node]]
name = "controller-1"
[[node]]
name = "controller-2"
[[node]]
name = "compute-0"
[[node]]
name = "compute-7"
[[fence]]
id = "bmc-compute-0"
agent = "redfish"
targets = ["compute-0"]
params = { endpoint = "https://192.0.2.1" }
[[fence]]
id = "nova"
agent = "redfish"
targets = ["compute-0"]
params = { endpoint = "https://192.0.2.2" }
[[fence]]
id = "bmc-0"
agent = "redfish"
targets = ["controller-0"]
params = { endpoint = "https://192.0.2.3" }
[[fence]]
id = "pdu"
agent = "fence_apc_snmp"
targets = ["controller-0", "controller-1"]
level = 2
[[resource]]
id = "galera"
agent = "galera"
clone = { promotable = true }
[[resource]]
id = "haproxy"
agent = "haproxy"
clone = true
[[resource]]
id = "vip"
agent = "vip"
params = { address = "192.0.2.9/24" }
[[resource]]
id = "keystone"
agent = "systemd:keystone"
[[resource]]
id = "nova-api"
agent = "systemd:nova-api"
[[resource]]
id = "nova-scheduler"
agent = "systemd:nova-scheduler"
[[resource]]
id = "nova-compute"
agent = "systemd:nova-compute"
clone = true
[[resource]]
id = "reader"
agent = "systemd:reader"
[[resource]]
id = "apache"
agent = "systemd:apache2"
[[resource]]
id = "certs"
agent = "systemd:certs"
[[group]]
id = "web"
members = ["apache", "certs"]
[[order]]
first = "haproxy"
then = "vip"
[[colocation]]
resource = "vip"
with = "haproxy"
`

func newFake(t *testing.T, file string) *fakeCluster {
	t.Helper()
	def := decodeText(file)
	s := state.New()
	s.Index, s.Revision, s.Term, s.At, s.Cluster.Name, s.Definition = 7, 7, 1, epoch, def.Name, def
	s.Version = state.Version
	for i, n := range def.Nodes {
		s.Nodes[n.Name] = &state.Node{Name: n.Name, Address: "192.0.2.1:7450", Voter: i < 3, Liveness: state.LivenessAlive, Incarnation: "i", Instances: map[resources.InstanceID]*state.Instance{}}
	}
	return &fakeCluster{state: s, waits: []api.WaitAnswer{{Settled: true, AsAsked: true}}, secrets: map[string]string{}, rotated: map[string]bool{}}
}

func decodeBase() *resources.Definition { return decodeText(baseFile) }

func decodeText(file string) *resources.Definition {
	def, err := definition.Decode(resources.AgentTable{}, resources.FenceTable{}, definition.File{Name: "base", Text: []byte(file)})
	if err != nil {
		panic(err)
	}
	return def
}

// runs puts an instance on a node.
func (f *fakeCluster) runs(node resources.NodeName, id resources.InstanceID, role resources.Role) *state.Instance {
	i := &state.Instance{ID: id, Role: role, Probed: true}
	f.state.Nodes[node].Instances[id] = i
	return i
}

func (f *fakeCluster) Status(_ context.Context, stale bool) (api.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return api.Status{}, f.err
	}
	status := api.BuildStatus(f.state, api.Live{}, "controller-0", stale, epoch)
	status.Member = "controller-0"
	return status, nil
}

func (f *fakeCluster) State(context.Context, bool) (*state.State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.beforeState != nil {
		f.beforeState(f)
	}
	return f.state, f.err
}

func (f *fakeCluster) Explain(_ context.Context, resource resources.ResourceID, on resources.NodeName) (*api.Explanation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	plan := scheduler.Plan(f.state, epoch, scheduler.Options{Quorum: true, Explain: true, Agents: node.AgentFacts(catalog.Agents(zap.NewNop()))})
	x, err := api.Explain(f.state, epoch, &plan, nil, resource, on)
	if err != nil {
		return nil, err
	}
	return x, f.err
}

func (f *fakeCluster) Definition(context.Context) (api.DefinitionAnswer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return api.DefinitionAnswer{Revision: f.state.Revision, Definition: f.state.Definition, Owners: f.state.Owners, CommandSet: f.state.Version}, f.err
}

func (f *fakeCluster) Revisions(_ context.Context, owner string) (api.RevisionsAnswer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return api.RevisionsSince(f.state, owner), f.err
}

func (f *fakeCluster) History(_ context.Context, after uint64, stale bool) (api.HistoryAnswer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return api.HistoryAnswer{Index: f.state.Index, At: f.state.At, Member: "controller-0", Stale: stale, Events: api.HistoryAfter(f.state, after)}, f.err
}

func (f *fakeCluster) Command(_ context.Context, command state.Command) (api.CommandAnswer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.before != nil {
		f.before(f)
	}
	f.commands = append(f.commands, command)
	next, result := state.ApplyCommand(f.state, f.state.Index+1, 1, epoch, "tester", command)
	f.state = next
	var rejection *state.Rejection
	if errors.As(result.Err, &rejection) {
		return api.CommandAnswer{}, api.FromRejection(rejection)
	}
	return api.CommandAnswer{Index: result.Index, Fence: result.Fence}, nil
}

func (f *fakeCluster) Wait(_ context.Context, request api.WaitRequest) (api.WaitAnswer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waited = append(f.waited, request)
	if f.silences > 0 {
		f.silences--
		return api.WaitAnswer{}, &api.Error{Code: api.CodeNoQuorum, Text: "no quorum: a is candidate and knows no leader"}
	}
	answer := f.waits[0]
	if len(f.waits) > 1 {
		f.waits = f.waits[1:]
	}
	return answer, nil
}

func (f *fakeCluster) CheckFences(_ context.Context, request api.FenceCheckRequest) (api.FenceCheckAnswer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.checked = append(f.checked, request.Devices)
	var answer api.FenceCheckAnswer
	for _, id := range request.Devices {
		target := resources.NodeName("compute-0")
		if i := slices.IndexFunc(f.state.Definition.Fences, func(d resources.FenceDevice) bool { return d.ID == id }); i >= 0 {
			target = f.state.Definition.Fences[i].Targets[0]
		}
		result := api.FenceCheckResult{Device: id, Target: target, FenceCheckResult: state.FenceCheckResult{By: "controller-1", At: epoch, Power: "on", Took: resources.Duration(12 * time.Millisecond)}}
		if kind := f.broken[id]; kind != "" {
			result.Power, result.Failure, result.Text = "", kind, "HTTP 401"
		}
		answer.Checks = append(answer.Checks, result)
	}
	return answer, f.err
}

func (f *fakeCluster) Audit(context.Context, bool) (api.AuditAnswer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer := api.AuditAnswer{Cluster: "overcloud", ID: "id", Audit: state.Audit{Records: []state.AuditRecord{}}}
	if f.state.Audit != nil {
		answer.Audit = *f.state.Audit
	}
	return answer, f.err
}

func (f *fakeCluster) IssueCertificate(_ context.Context, request api.CertificateRequest) (api.CertificateAnswer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.issued = append(f.issued, request)
	return api.CertificateAnswer{Certificate: "certificate\n", Authority: "authority\n", ExpiresAt: epoch.Add(time.Hour)}, f.err
}

func (f *fakeCluster) WhoAmI(context.Context) (api.WhoAmIAnswer, error) {
	return api.WhoAmIAnswer{Name: "tester", Role: "admin", From: "socket of controller-0, uid 0", Member: "controller-0"}, f.err
}

func (f *fakeCluster) Units(_ context.Context, units []string) (api.UnitsAnswer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var answer api.UnitsAnswer
	for _, unit := range units {
		for _, n := range f.state.Definition.Nodes {
			answer.Units = append(answer.Units, api.UnitFound{Node: n.Name, Unit: unit, File: f.units[string(n.Name)+" "+unit]})
		}
	}
	return answer, f.err
}

func (f *fakeCluster) SetSecret(_ context.Context, request api.SecretRequest) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.secrets[request.Secret] = request.Value
	f.rotated[request.Secret] = request.Rotate
	return nil
}

func (f *fakeCluster) RotateKey(context.Context) (api.DataKeyAnswer, error) {
	return api.DataKeyAnswer{Key: "0123456789ab", Secrets: 2, Tokens: 1, Holders: []resources.NodeName{"controller-0", "controller-1"}, Away: []resources.NodeName{"controller-2"}}, f.err
}

func (f *fakeCluster) CreateToken(_ context.Context, ttl time.Duration) (api.TokenAnswer, error) {
	return api.TokenAnswer{Token: "belay-token", ExpiresAt: epoch.Add(ttl)}, nil
}

// fakeEnroller remembers what it was asked for.
type fakeEnroller struct {
	host        Enrollment
	peer, token string
}

func (f *fakeEnroller) Found(_ context.Context, e Enrollment) error { f.host = e; return nil }

func (f *fakeEnroller) Join(_ context.Context, e Enrollment, peer, token string) error {
	f.host, f.peer, f.token = e, peer, token
	return nil
}

// console is one person at one cluster.
type console struct {
	app      *app
	fake     *fakeCluster
	enroller *fakeEnroller
	out, err bytes.Buffer
	clock    time.Time
	host     doctor.Host // what this host is found to be
	looked   examine.Options
	drawn    []string // on the full screen
}

func newConsole(t *testing.T) *console {
	t.Helper()
	c := &console{host: doctor.Host{Name: "here", Root: true, Systemd: true}, fake: newFake(t, baseFile), enroller: &fakeEnroller{}, clock: epoch}
	param := func(name string, kind agents.Kind, required bool) agents.Param {
		return agents.Param{Name: name, Kind: kind, Required: required, Description: "what it is"}
	}
	host := simulated.NewHost()
	agent := func(spec agents.Spec) agents.Agent {
		spec.MonitorInterval = 10 * time.Second
		return simulated.New(spec, host, 0)
	}
	c.app = &app{
		out: &c.out, errOut: &c.err, in: strings.NewReader(""), getenv: func(string) string { return "" },
		pause:      func(context.Context, time.Duration) {},
		now:        func() time.Time { c.clock = c.clock.Add(time.Second); return c.clock },
		readSecret: func(string) (string, error) { return "typed", nil },
		dial:       func(string, func(string) string) (Cluster, error) { return c.fake, nil }, enroller: c.enroller,
		screen: c.screen, collectLate: func() {},
		examine: func(_ context.Context, o examine.Options) doctor.Host { c.looked = o; return c.host },
		agents: agents.NewRegistry(
			agent(agents.Spec{Name: "galera", Summary: "a database", Promotable: true, Params: []agents.Param{param("enable_creation", agents.KindBool, false)}}),
			agent(agents.Spec{Name: "haproxy", Summary: "a balancer", Params: []agents.Param{param("listen.*.backend", agents.KindResource, true)}}),
			agent(agents.Spec{Name: "vip", Summary: "an address", Params: []agents.Param{param("address", agents.KindPrefix, true)}}),
			agent(agents.Spec{Name: "systemd", Summary: "a unit", Suffix: true}),
			agent(agents.Spec{Name: "podman", Summary: "a container", Params: []agents.Param{param("image", agents.KindString, true)}}),
		),
		fences: fencing.NewRegistry([]fencing.Spec{{Name: "redfish", Summary: "a BMC", Params: []fencing.ParamSpec{
			{Name: "endpoint", Type: fencing.TypeString, Required: true}, {Name: "username", Type: fencing.TypeString}, {Name: "password", Type: fencing.TypeSecret},
		}}}, func(name string) (fencing.Spec, bool) {
			return fencing.Spec{Name: name, Host: "plug", Open: true}, strings.HasPrefix(name, "fence_")
		}),
	}
	return c
}

// run carries out a command line and returns its exit code.
func (c *console) run(t *testing.T, args ...string) int {
	t.Helper()
	c.out.Reset()
	c.err.Reset()
	return c.app.run(t.Context(), args)
}

// must carries out a command line that has to succeed.
func (c *console) must(t *testing.T, args ...string) string {
	t.Helper()
	if code := c.run(t, args...); code != exitDone {
		t.Fatalf("belayctl %s: exit %d\n%s%s", strings.Join(args, " "), code, c.out.String(), c.err.String())
	}
	return c.out.String()
}

// leftOff makes a node one that was fenced too often.
func (c *console) leftOff(name resources.NodeName) {
	n := c.fake.state.Nodes[name]
	n.Liveness, n.Off = state.LivenessDead, &state.OffProof{At: epoch, By: "power", Fence: "f3"}
	c.fake.state.FenceHistory = append(c.fake.state.FenceHistory, &state.Fencing{ID: "f3", Node: name, Action: resources.FencingHold, Phase: state.FencingDone})
}

// fenced makes every fencing succeed as soon as it is asked for.
func (c *console) fenced() {
	inner := c.app.dial
	c.app.dial = func(addr string, getenv func(string) string) (Cluster, error) {
		cluster, err := inner(addr, getenv)
		return provenOff{cluster.(*fakeCluster)}, err
	}
}

// provenOff is a cluster whose fencings are done when one looks.
type provenOff struct{ *fakeCluster }

func (p provenOff) State(ctx context.Context, stale bool) (*state.State, error) {
	s, err := p.fakeCluster.State(ctx, stale)
	for _, f := range s.Fencing {
		f.Phase = state.FencingDone
		f.Steps = []state.FenceStep{{Device: "bmc", Step: "read power", Executor: "controller-0", Answer: "HTTP 200", Power: "off"}}
	}
	return s, err
}
