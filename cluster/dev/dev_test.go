package dev

import (
	"context"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/redfish"
	"github.com/belay-ha/belay/resources"
)

// start runs a cluster of three until the test ends.
func start(t testing.TB) *Cluster {
	t.Helper()
	return startWith(t, func(*Config) {})
}

func startWith(t testing.TB, change func(*Config)) *Cluster {
	t.Helper()
	c, stop := startAndStop(t, change)
	t.Cleanup(stop)
	return c
}

// startAndStop starts a cluster and returns what ends it.
func startAndStop(t testing.TB, change func(*Config)) (c *Cluster, stop func()) {
	t.Helper()
	config := Config{
		DataDir: t.TempDir(), Nodes: 3, ActionTime: 20 * time.Millisecond, Log: newLogger(t),
		Fences: fencing.NewRegistry([]fencing.Spec{redfish.Spec()}),
		Specs: []agents.Spec{
			{Name: "vip", MonitorInterval: 200 * time.Millisecond, Timeouts: map[resources.Op]time.Duration{resources.OpMonitor: time.Second}},
			{Name: "web", MonitorInterval: 200 * time.Millisecond, Timeouts: map[resources.Op]time.Duration{resources.OpMonitor: time.Second}},
		},
	}
	change(&config)
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- c.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		cancel()
		t.Fatalf("the cluster did not form: %v", err)
	}
	return c, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the cluster ended with: %v", err)
		}
	}
}

// until waits for a condition on the status.
func until(t *testing.T, c *Cluster, what string, limit time.Duration, holds func(api.Status) bool) api.Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var last api.Status
	for {
		status, err := c.Client().Status(ctx, false)
		if err == nil {
			last = status
			if holds(status) {
				return status
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s (%v); last status: %+v", what, limit, err, last)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func holder(status api.Status, id resources.InstanceID) resources.NodeName {
	for _, r := range status.Resources {
		if r.ID == id && r.Role.Active() && r.Op == "" {
			return r.Node
		}
	}
	return ""
}

func count(status api.Status, id resources.InstanceID) int {
	n := 0
	for _, r := range status.Resources {
		if r.ID == id && r.Role.Active() && r.Op == "" {
			n++
		}
	}
	return n
}

func define(t *testing.T, c *Cluster, change func(*resources.Definition)) {
	t.Helper()
	client := c.Client()
	if err := client.SetSecret(t.Context(), api.SecretRequest{Secret: "bmc", Value: BMCPassword}); err != nil {
		t.Fatal(err)
	}
	answer, err := client.Definition(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	definition := &resources.Definition{
		Name: "dev", Fences: c.Fences(),
		Resources: []resources.Resource{
			{ID: "vip", Agent: "vip"},
			{ID: "web", Agent: "web", Clone: &resources.Clone{Interleave: true}},
		},
	}
	for _, h := range c.Hosts() {
		definition.Nodes = append(definition.Nodes, resources.Node{Name: h.Name()})
	}
	if change != nil {
		change(definition)
	}
	if _, err := client.Command(t.Context(), &state.DefinitionSet{Base: answer.Revision, Definition: definition}); err != nil {
		t.Fatal(err)
	}
}

func TestPowerCutIsFencedAndRecovered(t *testing.T) {
	c := start(t)
	define(t, c, nil)
	status := until(t, c, "everything runs", 20*time.Second, func(s api.Status) bool {
		return holder(s, "vip") != "" && count(s, "web") == 3
	})
	victim := holder(status, "vip")
	host, _ := c.Host(victim)
	began := time.Now()
	host.CutPower()
	after := until(t, c, "the address moves", 20*time.Second, func(s api.Status) bool {
		return holder(s, "vip") != "" && holder(s, "vip") != victim
	})
	t.Logf("%s lost its power; vip on %s after %s", victim, holder(after, "vip"), time.Since(began))
	until(t, c, "the fenced node comes back", 30*time.Second, func(s api.Status) bool { return count(s, "web") == 3 && len(s.Actions) == 0 })
	final, err := c.Client().State(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if len(final.FenceHistory) != 1 || final.FenceHistory[0].Node != victim || final.FenceHistory[0].OffAt.IsZero() {
		t.Errorf("fencing on record: %+v", final.FenceHistory)
	}
}
