package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/agenttest"
	"github.com/belay-ha/belay/resources"
)

// hidden must never be shown; brokers print it after the word password.
const hidden = "s3cret-of-the-broker"

// fakeCluster is a set of brokers that behave as RabbitMQ 3.10 does where the
// agent can tell: each keeps its own books of members on its own disk.
type fakeCluster struct {
	t     *testing.T
	mu    sync.Mutex
	hosts map[string]*fakeHost // by Erlang name
}

// fakeHost is one host with a broker.
type fakeHost struct {
	agenttest.Trouble
	cluster *fakeCluster
	t       *testing.T
	node    resources.NodeName
	name    string
	root    string
	data    string
	run     string
	units   *agenttest.Units
	runner  *agenttest.Runner
	advice  map[string]string
	view    agents.View
	params  resources.Params
	now     time.Time

	// guarded by cluster.mu
	up, app    bool
	partitions string
	unseen     []string // members that it does not see although they run
	greets     error
	hangs      bool     // rabbitmqctl gets no answer
	unlucky    int      // so many start_app fail
	torn       bool     // its tables do not fit the others' until it is emptied and joins anew
	clings     string   // the member whose earlier life it is still connected to
	late       bool     // an order to part comes too late by its clock
	parted     []string // members from which it was told to part
	commands   []string
}

func newCluster(t *testing.T, names ...string) *fakeCluster {
	c := &fakeCluster{t: t, hosts: map[string]*fakeHost{}}
	for _, name := range names {
		h := &fakeHost{
			cluster: c, t: t, node: resources.NodeName(name), name: "rabbit@" + name, root: t.TempDir(), data: t.TempDir(), run: t.TempDir(),
			params: resources.Params{}, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), advice: map[string]string{adviceMode: modeSeed},
			view: agents.View{Nodes: map[resources.NodeName]agents.NodeView{}, Peers: map[resources.ResourceID][]agents.Peer{}},
		}
		h.units = agenttest.NewUnits("rabbitmq-server.service", &h.Trouble)
		h.units.OnStart, h.units.OnEnd = h.boots, h.ends
		h.runner = &agenttest.Runner{Trouble: &h.Trouble, Programs: map[string]func(context.Context, agents.Command) (agents.Exit, error){rabbitmqctl: h.ctl}}
		h.write("/etc/hostname", name+".example.org\n")
		h.write("/var/lib/rabbitmq/.keep", "")
		c.hosts[h.name] = h
	}
	return c
}

func (c *fakeCluster) host(node string) *fakeHost { return c.hosts["rabbit@"+node] }

func (h *fakeHost) path(name string) string { return filepath.Join(h.root, name) }

func (h *fakeHost) write(name, text string) {
	h.t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(h.path(name)), 0o755), os.WriteFile(h.path(name), []byte(text), 0o640)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *fakeHost) read(name string) string {
	data, err := os.ReadFile(h.path(name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		h.t.Fatal(err)
	}
	return string(data)
}

func (h *fakeHost) dir() string    { return "/var/lib/rabbitmq/mnesia/" + h.name }
func (h *fakeHost) config() string { return h.dir() + "/cluster_nodes.config" }

func (h *fakeHost) members() []string { return parseMembers(h.read(h.config())) }

func (h *fakeHost) setMembers(names ...string) {
	text := strings.Join(names, ",")
	h.write(h.config(), "{["+text+"],["+text+"]}.\n")
}

// holds gives the host a database of a cluster, with a durable message in it.
func (h *fakeHost) holds(names ...string) *fakeHost {
	h.setMembers(names...)
	h.write(h.dir()+"/schema.DAT", "schema")
	h.write(h.dir()+"/rabbit_durable_queue.DCD", strings.Repeat("q", 500))
	h.write(h.dir()+"/msg_stores/vhosts/X/msg_store_persistent/0.rdq", "message of "+h.name)
	h.write("/var/lib/rabbitmq/mnesia/"+h.name+"-feature_flags", "[quorum_queue].\n")
	return h
}

func (h *fakeHost) message() string {
	return h.read(h.dir() + "/msg_stores/vhosts/X/msg_store_persistent/0.rdq")
}

// virgin is what a first start or a reset leaves.
func (h *fakeHost) virgin() {
	if err := os.RemoveAll(h.path(h.dir())); err != nil {
		h.t.Fatal(err)
	}
	h.setMembers(h.name)
	h.write(h.dir()+"/schema.DAT", "schema")
	h.write(h.dir()+"/rabbit_durable_queue.DCD", "12345678")
}

func (h *fakeHost) boots(ctx context.Context) error {
	h.cluster.mu.Lock()
	defer h.cluster.mu.Unlock()
	if h.read(h.dir()+"/schema.DAT") == "" {
		h.virgin()
	}
	for _, member := range h.members() {
		peer := h.cluster.hosts[member]
		if member == h.name || peer == nil || !peer.app || slices.Contains(peer.members(), h.name) {
			continue
		}
		h.write("/var/log/rabbitmq/"+h.name+".log", h.read("/var/log/rabbitmq/"+h.name+".log")+
			"[error] BOOT FAILED\n[error] Error during startup: {error,\n[error]   {inconsistent_cluster,\n[error]   \"Node "+h.name+" thinks it's clustered with node "+member+", but "+member+" disagrees\"}}\n")
		return &agents.UnitError{Verb: "start", Job: "failed", State: agents.UnitState{Unit: "rabbitmq-server.service", Active: "failed", Result: "exit-code", ExitStatus: 1}}
	}
	if h.clungTo() {
		h.says(saidTables + saidGlobalHang)
		h.cluster.mu.Unlock()
		<-ctx.Done()
		h.cluster.mu.Lock()
		return ctx.Err()
	}
	h.up, h.app = true, true
	return nil
}

// clungTo says whether a member that runs is still connected to this one's earlier
// life; the new one's coming then ends that connection. The lock is held.
func (h *fakeHost) clungTo() (found bool) {
	for _, peer := range h.cluster.hosts {
		if peer.app && peer.clings == h.name {
			peer.clings, found = "", true
		}
	}
	return found
}

func (h *fakeHost) ends(bool) {
	h.cluster.mu.Lock()
	defer h.cluster.mu.Unlock()
	h.up, h.app = false, false
}

// running lists the members that a broker sees. The lock is held.
func (h *fakeHost) running() []string {
	var names []string
	for _, member := range h.members() {
		if peer := h.cluster.hosts[member]; peer != nil && peer.app && !slices.Contains(h.unseen, member) {
			names = append(names, member)
		}
	}
	return names
}

// ctl is rabbitmqctl: "-q -n NODE COMMAND…".
func (h *fakeHost) ctl(ctx context.Context, c agents.Command) (agents.Exit, error) {
	args := slices.DeleteFunc(slices.Clone(c.Args), func(a string) bool { return a == "-q" || a == "--longnames" })
	if len(args) < 3 || args[0] != "-n" || c.User != "rabbitmq" {
		return agents.Exit{Code: 64, Stderr: "usage"}, nil
	}
	h.cluster.mu.Lock()
	defer h.cluster.mu.Unlock()
	target, verb := args[1], args[2]
	if verb != "eval" {
		h.commands = append(h.commands, strings.Join(args[1:], " "))
	}
	broker := h.cluster.hosts[target]
	if broker != nil && broker.hangs {
		h.cluster.mu.Unlock()
		<-ctx.Done()
		h.cluster.mu.Lock()
		return agents.Exit{Code: -1}, fmt.Errorf("run: %w", context.Cause(ctx))
	}
	if verb == "force_boot" {
		h.write(h.dir()+"/force_load", "")
		return agents.Exit{}, nil
	}
	if broker == nil || !broker.up {
		return agents.Exit{Code: 69, Stderr: "Error: unable to perform an operation on node '" + target + "'. Please see diagnostics information and suggestions below.\n\nMost common reasons for this are:\n"}, nil
	}
	return broker.obeys(h, verb, args[3:])
}

// mnesiaKilled is what start_app says when Mnesia does not start.
const mnesiaKilled = "{:rabbit, {{:badmatch, {:error, {:normal, {:mnesia_app, :start, [:normal, []]}}}}, {:rabbit, :start, [:normal, []]}}}"

func (h *fakeHost) obeys(caller *fakeHost, verb string, args []string) (agents.Exit, error) {
	refuse := func(text string) (agents.Exit, error) {
		return agents.Exit{Code: 69, Stderr: "Error:\n" + text + "\n"}, nil
	}
	switch verb {
	case "eval":
		if strings.Contains(args[0], "disconnect_node('"+caller.name+"')") {
			h.parted = append(h.parted, caller.name)
			if h.late {
				return agents.Exit{Stdout: "{belay,false}\n"}, nil
			}
			for _, name := range h.running() {
				if peer := h.cluster.hosts[name]; peer.clings == caller.name {
					peer.clings = ""
				}
			}
			return agents.Exit{Stdout: "{belay,true}\n"}, nil
		}
		return agents.Exit{Stdout: fmt.Sprintf("{belay,%t,[%s],\n [%s],[%s],false}\n", h.app, strings.Join(h.members(), ","), strings.Join(h.running(), ","), h.partitions)}, nil
	case "stop_app":
		h.app = false
	case "start_app":
		if h.unlucky > 0 {
			h.unlucky--
			return refuse(mnesiaKilled)
		}
		if h.torn && len(h.members()) > 1 {
			return refuse(mnesiaKilled)
		}
		h.app = true
	case "force_reset":
		if h.app {
			return refuse("this command requires the 'rabbit' app to be stopped")
		}
		h.torn = false
		h.virgin()
	case "reset":
		if h.app {
			return refuse("this command requires the 'rabbit' app to be stopped")
		}
		h.virgin()
	case "join_cluster":
		peer := h.cluster.hosts[args[0]]
		switch {
		case h.app:
			return refuse("this command requires the 'rabbit' app to be stopped")
		case peer == nil || !peer.app:
			return refuse("{:cannot_discover_cluster, ...}")
		case slices.Contains(peer.members(), h.name):
			return refuse("{:inconsistent_cluster, ...}")
		}
		all := append(peer.members(), h.name)
		for _, member := range all {
			h.cluster.hosts[member].setMembers(all...)
		}
	case "forget_cluster_node":
		if other := h.cluster.hosts[args[0]]; other != nil && other.app {
			return refuse("{:failed_to_remove_node, ..., {:active, ...}}")
		}
		for _, member := range h.members() {
			if peer := h.cluster.hosts[member]; peer != nil && member != args[0] {
				peer.setMembers(slices.DeleteFunc(peer.members(), func(m string) bool { return m == args[0] })...)
			}
		}
	case "export_definitions":
		caller.write(args[0], `{"users":[{"password_hash":"`+hidden+`"}],"from":"`+h.name+`"}`)
	default:
		return refuse("unknown command " + verb)
	}
	return agents.Exit{}, nil
}

// Registered and Greets are the host's sockets.
func (h *fakeHost) Registered(ctx context.Context, host, name string) (bool, error) {
	if err := h.Strike(ctx); err != nil {
		return false, err
	}
	h.cluster.mu.Lock()
	defer h.cluster.mu.Unlock()
	at := h
	if host != "127.0.0.1" {
		at = h.cluster.hosts[name+"@"+host]
	}
	return at != nil && at.up, nil
}

func (h *fakeHost) Greets(ctx context.Context, _ string) error {
	if err := h.Strike(ctx); err != nil {
		return err
	}
	h.cluster.mu.Lock()
	defer h.cluster.mu.Unlock()
	if !h.app {
		return errors.New("greet AMQP: connection refused")
	}
	return h.greets
}

func (h *fakeHost) Agent() agents.Agent { return h.agent() }

func (h *fakeHost) agent() *Agent {
	return New(Host{Root: h.root, Units: h.units, Run: h.runner, Wire: h, Now: func() time.Time { return h.now }}, zap.NewNop())
}

func (h *fakeHost) Request(op resources.Op) agents.Request {
	return agents.Request{
		Op: op, Instance: "rabbitmq", Node: h.node, Agent: "rabbitmq", Params: h.params, Timeout: 120 * time.Second, View: h.view,
		Advice: h.advice, DataDir: h.data, RunDir: h.run, Progress: func(agents.Progress) {},
	}
}

func (h *fakeHost) Running() bool     { return h.units.Running() }
func (h *fakeHost) Noise()            { h.MakeNoise(hidden) }
func (h *fakeHost) Secrets() []string { return []string{hidden} }

func (h *fakeHost) Commands() []agents.Command { return h.runner.Calls() }

func TestConformance(t *testing.T) {
	agenttest.RunBubbled(t, func(t *testing.T) agenttest.Harness { return newCluster(t, "n1").host("n1") })
}

func (h *fakeHost) do(op resources.Op) agents.Result {
	h.t.Helper()
	request := h.Request(op)
	ctx, cancel := context.WithTimeout(h.t.Context(), request.Timeout)
	defer cancel()
	switch op {
	case resources.OpStart:
		return h.agent().Start(ctx, request)
	case resources.OpStop:
		return h.agent().Stop(ctx, request)
	case resources.OpMonitor:
		request.Role = resources.RoleStarted
	}
	return h.agent().Monitor(ctx, request)
}

func (h *fakeHost) ok(op resources.Op) agents.Result {
	h.t.Helper()
	result := h.do(op)
	if result.Outcome != agents.OutcomeOK {
		h.t.Fatalf("%s on %s: %s: %s", op, h.node, result.Outcome, result.Reason)
	}
	return result
}

// ran lists the surgery that a host's agent did.
func (h *fakeHost) ran() []string {
	h.cluster.mu.Lock()
	defer h.cluster.mu.Unlock()
	return slices.Clone(h.commands)
}

// situation is what an Advisor sees: each host's last result, by node.
func (c *fakeCluster) situation(reports map[string]agents.Result, current agents.Advice) agents.Situation {
	s := agents.Situation{Resource: "rabbitmq", Params: resources.Params{}, Current: current,
		View: agents.View{Nodes: map[resources.NodeName]agents.NodeView{}, Peers: map[resources.ResourceID][]agents.Peer{}}}
	for _, name := range slices.Sorted(maps.Keys(c.hosts)) {
		h := c.hosts[name]
		s.View.Nodes[h.node] = agents.NodeView{Address: "192.0.2.1", Alive: true, Expected: true}
		if result, has := reports[name]; has {
			role := resources.RoleStopped
			if result.Outcome == agents.OutcomeOK {
				role = resources.RoleStarted
			}
			s.View.Peers["rabbitmq"] = append(s.View.Peers["rabbitmq"], agents.Peer{Instance: "rabbitmq", Node: h.node, Role: role, Attributes: result.Attributes})
		}
	}
	return s
}
