package fenceagent_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/fenceagent"
	"github.com/belay-ha/belay/fencing/fencetest"
)

// Real agents of Debian's fence-agents, against what they are made for.

// installed returns a device that runs an installed agent.
func installed(t *testing.T, agent string, params fencing.Params) fencing.Device {
	t.Helper()
	if _, err := exec.LookPath(agent); err != nil {
		t.Skipf("%s is not installed (Debian package fence-agents): not tested with it", agent)
	}
	metadata, err := fenceagent.ReadMetadata(t.Context(), agent)
	if err != nil {
		t.Fatal(err)
	}
	if problems := metadata.Check(params); len(problems) > 0 {
		t.Errorf("by its metadata: %v", problems)
	}
	d, err := fenceagent.Spec(agent).Make("dev", params)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// realOptions leave a Python program on a busy machine its time.
var realOptions = fencing.Options{Timeout: 2 * time.Minute}

// switches has a device prove a node off and switch it on again.
func switches(t *testing.T, d fencing.Device, power func() fencing.Power) {
	t.Helper()
	for _, step := range []struct {
		act  func(*testing.T) (fencing.Outcome, []fencing.Evidence, error)
		want fencing.Power
	}{
		{func(t *testing.T) (fencing.Outcome, []fencing.Evidence, error) {
			return fencing.Off(t.Context(), d, realOptions)
		}, fencing.PowerOff},
		{func(t *testing.T) (fencing.Outcome, []fencing.Evidence, error) {
			return fencing.On(t.Context(), d, realOptions)
		}, fencing.PowerOn},
	} {
		outcome, evidence, err := step.act(t)
		if outcome != fencing.OutcomeConfirmed || power() != step.want {
			t.Fatalf("%v: the power is %s, want %s (%v)\n%+v", outcome, power(), step.want, err, evidence)
		}
		for _, e := range evidence {
			if strings.Contains(e.Detail+e.Err, password) {
				t.Errorf("the password shows in %+v", e)
			}
		}
	}
}

func TestRealFenceDummy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "power")
	if err := os.WriteFile(file, []byte("on"), 0o600); err != nil {
		t.Fatal(err)
	}
	switches(t, installed(t, "fence_dummy", fencing.Params{"status_file": file, "type": "file"}), func() fencing.Power {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return map[string]fencing.Power{"on": fencing.PowerOn, "off": fencing.PowerOff}[strings.TrimSpace(string(text))]
	})
}

func TestRealFenceRedfish(t *testing.T) {
	machine := new(fencetest.Machine)
	bmc, err := fencetest.StartRedfish(fencetest.RedfishConfig{
		Username: "admin", Password: password, Systems: []*fencetest.System{{ID: "1", Name: "System", UUID: "4C4C4544-0001", Machine: machine}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bmc.Close)
	host, port, _ := strings.Cut(strings.TrimPrefix(bmc.URL(), "https://"), ":")
	params := fencing.Params{"ip": host, "ipport": port, "username": "admin", "password": password, "ssl": "1", "ssl_insecure": "1", "systems_uri": "/redfish/v1/Systems/1"}
	switches(t, installed(t, "fence_redfish", params), machine.Power)

	params["password"] = "wrong"
	if power, _, err := installed(t, "fence_redfish", params).Status(t.Context()); err == nil {
		t.Errorf("with a wrong password it reads %s", power)
	}
}

func TestRealFenceIPMILan(t *testing.T) {
	machine := new(fencetest.Machine)
	const short = "s3cret-of-16-byt" // IPMI has no room for more
	bmc, err := fencetest.StartIPMI(fencetest.IPMIConfig{Username: "fencer", Password: short, Machine: machine})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bmc.Close)
	addr := bmc.Addr()
	params := fencing.Params{"ip": addr.IP.String(), "username": "fencer", "password": short, "lanplus": "1", "cipher": "17"}
	params["ipport"] = strings.TrimPrefix(addr.String(), addr.IP.String()+":")
	switches(t, installed(t, "fence_ipmilan", params), machine.Power)

	params["password"] = "wrong"
	if power, _, err := installed(t, "fence_ipmilan", params).Status(t.Context()); err == nil {
		t.Errorf("with a wrong password it reads %s", power)
	}
}
