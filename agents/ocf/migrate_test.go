package ocf

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/agenttest"
	"github.com/belay-ha/belay/agents/command"
	"github.com/belay-ha/belay/resources"
)

// guestHost is one of two hosts between which testdata/guest moves.
type guestHost struct {
	*harness
	node  resources.NodeName
	other *guestHost
}

// newGuest returns a host with the script, on which nothing runs.
func newGuest(t *testing.T) *guestHost {
	h := newHarness(t)
	script, err := os.ReadFile("testdata/guest")
	if err != nil {
		t.Fatal(err)
	}
	h.write("guest", string(script))
	here, there := &guestHost{harness: h, node: "node-1"}, &guestHost{harness: h, node: "node-2"}
	here.other, there.other = there, here
	return here
}

func (g *guestHost) Other() agenttest.Harness { return g.other }

func (g *guestHost) Request(op resources.Op) agents.Request {
	r := agents.Request{Op: op, Instance: "x", Node: g.node, Agent: "ocf:test:guest", Timeout: 30 * time.Second,
		Params: resources.Params{"hosts": filepath.Join(g.root, "hosts"), "password": secret}, Progress: func(agents.Progress) {}}
	if op == resources.OpMigrateTo || op == resources.OpMigrateFrom {
		r.Peer = g.other.node
	}
	return r
}

// Running reports whether the guest, or what of it has come here, is on the host.
func (g *guestHost) Running() bool {
	found, err := filepath.Glob(filepath.Join(g.root, "hosts", string(g.node), "*"))
	return err == nil && len(found) > 0
}

// memory is what the guest remembers here; empty if it does not run.
func (g *guestHost) memory() string {
	text, _ := os.ReadFile(filepath.Join(g.root, "hosts", string(g.node), "guest", "memory"))
	return string(text)
}

// leaves calls migrate_to here, takes migrate_from.
func (g *guestHost) leaves(ctx context.Context) agents.Result {
	return g.Agent().(*Agent).MigrateTo(ctx, g.Request(resources.OpMigrateTo))
}

func (g *guestHost) takes(ctx context.Context) agents.Result {
	return g.Agent().(*Agent).MigrateFrom(ctx, g.Request(resources.OpMigrateFrom))
}

func (g *guestHost) started() *guestHost {
	g.t.Helper()
	if got := g.Agent().Start(g.t.Context(), g.Request(resources.OpStart)); got.Outcome != agents.OutcomeOK {
		g.t.Fatalf("start: %+v", got)
	}
	return g
}

func TestConformanceOfAGuest(t *testing.T) {
	t.Parallel() // it waits for what hangs
	agenttest.Run(t, func(t *testing.T) agenttest.Harness { return newGuest(t) })
}

// TestMigrationKeepsTheMemory: the instance that arrives is the one that left.
func TestMigrationKeepsTheMemory(t *testing.T) {
	g := newGuest(t).started()
	if got := g.leaves(t.Context()); got.Outcome != agents.OutcomeOK || got.Role != resources.RoleStopped || got.Reason != "" {
		t.Fatalf("migrate_to: %+v", got)
	}
	if got := g.other.takes(t.Context()); got.Outcome != agents.OutcomeOK || got.Role != resources.RoleStarted || got.Reason != "" {
		t.Fatalf("migrate_from: %+v", got)
	}
	if got, want := g.other.memory(), "born on node-1\ncame from node-1\n"; got != want {
		t.Errorf("it remembers %q, want %q", got, want)
	}
	for _, c := range g.Commands() {
		env := strings.Join(c.Env, "\n") + "\n"
		if moves := strings.HasPrefix(c.Args[0], "migrate_"); moves != strings.Contains(env, "OCF_RESKEY_CRM_meta_migrate_source=node-1\nOCF_RESKEY_CRM_meta_migrate_target=node-2\n") {
			t.Errorf("%s was told %q", c.Args[0], env)
		}
		if leaves := c.Args[0] == "start" || c.Args[0] == "migrate_from"; c.Leaves != leaves {
			t.Errorf("%s: what it leaves behind lives on: %v, want %v", c.Args[0], c.Leaves, leaves)
		}
	}
}

// TestMigrationThatFails: the outcome of each way in which it can, and where the
// instance is then.
func TestMigrationThatFails(t *testing.T) {
	for _, c := range []struct {
		name, mode string
		on         string // the action that misbehaves
		outcome    agents.Outcome
		reason     string
	}{
		{"an error when it leaves", "1", "migrate_to", agents.OutcomeFailed, "exit status 1"},
		{"an error when it arrives", "1", "migrate_from", agents.OutcomeFailed, "exit status 1"},
		{"not implemented says nothing against the node", "3", "migrate_to", agents.OutcomeFailed, "not implemented"},
		{"nor does it where it arrives", "3", "migrate_from", agents.OutcomeFailed, "not implemented"},
		{"only a monitor finds it not running", "7", "migrate_from", agents.OutcomeFailed, "not running"},
		{"a missing program is a lack of the node", "5", "migrate_from", agents.OutcomeNotInstalled, "not installed"},
		{"killed when it leaves", "kill", "migrate_to", agents.OutcomeUnknown, "killed by a signal"},
		{"killed when it arrives", "kill", "migrate_from", agents.OutcomeUnknown, "killed by a signal"},
		{"too late when it leaves", "hang", "migrate_to", agents.OutcomeUnknown, "did not end in time"},
		{"too late when it arrives", "hang", "migrate_from", agents.OutcomeUnknown, "did not end in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGuest(t).started()
			g.write("mode."+c.on, c.mode)
			call := g.leaves
			if c.on == "migrate_from" {
				if got := g.leaves(t.Context()); got.Outcome != agents.OutcomeOK {
					t.Fatalf("migrate_to: %+v", got)
				}
				call = g.other.takes
			}
			ctx := t.Context()
			if c.mode == "hang" {
				short, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				ctx = short
			}
			got := call(ctx)
			if got.Outcome != c.outcome || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("%s: %+v, want %s with %q", c.on, got, c.outcome, c.reason)
			}
			if stays := c.on == "migrate_to"; (g.memory() != "") != stays || g.other.memory() != "" {
				t.Errorf("it remembers %q where it was and %q where it was to go", g.memory(), g.other.memory())
			}
		})
	}
}

// TestMigrationIsRefusedUnlessOffered: where the metadata offer no migration, or
// only half of one, nothing is called but the metadata.
func TestMigrationIsRefusedUnlessOffered(t *testing.T) {
	for name, meta := range map[string]string{
		"none":    `<action name="start"/>`,
		"half":    `<action name="migrate_to"/>`,
		"unclear": `<action`,
	} {
		g := newGuest(t)
		ran := filepath.Join(g.root, "ran")
		g.write("guest", "#!/bin/sh\n[ $1 = meta-data ] && { echo '<resource-agent name=\"guest\"><actions>"+meta+"</actions></resource-agent>'; exit 0; }\ntouch "+ran+"\n")
		got := g.leaves(t.Context())
		if got.Outcome != agents.OutcomeFailed || !strings.Contains(got.Reason, "cannot be moved live") {
			t.Errorf("%s: %+v", name, got)
		}
		if _, err := os.Stat(ran); err == nil {
			t.Errorf("%s: it was called", name)
		}
	}
}

// TestRealMigration moves a resource of resource-agents' own Dummy, which offers it.
func TestRealMigration(t *testing.T) {
	if _, err := os.Stat(Root + "/resource.d/heartbeat/Dummy"); err != nil {
		t.Skip("resource-agents is not installed: ", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	a := New(Host{Run: command.Runner{}})
	dir := t.TempDir()
	request := func(op resources.Op, node, peer resources.NodeName) agents.Request {
		return agents.Request{Op: op, Instance: "belay-test", Node: node, Peer: peer, Agent: "ocf:heartbeat:Dummy", Timeout: time.Minute,
			Params: resources.Params{"state": filepath.Join(dir, string(node))}}
	}
	for i, step := range []struct {
		got  agents.Result
		want agents.Outcome
	}{
		{a.Start(ctx, request(resources.OpStart, "a", "")), agents.OutcomeOK},
		{a.MigrateTo(ctx, request(resources.OpMigrateTo, "a", "b")), agents.OutcomeOK},
		{a.MigrateFrom(ctx, request(resources.OpMigrateFrom, "b", "a")), agents.OutcomeOK},
		{a.Stop(ctx, request(resources.OpStop, "a", "")), agents.OutcomeOK},
		{a.Monitor(ctx, request(resources.OpMonitor, "a", "")), agents.OutcomeNotRunning},
		{a.Monitor(ctx, request(resources.OpMonitor, "b", "")), agents.OutcomeOK},
	} {
		if step.got.Outcome != step.want {
			t.Errorf("step %d: %+v, want %s", i, step.got, step.want)
		}
	}
}
