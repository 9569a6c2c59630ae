package fenceagent_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/fenceagent"
)

const password = "s3cret=with equals"

// quick makes the confirm loop fast enough for tests.
var quick = fencing.Options{
	ConfirmInterval: 10 * time.Millisecond, PollInterval: 10 * time.Millisecond, MaxPoll: 50 * time.Millisecond,
	RequestInterval: 200 * time.Millisecond, RefusalInterval: 50 * time.Millisecond,
}

// agent is a fence agent whose power is the file "power" beside it. Its mode is
// a parameter. It notes its input, arguments and environment.
const agent = `#!/bin/sh
dir=$(dirname "$0")
while IFS= read -r line; do
	echo "$line" >>"$dir/stdin"
	case $line in
	action=*) action=${line#action=};;
	mode=*) mode=${line#mode=};;
	password=*) password=${line#password=};;
	esac
done
echo "$0 $*" >>"$dir/argv"; env >>"$dir/env"
case $mode in
hang) sleep 300 & echo $! >"$dir/child"; wait;;
hang-off) [ $action = off ] && { sleep 300 & echo $! >"$dir/child"; wait; };;
ignore-term) trap '' TERM INT HUP; sleep 300 & echo $! >"$dir/child"; while :; do wait; done;;
leave-child) sleep 300 >/dev/null 2>&1 & echo $! >"$dir/child";;
talk) i=0; while [ $i -lt 3000 ]; do echo "line $i of a very talkative agent with password $password"; i=$((i+1)); done;;
fail) echo "Failed: cannot log in as admin with $password" >&2; exit 1;;
incomplete) echo "Failed: You have to enter plug number or machine identification" >&2; exit 1;;
die) kill -9 $$;;
broken) echo "$0: 7: Syntax error: end of file unexpected (expecting \"fi\")" >&2; exit 2;;
silent) [ $action = status ] && [ "$(cat "$dir/power")" = off ] && exit 2;;
esac
case $action in
off) [ "$mode" = lie ] || echo off >"$dir/power"; echo "Success: Powered OFF";;
on) echo on >"$dir/power"; echo "Success: Powered ON";;
reboot) echo "Success: Rebooted";;
status) if [ "$(cat "$dir/power")" = on ]; then echo "Status: ON"; exit 0; else echo "Status: OFF"; exit 2; fi;;
metadata) cat "$dir/metadata.xml";;
*) exit 1;;
esac
`

const metadata = `<?xml version="1.0" ?>
<resource-agent name="fence_test" shortdesc="Fence agent for tests" >
<longdesc>long</longdesc>
<vendor-url>http://example.org</vendor-url>
<parameters>
	<parameter name="action" unique="0" required="1"><getopt mixed="-o, --action=[action]" /><content type="string" default="reboot" /><shortdesc lang="en">Fencing action</shortdesc></parameter>
	<parameter name="ip" unique="0" required="1" obsoletes="ipaddr"><content type="string" /><shortdesc lang="en">IP address or hostname of fencing device</shortdesc></parameter>
	<parameter name="ipaddr" unique="0" required="1" deprecated="1"><content type="string" /><shortdesc lang="en">IP address or hostname of fencing device</shortdesc></parameter>
	<parameter name="password" unique="0" required="0"><content type="string" /><shortdesc lang="en">Login password</shortdesc></parameter>
	<parameter name="power_wait" unique="0" required="0"><content type="second" default="0" /><shortdesc lang="en">Wait</shortdesc></parameter>
</parameters>
<actions><action name="on" automatic="0"/><action name="off" /><action name="status" /><action name="metadata" /></actions>
</resource-agent>
`

func install(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"fence_test": agent, "metadata.xml": metadata, "power": "on\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func device(t *testing.T, dir, mode, timeout string) fencing.Device {
	t.Helper()
	d, err := fenceagent.Spec("fence_test", dir).Make("bmc-1", fencing.Params{
		"ip": "192.0.2.1", "password": password, "mode": mode, "belay.timeout": timeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestOff(t *testing.T) {
	tests := []struct {
		mode   string
		within time.Duration
		want   fencing.Outcome
		says   string
	}{
		{mode: "good", want: fencing.OutcomeConfirmed, says: "Status: OFF"},
		{mode: "talk", want: fencing.OutcomeConfirmed},
		{mode: "leave-child", want: fencing.OutcomeConfirmed},
		{mode: "lie", want: fencing.OutcomeUnknown, says: "power last read on"},
		{mode: "fail", want: fencing.OutcomeUnknown, says: "cannot log in as admin with [secret]"},
		{mode: "die", want: fencing.OutcomeUnknown, says: "signal 9"},
		{mode: "broken", want: fencing.OutcomeUnknown, says: "exit code 2, which means off, and says something else"},
		{mode: "silent", want: fencing.OutcomeConfirmed},
		{mode: "incomplete", want: fencing.OutcomeFailed, says: "You have to enter plug number"},
		{mode: "hang", want: fencing.OutcomeUnknown, says: "did not end in time and was killed"},
		{mode: "hang-off", want: fencing.OutcomeUnknown, says: "did not end in time and was killed"},
		{mode: "ignore-term", want: fencing.OutcomeUnknown, says: "did not end in time and was killed"},
	}
	for _, tt := range tests {
		t.Run(tt.mode, func(t *testing.T) {
			t.Parallel()
			dir := install(t)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			began := time.Now()
			outcome, evidence, err := fencing.Off(ctx, device(t, dir, tt.mode, "700ms"), quick)
			if outcome != tt.want {
				t.Fatalf("outcome %v (%v), want %v\n%+v", outcome, err, tt.want, evidence)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			text := fmt.Sprintf("%v %+v", err, evidence)
			if !strings.Contains(text, tt.says) {
				t.Errorf("%q is not in\n%s", tt.says, text)
			}
			if strings.Contains(text, password) || strings.Contains(read(t, dir, "argv"), "s3cret") || strings.Contains(read(t, dir, "env"), "s3cret") {
				t.Error("the password shows")
			}
			if !strings.Contains(read(t, dir, "stdin"), "password="+password+"\n") {
				t.Errorf("the agent read %q", read(t, dir, "stdin"))
			}
			noChildLeft(t, dir)
		})
	}
}

// noChildLeft fails when the agent's background process is still there after a
// second: a killed process takes a moment, and may stay as a zombie until init
// collects it.
func noChildLeft(t *testing.T, dir string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "child"))
	if err != nil {
		return
	}
	file := "/proc/" + strings.TrimSpace(string(content)) + "/stat"
	deadline := time.After(time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		stat, err := os.ReadFile(file)
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		select {
		case <-deadline:
			t.Errorf("a process is left: %s", stat)
			return
		case <-tick.C:
		}
	}
}

func TestStdin(t *testing.T) {
	dir := install(t)
	if _, _, err := device(t, dir, "good", "5s").Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := "action=status\nip=192.0.2.1\nmode=good\npassword=" + password + "\n"
	if diff := cmp.Diff(want, read(t, dir, "stdin")); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
}

func TestEvidenceOfATalkativeAgent(t *testing.T) {
	dir := install(t)
	power, e, err := device(t, dir, "talk", "5s").Status(t.Context())
	if err != nil || power != fencing.PowerOn {
		t.Fatalf("power %v, error %v", power, err)
	}
	if len(e.Detail) > fencing.MaxText || strings.Contains(e.Detail, "s3cret") || !strings.Contains(e.Detail, "[secret]") {
		t.Errorf("detail of %d bytes: %s", len(e.Detail), e.Detail)
	}
}

func TestCancelledCaller(t *testing.T) {
	dir := install(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := device(t, dir, "hang", "30s").Off(ctx)
	if took := time.Since(began); took > 3*time.Second || fencing.KindOf(err) != fencing.KindTimeout {
		t.Errorf("error %v after %v", err, took)
	}
	noChildLeft(t, dir)
}

func TestFind(t *testing.T) {
	dir := install(t)
	for name, mode := range map[string]os.FileMode{"fence_open": 0o777, "fence_plain": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(agent), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, says := range map[string]string{
		"fence_open": "may be written by others", "fence_plain": "not an executable", "fence_absent": "is not in",
	} {
		d, err := fenceagent.Spec(name, dir).Make("bmc-1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := d.Status(t.Context()); fencing.KindOf(err) != fencing.KindConfig || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPattern(t *testing.T) {
	for name, want := range map[string]bool{"fence_xvm": true, "fence_": false, "redfish": false, "fence_../sh": false, "fence_x y": false} {
		if spec, ok := fenceagent.Pattern()(name); ok != want || (ok && spec.Name != name) {
			t.Errorf("Pattern(%q) = %q, %v", name, spec.Name, ok)
		}
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		params fencing.Params
		want   []string
	}{
		{name: "anything goes", params: fencing.Params{"ip": "a", "ssl-insecure": "1", "password": "secret://x"}},
		{name: "line break smuggles an action", params: fencing.Params{"ip": "a\naction=on"}, want: []string{"ip"}},
		{name: "action", params: fencing.Params{"action": "off"}, want: []string{"action"}},
		{name: "Pacemaker's own", params: fencing.Params{"pcmk_host_list": "a"}, want: []string{"pcmk_host_list"}},
		{name: "bad name", params: fencing.Params{"a=b": "c"}, want: []string{"a=b"}},
		{name: "bad timeout", params: fencing.Params{"belay.timeout": "5"}, want: []string{"belay.timeout"}},
		{name: "misspelt own", params: fencing.Params{"belay.timeuot": "5s"}, want: []string{"belay.timeuot"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, problem := range fenceagent.Spec("fence_test").Validate(tt.params) {
				got = append(got, problem.Param)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMetadata(t *testing.T) {
	m, err := fenceagent.ReadMetadata(t.Context(), "fence_test", install(t))
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != "fence_test" || len(m.Params) != 5 || m.Params[4].Default != "0" || m.Params[4].Type != "second" {
		t.Errorf("metadata %+v", m)
	}
	tests := []struct {
		name   string
		params fencing.Params
		want   []string
	}{
		{name: "complete", params: fencing.Params{"ip": "a", "power-wait": "2", "belay.timeout": "5s"}},
		{name: "by the old name", params: fencing.Params{"ipaddr": "a"}},
		{name: "nothing", want: []string{"ip: required by fence_test and not given; IP address or hostname of fencing device"}},
		{name: "misspelt", params: fencing.Params{"ip": "a", "pasword": "b"}, want: []string{`pasword: fence_test would ignore this parameter; did you mean "password"?`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, problem := range m.Check(tt.params) {
				got = append(got, problem.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := fenceagent.ParseMetadata([]byte("Traceback")); err == nil {
		t.Error("took a traceback for metadata")
	}
}

// An agent that reads no power would never prove anything.
func TestAgentsThatProveNothing(t *testing.T) {
	find := fenceagent.Pattern()
	for name, want := range map[string]bool{"fence_apc": true, "fence_kdump": false, "fence_ack_manual": false, "redfish": false} {
		if _, known := find(name); known != want {
			t.Errorf("%s: known %v, want %v", name, known, want)
		}
	}
}
