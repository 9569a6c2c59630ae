package ipmi_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/fencing"
)

// The power of the simulated chassis is a file; every call is logged, with the
// processes of the moment, for the test to look for secrets.
const simChassis = `#!/bin/sh
dir=$(dirname "$0"); shift; op=$1; shift
case $op in
get) for p; do case $p in power) echo "power:$(cat "$dir/power")";; boot) echo boot:default;; *) echo "$p:0";; esac; done;;
set) while [ $# -gt 0 ]; do case $1 in power) echo "$2" >"$dir/power"; tr '\0' ' ' <"/proc/$(cat "$dir/tester")/cmdline" >"$dir/argv";; esac; shift 2; done;;
esac
exit 0
`

const simConfig = `name "bmc"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 %d
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcde1
  endlan
  chassis_control "%s 0x20"
  user 1 true "" "" user 10 none md2 md5 straight
  user 2 true "%s" "%s" %s 10 none md2 md5 straight
`

const simCommands = `mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
mc_enable 0x20
`

// startSim runs OpenIPMI's ipmi_sim, an implementation that shares no code with
// ours or with the emulated BMC. It returns its address and the directory with
// the chassis' power.
func startSim(t *testing.T, privilege string) (*net.UDPAddr, string) {
	t.Helper()
	program, err := exec.LookPath("ipmi_sim")
	if err != nil {
		t.Skip("ipmi_sim is not installed (Debian package openipmi): not tested against it")
	}
	dir := t.TempDir()
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	addr := socket.LocalAddr().(*net.UDPAddr)
	_ = socket.Close()
	control := filepath.Join(dir, "chassis")
	for name, content := range map[string]string{
		"chassis":  simChassis,
		"power":    "1\n",
		"tester":   fmt.Sprintln(os.Getpid()),
		"lan.conf": fmt.Sprintf(simConfig, addr.Port, control, username, "s3cret-of-16-byt", privilege),
		"emu":      simCommands,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "-n", "-c", filepath.Join(dir, "lan.conf"), "-f", filepath.Join(dir, "emu"), "-s", dir)
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	return addr, dir
}

func TestIPMISim(t *testing.T) {
	for _, privilege := range []string{"operator", "admin"} {
		t.Run(privilege, func(t *testing.T) {
			addr, dir := startSim(t, privilege)
			d := device(t, nil, addr, "password", "s3cret-of-16-byt")
			waitForSim(t, d)

			outcome, evidence, err := fence(t, d, 10*time.Second)
			if outcome != fencing.OutcomeConfirmed {
				t.Fatalf("outcome %v (%v)\n%+v", outcome, err, evidence)
			}
			if power, _ := os.ReadFile(filepath.Join(dir, "power")); strings.TrimSpace(string(power)) != "0" {
				t.Errorf("the chassis' power is %q", power)
			}
			if argv, err := os.ReadFile(filepath.Join(dir, "argv")); err != nil || strings.Contains(string(argv), "s3cret") {
				t.Errorf("arguments during the fencing: %q, %v", argv, err)
			}
			if !strings.Contains(evidence[0].Detail, "cipher suite 3") {
				t.Errorf("detail %q", evidence[0].Detail)
			}
			outcome, _, err = fencing.On(t.Context(), d, quick)
			if outcome != fencing.OutcomeConfirmed {
				t.Errorf("outcome %v (%v)", outcome, err)
			}
			outcome, evidence, err = fencing.Cycle(t.Context(), d, quick)
			if outcome != fencing.OutcomeConfirmed || len(evidence) != 1 || evidence[0].Step != fencing.StepCycle {
				t.Errorf("cycle: %v (%v)\n%+v", outcome, err, evidence)
			}
			wrong := device(t, nil, addr, "password", "another")
			if _, _, err := wrong.Status(t.Context()); fencing.KindOf(err) != fencing.KindAuth {
				t.Errorf("wrong password: %v", err)
			}
			nobody := device(t, nil, addr, "username", "nobody")
			if _, _, err := nobody.Status(t.Context()); fencing.KindOf(err) != fencing.KindAuth {
				t.Errorf("unknown user: %v", err)
			}
		})
	}
}

func waitForSim(t *testing.T, d fencing.Device) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		_, _, err := d.Status(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("ipmi_sim does not answer: %v", err)
		case <-tick.C:
		}
	}
}
