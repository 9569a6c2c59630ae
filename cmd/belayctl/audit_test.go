package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/state"
)

func TestAuditVerbs(t *testing.T) {
	c := newConsole(t)
	c.must(t, "node", "standby", "controller-1")
	c.must(t, "attribute", "set", "controller-0", "--transient", "rack=7")
	c.must(t, "maintenance", "set", "cluster", "--reason", "r")
	if out := c.must(t, "audit", "list"); !strings.Contains(out, "node.standby/1: controller-1: standby true") || !strings.Contains(out, "tester") || !strings.Contains(out, "rack=7") {
		t.Errorf("listed:\n%s", out)
	}
	var listed []state.AuditRecord
	if err := json.Unmarshal([]byte(c.must(t, "audit", "list", "-n", "1", "-o", "json")), &listed); err != nil || len(listed) != 1 || listed[0].Number != 3 {
		t.Errorf("listed %+v, %v", listed, err)
	}
	if out := c.must(t, "audit", "list", "--by", "nobody"); strings.Contains(out, "standby") {
		t.Errorf("of nobody:\n%s", out)
	}
	file := filepath.Join(t.TempDir(), "audit.json")
	if err := os.WriteFile(file, []byte(c.must(t, "audit", "export")), 0o600); err != nil {
		t.Fatal(err)
	}
	c.must(t, "node", "unstandby", "controller-1")
	if out := c.must(t, "audit", "verify", file); !strings.Contains(out, "intact: 4 records") || !strings.Contains(out, "3 records of the file are in the cluster, unchanged") {
		t.Errorf("verified:\n%s", out)
	}
}

// TestAuditVerifyFindsTampering: in the file, in the cluster, and in a cluster
// whose chain was written anew from a point on.
func TestAuditVerifyFindsTampering(t *testing.T) {
	c := newConsole(t)
	c.must(t, "node", "standby", "controller-1")
	honest := c.fake.state
	c.must(t, "node", "standby", "controller-2")
	export := c.must(t, "audit", "export")
	file := filepath.Join(t.TempDir(), "audit.json")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(word string, args ...string) {
		t.Helper()
		if code := c.run(t, append([]string{"audit", "verify"}, args...)...); code != exitError || !strings.Contains(c.err.String(), word) {
			t.Errorf("exit %d, %s: want %q", code, c.err.String(), word)
		}
	}
	write(strings.Replace(export, "tester", "mallory", 1))
	refused("the file was tampered with", file, "--offline")
	write(export)
	c.must(t, "audit", "verify", file, "--offline")
	c.fake.state = honest // set back
	refused("ends with record 1", file)
	c.must(t, "node", "standby", "controller-0") // another record 2, with hashes that fit
	c.must(t, "audit", "verify")
	refused("record 2 is", file)
	edited := *c.fake.state.Audit
	edited.Records = append([]state.AuditRecord{}, edited.Records...)
	edited.Records[0].By = "mallory"
	c.fake.state.Audit = &edited
	refused("the cluster was tampered with: audit: record 1")
	c.fake.state = honest
	write(strings.Replace(export, `"cluster_id": "id"`, `"cluster_id": "other"`, 1))
	if code := c.run(t, "audit", "verify", file); code != exitInput || !strings.Contains(c.err.String(), "of cluster") {
		t.Errorf("another cluster's file: exit %d, %s", code, c.err.String())
	}
	for _, args := range [][]string{{"--offline"}, {"no-such-file"}} {
		if code := c.run(t, append([]string{"audit", "verify"}, args...)...); code != exitInput {
			t.Errorf("%v: exit %d", args, code)
		}
	}
}
