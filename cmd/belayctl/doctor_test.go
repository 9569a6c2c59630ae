package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Doctor finds healthy members, but for what a test has put into examined.
func (f *fakeCluster) Doctor(context.Context) (api.DoctorAnswer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer := api.DoctorAnswer{At: epoch, Member: "controller-0", Leader: "controller-0", Silent: f.silent}
	for _, name := range f.state.NodeNames() {
		if found, special := f.examined[name]; special {
			answer.Examinations = append(answer.Examinations, found)
			continue
		}
		answer.Examinations = append(answer.Examinations, doctor.Examination{Node: name, At: epoch, Version: "1.0", CommandSet: state.Version})
	}
	return answer, f.err
}

// fit makes the console's cluster one in which there is nothing to cure.
func (c *console) fit() {
	def := c.fake.state.Definition
	def.Fences = nil
	for _, n := range def.Nodes {
		def.Fences = append(def.Fences, resources.FenceDevice{ID: "bmc-" + string(n.Name), Agent: "redfish", Targets: []resources.NodeName{n.Name}})
	}
}

func TestDoctorFindsNothing(t *testing.T) {
	c := newConsole(t)
	c.fit()
	out := c.must(t, "doctor")
	if !strings.HasPrefix(out, "cluster overcloud: nothing to cure\n") || !strings.Contains(out, "fencing       ok  5 of 5 devices answer") {
		t.Errorf("says:\n%s", out)
	}
	if len(c.fake.checked) == 0 {
		t.Error("no fence device was asked")
	}
	c.must(t, "doctor", "--quick")
	if len(c.fake.checked) != 1 {
		t.Error("--quick asks fence devices")
	}
}

// TestDoctorFinds: each finding with its cure, exit code 4, also as JSON, also
// without a leader.
func TestDoctorFinds(t *testing.T) {
	c := newConsole(t)
	c.fit()
	c.fake.broken = map[string]string{"bmc-compute-7": state.FailureLogin}
	c.fake.silent = []doctor.Silent{{Node: "compute-9", Error: "connection refused"}}
	c.fake.examined = map[resources.NodeName]doctor.Examination{"controller-1": {
		Node: "controller-1", At: epoch, Version: "1.0", CommandSet: state.Version,
		Host: doctor.Host{Units: []doctor.Unit{{Name: "keystone.service", Resource: "keystone", Load: "loaded", File: "enabled"}}, Certificates: []doctor.Certificate{{Name: "node.crt", NotAfter: epoch.Add(240 * time.Hour)}}},
	}}
	if code := c.run(t, "doctor"); code != exitNotAsAsked {
		t.Errorf("exit %d: %s", code, c.err.String())
	}
	want := `cluster overcloud: 2 critical and 2 other findings

critical  compute-9: it could not be examined: connection refused
          cure: on compute-9: systemctl status belayd; journalctl -u belayd -n 50

critical  compute-7: fence device bmc-compute-7 does not answer controller-1: auth: HTTP 401
          cure: belayctl fence check bmc-compute-7

warning   controller-1: node.crt runs out on 2026-03-14T05:06:07Z: then nobody talks to it
          cure: belayd renews it by itself: see why it did not, on controller-1: journalctl -u belayd | grep certificate; systemctl restart belayd tries at once

warning   controller-1: systemd also starts keystone.service, which resource keystone manages: at boot it runs where the cluster has not put it
          cure: belayctl resource take-over keystone
`
	if got, _, _ := strings.Cut(c.out.String(), "\n  members"); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("-want +got\n%s", cmp.Diff(want, got))
	}
	if code := c.run(t, "doctor", "-o", "json"); code != exitNotAsAsked {
		t.Errorf("as JSON: exit %d", code)
	}
	var made doctor.Diagnosis
	if err := json.Unmarshal(c.out.Bytes(), &made); err != nil || len(made.Findings) != 4 || len(made.Checks) < 10 {
		t.Errorf("%v: %+v", err, made)
	}
	c.fake.err = &api.Error{Code: api.CodeUnavailable, Text: "starting"}
	if code := c.run(t, "doctor"); code != exitNoQuorum {
		t.Errorf("nobody answers: exit %d", code)
	}
}

// TestDoctorLocal asks no cluster.
func TestDoctorLocal(t *testing.T) {
	c := newConsole(t)
	c.fake.err = &api.Error{Code: api.CodeInternal, Text: "the cluster was asked"}
	if out := c.must(t, "doctor", "--local"); !strings.HasPrefix(out, "host here: nothing to cure\n") {
		t.Errorf("says:\n%s", out)
	}
	if len(c.looked.Ports) != 2 || c.looked.Ports[1].Address != ":7451" || c.looked.DataDir != "/var/lib/belay" {
		t.Errorf("looked at %+v", c.looked)
	}
	c.host.Ports = []doctor.Port{{Address: ":7450", Use: "the API", Error: "address already in use"}}
	if code := c.run(t, "doctor", "--local"); code != exitNotAsAsked || !strings.Contains(c.out.String(), "cure: ss -lntup | grep 7450") {
		t.Errorf("exit %d:\n%s", code, c.out.String())
	}
	for _, line := range []string{"doctor -f x.toml", "doctor --local --address nowhere", "doctor --local -f missing.toml"} {
		if code := c.run(t, strings.Fields(line)...); code != exitInput && code != exitError {
			t.Errorf("%s: exit %d", line, code)
		}
	}
}
