package galera

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/agenttest"
	"github.com/belay-ha/belay/resources"
)

const testPassword = "s3cret-of-the-monitor"

// fakeHost is one host with a MariaDB that behaves as the real one does where
// the agent can tell.
type fakeHost struct {
	agenttest.Trouble
	t        *testing.T
	root     string
	units    *agenttest.Units
	runner   *agenttest.Runner
	data     string
	run      string
	advice   map[string]string
	view     agents.View
	params   resources.Params
	progress []agents.Progress
	reach    map[string]bool

	mu     sync.Mutex
	status Status
	ask    error // what the server answers instead
	// newCluster says that the last start formed a cluster.
	newCluster bool
	defaults   string
	recovery   agents.Exit
	synced     []string    // what was brought to the disk
	syncing    agents.Exit // of sync
	// primaries is whether a join finds a primary component.
	primaries bool
	now       time.Time
	// mounted is whether the data directory is a file system of its own.
	mounted bool
}

func newHost(t *testing.T) *fakeHost {
	h := &fakeHost{
		t: t, root: t.TempDir(), data: t.TempDir(), run: t.TempDir(), primaries: true, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		advice:   map[string]string{adviceMode: modeJoin},
		params:   resources.Params{"check_password": testPassword, "enable_creation": "true"},
		reach:    map[string]bool{},
		defaults: "--datadir=/var/lib/mysql\n--wsrep_on=OFF\n--wsrep-on=ON\n--wsrep_sst_auth=sst:" + testPassword + "\n--wsrep_cluster_address=gcomm://192.0.2.1,192.0.2.2,192.0.2.3\n",
		recovery: agents.Exit{Stdout: "--wsrep_start_position=" + uuidA + ":4\n", Stderr: "WSREP: Recovered position " + uuidA + ":4\n"},
		view:     agents.View{Nodes: map[resources.NodeName]agents.NodeView{}, Peers: map[resources.ResourceID][]agents.Peer{}},
	}
	h.units = agenttest.NewUnits("mariadb.service", &h.Trouble)
	h.units.OnStart, h.units.OnEnd = h.starts, h.ends
	h.runner = &agenttest.Runner{Trouble: &h.Trouble, Programs: map[string]func(context.Context, agents.Command) (agents.Exit, error){
		printDefaults: func(context.Context, agents.Command) (agents.Exit, error) {
			return agents.Exit{Stdout: h.defaults}, nil
		},
		"/bin/sync": func(_ context.Context, c agents.Command) (agents.Exit, error) {
			h.synced = append(h.synced, strings.Join(c.Args, " "))
			return h.syncing, nil
		},
		"/usr/bin/galera_recovery": func(context.Context, agents.Command) (agents.Exit, error) {
			if h.units.Running() {
				return agents.Exit{Code: 1, Stderr: "InnoDB: Unable to lock ./ibdata1 error: 11\n"}, nil
			}
			return h.recovery, nil
		},
	}}
	h.boot("boot-1")
	h.mkdir("/var/lib/mysql/mysql")
	h.grastate(uuidA, "12", "0")
	return h
}

func (h *fakeHost) path(name string) string { return filepath.Join(h.root, name) }

func (h *fakeHost) mkdir(name string) {
	if err := os.MkdirAll(h.path(name), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

func (h *fakeHost) write(name, text string) {
	h.mkdir(filepath.Dir(name))
	if err := os.WriteFile(h.path(name), []byte(text), 0o600); err != nil {
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

func (h *fakeHost) remove(name string) {
	if err := os.RemoveAll(h.path(name)); err != nil {
		h.t.Fatal(err)
	}
}

const grastateFile = "/var/lib/mysql/grastate.dat"

func (h *fakeHost) grastate(uuid, seqno, safe string) {
	h.write(grastateFile, fmt.Sprintf("# GALERA saved state\nversion: 2.1\nuuid:    %s\nseqno:   %s\nsafe_to_bootstrap: %s\n", uuid, seqno, safe))
}

// boot is the host coming up: with another id, after a power cut.
func (h *fakeHost) boot(id string) { h.write("/proc/sys/kernel/random/boot_id", id+"\n") }

func (h *fakeHost) wordFile() string { return filepath.Join(h.run, "new-cluster.env") }

// starts is mysqld coming up, with what systemd does around it.
func (h *fakeHost) starts(context.Context) error {
	word, err := os.ReadFile(h.wordFile())
	bootstrap := err == nil && strings.Contains(string(word), "_WSREP_NEW_CLUSTER=--wsrep-new-cluster")
	for _, line := range h.units.Lines() {
		if strings.HasPrefix(line, "ExecStartPost=") || strings.HasPrefix(line, "ExecStopPost=") {
			if err := os.Remove(h.wordFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	state, err := parseGrastate(h.read(grastateFile))
	switch {
	case bootstrap && err == nil && !state.Safe:
		h.units.Said = "[ERROR] WSREP: It may not be safe to bootstrap the cluster from this node.\n[ERROR] Aborting\n"
		return &agents.UnitError{Verb: "start", Job: "failed", State: agents.UnitState{Unit: "mariadb.service", Active: "failed", Result: "exit-code"}}
	case !bootstrap && !h.primaries:
		h.units.Said = "[ERROR] WSREP: Failed to reach primary view (pc.wait_prim_timeout): 110\n[ERROR] Aborting\n"
		return &agents.UnitError{Verb: "start", Job: "failed", State: agents.UnitState{Unit: "mariadb.service", Active: "failed", Result: "exit-code"}}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.newCluster = bootstrap
	h.status = Status{UUID: uuidA, Seqno: 13, State: stateSynced, Comment: "Synced", ClusterStatus: primary, Size: 1, Ready: true, CachedDownTo: 1}
	h.grastate(uuidA, "-1", "0")
	return nil
}

func (h *fakeHost) ends(graceful bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = Status{}
	if graceful {
		h.grastate(uuidA, "13", "1")
	}
}

// Status answers as the server.
func (h *fakeHost) Status(ctx context.Context, at Login) (Status, error) {
	if err := h.Strike(ctx); err != nil {
		if ctx.Err() != nil {
			return Status{}, fmt.Errorf("no answer: %w", context.DeadlineExceeded)
		}
		return Status{}, fmt.Errorf("Error 1045: Access denied (%s)", at.Password)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ask != nil {
		return Status{}, h.ask
	}
	if h.status.ClusterStatus == "" {
		return Status{}, errors.New("dial unix /run/mysqld/mysqld.sock: connect: no such file or directory")
	}
	return h.status, nil
}

func (h *fakeHost) set(change func(*Status)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&h.status)
}

func (h *fakeHost) Agent() agents.Agent { return h.agent() }

func (h *fakeHost) agent() *Agent {
	return New(Host{
		Root: h.root, Units: h.units, Run: h.runner, Server: h, Now: func() time.Time { return h.now },
		Leaves:    func(dir string) bool { return !h.mounted && leaves(dir) },
		Reachable: func(_ context.Context, address string) bool { return h.reach[address] },
	}, zap.NewNop())
}

func (h *fakeHost) Request(op resources.Op) agents.Request {
	return agents.Request{
		Op: op, Instance: "galera", Node: "n1", Agent: "galera", Params: h.params, Timeout: 60 * time.Second, View: h.view, Advice: h.advice,
		DataDir: h.data, RunDir: h.run, Progress: func(p agents.Progress) { h.progress = append(h.progress, p) },
	}
}

func (h *fakeHost) Running() bool     { return h.units.Running() }
func (h *fakeHost) Noise()            { h.MakeNoise(testPassword) }
func (h *fakeHost) Secrets() []string { return []string{testPassword} }

func (h *fakeHost) Commands() []agents.Command { return h.runner.Calls() }

// bootstraps sets the advice of the chosen member.
func (h *fakeHost) bootstraps(uuid, seqno string) *fakeHost {
	h.advice = map[string]string{adviceMode: modeBootstrap, adviceUUID: uuid, adviceSeqno: seqno}
	return h
}

func TestConformance(t *testing.T) {
	agenttest.RunBubbled(t, func(t *testing.T) agenttest.Harness { return newHost(t) })
}
