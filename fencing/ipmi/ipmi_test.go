package ipmi_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/fencetest"
	"github.com/belay-ha/belay/fencing/ipmi"
)

const (
	username = "fencer"
	password = "s3cret-of-18-bytes"
)

// quick makes the confirm loop fast enough for tests.
var quick = fencing.Options{
	ConfirmInterval: 20 * time.Millisecond, PollInterval: 10 * time.Millisecond, MaxPoll: 50 * time.Millisecond,
	RequestInterval: 200 * time.Millisecond, RefusalInterval: 50 * time.Millisecond,
}

func start(t *testing.T, config fencetest.IPMIConfig) (*fencetest.IPMI, *fencetest.Machine) {
	t.Helper()
	machine := new(fencetest.Machine)
	config.Username, config.Password, config.Machine = username, password, machine
	bmc, err := fencetest.StartIPMI(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bmc.Close)
	return bmc, machine
}

func device(t *testing.T, locks *ipmi.Locks, addr *net.UDPAddr, pairs ...string) fencing.Device {
	t.Helper()
	params := fencing.Params{
		"address": addr.IP.String(), "port": strconv.Itoa(addr.Port), "username": username, "password": password, "timeout": "4s",
	}
	for i := 0; i < len(pairs); i += 2 {
		params[pairs[i]] = pairs[i+1]
	}
	d, err := ipmi.Spec(locks).Make("bmc-1", params)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func fence(t *testing.T, d fencing.Device, timeout time.Duration) (fencing.Outcome, []fencing.Evidence, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	outcome, evidence, err := fencing.Off(ctx, d, quick)
	if text := fmt.Sprintf("%+v %v", evidence, err); strings.Contains(text, password) {
		t.Errorf("the password shows in %s", text)
	}
	return outcome, evidence, err
}

func TestOffIsProven(t *testing.T) {
	tests := []struct {
		name   string
		config fencetest.IPMIConfig
		faults []fencetest.Fault
		params []string
		says   string
	}{
		{name: "suite 17 first", says: "cipher suite 17"},
		{name: "falls back to suite 3", config: fencetest.IPMIConfig{CipherSuites: []int{3}}, says: "cipher suite 3"},
		{name: "suite 3 asked for", params: []string{"cipher_suite", "3"}, says: "cipher suite 3"},
		{name: "operator account", config: fencetest.IPMIConfig{Operator: true}},
		{name: "administrator", params: []string{"privilege", "administrator"}},
		{name: "two-key login", config: fencetest.IPMIConfig{KG: []byte{0xab, 0xcd}}, params: []string{"kg", "abcd"}},
		{name: "slow off", faults: []fencetest.Fault{{On: fencetest.OpOff, After: 300 * time.Millisecond}}},
		{name: "busy twice", faults: []fencetest.Fault{{On: fencetest.OpOff, Times: 2, Status: 503}}},
		{name: "refused once", faults: []fencetest.Fault{{On: fencetest.OpOff, Times: 1, Status: 409}}},
		{name: "it acts and one answer is lost", faults: []fencetest.Fault{{On: fencetest.OpOff, Times: 1, Act: true, Drop: true}}},
		{name: "unspecified error, but it acts", faults: []fencetest.Fault{{On: fencetest.OpOff, Times: 1, Act: true, Status: 500}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bmc, machine := start(t, tt.config)
			bmc.Script.Add(tt.faults...)
			outcome, evidence, err := fence(t, device(t, nil, bmc.Addr(), tt.params...), 10*time.Second)
			if outcome != fencing.OutcomeConfirmed {
				t.Fatalf("outcome %v (%v)\n%+v", outcome, err, evidence)
			}
			if got := machine.History(); !slices.Equal(got, []fencing.Power{fencing.PowerOff}) {
				t.Errorf("the machine went %v", got)
			}
			if !strings.Contains(evidence[0].Detail, tt.says) {
				t.Errorf("%q is not in %q", tt.says, evidence[0].Detail)
			}
			if n := bmc.Sessions(); n != 0 {
				t.Errorf("%d sessions left open", n)
			}
		})
	}
}

func TestOffIsNeverClaimed(t *testing.T) {
	tests := []struct {
		name   string
		config fencetest.IPMIConfig
		faults []fencetest.Fault
		params []string
		mute   bool
		within time.Duration
		want   fencing.Outcome
		says   string
	}{
		{name: "wrong password", params: []string{"password", "another"}, want: fencing.OutcomeFailed, says: "wrong password"},
		{name: "unknown user", params: []string{"username", "nobody"}, want: fencing.OutcomeFailed, says: "RAKP message 2"},
		{name: "privilege too low", config: fencetest.IPMIConfig{User: true}, want: fencing.OutcomeFailed, says: "privilege"},
		{name: "wrong BMC key", config: fencetest.IPMIConfig{KG: []byte{1}}, params: []string{"kg", "02"}, want: fencing.OutcomeFailed, says: "kg"},
		{name: "no common suite", config: fencetest.IPMIConfig{CipherSuites: []int{17}}, params: []string{"cipher_suite", "3"}, want: fencing.OutcomeFailed},
		{name: "takes it and stays on", faults: []fencetest.Fault{{On: fencetest.OpOff, Lie: true}}, want: fencing.OutcomeUnknown, says: "power last read on"},
		{name: "flips off and on again", faults: []fencetest.Fault{{On: fencetest.OpRead, Skip: 1, Times: 1, Report: fencing.PowerOff}, {On: fencetest.OpOff, Lie: true}}, want: fencing.OutcomeUnknown},
		{name: "refuses", faults: []fencetest.Fault{{On: fencetest.OpOff, Status: 409}}, within: 5 * time.Second, want: fencing.OutcomeFailed, says: "not possible in the present state"},
		{name: "busy", faults: []fencetest.Fault{{On: fencetest.OpOff, Status: 503}}, want: fencing.OutcomeFailed, says: "node busy"},
		{name: "hung", mute: true, want: fencing.OutcomeFailed, says: "no answer in time"},
		{name: "hangs at the request", faults: []fencetest.Fault{{On: fencetest.OpOff, Hang: true}}, want: fencing.OutcomeUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bmc, machine := start(t, tt.config)
			bmc.Script.Add(tt.faults...)
			bmc.Mute(tt.mute)
			within := max(tt.within, 1500*time.Millisecond)
			began := time.Now()
			outcome, evidence, err := fence(t, device(t, nil, bmc.Addr(), tt.params...), within)
			if outcome != tt.want || err == nil {
				t.Fatalf("outcome %v (%v), want %v\n%+v", outcome, err, tt.want, evidence)
			}
			if took := time.Since(began); took > within+1500*time.Millisecond {
				t.Errorf("took %v", took)
			}
			if text := fmt.Sprintf("%v %+v", err, evidence); !strings.Contains(text, tt.says) {
				t.Errorf("%q is not in\n%s", tt.says, text)
			}
			if len(machine.History()) != 0 {
				t.Errorf("the machine went %v", machine.History())
			}
		})
	}
}

func TestReboot(t *testing.T) {
	bmc, machine := start(t, fencetest.IPMIConfig{})
	outcome, _, err := fencing.Reboot(t.Context(), device(t, nil, bmc.Addr()), quick)
	if outcome != fencing.OutcomeConfirmed || err != nil {
		t.Fatalf("outcome %v (%v)", outcome, err)
	}
	if got := machine.History(); !slices.Equal(got, []fencing.Power{fencing.PowerOff, fencing.PowerOn}) {
		t.Errorf("the machine went %v", got)
	}
}

func TestDeadlineIsADeadline(t *testing.T) {
	bmc, _ := start(t, fencetest.IPMIConfig{})
	bmc.Mute(true)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, _, err := device(t, nil, bmc.Addr()).Status(ctx)
	if took := time.Since(began); took > time.Second {
		t.Errorf("took %v", took)
	}
	if fencing.KindOf(err) != fencing.KindTimeout || ctx.Err() == nil {
		t.Errorf("error %v of kind %v", err, fencing.KindOf(err))
	}
}

func TestNothingListens(t *testing.T) {
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	addr := socket.LocalAddr().(*net.UDPAddr)
	_ = socket.Close()
	if _, _, err := device(t, nil, addr).Status(t.Context()); fencing.KindOf(err) != fencing.KindUnreachable {
		t.Errorf("error %v of kind %v", err, fencing.KindOf(err))
	}
}

// Two members' devices of one process, or two fences of one BMC, wait for each
// other instead of taking the BMC's last session slots.
func TestOneSessionAtATime(t *testing.T) {
	bmc, _ := start(t, fencetest.IPMIConfig{})
	locks := new(ipmi.Locks)
	var wg sync.WaitGroup
	for range 12 {
		d := device(t, locks, bmc.Addr())
		wg.Go(func() {
			if _, _, err := d.Status(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most := bmc.MostSessions(); most != 1 {
		t.Errorf("%d sessions at once", most)
	}
}

// Whatever arrives at the socket, only the BMC's own, authenticated answer may
// say that the power is off, and nothing may bring the daemon down.
func TestForgedAndBrokenPackets(t *testing.T) {
	tests := []struct {
		name   string
		tamper func([]byte) []byte
	}{
		{name: "one bit of the ciphertext", tamper: func(p []byte) []byte { p[min(20, len(p)-1)] ^= 1; return p }},
		{name: "one bit of the code", tamper: func(p []byte) []byte { p[len(p)-1] ^= 1; return p }},
		{name: "authentication flag cleared", tamper: func(p []byte) []byte { p[5] &^= 0x40; return p }},
		{name: "encryption flag cleared", tamper: func(p []byte) []byte { p[5] &^= 0x80; return p }},
		{name: "cut after the header", tamper: func(p []byte) []byte { return p[:16] }},
		{name: "cut in the payload", tamper: func(p []byte) []byte { return p[:len(p)-20] }},
		{name: "one byte", tamper: func(p []byte) []byte { return p[:1] }},
		{name: "length too large", tamper: func(p []byte) []byte { p[14], p[15] = 0xff, 0xff; return p }},
		{name: "length zero", tamper: func(p []byte) []byte { p[14], p[15] = 0, 0; return p }},
		{name: "a plain message: power off", tamper: func(p []byte) []byte { return forgedStatus(p) }},
		{name: "zeros", tamper: func(p []byte) []byte { return make([]byte, len(p)) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bmc, _ := start(t, fencetest.IPMIConfig{})
			answers := 0 // in the session: the first is to Set Session Privilege Level
			bmc.Tamper(func(p []byte) []byte {
				if inSession(p) {
					if answers++; answers > 1 {
						return tt.tamper(p)
					}
				}
				return p
			})
			ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
			defer cancel()
			power, _, err := device(t, nil, bmc.Addr()).Status(ctx)
			if power != fencing.PowerUnknown || fencing.KindOf(err) != fencing.KindTimeout {
				t.Errorf("power %v, error %v", power, err)
			}
		})
	}
}

func inSession(p []byte) bool {
	return len(p) > 10 && p[4] == 6 && p[5]&0x3f == 0 && (p[6]|p[7]|p[8]|p[9]) != 0
}

// forgedStatus answers the session's second message, Get Chassis Status, with
// "power is off", unencrypted and without a code.
func forgedStatus(p []byte) []byte {
	message := []byte{0x81, 0x01 << 2, 0, 0x20, 2 << 2, 0x01, 0, 0, 0, 0}
	message[2] = -(message[0] + message[1])
	var sum byte
	for _, b := range message[3:] {
		sum += b
	}
	message = append(message, -sum)
	forged := append([]byte(nil), p[:16]...)
	forged[5] = 0
	forged[14], forged[15] = byte(len(message)), 0
	return append(forged, message...)
}

// A handshake that was tampered with ends in an error, not in a session.
func TestTamperedHandshake(t *testing.T) {
	const header = 16
	tests := []struct {
		name    string
		payload byte // type of the packet to change
		at      int  // byte of its payload to change; below 0 from the end
	}{
		{"open session: status", 0x11, 1},
		{"open session: our id", 0x11, 4},
		{"open session: the BMC's id", 0x11, 8},
		{"open session: authentication algorithm", 0x11, 16},
		{"open session: integrity algorithm", 0x11, 24},
		{"open session: encryption algorithm", 0x11, 32},
		{"RAKP 2: status", 0x13, 1},
		{"RAKP 2: our id", 0x13, 4},
		{"RAKP 2: the BMC's random number", 0x13, 8},
		{"RAKP 2: the BMC's GUID", 0x13, 24},
		{"RAKP 2: code", 0x13, -1},
		{"RAKP 4: status", 0x15, 1},
		{"RAKP 4: our id", 0x15, 4},
		{"RAKP 4: code", 0x15, 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bmc, _ := start(t, fencetest.IPMIConfig{})
			changed := make(chan struct{}, 16)
			bmc.Tamper(func(p []byte) []byte {
				if p[4] == 6 && p[5] == tt.payload {
					i := header + tt.at
					if tt.at < 0 {
						i = len(p) + tt.at
					}
					p[i] ^= 0x41
					changed <- struct{}{}
				}
				return p
			})
			ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
			defer cancel()
			power, _, err := device(t, nil, bmc.Addr(), "cipher_suite", "17").Status(ctx)
			if power != fencing.PowerUnknown || err == nil {
				t.Errorf("power %v, error %v", power, err)
			}
			if len(changed) == 0 {
				t.Error("no packet was changed")
			}
		})
	}
}

func TestValidate(t *testing.T) {
	good := fencing.Params{"address": "192.0.2.1", "username": "a", "password": "secret://b"}
	tests := []struct {
		name, param, value string
		bad                bool
	}{
		{name: "good", param: "port", value: "6230"},
		{name: "IPv6", param: "address", value: "2001:db8::1"},
		{name: "IPv6 in brackets", param: "address", value: "[2001:db8::1]"},
		{name: "address with port", param: "address", value: "192.0.2.1:623", bad: true},
		{name: "user name too long", param: "username", value: strings.Repeat("a", 17), bad: true},
		{name: "password too long", param: "password", value: strings.Repeat("a", 21), bad: true},
		{name: "suite 0 protects nothing", param: "cipher_suite", value: "0", bad: true},
		{name: "kg not hex", param: "kg", value: "xyz", bad: true},
		{name: "privilege too low to fence", param: "privilege", value: "user", bad: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			params := fencing.Params{tt.param: tt.value}
			for k, v := range good {
				if _, ok := params[k]; !ok {
					params[k] = v
				}
			}
			problems := ipmi.Spec(nil).Validate(params)
			if (len(problems) > 0) != tt.bad || (tt.bad && problems[0].Param != tt.param) {
				t.Errorf("problems %v", problems)
			}
		})
	}
}
