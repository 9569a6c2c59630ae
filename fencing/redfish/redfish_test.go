package redfish_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/fencetest"
	"github.com/belay-ha/belay/fencing/redfish"
)

const password = `p"ss & w/rd%1`

// quick makes the confirm loop fast enough for tests.
var quick = fencing.Options{
	ConfirmInterval: 20 * time.Millisecond, PollInterval: 10 * time.Millisecond,
	MaxPoll: 50 * time.Millisecond, RequestInterval: 200 * time.Millisecond, RefusalInterval: 50 * time.Millisecond,
}

type rig struct {
	*fencetest.Redfish
	machines []*fencetest.Machine
}

// start serves the systems; those without a machine get one.
func start(t *testing.T, config fencetest.RedfishConfig) rig {
	t.Helper()
	config.Username, config.Password = "admin", password
	if config.Systems == nil {
		config.Systems = []*fencetest.System{{ID: "1", Name: "System", UUID: "4C4C4544-0001"}}
	}
	var r rig
	for _, system := range config.Systems {
		if system.Machine == nil {
			system.Machine = new(fencetest.Machine)
		}
		r.machines = append(r.machines, system.Machine)
	}
	service, err := fencetest.StartRedfish(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Close)
	r.Redfish = service
	return r
}

// device returns a device for the rig; pairs override its parameters.
func (r rig) device(t *testing.T, pairs ...string) fencing.Device {
	t.Helper()
	params := fencing.Params{
		"endpoint": r.URL(), "username": "admin", "password": password, "fingerprint": r.Fingerprint(),
		"timeout": "2s", "request_timeout": "1s",
	}
	for i := 0; i < len(pairs); i += 2 {
		params[pairs[i]] = pairs[i+1]
	}
	device, err := redfish.Spec().Make("bmc-1", params)
	if err != nil {
		t.Fatal(err)
	}
	return device
}

func fence(t *testing.T, device fencing.Device, timeout time.Duration) (fencing.Outcome, []fencing.Evidence, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	outcome, evidence, err := fencing.Off(ctx, device, quick)
	noSecrets(t, evidence, err)
	return outcome, evidence, err
}

func noSecrets(t *testing.T, evidence []fencing.Evidence, err error) {
	t.Helper()
	text := fmt.Sprintf("%+v %v", evidence, err)
	for e := err; e != nil; e = errors.Unwrap(e) {
		text += fmt.Sprintf("%+v", e)
	}
	if strings.Contains(text, password) || strings.Contains(text, "w/rd") {
		t.Errorf("the password shows in %s", text)
	}
}

func TestOffIsProven(t *testing.T) {
	tests := []struct {
		name   string
		config fencetest.RedfishConfig
		faults []fencetest.Fault
		params []string
		within time.Duration
	}{
		{name: "plain"},
		{name: "sessions only", config: fencetest.RedfishConfig{NoBasic: true}},
		{name: "no session service", config: fencetest.RedfishConfig{NoSessions: true}},
		{name: "session asked for", params: []string{"auth", "session"}},
		{name: "slow off", faults: []fencetest.Fault{{On: fencetest.OpOff, After: 300 * time.Millisecond}}},
		{name: "503 with Retry-After, then taken", faults: []fencetest.Fault{{On: fencetest.OpOff, Times: 1, Status: 503, Message: "busy", RetryAfter: time.Second}}},
		{name: "429 at the first read", faults: []fencetest.Fault{{On: fencetest.OpRead, Times: 1, Status: 429, Message: "slow down"}}},
		{name: "409 once", faults: []fencetest.Fault{{On: fencetest.OpOff, Times: 1, Status: 409, Message: "in POST"}}},
		{name: "it acts but its answer is lost", faults: []fencetest.Fault{{On: fencetest.OpOff, Times: 1, Act: true, Drop: true}}},
		{name: "it acts but answers 500", faults: []fencetest.Fault{{On: fencetest.OpOff, Times: 1, Act: true, Status: 500, Message: "oops"}}},
		{name: "one request hangs", faults: []fencetest.Fault{{On: fencetest.OpOff, Times: 1, Hang: true}}},
		{name: "one read hangs", faults: []fencetest.Fault{{On: fencetest.OpRead, Skip: 2, Times: 1, Hang: true}}},
		{name: "answers with a task", config: fencetest.RedfishConfig{Systems: []*fencetest.System{{ID: "1", Tasks: true}}}},
		{name: "allowed types in an ActionInfo", config: fencetest.RedfishConfig{Systems: []*fencetest.System{{ID: "1", ActionInfo: true}}}},
		{name: "allowed types not told", config: fencetest.RedfishConfig{Systems: []*fencetest.System{{ID: "1", ActionInfo: true, ResetTypes: []string{"ForceOff"}}}}},
		{
			name:   "power button, allowed",
			config: fencetest.RedfishConfig{Systems: []*fencetest.System{{ID: "1", ResetTypes: []string{"On", "PushPowerButton"}}}},
			params: []string{"allow_power_button", "true"},
		},
		{
			name:   "slow power button is pressed once",
			config: fencetest.RedfishConfig{Systems: []*fencetest.System{{ID: "1", ResetTypes: []string{"On", "PushPowerButton"}}}},
			faults: []fencetest.Fault{{On: fencetest.OpOff, After: 500 * time.Millisecond}},
			params: []string{"allow_power_button", "true"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, tt.config)
			r.Script.Add(tt.faults...)
			outcome, evidence, err := fence(t, r.device(t, tt.params...), 10*time.Second)
			if outcome != fencing.OutcomeConfirmed {
				t.Fatalf("outcome %v (%v)\n%+v", outcome, err, evidence)
			}
			if got := r.machines[0].History(); !slices.Equal(got, []fencing.Power{fencing.PowerOff}) {
				t.Errorf("the machine went %v", got)
			}
			if n := r.Sessions(); n != 0 {
				t.Errorf("%d sessions left open", n)
			}
		})
	}
}

func TestOffIsNeverClaimed(t *testing.T) {
	system := func(types ...string) fencetest.RedfishConfig {
		return fencetest.RedfishConfig{Systems: []*fencetest.System{{ID: "1", ResetTypes: types}}}
	}
	failing := func(status int, message string) []fencetest.Fault {
		return []fencetest.Fault{{On: fencetest.OpOff, Status: status, Message: message}}
	}
	tests := []struct {
		name   string
		config fencetest.RedfishConfig
		faults []fencetest.Fault
		params []string
		within time.Duration // 8 s
		want   fencing.Outcome
		status int
		says   string
	}{
		{name: "400", faults: failing(400, "The property was not writable."), want: fencing.OutcomeFailed, status: 400, says: "The property was not writable."},
		{name: "401 at the reset", faults: failing(401, "Session expired."), want: fencing.OutcomeFailed, status: 401},
		{name: "403", faults: failing(403, "Insufficient privilege."), want: fencing.OutcomeFailed, status: 403, says: "Insufficient privilege."},
		{name: "404 at the reset", faults: failing(404, "No such action."), want: fencing.OutcomeFailed, status: 404, says: "No such action."},
		{name: "409", faults: failing(409, "The host is locked by an update."), want: fencing.OutcomeFailed, status: 409, says: "The host is locked by an update."},
		{name: "412", faults: failing(412, "The ETag did not match."), want: fencing.OutcomeFailed, status: 412, says: "The ETag did not match."},
		{name: "503 for ever", faults: failing(503, "The service is starting."), within: time.Second, want: fencing.OutcomeFailed, status: 503, says: "The service is starting."},
		{name: "500 for ever", faults: failing(500, "Internal error."), within: time.Second, want: fencing.OutcomeUnknown, status: 500, says: "Internal error."},
		{name: "takes it with 204 and stays on", faults: []fencetest.Fault{{On: fencetest.OpOff, Lie: true}}, within: time.Second, want: fencing.OutcomeUnknown, status: 204, says: "power last read on"},
		{
			name: "task fails", config: fencetest.RedfishConfig{Systems: []*fencetest.System{{ID: "1", Tasks: true, TaskState: "Exception"}}},
			faults: []fencetest.Fault{{On: fencetest.OpOff, Lie: true}}, within: time.Second, want: fencing.OutcomeUnknown, status: 202, says: "task Exception: the host board did not answer",
		},
		{
			name: "flips off and on again", faults: []fencetest.Fault{{On: fencetest.OpRead, Skip: 1, Times: 1, Report: fencing.PowerOff}, {On: fencetest.OpOff, Lie: true}},
			within: time.Second, want: fencing.OutcomeUnknown,
		},
		{name: "hangs", faults: []fencetest.Fault{{Hang: true}}, within: 1500 * time.Millisecond, want: fencing.OutcomeFailed, says: "no answer in time"},
		{name: "hangs at the reset", faults: []fencetest.Fault{{On: fencetest.OpOff, Hang: true}}, within: 1500 * time.Millisecond, want: fencing.OutcomeUnknown, says: "no answer in time"},
		{name: "wrong password", params: []string{"password", "wrong"}, want: fencing.OutcomeFailed, status: 401, says: "Invalid username or password.; check username and password"},
		{name: "wrong password, basic", params: []string{"password", "wrong", "auth", "basic"}, want: fencing.OutcomeFailed, status: 401, says: "not valid"},
		{name: "no ForceOff", config: system("On", "GracefulShutdown", "GracefulRestart"), want: fencing.OutcomeFailed, says: "allows On, GracefulShutdown, GracefulRestart, not ForceOff"},
		{name: "only a power button", config: system("On", "PushPowerButton"), want: fencing.OutcomeFailed, says: "allow_power_button = true"},
		{name: "another certificate", params: []string{"fingerprint", strings.Repeat("ab", 32)}, within: time.Second, want: fencing.OutcomeFailed, says: "another certificate than the pinned one"},
		{name: "unknown authority", params: []string{"fingerprint", ""}, within: time.Second, want: fencing.OutcomeFailed, says: "set ca_file, ca_pem or fingerprint"},
		{name: "no such system path", params: []string{"system", "/redfish/v1/Systems/9"}, want: fencing.OutcomeFailed, status: 404, says: "There is no such system."},
		{name: "sessions only, basic asked for", config: fencetest.RedfishConfig{NoBasic: true}, params: []string{"auth", "basic"}, want: fencing.OutcomeFailed, status: 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, tt.config)
			r.Script.Add(tt.faults...)
			within := tt.within
			if within == 0 {
				within = 8 * time.Second
			}
			began := time.Now()
			outcome, evidence, err := fence(t, r.device(t, tt.params...), within)
			if outcome != tt.want || err == nil {
				t.Fatalf("outcome %v (%v), want %v\n%+v", outcome, err, tt.want, evidence)
			}
			if took := time.Since(began); took > within+500*time.Millisecond {
				t.Errorf("took %v", took)
			}
			text := err.Error()
			statuses := map[int]bool{}
			for _, e := range evidence {
				text += "\n" + e.Detail + " " + e.Err
				statuses[e.HTTPStatus] = true
			}
			if !strings.Contains(text, tt.says) {
				t.Errorf("%q is not in\n%s", tt.says, text)
			}
			if tt.status != 0 && !statuses[tt.status] {
				t.Errorf("HTTP %d is not in the evidence: %+v", tt.status, evidence)
			}
			if n := r.Sessions(); n != 0 {
				t.Errorf("%d sessions left open", n)
			}
			if len(r.machines[0].History()) != 0 {
				t.Errorf("the machine went %v", r.machines[0].History())
			}
		})
	}
}

func TestRightSystem(t *testing.T) {
	four := func() []*fencetest.System {
		var systems []*fencetest.System
		for i := range 4 {
			systems = append(systems, &fencetest.System{
				ID: fmt.Sprintf("Node%d", i+1), Name: []string{"System", "System", "System", "blade 4"}[i], UUID: fmt.Sprintf("0000-%d", i+1), Serial: fmt.Sprintf("SN%d", i+1),
			})
		}
		return systems
	}
	tests := []struct {
		name, selector string
		hits           int // index of the system, or -1
		says           []string
	}{
		{name: "none named", hits: -1, says: []string{"has 4 systems", "0000-1", "0000-4", "SN3", `Id "Node2"`}},
		{name: "by path", selector: "/redfish/v1/Systems/Node2", hits: 1},
		{name: "by UUID in other case", selector: "0000-3", hits: 2},
		{name: "by Id", selector: "node4", hits: 3},
		{name: "by serial number", selector: "SN1", hits: 0},
		{name: "by its name", selector: "Blade 4", hits: 3},
		{name: "by a name that several have", selector: "System", hits: -1, says: []string{`3 systems are called "System"`}},
		{name: "unknown", selector: "Node5", hits: -1, says: []string{`no system "Node5"`, "Node1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, fencetest.RedfishConfig{Systems: four()})
			outcome, _, err := fence(t, r.device(t, "system", tt.selector), 5*time.Second)
			for i, machine := range r.machines {
				if off := machine.Power() == fencing.PowerOff; off != (i == tt.hits) {
					t.Errorf("system %d off: %v", i+1, off)
				}
			}
			if (outcome == fencing.OutcomeConfirmed) != (tt.hits >= 0) {
				t.Fatalf("outcome %v (%v)", outcome, err)
			}
			for _, want := range tt.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in %v", want, err)
				}
			}
			if tt.hits < 0 && slices.ContainsFunc(r.Requests(), func(s string) bool { return strings.HasPrefix(s, "POST") && strings.Contains(s, "Reset") }) {
				t.Errorf("a reset was asked for: %v", r.Requests())
			}
		})
	}
}

func TestReboot(t *testing.T) {
	r := start(t, fencetest.RedfishConfig{})
	outcome, evidence, err := fencing.Reboot(t.Context(), r.device(t), quick)
	if outcome != fencing.OutcomeConfirmed || err != nil {
		t.Fatalf("outcome %v (%v)", outcome, err)
	}
	if got := r.machines[0].History(); !slices.Equal(got, []fencing.Power{fencing.PowerOff, fencing.PowerOn}) {
		t.Errorf("the machine went %v\n%+v", got, evidence)
	}
	r.Script.Add(fencetest.Fault{On: fencetest.OpOn, Status: 400, Message: "no"})
	outcome, _, err = fencing.Reboot(t.Context(), r.device(t), quick)
	if outcome != fencing.OutcomeConfirmed || !errors.Is(err, fencing.ErrNotPoweredOn) {
		t.Errorf("outcome %v (%v)", outcome, err)
	}
}

func TestWarmReadIsOneRequest(t *testing.T) {
	r := start(t, fencetest.RedfishConfig{})
	device := r.device(t)
	for range 3 {
		if power, _, err := device.Status(t.Context()); power != fencing.PowerOn || err != nil {
			t.Fatalf("power %v (%v)", power, err)
		}
	}
	if got := r.Requests(); len(got) != 4+2 {
		t.Errorf("requests %v", got)
	}
}

func TestTrust(t *testing.T) {
	r := start(t, fencetest.RedfishConfig{})
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte(r.CertPEM()), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		pair []string
		want fencing.Kind
	}{
		{name: "ca_pem", pair: []string{"ca_pem", r.CertPEM()}},
		{name: "ca_file", pair: []string{"ca_file", file}},
		{name: "ca_file missing", pair: []string{"ca_file", file + "x"}, want: fencing.KindConfig},
		{name: "another name", pair: []string{"ca_pem", r.CertPEM(), "tls_server_name", "bmc.example.org"}, want: fencing.KindTLS},
		{name: "switched off", pair: []string{"verify_tls", "false"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := r.device(t, append([]string{"fingerprint", ""}, tt.pair...)...).Status(t.Context())
			if fencing.KindOf(err) != tt.want {
				t.Errorf("error %v of kind %v", err, fencing.KindOf(err))
			}
		})
	}
}

func TestNothingListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	device, err := redfish.Spec().Make("bmc-1", fencing.Params{"endpoint": "https://" + address, "username": "a", "password": password})
	if err != nil {
		t.Fatal(err)
	}
	outcome, _, err := fence(t, device, time.Second)
	if outcome != fencing.OutcomeFailed || fencing.KindOf(err) != fencing.KindUnreachable {
		t.Errorf("outcome %v (%v)", outcome, err)
	}
}

// A host that takes the connection and never speaks TLS is a hung BMC too.
func TestSilentPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
	}()
	device, err := redfish.Spec().Make("bmc-1", fencing.Params{
		"endpoint": "https://" + listener.Addr().String(), "username": "a", "password": password, "timeout": "1s", "request_timeout": "300ms",
	})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, _, err = device.Status(t.Context())
	if took := time.Since(began); took > 2*time.Second || fencing.KindOf(err) != fencing.KindUnreachable {
		t.Errorf("error %v after %v", err, took)
	}
}

// A BMC's answer cannot send the credentials, or the proof, to another host.
func TestAnswersNeverLeadElsewhere(t *testing.T) {
	const system = "/redfish/v1/Systems/1"
	tests := []struct {
		name string
		make func(elsewhere *fencetest.Redfish) (config fencetest.RedfishConfig, systems string, faults []fencetest.Fault)
		want fencing.Kind
	}{
		{"member of the collection", func(e *fencetest.Redfish) (fencetest.RedfishConfig, string, []fencetest.Fault) {
			return fencetest.RedfishConfig{}, "x@" + strings.TrimPrefix(e.URL(), "https://") + system, nil
		}, fencing.KindProtocol},
		{"absolute member", func(e *fencetest.Redfish) (fencetest.RedfishConfig, string, []fencetest.Fault) {
			return fencetest.RedfishConfig{}, e.URL() + system, nil
		}, fencing.KindProtocol},
		{"redirect of a read", func(e *fencetest.Redfish) (fencetest.RedfishConfig, string, []fencetest.Fault) {
			return fencetest.RedfishConfig{}, "", []fencetest.Fault{{On: fencetest.OpRead, Redirect: e.URL() + system}}
		}, fencing.KindProtocol},
		{"redirect of the reset", func(e *fencetest.Redfish) (fencetest.RedfishConfig, string, []fencetest.Fault) {
			return fencetest.RedfishConfig{}, "", []fencetest.Fault{{On: fencetest.OpOff, Redirect: e.URL() + system}}
		}, fencing.KindRefused},
		{"redirect of the login", func(e *fencetest.Redfish) (fencetest.RedfishConfig, string, []fencetest.Fault) {
			return fencetest.RedfishConfig{NoBasic: true}, "", []fencetest.Fault{{On: fencetest.OpLogin, Redirect: e.URL()}}
		}, fencing.KindAuth},
		{"login", func(e *fencetest.Redfish) (fencetest.RedfishConfig, string, []fencetest.Fault) {
			link := "@" + strings.TrimPrefix(e.URL(), "https://") + "/redfish/v1/SessionService/Sessions"
			return fencetest.RedfishConfig{NoBasic: true, SessionsLink: link}, "", nil
		}, fencing.KindAuth},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			elsewhere := start(t, fencetest.RedfishConfig{})
			config, systems, faults := tt.make(elsewhere.Redfish)
			r := start(t, config)
			r.LinkSystemsTo(systems)
			r.Script.Add(faults...)
			d := r.device(t, "verify_tls", "false", "fingerprint", "")
			_, _, err := d.Status(t.Context())
			if err == nil {
				_, err = d.Off(t.Context())
			}
			if fencing.KindOf(err) != tt.want || len(elsewhere.Requests()) != 0 {
				t.Errorf("error %v of kind %v; the other host saw %v", err, fencing.KindOf(err), elsewhere.Requests())
			}
		})
	}
}

// Redirects on the BMC itself, such as to the path without a slash, are followed.
func TestRedirectOnTheBMC(t *testing.T) {
	r := start(t, fencetest.RedfishConfig{})
	r.Script.Add(fencetest.Fault{On: fencetest.OpRead, Times: 1, Redirect: "/redfish/v1/Systems/1"})
	if power, _, err := r.device(t).Status(t.Context()); power != fencing.PowerOn || err != nil {
		t.Errorf("power %v (%v)", power, err)
	}
}

func TestEndlessAnswer(t *testing.T) {
	r := start(t, fencetest.RedfishConfig{})
	r.Script.Add(fencetest.Fault{On: fencetest.OpRead, Status: 400, Message: strings.Repeat("blah ", 1<<20)})
	_, evidence, err := fence(t, r.device(t), time.Second)
	if err == nil || len(err.Error()) > 2*fencing.MaxText {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
	for _, e := range evidence {
		if len(e.Detail) > fencing.MaxText || len(e.Err) > fencing.MaxText {
			t.Errorf("evidence of %d and %d bytes", len(e.Detail), len(e.Err))
		}
	}
}

func TestValidate(t *testing.T) {
	good := fencing.Params{"endpoint": "https://192.0.2.1", "username": "a", "password": "secret://b"}
	tests := []struct {
		name string
		add  fencing.Params
		want string // parameter with a problem
	}{
		{name: "good"},
		{name: "IPv6 and port", add: fencing.Params{"endpoint": "https://[2001:db8::1]:8443/"}},
		{name: "plain http", add: fencing.Params{"endpoint": "http://192.0.2.1"}, want: "endpoint"},
		{name: "password in the URL", add: fencing.Params{"endpoint": "https://u:p@192.0.2.1"}, want: "endpoint"},
		{name: "path in the URL", add: fencing.Params{"endpoint": "https://192.0.2.1/redfish/v1"}, want: "endpoint"},
		{name: "host alone", add: fencing.Params{"endpoint": "192.0.2.1"}, want: "endpoint"},
		{name: "short fingerprint", add: fencing.Params{"fingerprint": "ab:cd"}, want: "fingerprint"},
		{name: "fingerprint as openssl writes it", add: fencing.Params{"fingerprint": strings.TrimSuffix(strings.Repeat("AB:", 32), ":")}},
		{name: "unverified pin", add: fencing.Params{"fingerprint": strings.Repeat("ab", 32), "verify_tls": "false"}, want: "fingerprint"},
		{name: "no certificate", add: fencing.Params{"ca_pem": "x"}, want: "ca_pem"},
		{name: "relative file", add: fencing.Params{"ca_file": "ca.pem"}, want: "ca_file"},
		{name: "system with a query", add: fencing.Params{"system": "/redfish/v1/Systems/1?x"}, want: "system"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			params := fencing.Params{}
			for _, from := range []fencing.Params{good, tt.add} {
				for k, v := range from {
					params[k] = v
				}
			}
			problems := redfish.Spec().Validate(params)
			if tt.want == "" && len(problems) > 0 || tt.want != "" && (len(problems) != 1 || problems[0].Param != tt.want) {
				t.Errorf("problems %v, want one of %q", problems, tt.want)
			}
		})
	}
}
