package state

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// samples holds a value of every command with every field set.
func samples() []Command {
	value := "gold"
	step := FenceStep{At: epoch, Executor: "b", Device: "bmc-a", Step: "read power", Answer: "HTTP 200", Power: "off", Took: resources.Duration(time.Second), Error: "e"}
	return []Command{
		&ClusterCreated{ID: "id", Name: "overcloud", Node: "a", Address: "192.0.2.1:7450", Serial: "01"},
		&VersionRaised{Version: 2},
		&TokenCreated{ID: "t", Verifier: "v", ExpiresAt: epoch},
		&MemberJoined{Node: "b", Address: "192.0.2.2:7450", Voter: true, Serial: "02", Token: "t", Digest: "d"},
		&MemberJoined{Node: "w", Address: "192.0.2.3:7450", Voter: true, Serial: "03", Token: "t", Digest: "d", Witness: true},
		&MemberVoting{Node: "b", Voter: true},
		&MemberRenewed{Node: "b", Serial: "04", ExpiresAt: epoch},
		&MemberRemoved{Node: "b", Force: true},
		&MemberBooted{Node: "b", Incarnation: "i", BootID: "boot", Address: "192.0.2.2:7450", Software: 1},
		&MemberBooted{Node: "b", Incarnation: "i", BootID: "boot", Address: "192.0.2.2:7450", Software: 1, Stopped: "f7"},
		&MemberVerdict{Node: "b", Liveness: LivenessDead, Incarnation: "i", Evidence: []Evidence{{At: epoch, Observer: "a", Source: "ping", Text: "silent"}}},
		&MemberWatchdog{Node: "a", Incarnation: "i", Watchdog: &Watchdog{Device: "/dev/watchdog", Timeout: resources.Duration(time.Second), Lease: resources.Duration(time.Second)}},
		&MemberWatchdog{Node: "a", Incarnation: "i", Refused: "it runs in a virtual machine"},
		&DefinitionSet{Base: 7, Definition: &resources.Definition{Name: "overcloud", Resources: []resources.Resource{{ID: "vip", Agent: "vip", Params: resources.Params{"address": "192.0.2.9/24"}}}}},
		&DefinitionSet{Base: 7, Definition: &resources.Definition{Name: "overcloud", Fences: []resources.FenceDevice{{
			ID: "pdu", Agent: "fence_apc", Targets: []resources.NodeName{"a"}, HostMap: map[resources.NodeName]string{"a": "7"}, HostParam: "port", DelayMax: resources.Duration(time.Second), UnsafeCycle: true,
		}}}},
		&DefinitionSet{Base: 7, Definition: &resources.Definition{Name: "overcloud", Fences: []resources.FenceDevice{{
			ID: "scsi", Agent: "fence_scsi", Targets: []resources.NodeName{"a"}, Provides: resources.ProvidesUnfencing, UnsafeCut: true,
		}}}},
		&DefinitionSet{Base: 7, Definition: &resources.Definition{Name: "overcloud"}, Owner: "files", Note: "rollback to 5", Owners: &Owners{"resource[vip]": "files"}},
		&OperationsStarted{Operations: []Intent{{Node: "a", Instance: "vip", Op: resources.OpStart, Incarnation: "i", Timeout: resources.Duration(time.Second), Digest: "d", Reason: "r"}}},
		&OperationsStarted{Operations: []Intent{
			{Node: "a", Instance: "db", Op: resources.OpStart, Incarnation: "i", Timeout: resources.Duration(time.Second), Digest: "d", Reason: "r", Notify: true},
			{Node: "b", Instance: "db", Op: resources.OpNotify, Incarnation: "i", Timeout: resources.Duration(time.Second), Reason: "r", Notice: &Notice{
				Before: true, Op: resources.OpStart, Peers: []Place{{"a", "db"}}, Also: map[resources.Op][]Place{resources.OpStop: {{"c", "db"}}},
			}},
		}},
		&OperationsStarted{Operations: []Intent{{Node: "a", Instance: "vm", Op: resources.OpMigrateTo, Incarnation: "i", Timeout: resources.Duration(time.Second), Digest: "d", Reason: "r", Peer: "b"}}},
		&OperationFinished{Action: "7.0", Result: agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted, Reason: "r", Output: "o", Attributes: map[string]string{"k": "v"}}},
		&InstanceReported{Node: "a", Incarnation: "i", Instance: "vip", Result: agents.Result{Outcome: agents.OutcomeFailed}},
		&FailuresCleared{Resource: "vip", Node: "a"},
		&FenceRequested{Node: "a", Action: resources.FencingReboot, Reason: "lost", Evidence: []Evidence{{At: epoch, Observer: "b", Source: "tcp", Text: "t"}}},
		&FenceRequested{Node: "a", Action: resources.FencingOff, Reason: "test", Level: 2},
		&FenceRequested{Node: "a", Action: resources.FencingReboot, Reason: "lost", Premise: &FencePremise{Revision: 7, Since: epoch, Instance: "vip", Changed: 9, Ticket: "geo"}},
		&FenceStarted{Fence: "f1", Node: "a", Executor: "b"},
		&FenceReported{Fence: "f1", Node: "a", Proven: true, Steps: []FenceStep{step}, Error: "e", RetryAt: epoch},
		&FenceReported{Fence: "f1", Node: "a", Proven: true, Steps: []FenceStep{step}, Proof: ProofKdump},
		&FenceRefused{Fence: "f1", Node: "a", Digest: "d"},
		&FenceChecked{Checks: []FenceCheck{{Device: "bmc-a", Target: "a", Digest: "d", Results: []FenceCheckResult{{By: "b", At: epoch, Power: "on", Took: resources.Duration(time.Second), Failure: "auth", Text: "HTTP 401"}}}}},
		&FenceReleased{Node: "a", Reason: "mended"},
		&FencePoweredOn{Fence: "f1", Node: "a", Steps: []FenceStep{step}, Error: "e"},
		&FenceConfirmed{Node: "a", Reason: "unplugged"},
		&UnfenceRequested{Node: "a", Reason: "storage moved"},
		&UnfenceStarted{Node: "a", Executor: "b", Reason: "not unfenced since it started or was fenced"},
		&UnfenceReported{ID: "u1", Node: "a", Done: true, Digest: "d", Steps: []FenceStep{step}, Error: "e", RetryAt: epoch},
		&NodeStandby{Node: "a", Standby: true},
		&NodeMaintenance{Node: "a", On: true, Reason: "r", Until: epoch},
		&MaintenanceSet{Scope: "agent/systemd:*", Owner: "network team", Reason: "r", Until: epoch},
		&MaintenanceEnded{Scope: "agent/systemd:*", Expired: true},
		&TakeOverSet{Resource: "db", Units: []OwnedUnit{{Unit: "mariadb.service"}, {Unit: "mysqld.service", Mask: true}}},
		&UnitHeld{Node: "a", Unit: "mariadb.service", Resource: "db", Was: "enabled", Mask: true},
		&UnitReleased{Node: "a", Unit: "mariadb.service"},
		&RoleBound{Subject: "group:ops", Role: RoleOperator},
		&CertificateIssued{Name: "alice", Role: RoleViewer, Serial: "0a", ExpiresAt: epoch},
		&NodeAttribute{Node: "a", Key: "k", Value: &value},
		&ResourceMoved{Resource: "vip", To: "b", From: "a", Until: epoch},
		&ResourceAdvised{Resource: "galera", Advice: agents.Advice{Instances: map[resources.NodeName]map[string]string{"a": {"mode": "bootstrap"}}, Promotion: map[resources.NodeName]resources.Score{"a": 100}, Reason: "r", Table: [][]string{{"node"}, {"a"}}, Blocked: true}},
		&ResourceOverridden{Resource: "galera", Words: map[string]string{"bootstrap": "a"}, Reason: "r"},
		&ResourceRestart{Resource: "vip", Node: "a"},
		&TicketSet{Ticket: "geo", Granted: new(true), Standby: new(false)},
		&TicketSet{Ticket: "geo", Forget: true},
		&DefinitionSet{Base: 7, Definition: &resources.Definition{
			Templates:   []resources.Resource{{ID: "t", Agent: "vip"}},
			Resources:   []resources.Resource{{ID: "vip", Template: "t"}, {ID: "db", Agent: "galera"}},
			Tags:        []resources.Tag{{ID: "all", Members: []resources.ResourceID{"vip", "db"}}},
			Orders:      []resources.Order{{ID: "o", Sets: []resources.ResourceSet{{Resources: []resources.ResourceID{"db"}, RequireAll: new(false), Sequential: new(false), Action: resources.OpStart}, {Resources: []resources.ResourceID{"vip"}}}}},
			Colocations: []resources.Colocation{{ID: "c", Score: 5, Sets: []resources.ResourceSet{{Resources: []resources.ResourceID{"all"}, Role: resources.RoleStarted}}}},
			Tickets:     []resources.TicketUse{{ID: "u", Ticket: "geo", Resource: "all", LossPolicy: resources.LossFence}},
		}},
		&DefinitionSet{Base: 7, Definition: &resources.Definition{
			Resources: []resources.Resource{{ID: "fs", Agent: "ocf:heartbeat:Filesystem", Ops: []resources.Operation{{Name: resources.OpMonitor, Interval: resources.Duration(time.Second), Params: resources.Params{"OCF_CHECK_LEVEL": "10"}}}}},
			Locations: []resources.Location{{ID: "l", Resource: "fs", Rule: `date in "hours=9-16"`, Score: 5}},
		}},
		&DefinitionSet{Base: 7, Definition: &resources.Definition{Bundles: []resources.Bundle{{ID: "web", Image: "web:1", Pull: resources.PullMissing, Network: "host"}}}},
		&DefinitionSet{Base: 7, Definition: &resources.Definition{
			Cluster:    resources.ClusterRules{When: []resources.PropertiesWhen{{Rule: `date in "hours=2"`, MaintenanceMode: new(true)}}},
			Properties: resources.Properties{StopRemovedResources: new(false)},
			Nodes:      []resources.Node{{Name: "a", When: []resources.NodeWhen{{Rule: `date in "hours=2"`, Standby: new(true), Attributes: map[string]string{"rack": "2"}, Utilization: resources.Utilization{"cpu": 1}}}}},
			Fences:     []resources.FenceDevice{{ID: "bmc", Agent: "redfish", Targets: []resources.NodeName{"a"}, LeaveOff: true}},
			Defaults:   resources.Defaults{When: []resources.DefaultsWhen{{Rule: `agent in "vip"`, Resource: resources.Meta{Managed: new(false)}, Op: resources.Operation{Timeout: resources.Duration(time.Second)}}}},
			Resources: []resources.Resource{{ID: "vip", Agent: "vip", When: []resources.When{{
				Rule: "#uname == a", Params: resources.Params{"interface": "eth1"}, Meta: resources.Meta{Critical: new(false)}, Utilization: resources.Utilization{"cpu": 1},
				Ops: []resources.Operation{{Name: resources.OpStart, Timeout: resources.Duration(time.Second)}},
			}}}},
			Groups: []resources.Group{{ID: "g", Members: []resources.ResourceID{"vip"}, Ordered: new(false), Collocated: new(false), When: []resources.When{{Rule: "date < 2030-01-01", Meta: resources.Meta{Managed: new(false)}}}}},
		}},
		&SecretSet{Secret: "bmc", Sealed: "v1.k.x"},
		&SecretsResealed{Key: "k2", Was: "d", Secrets: map[string]string{"bmc": "v1.k2.y"}, Verifiers: map[string]string{"t": "v1.k2.z"}},
	}
}

// TestGoldenCommands holds every command's bytes: logs of earlier releases must
// stay readable for ever.
func TestGoldenCommands(t *testing.T) {
	var got bytes.Buffer
	named := map[string]bool{}
	for _, c := range samples() {
		entry, err := Encode(c, epoch, "root")
		if err != nil {
			t.Fatal(err)
		}
		got.Write(entry)
		got.WriteByte('\n')
		_, decoded, err := Decode(entry)
		if err != nil {
			t.Fatalf("%s: %v", c.name(), err)
		}
		if diff := cmp.Diff(c, decoded); diff != "" {
			t.Errorf("%s does not read back what it wrote (-wrote +read):\n%s", c.name(), diff)
		}
		named[c.name()] = true
	}
	for _, name := range slices.Sorted(maps.Keys(registry)) {
		if !named[name] {
			t.Errorf("command %s has no golden sample", name)
		}
	}
	golden := filepath.Join("testdata", "commands.jsonl")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("bytes of commands changed (-golden +now): give a changed command a new version\n%s", diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, entry := range map[string]string{
		"unknown command": `{"name":"node.painted/1","at":"2026-01-02T03:04:05Z","by":"","data":{}}`,
		"unknown field":   `{"name":"node.standby/1","at":"2026-01-02T03:04:05Z","by":"","data":{"node":"a","colour":"red"}}`,
		"wrong type":      `{"name":"node.standby/1","at":"2026-01-02T03:04:05Z","by":"","data":{"node":7}}`,
		"torn":            `{"name":"node.standby/1","at":"2026-01-02T03`,
		"trailing":        `{"name":"node.standby/1","at":"2026-01-02T03:04:05Z","by":"","data":{"node":"a"}} {}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := Decode([]byte(entry)); err == nil {
				t.Error("read without an error")
			} else if strings.Contains(err.Error(), "\n") {
				t.Errorf("error is not one line: %q", err)
			}
		})
	}
}
