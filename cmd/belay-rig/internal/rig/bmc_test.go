package rig

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/bmc"
)

// redfish sends one request to a host's BMC. Switching a host off is part of
// the answer to some, which takes a while on a busy machine.
func (r *Rig) redfish(ctx context.Context, host Host, method, path, body string) (int, string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "https://"+host.BMCAddr()+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.SetBasicAuth(BMCUser, BMCPassword)
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: &http.Transport{
		DialContext: r.DialContext, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // a BMC's own certificate
	}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func reset(t *testing.T, r *Rig, host Host, kind string) {
	t.Helper()
	status, text, err := r.redfish(t.Context(), host, "POST", "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset", `{"ResetType":"`+kind+`"}`)
	if err != nil || status != http.StatusNoContent {
		t.Fatalf("%s: status %d, %v: %s", kind, status, err, text)
	}
}

func redfishPower(t *testing.T, r *Rig, host Host) string {
	t.Helper()
	_, text, err := r.redfish(t.Context(), host, "GET", "/redfish/v1/Systems/1", "")
	must(t, err)
	_, rest, _ := strings.Cut(text, `"PowerState":"`)
	state, _, _ := strings.Cut(rest, `"`)
	return state
}

func testRedfish(t *testing.T, r *Rig) {
	before := leader(t, r, 1)
	reset(t, r, 1, "ForceRestart")
	waitBooted(t, r, 1)
	if leader(t, r, 1) == before {
		t.Error("ForceRestart did not restart the host")
	}
	reset(t, r, 1, "ForceOff")
	if on, _ := r.Power(t.Context(), 1); on || redfishPower(t, r, 1) != "Off" {
		t.Error("the host has power after the answer to ForceOff")
	}
	reset(t, r, 1, "On")
	waitBooted(t, r, 1)
	reset(t, r, 1, "GracefulShutdown")
	waitPower(t, r, 1, false)

	const delay = 3 * time.Second // no look takes so long
	must(t, r.SetBMCBehaviour(t.Context(), 1, bmc.Behaviour{OffDelay: delay, BootDelay: delay}))
	reset(t, r, 1, "On")
	if on, _ := r.Power(t.Context(), 1); on || redfishPower(t, r, 1) != "On" {
		t.Error("with a boot delay the BMC must say On before the host starts")
	}
	waitPower(t, r, 1, true)
	waitBooted(t, r, 1)
	reset(t, r, 1, "ForceOff")
	if redfishPower(t, r, 1) != "On" {
		t.Error("with an off delay the host must have power after the answer")
	}
	waitPower(t, r, 1, false)
	must(t, r.SetBMCBehaviour(t.Context(), 1, bmc.Behaviour{}))
	bootAll(t, r, 1)
}

// ipmi asks a host's BMC, which is given some seconds and tries.
func (r *Rig) ipmi(ctx context.Context, host Host, words ...string) (string, error) {
	return r.ipmitool(ctx, host, append([]string{"-N", "3", "-R", "3"}, words...)...)
}

func (r *Rig) ipmitool(ctx context.Context, host Host, words ...string) (string, error) {
	args := append([]string{"-I", "lanplus", "-C", "3", "-H", host.BMCAddr(), "-U", BMCUser, "-P", BMCPassword}, words...)
	out, err := r.Outside(ctx, "ipmitool", args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func testIPMI(t *testing.T, r *Rig) {
	steps := []struct {
		words []string
		want  string
	}{
		{[]string{"power", "status"}, "Chassis Power is on"},
		{[]string{"power", "off"}, "Chassis Power Control: Down/Off"},
		{[]string{"power", "status"}, "Chassis Power is off"},
		{[]string{"power", "on"}, "Chassis Power Control: Up/On"},
		{[]string{"power", "status"}, "Chassis Power is on"},
	}
	for _, step := range steps {
		got, err := r.ipmi(t.Context(), 2, step.words...)
		if err != nil || got != step.want {
			t.Fatalf("ipmitool %v: %q, %v; want %q", step.words, got, err, step.want)
		}
	}
	waitBooted(t, r, 2)
	before := leader(t, r, 2)
	if got, err := r.ipmi(t.Context(), 2, "power", "reset"); err != nil {
		t.Fatalf("power reset: %v: %s", err, got)
	}
	waitBooted(t, r, 2)
	if leader(t, r, 2) == before {
		t.Error("power reset did not restart the host")
	}
}

func testBMCFaults(t *testing.T, r *Rig) {
	const system = "/redfish/v1/Systems/1"
	set := func(fault bmc.Fault) {
		t.Helper()
		must(t, r.SetBMCFault(t.Context(), 0, fault))
	}
	const forGood, soon = 2 * time.Second, 30 * time.Second // without an answer, with one
	cases := []struct {
		fault  bmc.Fault
		within time.Duration
		want   func(status int, err error) bool
	}{
		{bmc.Hang, forGood, func(_ int, err error) bool { return errors.Is(err, context.DeadlineExceeded) }},
		{bmc.Stop, soon, func(_ int, err error) bool { return errors.Is(err, unix.ECONNREFUSED) }},
		{bmc.Silent, forGood, func(_ int, err error) bool { return err != nil && !errors.Is(err, unix.ECONNREFUSED) }},
		{bmc.Broken, soon, func(status int, err error) bool { return err == nil && status == 500 }},
	}
	for _, c := range cases {
		set(c.fault)
		patience, cancel := context.WithTimeout(t.Context(), c.within)
		if status, _, err := r.redfish(patience, 0, "GET", system, ""); !c.want(status, err) {
			t.Errorf("%s: Redfish answered %d, %v", c.fault, status, err)
		}
		cancel()
		if out, err := r.ipmitool(t.Context(), 0, "-N", "1", "-R", "1", "power", "status"); err == nil {
			t.Errorf("%s: IPMI answered %q", c.fault, out)
		}
		if status, _, err := r.redfish(t.Context(), 1, "GET", system, ""); err != nil || status != 200 {
			t.Errorf("%s: the BMC of another host answered %d, %v", c.fault, status, err)
		}
		set(bmc.Healthy)
		if status, _, err := r.redfish(t.Context(), 0, "GET", system, ""); err != nil || status != 200 {
			t.Errorf("after %s: Redfish answered %d, %v", c.fault, status, err)
		}
	}
	set(bmc.Ignore)
	reset(t, r, 0, "ForceOff")
	if redfishPower(t, r, 0) != "On" {
		t.Error("a BMC that ignores requests switched the host off")
	}
	set(bmc.Healthy)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must(t, poll(ctx, "ipmi_sim to come back", func() (bool, error) {
		out, err := r.ipmi(ctx, 0, "power", "status")
		return err == nil && out == "Chassis Power is on", nil
	}))
}

func testBMCServerKilled(t *testing.T, r *Rig) {
	text, err := os.ReadFile(r.runDir("bmc", "server.pid"))
	must(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	must(t, err)
	must(t, unix.Kill(pid, unix.SIGKILL))
	must(t, r.Up(t.Context()))
	if out, err := r.ipmi(t.Context(), 0, "power", "status"); err != nil || out != "Chassis Power is on" {
		t.Errorf("IPMI: %q, %v", out, err)
	}
	if got := redfishPower(t, r, 0); got != "On" {
		t.Errorf("Redfish: %q", got)
	}
}
