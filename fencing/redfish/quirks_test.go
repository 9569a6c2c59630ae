package redfish_test

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/fencetest"
)

// What BMCs are known to do beside the standard, or at its edge, and what must
// come of a fencing then.
func TestQuirks(t *testing.T) {
	tasks := func(state string) []*fencetest.System {
		return []*fencetest.System{{ID: "1", Tasks: true, TaskState: state}}
	}
	const limit = "no free session"
	off := []fencing.Power{fencing.PowerOff}
	tests := []struct {
		name   string
		config fencetest.RedfishConfig
		faults []fencetest.Fault
		params []string
		within time.Duration // 30 s
		// between is called with the rig after a second.
		between func(rig)
		want    fencing.Outcome
		status  int    // in the evidence
		says    string // in the evidence or the error
		spares  bool   // the machine stays on
		logins  int    // at most, if not 0
	}{
		// It went off between the read and the request (iDRAC answers 409, iLO 400).
		{name: "409 because it is off already", config: fencetest.RedfishConfig{Conflict: 409}, faults: []fencetest.Fault{{On: fencetest.OpRead, Times: 2, Report: fencing.PowerOn}}, want: fencing.OutcomeConfirmed, status: 409, says: "already powered OFF"},
		{name: "400 because it is off already", config: fencetest.RedfishConfig{Conflict: 400}, faults: []fencetest.Fault{{On: fencetest.OpRead, Times: 2, Report: fencing.PowerOn}}, want: fencing.OutcomeConfirmed, status: 400, says: "already powered OFF"},
		{name: "a refusal without a text (old iLO)", faults: []fencetest.Fault{{On: fencetest.OpOff, Status: 400, MessageID: "iLO.0.10.InvalidOperationForSystemState"}}, want: fencing.OutcomeFailed, status: 400, says: "iLO.0.10.InvalidOperationForSystemState: Power is off", spares: true},

		// Power states in between.
		{name: "PoweringOff, then Off", faults: []fencetest.Fault{{On: fencetest.OpRead, Skip: 2, Times: 3, State: "PoweringOff"}}, want: fencing.OutcomeConfirmed, says: `"PoweringOff"`},
		{name: "PoweringOff for ever", faults: []fencetest.Fault{{On: fencetest.OpRead, Skip: 2, State: "PoweringOff"}}, within: time.Second, want: fencing.OutcomeUnknown, says: "power last read on"},
		{name: "an unheard-of state", faults: []fencetest.Fault{{On: fencetest.OpRead, Skip: 2, State: "Reset"}}, within: time.Second, want: fencing.OutcomeUnknown, says: "power last read unknown"},

		// Sessions.
		{name: "no free session, then one", config: fencetest.RedfishConfig{NoBasic: true, MaxSessions: 1}, between: (rig).endSessions, want: fencing.OutcomeConfirmed, status: 503, says: limit},
		{name: "no free session, asked for", config: fencetest.RedfishConfig{MaxSessions: 1}, between: (rig).endSessions, params: []string{"auth", "session"}, want: fencing.OutcomeConfirmed, status: 503, says: "The maximum number of user sessions is reached."},
		{name: "no free session for long", config: fencetest.RedfishConfig{NoBasic: true, MaxSessions: 1}, within: time.Second, between: func(rig) {}, want: fencing.OutcomeFailed, says: limit, spares: true},
		{name: "no free session, in HPE's way", config: fencetest.RedfishConfig{NoBasic: true}, faults: []fencetest.Fault{{On: fencetest.OpLogin, Times: 1, Status: 400, MessageID: "Base.1.4.CreateLimitReachedForResource", Message: "Too many."}}, want: fencing.OutcomeConfirmed, says: limit},
		{name: "no free session, by DMTF's word", config: fencetest.RedfishConfig{NoBasic: true}, faults: []fencetest.Fault{{On: fencetest.OpLogin, Times: 1, Status: 403, MessageID: "Base.1.8.SessionLimitExceeded", Message: "Too many."}}, want: fencing.OutcomeConfirmed, says: limit},
		{name: "a session ends in mid-work", config: fencetest.RedfishConfig{NoBasic: true}, faults: []fencetest.Fault{{On: fencetest.OpOff, Times: 1, Status: 401, Message: "The session is not valid."}}, want: fencing.OutcomeConfirmed},
		{name: "sessions end at once", config: fencetest.RedfishConfig{NoBasic: true, SessionUses: 1}, faults: nil, params: []string{"system", "/redfish/v1/Systems/1"}, want: fencing.OutcomeFailed, status: 401, spares: true, logins: 6},
		{name: "its web server restarts while one signs in", config: fencetest.RedfishConfig{NoBasic: true}, faults: []fencetest.Fault{{On: fencetest.OpLogin, Times: 1, Drop: true}}, want: fencing.OutcomeConfirmed},
		{name: "a wrong password is tried in each way once", config: fencetest.RedfishConfig{}, params: []string{"password", "wrong"}, want: fencing.OutcomeFailed, status: 401, spares: true, logins: 1},

		// ETags.
		{name: "an ETag is demanded", config: fencetest.RedfishConfig{ETag: `"a1b2"`}, want: fencing.OutcomeConfirmed},
		{name: "a weak ETag, the strong one is demanded", config: fencetest.RedfishConfig{ETag: `W/"a1b2"`}, want: fencing.OutcomeConfirmed},
		{name: "an ETag is refused (iDRAC 10)", config: fencetest.RedfishConfig{AnyETagRefused: true}, want: fencing.OutcomeConfirmed},
		{name: "428, and the ETag is refused", config: fencetest.RedfishConfig{AnyETagRefused: true}, faults: []fencetest.Fault{{On: fencetest.OpOff, Status: 428, Message: "A precondition is required."}}, want: fencing.OutcomeFailed, status: 428, says: "A precondition is required.", spares: true},

		// Redirects on the BMC itself.
		{name: "the reset moved for good (308)", config: fencetest.RedfishConfig{Slash: true}, want: fencing.OutcomeConfirmed},
		{name: "the reset turned into a read (303)", faults: []fencetest.Fault{{On: fencetest.OpOff, Redirect: "/redfish/v1/Systems/1", RedirectStatus: 303}}, want: fencing.OutcomeFailed, status: 303, spares: true},
		{name: "the reset goes in circles", faults: []fencetest.Fault{{On: fencetest.OpOff, Redirect: "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset", RedirectStatus: 307}}, want: fencing.OutcomeFailed, status: 307, spares: true},

		// Tasks.
		{name: "a task that never ends", config: fencetest.RedfishConfig{Systems: tasks("Running")}, faults: []fencetest.Fault{{On: fencetest.OpOff, Lie: true}}, within: time.Second, want: fencing.OutcomeUnknown, status: 202, says: "task Running", spares: true},
		{name: "a task that never ends, but the power goes", config: fencetest.RedfishConfig{Systems: tasks("Running")}, faults: []fencetest.Fault{{On: fencetest.OpOff, After: 400 * time.Millisecond}}, want: fencing.OutcomeConfirmed, status: 202, says: "task Running"},
		{name: "a task that the BMC forgets", config: fencetest.RedfishConfig{Systems: tasks("Gone")}, faults: []fencetest.Fault{{On: fencetest.OpOff, After: 400 * time.Millisecond}}, want: fencing.OutcomeConfirmed, says: "There is no such task."},
		{name: "a task that ends without a body", config: fencetest.RedfishConfig{Systems: tasks("Empty")}, faults: []fencetest.Fault{{On: fencetest.OpOff, After: 400 * time.Millisecond}}, want: fencing.OutcomeConfirmed, says: "task: HTTP 204"},
		{name: "a task without a Location", config: fencetest.RedfishConfig{Systems: tasks("Exception"), TaskInBody: true}, faults: []fencetest.Fault{{On: fencetest.OpOff, Lie: true}}, within: time.Second, want: fencing.OutcomeUnknown, says: "task Exception: the host board did not answer", spares: true},

		// Answers that break off.
		{name: "half an answer to a read that says Off", faults: []fencetest.Fault{{On: fencetest.OpRead, Skip: 2, Broken: true}}, within: time.Second, want: fencing.OutcomeUnknown},
		{name: "401 with half a body (iDRAC 8)", faults: []fencetest.Fault{{On: fencetest.OpRead, Broken: true, Status: 401}}, want: fencing.OutcomeFailed, status: 401, says: "check username and password", spares: true, logins: 4},
		{name: "503 with half a body", faults: []fencetest.Fault{{On: fencetest.OpOff, Times: 1, Broken: true, Status: 503}}, want: fencing.OutcomeConfirmed, status: 503},

		// Slow BMCs: an answer takes longer than request_timeout, or nearly as long.
		{name: "slower than it may be", faults: []fencetest.Fault{{On: fencetest.OpRead, Delay: time.Second}}, params: []string{"request_timeout", "200ms"}, within: time.Second, want: fencing.OutcomeFailed, says: "raise request_timeout", spares: true},
		{name: "slow, and given the time", faults: []fencetest.Fault{{Delay: 700 * time.Millisecond}}, want: fencing.OutcomeConfirmed},

		// Old TLS.
		{name: "TLS 1.0", config: fencetest.RedfishConfig{MaxTLS: tls.VersionTLS10}, want: fencing.OutcomeFailed, says: "tls_legacy = true", spares: true},
		{name: "TLS 1.0, allowed", config: fencetest.RedfishConfig{MaxTLS: tls.VersionTLS10}, params: []string{"tls_legacy", "true"}, want: fencing.OutcomeConfirmed},
		{name: "RSA key exchange", config: fencetest.RedfishConfig{RSAOnly: true}, want: fencing.OutcomeFailed, says: "tls_legacy = true", spares: true},
		{name: "RSA key exchange, allowed", config: fencetest.RedfishConfig{RSAOnly: true}, params: []string{"tls_legacy", "true"}, want: fencing.OutcomeConfirmed},
		{name: "old TLS is allowed, another certificate is not", config: fencetest.RedfishConfig{RSAOnly: true}, params: []string{"tls_legacy", "true", "fingerprint", strings.Repeat("ab", 32)}, want: fencing.OutcomeFailed, says: "another certificate than the pinned one", spares: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, tt.config)
			r.Script.Add(tt.faults...)
			if tt.config.Conflict != 0 {
				r.machines[0].SetPower(false)
			}
			if tt.between != nil {
				r.OpenSession()
				timer := time.AfterFunc(time.Second, func() { tt.between(r) })
				defer timer.Stop()
			}
			within := tt.within
			if within == 0 {
				within = 30 * time.Second
			}
			// A busy machine must not look like a slow BMC.
			params := append([]string{"timeout", "10s", "request_timeout", "5s"}, tt.params...)
			outcome, evidence, err := fence(t, r.device(t, params...), within)
			if outcome != tt.want {
				t.Fatalf("outcome %v (%v), want %v\n%+v", outcome, err, tt.want, evidence)
			}
			text, found := "", tt.status == 0
			if err != nil {
				text = err.Error()
			}
			for _, e := range evidence {
				text += "\n" + e.Detail + " " + e.Err
				found = found || e.HTTPStatus == tt.status
			}
			if !strings.Contains(text, tt.says) || !found {
				t.Errorf("%q or HTTP %d is not in\n%s", tt.says, tt.status, text)
			}
			if got := r.machines[0].History(); tt.spares && len(got) != 0 || !tt.spares && !slices.Equal(got, off) {
				t.Errorf("the machine went %v", got)
			}
			logins := 0
			for _, request := range r.Requests() {
				if strings.HasPrefix(request, "POST") && strings.HasSuffix(request, "/Sessions") {
					logins++
				}
			}
			if tt.logins > 0 && logins > tt.logins {
				t.Errorf("%d logins, at most %d are right", logins, tt.logins)
			}
		})
	}
}

func (r rig) endSessions() { r.EndSessions() }

// A chassis may number its systems anew, when a blade is put in, say. Whoever
// named a UUID gets that system, at its new place.
func TestSystemMoves(t *testing.T) {
	blade := &fencetest.System{ID: "1", UUID: "0000-1"}
	other := &fencetest.System{ID: "2", UUID: "0000-2"}
	r := start(t, fencetest.RedfishConfig{Systems: []*fencetest.System{blade, other}})
	d := r.device(t, "system", "0000-1")
	if power, _, err := d.Status(t.Context()); power != fencing.PowerOn || err != nil {
		t.Fatalf("power %v (%v)", power, err)
	}
	blade.ID = "3"
	if outcome, _, err := fence(t, d, 5*time.Second); outcome != fencing.OutcomeConfirmed {
		t.Errorf("outcome %v (%v)", outcome, err)
	}
	if r.machines[0].Power() != fencing.PowerOff || r.machines[1].Power() != fencing.PowerOn {
		t.Error("another system was switched")
	}
}

// A press of the power button that the BMC refused is no reason to wait for its
// effect.
func TestRefusedButtonIsPressedAgain(t *testing.T) {
	r := start(t, fencetest.RedfishConfig{Systems: []*fencetest.System{{ID: "1", ResetTypes: []string{"On", "PushPowerButton"}}}})
	r.Script.Add(fencetest.Fault{On: fencetest.OpOff, Times: 2, Status: 409, Message: "in POST"})
	outcome, evidence, err := fence(t, r.device(t, "allow_power_button", "true"), 10*time.Second)
	if outcome != fencing.OutcomeConfirmed {
		t.Errorf("outcome %v (%v)\n%+v", outcome, err, evidence)
	}
}
