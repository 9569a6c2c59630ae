package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

func TestSecretListAndRotate(t *testing.T) {
	c := newConsole(t)
	c.must(t, "fence", "create", "bmc-2", "redfish", "targets=controller-2", "endpoint=https://192.0.2.7", "username=admin", "password=secret://bmc-2")
	if out := c.must(t, "secret", "list"); !strings.Contains(out, "missing: belayctl secret set bmc-2") || !strings.Contains(out, "fence[bmc-2].password") {
		t.Errorf("listed:\n%s", out)
	}
	next, result := state.ApplyCommand(c.fake.state, c.fake.state.Index+1, 1, epoch, "alice", &state.SecretSet{Secret: "bmc-2", Sealed: "v1.k.sealed"})
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	c.fake.state = next
	var lines []secretLine
	if err := json.Unmarshal([]byte(c.must(t, "secret", "list", "-o", "json")), &lines); err != nil || len(lines) != 1 || !lines[0].Set || lines[0].By != "alice" || !lines[0].At.Equal(epoch) {
		t.Errorf("listed %+v, %v", lines, err)
	}
	if strings.Contains(c.out.String(), "sealed") {
		t.Errorf("the list shows what is sealed:\n%s", c.out.String())
	}
	c.app.in = strings.NewReader("hunter3\n")
	c.must(t, "secret", "rotate", "bmc-2")
	if c.fake.secrets["bmc-2"] != "hunter3" || !c.fake.rotated["bmc-2"] || strings.Contains(c.out.String()+c.err.String(), "hunter3") {
		t.Errorf("stored %q, wrote %s%s", c.fake.secrets["bmc-2"], c.out.String(), c.err.String())
	}
	if code := c.run(t, "secret", "delete", "bmc-2"); code != exitInput || !strings.Contains(c.err.String(), "is used by fence[bmc-2].password") {
		t.Errorf("deleted while used: exit %d, %s", code, c.err.String())
	}
	c.must(t, "secret", "delete", "bmc-2", "--force")
}

// TestSecretDryRuns refuse what would be refused; and a secret among the arguments is
// not repeated.
func TestSecretDryRuns(t *testing.T) {
	c := newConsole(t)
	for words, want := range map[string]string{
		"rotate bmc-9 --dry-run": "there is no secret \"bmc-9\"", "delete bmc-9 --dry-run": "there is no secret \"bmc-9\"", "set bmc!9 --dry-run": "bmc!9",
		"set bmc-9 hunter2": "not taken from the command line", "rotate bmc-9 hunter2": "not taken from the command line",
	} {
		c.app.in = strings.NewReader("hunter3\n")
		if code := c.run(t, append([]string{"secret"}, strings.Fields(words)...)...); code != exitInput || !strings.Contains(c.err.String(), want) || strings.Contains(c.err.String(), "hunter") || len(c.fake.secrets) > 0 {
			t.Errorf("%s: exit %d, %s", words, code, c.err.String())
		}
	}
	c.app.in = strings.NewReader("hunter3\n")
	c.must(t, "secret", "set", "bmc-9", "--dry-run")
}

func TestRotateKey(t *testing.T) {
	c := newConsole(t)
	if out := c.must(t, "secret", "rotate-key", "--dry-run"); out != "dry run: 0 secrets and 0 join tokens would be sealed anew\n" {
		t.Errorf("dry run: %s", out)
	}
	want := "data key 0123456789ab is in use: 2 secrets and 1 join tokens are sealed anew\nwithout it so far: controller-2; they fetch it when they are back\n"
	if out := c.must(t, "secret", "rotate-key"); out != want {
		t.Errorf("got %s", out)
	}
}

// TestPasswordsInTheClearAreRefused: whoever writes one, in files and by single
// commands, and those of an earlier release stay until they are changed.
func TestPasswordsInTheClearAreRefused(t *testing.T) {
	c := newConsole(t)
	c.app.agents, c.app.fences = catalog.Agents(zap.NewNop()), catalog.Fences()
	create := []string{"fence", "create", "bmc-2", "redfish", "targets=controller-2", "endpoint=https://192.0.2.7", "username=admin"}
	refused := func(path, secret string, command ...string) {
		t.Helper()
		before := c.fake.state.Revision
		code := c.run(t, command...)
		said := c.err.String()
		for _, want := range []string{path + ": a secret stands in the clear", "[clear_secret]", "next: belayctl secret set " + secret + "\n", `write "secret://` + secret + `" here`} {
			if !strings.Contains(said, want) {
				t.Errorf("%s %s: no %q in:\n%s", command[0], command[1], want, said)
			}
		}
		if code != exitInput || strings.Contains(said, "hunter2") || c.fake.state.Revision != before {
			t.Errorf("%s %s: exit %d, revision %d: %s", command[0], command[1], code, c.fake.state.Revision, said)
		}
	}
	refused("fence[bmc-2].params.password", "bmc-2-password", append(create, "password=hunter2")...)
	refused("fence[apc].params.passwd", "apc-passwd", "fence", "create", "apc", "fence_apc", "targets=controller-2", "ip=192.0.2.8", "passwd=hunter2")
	refused("fence[apc].params.pin", "apc-pin", "fence", "create", "apc", "fence_apc", "targets=controller-2", "ip=192.0.2.8", "belay.secrets=pin", "pin=hunter2")
	refused("resource[db].params.check_password", "db-check_password", "resource", "create", "db", "galera", "check_user=c", "check_password=hunter2", "--clone")
	refused("resource[api].params.env.API_TOKEN", "api-env.API_TOKEN", "resource", "create", "api", "process", "command=/bin/true", "env.API_TOKEN=hunter2")
	file := definitionFile(t, `params = { endpoint = "https://192.0.2.1" }`, `params = { endpoint = "https://192.0.2.1", username = "admin", password = "hunter2" }`)
	for _, command := range [][]string{{"validate", file}, {"plan", "-f", file}, {"apply", "-f", file, "--yes"}} {
		refused("fence[bmc-compute-0].params.password", "bmc-compute-0-password", command...)
		if !strings.HasPrefix(c.err.String(), file+":") {
			t.Errorf("no place: %s", c.err.String())
		}
	}
	c.must(t, append(create, "password=secret://bmc-2")...)

	// An earlier release took it.
	held := c.fake.state.Definition.Clone()
	for i := range held.Fences {
		if held.Fences[i].ID == "bmc-2" {
			held.Fences[i].Params["password"] = "hunter2"
		}
	}
	c.fake.state.Definition = held
	c.must(t, "resource", "disable", "vip")
	export := c.must(t, "export")
	path := filepath.Join(t.TempDir(), "export.toml")
	if err := os.WriteFile(path, []byte(export), 0o600); err != nil {
		t.Fatal(err)
	}
	c.must(t, "apply", "-f", path)
	c.must(t, "fence", "update", "bmc-2", "password=secret://bmc-2")
	refused("fence[bmc-2].params.password", "bmc-2-password", "apply", "-f", path, "--yes")
}

// TestSecretUses: wherever a definition refers to a secret, it is in use, and whoever
// has it from a template is named.
func TestSecretUses(t *testing.T) {
	sealed := resources.Params{"token": "secret://s"}
	def := &resources.Definition{
		Fences:    []resources.FenceDevice{{ID: "pdu", HostMap: map[resources.NodeName]string{"a": "secret://s"}}},
		Templates: []resources.Resource{{ID: "base", Params: sealed}},
		Resources: []resources.Resource{
			{ID: "taker", Template: "base"}, {ID: "op", Ops: []resources.Operation{{Name: resources.OpStart, Params: sealed}}},
			{ID: "rule", When: []resources.When{{Params: sealed}}}, {ID: "free"},
		},
	}
	want := []string{"template[base].token", "resource[op].op.start.token", "resource[rule].when.token", "fence[pdu].host_map.a"}
	if got := secretUses(def)["s"]; !slices.Equal(got, want) {
		t.Errorf("uses %q, want %q", got, want)
	}
	if got, want := secretUsers(def, "s"), []resources.ResourceID{"taker", "op", "rule"}; !slices.Equal(got, want) {
		t.Errorf("users %q, want %q", got, want)
	}
}
