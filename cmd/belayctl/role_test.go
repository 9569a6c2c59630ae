package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/api"
)

func TestRoleVerbs(t *testing.T) {
	c := newConsole(t)
	if out := c.must(t, "role", "list"); !strings.Contains(out, "no roles are bound: root") {
		t.Errorf("listed:\n%s", out)
	}
	c.must(t, "role", "bind", "group:support", "viewer")
	if code := c.run(t, "role", "bind", "user:root", "viewer"); code != exitError || !strings.Contains(c.err.String(), "nobody is locked out") {
		t.Errorf("root: exit %d, %s", code, c.err.String())
	}
	if code := c.run(t, "role", "bind", "user:alice", "emperor"); code == exitDone || !strings.Contains(c.err.String(), "is no role") {
		t.Errorf("no such role: exit %d, %s", code, c.err.String())
	}
	var lines []roleLine
	if err := json.Unmarshal([]byte(c.must(t, "role", "list", "-o", "json")), &lines); err != nil || len(lines) != 1 || lines[0].Who != "group:support" || lines[0].Role != "viewer" || lines[0].By != "tester" {
		t.Errorf("listed %+v, %v", lines, err)
	}
	if out := c.must(t, "__complete", "role", "unbind", ""); !strings.Contains(out, "group:support\n") {
		t.Errorf("completed:\n%s", out)
	}
	if out := c.must(t, "__complete", "role", "bind", "user:alice", ""); !strings.Contains(out, "operator\n") {
		t.Errorf("completed:\n%s", out)
	}
	c.must(t, "role", "unbind", "group:support")
	if code := c.run(t, "role", "unbind", "group:support"); code != exitInput {
		t.Errorf("unbound twice: exit %d", code)
	}
	if out := c.must(t, "role", "whoami"); !strings.Contains(out, "tester, admin") {
		t.Errorf("whoami says %s", out)
	}
}

func TestRoleCertificate(t *testing.T) {
	c := newConsole(t)
	dir := filepath.Join(t.TempDir(), "certificates")
	args := []string{"role", "certificate", "alice", "--role", "operator", "--dir", dir}
	c.must(t, append(args, "--dry-run")...)
	if _, err := os.Stat(dir); err == nil || len(c.fake.issued) != 0 {
		t.Error("a dry run made something")
	}
	c.must(t, args...)
	key, err := os.ReadFile(filepath.Join(dir, "alice.key"))
	if err != nil || !strings.Contains(string(key), "PRIVATE KEY") {
		t.Errorf("the key: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "alice.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode: %v, %v", info.Mode(), err)
	}
	if len(c.fake.issued) != 1 || c.fake.issued[0].Name != "alice" || c.fake.issued[0].Role != "operator" || strings.Contains(c.fake.issued[0].Request, "PRIVATE") {
		t.Errorf("asked for %+v", c.fake.issued)
	}
	for name, args := range map[string][]string{
		"twice": args, "no name": {"role", "certificate", "a b"}, "no role": {"role", "certificate", "bob", "--role", "none"},
	} {
		if code := c.run(t, args...); code != exitInput {
			t.Errorf("%s: exit %d, %s", name, code, c.err.String())
		}
	}
	if len(c.fake.issued) != 1 {
		t.Errorf("asked again: %+v", []api.CertificateRequest(c.fake.issued))
	}
}
