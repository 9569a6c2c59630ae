package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
	"github.com/belay-ha/belay/resources/edit"
)

func TestExitCodes(t *testing.T) {
	wire := func(code api.Code) error { return fmt.Errorf("call: %w", &api.Error{Code: code, Text: "t"}) }
	cases := []struct {
		name string
		err  error
		want int
	}{
		{"nothing", nil, 0},
		{"anything", errors.New("x"), 1},
		{"usage", usage("x"), 2},
		{"edit", &edit.Error{Code: edit.CodeUsage, Text: "x"}, 2},
		{"file", &definition.Error{Problems: []definition.Problem{{Problem: resources.Problem{Code: resources.ProblemMissing}}}}, 2},
		{"definition", &resources.InvalidError{Problems: []resources.Problem{{Code: resources.ProblemCycle}}}, 2},
		{"invalid", wire(api.CodeInvalid), 2},
		{"not found", wire(api.CodeNotFound), 2},
		{"conflict", wire(api.CodeConflict), 1},
		{"refused", wire(api.CodeRefused), 1},
		{"forbidden", wire(api.CodeForbidden), 1},
		{"internal", wire(api.CodeInternal), 1},
		{"no quorum", wire(api.CodeNoQuorum), 3},
		{"unknown", wire(api.CodeUnknown), 3},
		{"unavailable", wire(api.CodeUnavailable), 3},
		{"unreachable", fmt.Errorf("x: %w", &url.Error{Op: "Get", URL: "u", Err: errors.New("refused")}), 3},
		{"no answer", fmt.Errorf("x: %w", context.DeadlineExceeded), 3},
		{"interrupted", &url.Error{Op: "Get", URL: "u", Err: context.Canceled}, 1},
		{"not as asked", fmt.Errorf("x: %w", &notAsAskedError{}), 4},
		{"timed out", fmt.Errorf("x: %w", &timedOutError{}), 5},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := exitCode(c.err); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

// TestBadUsage: every mistake on the command line is exit 2 with the next step,
// and changes nothing.
func TestBadUsage(t *testing.T) {
	cases := []struct{ line, want string }{
		{"statsu", `belayctl has no command "statsu": did you mean "status"?`},
		{"help statsu", `belayctl has no command "statsu": did you mean "status"?`},
		{"help resource creat", `belayctl resource has no command "creat": did you mean "create"?`},
		{"help errors no_qorum", `no error code is called "no_qorum": did you mean "no_quorum"?`},
		{"resource creat x vip", `belayctl resource has no command "creat": did you mean "create"?`},
		{"fence level ad 1 n d", `belayctl fence level has no command "ad": did you mean "add"?`},
		{"fence histroy", "no node is called \"histroy\", and fence has no such command: did you mean `belayctl fence history`?"},
		{"status --wach", "unknown flag: --wach: did you mean --watch?; see: belayctl status --help [unknown_flag]"},
		{"status x", "write: belayctl status"},
		{"status -o yaml", `output "yaml": write text or json`},
		{"resource enable x -o yaml", `output "yaml": write text or json`},
		{"resource create x vip -o yaml", `output "yaml": write text or json`},
		{"resource create x vip address=192.0.2.1/24 --wait=soon", `invalid argument "soon" for "--wait" flag`},
		{"resource create x vip adress=192.0.2.1/24", `agent "vip" has no parameter "adress" (did you mean "address"?)`},
		{"resource create x vip --no-such-thing", `unexpected "--no-such-thing": write NAME=VALUE`},
		{"resource create x vip address=192.0.2.1/24 --dryrun", "unknown flag: --dryrun: did you mean --dry-run?"},
		{"constraint order haproxy then vip --wiat", "did you mean --wait?"},
		{"resource enable vipp", `no resource or group is called "vipp": did you mean "vip"?`},
		{"resource enable", "write: belayctl resource enable ID..."},
		{"resource agents galeria", `no agent is called "galeria": did you mean "galera"?`},
		{"constraint order haproxy then vpi", `did you mean "vip"?`},
		{"constraint order vip then haproxy", "these orders wait for each other: start haproxy -> start vip -> start haproxy"},
		{"property set no-quorum-policy=stopp", `"stopp" is not one of stop, freeze, ignore, demote, suicide (did you mean "stop"?)`},
		{"node standby controller-9", `node "controller-9" is not a member: did you mean "controller-0"? [node_unknown]`},
		{"ticket forget goe", `ticket "goe" is not known`},
		{"resource move vip controler-1", `node "controler-1" is not a member: did you mean "controller-1"?`},
		{"fence confirm controller-2", "say how you know that controller-2 is off: --reason TEXT"},
		{"fence confirm controller-2 --reason x", "nobody is there to be asked: add --yes if you are sure"},
		{"galera bootstrap --reason x", "write --from NODE, or --cancel"},
		{"galera bootstrap --from controller-0", "say why controller-0 has the right data: --reason TEXT"},
		{"wait --for=", `condition "", column 1`},
		{"resource move vpi", `no resource or group is called "vpi": did you mean "vip"?`},
		{"wait --for galera", `condition "galera", column 7: started, promoted or stopped is missing`},
		{"wait --for nothing\x20started>=1", `no resource is called "nothing"`},
		{"completion tcsh", `no shell is called "tcsh": there are bash, fish, zsh`},
		{"apply", "write: belayctl apply -f FILE"},
		{"apply -f missing.toml", "open missing.toml: no such file or directory"},
		{"cluster init --name a/b --address 192.0.2.1", `--name "a/b": use letters`},
		{"cluster init --name x --address 192.0.2.1 --node a/b", `name "a/b"`},
		{"cluster init --name x --address 192.0.2.1:0", "the port is a number from 1 to 65534"},
		{"cluster init --name x --address http://controller-0", "write an IP address or a name"},
		{"cluster join 0.0.0.0 --address 192.0.2.1 --token x", `address "0.0.0.0": other hosts cannot dial it`},
		{"cluster init --name x", "say what other members dial: --address ADDRESS"},
	}
	for _, c := range cases {
		t.Run(c.line, func(t *testing.T) {
			console := newConsole(t)
			args := strings.Fields(c.line)
			if name, _, found := strings.Cut(c.line, "nothing\x20"); found {
				args = append(strings.Fields(name), "nothing started>=1")
			}
			before := console.fake.state.Revision
			if code := console.run(t, args...); code != exitInput {
				t.Errorf("exit %d", code)
			}
			if !strings.Contains(console.err.String(), c.want) {
				t.Errorf("got  %s\nwant %s", console.err.String(), c.want)
			}
			if console.out.Len() > 0 || console.fake.state.Revision != before {
				t.Errorf("wrote %q, revision %d", console.out.String(), console.fake.state.Revision)
			}
		})
	}
}

func TestWaitForms(t *testing.T) {
	for _, c := range []struct {
		flag string
		want time.Duration
	}{{"--wait=240", 240 * time.Second}, {"--wait=600s", 600 * time.Second}, {"--wait", 600 * time.Second}} {
		t.Run(c.flag, func(t *testing.T) {
			console := newConsole(t)
			console.fake.waits = []api.WaitAnswer{{}} // never settled
			if code := console.run(t, "resource", "disable", "vip", c.flag); code != exitTimedOut {
				t.Errorf("exit %d: %s", code, console.err.String())
			}
			if got := console.clock.Sub(epoch); got < c.want || got > c.want+5*time.Second {
				t.Errorf("waited %s, want %s", got, c.want)
			}
			for _, request := range console.fake.waited {
				if request.Index != 8 || len(request.Resources) != 1 || request.Resources[0] != "vip" || request.Timeout.Std() > api.MaxWait {
					t.Fatalf("asked %+v", request)
				}
			}
		})
	}
}

func TestWaitOutcomes(t *testing.T) {
	problem := api.ProblemStatus{Text: "vip cannot start on any node", Next: "belayctl resource retry vip"}
	action := api.ActionStatus{Key: "start vip@controller-0", InFlight: true}
	cases := []struct {
		name     string
		limit    string
		silences int
		waits    []api.WaitAnswer
		code     int
		text     string
	}{
		{"at once", "20", 0, []api.WaitAnswer{{Settled: true, AsAsked: true}}, exitDone, ""},
		{"in the end", "20", 0, []api.WaitAnswer{{}, {}, {Settled: true, AsAsked: true}}, exitDone, ""},
		{"after an election", "60", 3, []api.WaitAnswer{{Settled: true, AsAsked: true}}, exitDone, ""},
		{"nobody leads any more", "60", 100, []api.WaitAnswer{{}}, exitNoQuorum, "the change is made, but"},
		{"not as asked", "20", 0, []api.WaitAnswer{{}, {Settled: true, Problems: []api.ProblemStatus{problem}}}, exitNotAsAsked,
			"settled, but not as asked [not_as_asked]\n  vip cannot start on any node; next: belayctl resource retry vip"},
		{"never", "20", 0, []api.WaitAnswer{{Actions: []api.ActionStatus{action}}}, exitTimedOut, "not settled after 20s; the change itself is made and goes on [timed_out]\n  start vip@controller-0 is under way"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			console := newConsole(t)
			console.fake.waits, console.fake.silences = c.waits, c.silences
			if code := console.run(t, "resource", "create", "x", "vip", "--wait="+c.limit, "address=192.0.2.7/24"); code != c.code {
				t.Errorf("exit %d, want %d: %s", code, c.code, console.err.String())
			}
			if !strings.Contains(console.err.String(), c.text) {
				t.Errorf("got %s", console.err.String())
			}
			if _, made := console.fake.state.Definition.Resource("x"); !made {
				t.Error("the change was not made")
			}
		})
	}
}

func TestEditAgainAfterConflict(t *testing.T) {
	c := newConsole(t)
	times := 0
	c.fake.before = func(f *fakeCluster) {
		if times++; times > 2 {
			return
		}
		other := f.state.Definition.Clone()
		other.Resources = append(other.Resources, resources.Resource{ID: resources.ResourceID(fmt.Sprintf("other-%d", times)), Agent: "systemd:x"})
		f.state, _ = state.ApplyCommand(f.state, f.state.Index+1, 1, epoch, "somebody", &state.DefinitionSet{Base: f.state.Revision, Definition: other})
	}
	c.must(t, "resource", "create", "mine", "systemd:y")
	for _, told := range []string{"from revision 7 to 8", "revision 8 by somebody", "resource[other-1] added", "from revision 8 to 10", "resource[other-2] added"} {
		if !strings.Contains(c.err.String(), told) {
			t.Errorf("no %q in: %s", told, c.err.String())
		}
	}
	for _, id := range []resources.ResourceID{"other-1", "other-2", "mine"} {
		if _, found := c.fake.state.Definition.Resource(id); !found {
			t.Errorf("%s is lost", id)
		}
	}
	c.fake.before = func(f *fakeCluster) { f.state.Revision++ }
	if code := c.run(t, "resource", "create", "never", "systemd:z"); code != exitError {
		t.Errorf("exit %d: %s", code, c.err.String())
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	c := newConsole(t)
	for _, name := range []resources.NodeName{"controller-0", "controller-1", "controller-2", "compute-0", "compute-7"} {
		for _, r := range c.fake.state.Definition.Resources {
			c.fake.runs(name, resources.InstanceID(r.ID), resources.RoleStopped)
		}
	}
	out := c.must(t, "resource", "create", "x", "vip", "address=192.0.2.7/24", "--dry-run")
	for _, want := range []string{"resource[x] added\n  +[[resource]]\n  +id = \"x\"\n", "actions would follow:\n", "probe x@controller-0"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if len(c.fake.commands) > 0 || c.fake.state.Revision != 7 {
		t.Errorf("commands: %v", c.fake.commands)
	}
	var answer changeAnswer
	if err := json.Unmarshal([]byte(c.must(t, "resource", "delete", "vip", "--cascade", "--dry-run", "-o", "json")), &answer); err != nil {
		t.Fatal(err)
	}
	if !answer.DryRun || !answer.Changed || len(answer.Changes) != 3 || len(c.fake.commands) > 0 {
		t.Errorf("got %+v", answer)
	}
}

func TestApply(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := newConsole(t)
	same := write("same.toml", baseFile)
	if out := c.must(t, "apply", "-f", same); !strings.Contains(out, "nothing to change; 22 things are kept by these files from now on\n") || c.fake.state.Owners["resource[vip]"] != "files" {
		t.Errorf("an equal file: %q", out)
	}
	if out := c.must(t, "apply", "-f", same); out != "nothing to change\n" || len(c.fake.commands) != 1 {
		t.Errorf("again: %q, %v", out, c.fake.commands)
	}
	less := write("less.toml", strings.Replace(baseFile, "[[resource]]\nid = \"reader\"\nagent = \"systemd:reader\"\n", "", 1))
	c.must(t, "resource", "create", "by-hand", "systemd:x")
	if out := c.must(t, "apply", "-f", less); !strings.Contains(out, "not in the files any more: resource[reader]; --prune takes it out\nleft as it is, made by single commands: resource[by-hand]\n") {
		t.Errorf("got %s", out)
	}
	if out := c.must(t, "apply", "-f", less, "--prune"); !strings.Contains(out, "resource[reader] removed\n  -[[resource]]\n") || strings.Contains(out, "by-hand] removed") {
		t.Errorf("got %s", out)
	}
	if out := c.must(t, "apply", "-f", less, "--prune=all"); !strings.Contains(out, "resource[by-hand] removed") {
		t.Errorf("got %s", out)
	}
	if code := c.run(t, "apply", "-f", write("other.toml", "[cluster]\nname = \"other\"\n")); code != exitInput || !strings.Contains(c.err.String(), `for cluster "other"`) {
		t.Errorf("exit %d: %s", code, c.err.String())
	}
	if code := c.run(t, "apply", "-f", write("wrong.toml", "[cluster]\nname = \"other\"\nnonsense = 1\n")); code != exitInput || !strings.Contains(c.err.String(), "wrong.toml:3:1: ") {
		t.Errorf("a wrong file of another cluster: exit %d, %s", code, c.err.String())
	}
	bad := write("bad.toml", "[[resource]]\nid = \"x\"\nagnt = \"vip\"\n[[order]]\nfirst = \"x\"\nthen = \"y\"\n")
	for _, verb := range [][]string{{"apply", "-f", bad}, {"validate", bad}} {
		want := fmt.Sprintf("%s:3:1: resource[x]: unknown key \"agnt\" (did you mean \"agent\"?) [unknown_key]\n%s:6:8: order[order-x-y].then: no resource or group is called \"y\" [unknown_name]\nbelayctl: 2 problems; nothing was changed [unknown_key]\nnext: belayctl help errors unknown_key\n", bad, bad)
		if code := c.run(t, verb...); code != exitInput || c.err.String() != want {
			t.Errorf("%s: exit %d\n%s", verb, code, cmp.Diff(want, c.err.String()))
		}
	}
}

func TestExportAppliesWithAnEmptyDiff(t *testing.T) {
	c := newConsole(t)
	c.must(t, "property", "set", "no-quorum-policy=freeze", "fence-window=300")
	c.must(t, "constraint", "location", "vip", "prefers", "controller-0=50")
	exported := c.must(t, "export")
	c.app.in = strings.NewReader(exported)
	before := c.fake.state.Definition
	if out := c.must(t, "apply", "-f", "-"); !strings.HasPrefix(out, "nothing to change") || len(definition.Diff(before, c.fake.state.Definition)) > 0 {
		t.Errorf("got %s", out)
	}
}

// TestWordsAndFlags: pcs' words keep their order and dashes, and Belay's flags
// may stand anywhere among them.
func TestWordsAndFlags(t *testing.T) {
	c := newConsole(t)
	out := c.must(t, "-o", "json", "constraint", "colocation", "add", "reader", "with", "--wait=5", "galera", "-INFINITY")
	if len(c.fake.waited) != 1 || !strings.Contains(out, `"changed": true`) {
		t.Errorf("waited %v, wrote %s", c.fake.waited, out)
	}
	if l := c.fake.state.Definition.Colocations[1]; l.Resource != "reader" || l.Score != -resources.Infinity {
		t.Errorf("got %+v", l)
	}
	c.must(t, "resource", "update", "galera", "--", "meta", "priority=-5")
	r, _ := c.fake.state.Definition.Resource("galera")
	if r.Meta.Priority == nil || *r.Meta.Priority != -5 {
		t.Errorf("got %+v", r.Meta)
	}
	c.must(t, "resource", "create", "vip", "vip", "--if-absent", "address=192.0.2.1/24")
}

func TestSecretsStaySecret(t *testing.T) {
	c := newConsole(t)
	c.app.in = strings.NewReader("hunter2\n")
	out := c.must(t, "secret", "set", "bmc-0")
	if c.fake.secrets["bmc-0"] != "hunter2" || strings.Contains(out+c.err.String(), "hunter2") {
		t.Errorf("stored %q, wrote %q", c.fake.secrets["bmc-0"], out)
	}
	c.app.interactive = true
	c.must(t, "secret", "set", "bmc-1")
	if c.fake.secrets["bmc-1"] != "typed" {
		t.Errorf("stored %q", c.fake.secrets["bmc-1"])
	}
	c.must(t, "secret", "delete", "bmc-1")
	if value, found := c.fake.secrets["bmc-1"]; !found || value != "" {
		t.Errorf("stored %q", value)
	}
}

func TestJoinReadsTheTokenFromItsInput(t *testing.T) {
	c := newConsole(t)
	c.app.in = strings.NewReader("belay-token\n")
	c.must(t, "cluster", "join", "192.0.2.10", "--address", "192.0.2.11", "--node", "controller-1")
	want := fakeEnroller{host: Enrollment{Node: "controller-1", Address: "192.0.2.11:7450", ConfigFile: "/etc/belay/belayd.toml"}, peer: "192.0.2.10:7450", token: "belay-token"}
	if *c.enroller != want {
		t.Errorf("got %+v", *c.enroller)
	}
}

func TestStatus(t *testing.T) {
	c := newConsole(t)
	c.fake.runs("controller-0", "galera", resources.RolePromoted)
	broken := c.fake.runs("controller-1", "galera", resources.RoleStarted)
	broken.Failed, broken.Reason = true, "wsrep_cluster_status is Disconnected"
	broken.Failures = map[resources.Op]*state.Failure{resources.OpMonitor: {Count: 2, Outcome: agents.OutcomeFailed, Last: epoch, Reason: "wsrep_cluster_status is Disconnected",
		Output: "[ERROR] WSREP: gcs connect failed\n\ngalera.service: Failed with result 'exit-code'.\n"}}
	dead := c.fake.state.Nodes["controller-2"]
	dead.Liveness, dead.Evidence = state.LivenessDead, []state.Evidence{{Observer: "controller-0", Source: "ping", Text: "silent for 2 s"}}
	c.fake.state.Fencing["controller-2"] = &state.Fencing{ID: "9", Node: "controller-2", Action: resources.FencingReboot, Phase: state.FencingFailed, By: "cluster", Reason: "lost", RequestedAt: epoch, Error: "bmc-2: connection refused"}
	stopped := resources.RoleStopped
	r, _ := c.fake.state.Definition.Resource("reader")
	r.Meta.TargetRole = &stopped
	out := c.must(t, "status")
	for _, want := range []string{
		"cluster overcloud, leader controller-0\n",
		"\n● controller-0  online, leader\n  └─ galera  promoted  galera\n",
		"\n● controller-1  online, voter\n  └─ galera  started, failed  galera  wsrep_cluster_status is Disconnected\n",
		"\n● controller-2  offline, lost: may still run things, voter\n     seen by controller-0 (ping): silent for 2 s\n",
		"  reader  stopped  systemd:reader  disabled; to start it: belayctl resource enable reader\n",
		"\nfailures\n  monitor of galera on controller-1: failed, 2 times, last at 2026-03-04T05:06:07Z\n    wsrep_cluster_status is Disconnected\n    | [ERROR] WSREP: gcs connect failed\n    next: belayctl resource retry galera controller-1\n",
		"\nfencing\n  2026-03-04T05:06:07Z  reboot controller-2  failed  by cluster: lost\n    bmc-2: connection refused\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Error("colours, and nobody looks")
	}
	c.app.terminal = true
	if out := c.must(t, "status"); !strings.Contains(out, "\x1b[31m●\x1b[0m \x1b[1mcontroller-2\x1b[0m") {
		t.Errorf("no colours on a terminal:\n%s", out)
	}
	var answer struct {
		Nodes []struct {
			Name   string
			Online bool
		}
		Resources []struct{ ID, Node, Role string }
	}
	if err := json.Unmarshal([]byte(c.must(t, "status", "-o", "json")), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Nodes) != 5 || answer.Nodes[4].Name != "controller-2" || answer.Nodes[4].Online || !answer.Nodes[2].Online {
		t.Errorf("nodes: %+v", answer.Nodes)
	}
	if got := answer.Resources[2]; got.ID != "galera" || got.Node != "controller-0" || got.Role != "promoted" {
		t.Errorf("resources: %+v", answer.Resources)
	}
}

func TestUnreachable(t *testing.T) {
	c := newConsole(t)
	c.app.dial = dial
	code := c.run(t, "status", "--addr", "unix://"+filepath.Join(t.TempDir(), "none.sock"))
	if code != exitNoQuorum || !strings.Contains(c.err.String(), "next: systemctl status belayd") {
		t.Errorf("exit %d: %s", code, c.err.String())
	}
	for addr, want := range map[string]string{
		"http://x": "write unix:///PATH or https://HOST:7450", "unix://x": "write unix:///PATH", "https://x:7450": "set BELAY_CERT, BELAY_KEY, BELAY_CA",
	} {
		if code := c.run(t, "status", "--addr", addr); code != exitInput || !strings.Contains(c.err.String(), want) {
			t.Errorf("%s: exit %d: %s", addr, code, c.err.String())
		}
	}
}

func TestMoveAwayFromWhereItRuns(t *testing.T) {
	c := newConsole(t)
	c.fake.runs("controller-1", "vip", resources.RoleStarted)
	c.must(t, "resource", "move", "vip", "--for", "30m")
	move := c.fake.state.Moves["vip"]
	if move == nil || move.From != "controller-1" || move.To != "" || move.Until.Sub(epoch) < 30*time.Minute || move.Until.Sub(epoch) > 31*time.Minute {
		t.Errorf("got %+v", move)
	}
	c.must(t, "resource", "move", "vip", "--end")
	if c.fake.state.Moves["vip"] != nil {
		t.Error("the move goes on")
	}
	if code := c.run(t, "resource", "move", "galera"); code != exitInput {
		t.Errorf("exit %d for a resource that runs nowhere", code)
	}
}

func TestFenceWaitsForProof(t *testing.T) {
	c := newConsole(t)
	if code := c.run(t, "fence", "controller-2", "--wait=1"); code != exitTimedOut || !strings.Contains(c.err.String(), "is not proven off") {
		t.Errorf("exit %d: %s", code, c.err.String())
	}
	c = newConsole(t)
	c.fenced()
	if out := c.must(t, "fence", "controller-2", "--wait", "--reason", "hangs"); !strings.Contains(out, "power off") || !strings.Contains(out, "hangs") {
		t.Errorf("got %s", out)
	}
}

func TestFenceTest(t *testing.T) {
	c := newConsole(t)
	c.fenced()
	if out := c.must(t, "fence", "test", "controller-0", "--level", "2", "--yes"); !strings.Contains(out, "test of level 2") {
		t.Errorf("got %s", out)
	}
	if f := c.fake.state.Fencing["controller-0"]; f == nil || f.Level != 2 || f.Action != resources.FencingReboot {
		t.Errorf("asked for %+v", f)
	}
	c = newConsole(t)
	if out := c.must(t, "fence", "test", "controller-0", "--dry-run"); !strings.Contains(out, "ok, power on") || len(c.fake.state.Fencing) != 0 {
		t.Errorf("the dry form: %s", out)
	}
	for words, says := range map[string]string{
		"fence test controller-0":                 "add --yes",
		"fence test controller-0 --level 7 --yes": "no device fences controller-0 at level 7",
		"fence test controler-0 --yes":            "controller-0",
	} {
		if code := c.run(t, strings.Fields(words)...); code != exitInput || !strings.Contains(c.err.String(), says) || len(c.fake.state.Fencing) != 0 {
			t.Errorf("%s: exit %d: %s", words, code, c.err.String())
		}
	}
}

func TestFenceCheck(t *testing.T) {
	c := newConsole(t)
	if out := c.must(t, "fence", "check", "--all"); strings.Count(out, "ok, power on") != 4 || !strings.Contains(out, "12ms") || !strings.Contains(out, "controller-1") {
		t.Errorf("got\n%s", out)
	}
	c.fake.broken = map[string]string{"pdu": "auth"}
	if code := c.run(t, "fence", "check", "pdu", "nova"); code != exitNotAsAsked || !strings.Contains(c.out.String(), "auth: HTTP 401") || !strings.Contains(c.err.String(), "1 of 2 fence devices would fail: pdu") {
		t.Errorf("exit %d:\n%s%s", code, c.out.String(), c.err.String())
	}
	if code := c.run(t, "fence", "check", "--all", "-o", "json"); code != exitNotAsAsked || !strings.Contains(c.out.String(), `"failure": "auth"`) {
		t.Errorf("exit %d:\n%s", code, c.out.String())
	}
	c.fake.checked = nil
	for _, words := range []string{"fence check", "fence check --all pdu", "fence check pdo"} {
		if code := c.run(t, strings.Fields(words)...); code != exitInput || c.fake.checked != nil {
			t.Errorf("%s: exit %d: %s", words, code, c.err.String())
		}
	}
}

func TestFenceRelease(t *testing.T) {
	c := newConsole(t)
	if code := c.run(t, "fence", "release", "controller-1"); code == exitDone || !strings.Contains(c.err.String(), "was not left off") {
		t.Errorf("exit %d: %s", code, c.err.String())
	}
	c.leftOff("controller-1")
	c.must(t, "fence", "release", "controller-1", "--reason", "mended")
	if f := c.fake.state.Fencing["controller-1"]; f == nil || f.Action != resources.FencingRelease || f.Reason != "mended" {
		t.Errorf("open fencing %+v", f)
	}
}

// The history says of each fencing when, by whom, how often, how long, and what
// was answered.
func TestFenceHistory(t *testing.T) {
	c := newConsole(t)
	at := func(d time.Duration) time.Time { return epoch.Add(d) }
	c.fake.state.FenceHistory = []*state.Fencing{{
		ID: "f7", Node: "controller-2", Action: resources.FencingReboot, Reason: "lost", By: "cluster", RequestedAt: epoch, Phase: state.FencingDone, Attempts: 2,
		Evidence: []state.Evidence{{At: at(-time.Second), Observer: "controller-1", Source: "ping", Text: "no answer for 1.5s"}},
		Steps: []state.FenceStep{
			{At: at(time.Second), Executor: "controller-0", Device: "bmc-2", Step: "ask for off", Answer: "HTTP 503: starting", Took: resources.Duration(40 * time.Millisecond), Error: "busy"},
			{At: at(3 * time.Second), Executor: "controller-1", Device: "bmc-2", Step: "read power", Answer: "HTTP 200", Power: "off", Took: resources.Duration(12 * time.Millisecond)},
		}, OffAt: at(3200 * time.Millisecond), EndedAt: at(4 * time.Second),
	}, {ID: "f9", Node: "controller-1", Action: resources.FencingOff, By: "alice", Reason: "plugs pulled", RequestedAt: epoch, Phase: state.FencingDone, OffAt: epoch, EndedAt: epoch,
		Steps: []state.FenceStep{{At: epoch, Device: "operator", Step: "confirm", Answer: "alice: plugs pulled", Power: "off"}}}}
	out := c.must(t, "fence", "history")
	for _, says := range []string{
		"f7, attempt 2, proven off after 3.2s, ended after 4s", "seen by controller-1 (ping): no answer for 1.5s",
		"bmc-2 ask for off by controller-0: HTTP 503: starting, busy (40ms)", "bmc-2 read power by controller-1: HTTP 200, power off (12ms)",
		"by alice: plugs pulled", "operator confirm: alice: plugs pulled",
	} {
		if !strings.Contains(out, says) {
			t.Errorf("it does not say %q:\n%s", says, out)
		}
	}
	if one := c.must(t, "fence", "history", "controller-1"); strings.Contains(one, "f7") || !strings.Contains(one, "f9") {
		t.Errorf("of one node:\n%s", one)
	}
}
