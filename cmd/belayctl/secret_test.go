package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/state"
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

// TestPasswordsInTheClearAreTold: once, when they come into the definition.
func TestPasswordsInTheClearAreTold(t *testing.T) {
	c := newConsole(t)
	c.must(t, "fence", "create", "bmc-2", "redfish", "targets=controller-2", "endpoint=https://192.0.2.7", "username=admin", "password=hunter2")
	if said := c.err.String(); !strings.Contains(said, "fence[bmc-2].password is in the clear") || strings.Contains(said, "hunter2") {
		t.Errorf("said: %s", said)
	}
	c.must(t, "resource", "disable", "vip")
	if said := c.err.String(); strings.Contains(said, "in the clear") {
		t.Errorf("said again: %s", said)
	}
	file := definitionFile(t, `params = { endpoint = "https://192.0.2.1" }`, `params = { endpoint = "https://192.0.2.1", username = "admin", password = "hunter2" }`)
	for _, command := range [][]string{{"validate", file}, {"plan", "-f", file}, {"apply", "-f", file, "--yes"}} {
		c.must(t, command...)
		if said := c.err.String(); strings.Count(said, "fence[bmc-compute-0].password is in the clear") != 1 {
			t.Errorf("%s said: %s", command[0], said)
		}
	}
	c.must(t, "apply", "-f", file)
	if said := c.err.String(); strings.Contains(said, "in the clear") {
		t.Errorf("apply said again: %s", said)
	}
}
