// Package ipmi switches a node's power through a BMC that speaks IPMI 2.0 over
// LAN (RMCP+), as `ipmitool -I lanplus` does.
//
// It is a client for just what fencing needs, because what a BMC answers is
// what proves a node off: every answer must be encrypted and carry the
// session's authentication code, so that a packet from elsewhere proves
// nothing, and no packet can do more harm than be dropped. Sections of the
// IPMI specification v2.0 are named where the rules are.
//
// The package starts no goroutine, runs no program, and opens one session at a
// time on a BMC.
package ipmi

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/fencing"
)

// Name of the device in definitions.
const Name = "ipmi"

// Bounds of the protocol, 13.20 and 22.30.
const (
	maxUsername = 16
	maxPassword = 20
	maxKG       = 20
)

var privileges = map[string]byte{"user": 2, "operator": 3, "administrator": 4}

// suitesOf a cipher_suite parameter, in the order to try them.
var suitesOf = map[string][]int{"auto": {17, 3}, "17": {17}, "3": {3}}

// Spec describes the device and makes it. All devices that the spec makes share
// the locks, which a process should have once; nil makes new ones.
func Spec(locks *Locks) fencing.Spec {
	if locks == nil {
		locks = new(Locks)
	}
	return fencing.Spec{
		Name:    Name,
		Host:    "address",
		Summary: "a BMC that speaks IPMI 2.0 over LAN",
		Params: []fencing.ParamSpec{
			{Name: "address", Type: fencing.TypeString, Required: true, Description: "the BMC's IP address or name"},
			{Name: "port", Type: fencing.TypeInt, Default: "623", Min: 1, Max: 65535, Description: "its UDP port"},
			{Name: "username", Type: fencing.TypeString, Required: true, Max: maxUsername, Description: "an account with the operator privilege"},
			{Name: "password", Type: fencing.TypeSecret, Required: true, Max: maxPassword, Description: "its password"},
			{Name: "kg", Type: fencing.TypeSecret, Max: 2 * maxKG, Description: "the BMC key of two-key logins, in hex"},
			{Name: "cipher_suite", Type: fencing.TypeEnum, Enum: []string{"auto", "17", "3"}, Default: "auto", Description: "how to protect the session; auto takes 17 (SHA-256), or 3 (SHA-1) where the BMC lacks it"},
			{Name: "privilege", Type: fencing.TypeEnum, Enum: []string{"operator", "administrator"}, Default: "operator", Description: "the privilege to ask for"},
			{Name: "timeout", Type: fencing.TypeDuration, Default: "12s", Description: "the longest that reading or asking once may take"},
		},
		Check: check,
		New: func(name string, p fencing.Params) (fencing.Device, error) {
			d := &device{
				name: name, locks: locks, timeout: p.Duration("timeout"),
				address: net.JoinHostPort(strings.Trim(p["address"], "[]"), strconv.Itoa(p.Int("port"))),
				credentials: credentials{
					username: p["username"], password: p["password"], privilege: privileges[p["privilege"]],
				},
				suites: suitesOf[p["cipher_suite"]],
			}
			if p["kg"] != "" {
				d.credentials.kg, _ = hex.DecodeString(p["kg"])
			}
			return d, nil
		},
	}
}

func check(p fencing.Params) []fencing.Problem {
	var problems []fencing.Problem
	invalid := func(param, message, fix string) {
		problems = append(problems, fencing.Problem{Code: fencing.ProblemInvalid, Param: param, Message: message, Fix: fix})
	}
	if a := p["address"]; strings.Contains(a, "/") || (strings.Contains(a, ":") && net.ParseIP(strings.Trim(a, "[]")) == nil) {
		invalid("address", "is neither an IP address nor a name", "the port goes into port")
	}
	if kg := p["kg"]; kg != "" && !strings.HasPrefix(kg, fencing.SecretPrefix) {
		if _, err := hex.DecodeString(kg); err != nil {
			invalid("kg", "is not hex", "")
		}
	}
	return problems
}

// device implements fencing.Device.
type device struct {
	name        string
	address     string
	credentials credentials
	suites      []int
	timeout     time.Duration
	locks       *Locks
}

// Name implements fencing.Device.
func (d *device) Name() string { return d.name }

// Timeout implements fencing.Device.
func (d *device) Timeout() time.Duration { return d.timeout + closeTimeout }

// Status implements fencing.Device.
func (d *device) Status(ctx context.Context) (power fencing.Power, e fencing.Evidence, err error) {
	e.Detail, err = d.call(ctx, fencing.StepRead, func(ctx context.Context, s *session) error {
		power, err = readPower(ctx, s)
		return err
	})
	if err == nil {
		e.Detail += fmt.Sprintf(": Get Chassis Status: power %s", power)
	}
	return power, e, err
}

func readPower(ctx context.Context, s *session) (fencing.Power, error) {
	data, err := s.do(ctx, cmdStatus)
	if err != nil {
		return fencing.PowerUnknown, err
	}
	if data[0]&0x01 != 0 { // 28.2, current power state
		return fencing.PowerOn, nil
	}
	return fencing.PowerOff, nil
}

// Chassis Control actions, 28.3.
const (
	controlDown = 0x00
	controlUp   = 0x01
	// controlCycle needs a host that is on; 28.3 has a BMC refuse it otherwise.
	controlCycle = 0x02
)

// Off implements fencing.Device.
func (d *device) Off(ctx context.Context) (fencing.Evidence, error) {
	return d.switchPower(ctx, fencing.StepOff, fencing.PowerOff, controlDown)
}

// On implements fencing.Device.
func (d *device) On(ctx context.Context) (fencing.Evidence, error) {
	return d.switchPower(ctx, fencing.StepOn, fencing.PowerOn, controlUp)
}

// Cycle implements fencing.Cycler.
func (d *device) Cycle(ctx context.Context) (e fencing.Evidence, err error) {
	e.Detail, err = d.call(ctx, fencing.StepCycle, func(ctx context.Context, s *session) error {
		control := cmdControl
		control.data = []byte{controlCycle}
		s.acted = true
		_, err := s.do(ctx, control)
		return err
	})
	if err == nil {
		e.Detail += ": Chassis Control power cycle: taken"
	}
	return e, err
}

func (d *device) switchPower(ctx context.Context, step string, want fencing.Power, action byte) (e fencing.Evidence, err error) {
	done := "taken"
	e.Detail, err = d.call(ctx, step, func(ctx context.Context, s *session) error {
		// A BMC may refuse to switch off what is off; reading first costs little.
		if power, err := readPower(ctx, s); err == nil && power == want {
			done = "nothing asked, the power is " + want.String() + " already"
			return nil
		}
		control := cmdControl
		control.data = []byte{action}
		s.acted = true
		_, err := s.do(ctx, control)
		return err
	})
	if err == nil {
		e.Detail += fmt.Sprintf(": Chassis Control power %s: %s", want, done)
	}
	return e, err
}

// call opens a session for the function, within the device's timeout, and says
// how the session is protected.
func (d *device) call(ctx context.Context, op string, fn func(context.Context, *session) error) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	release, err := d.locks.acquire(ctx, strings.ToLower(d.address))
	if err != nil {
		return "", d.fail(op, failed(fencing.KindBusy, "another session on this BMC has not ended: %w", err), false)
	}
	defer release()
	s, err := open(ctx, d.address, d.credentials, d.suites)
	if err != nil {
		return "", d.fail(op, err, false)
	}
	defer s.close(ctx)
	if err := fn(ctx, s); err != nil {
		return "", d.fail(op, err, s.acted)
	}
	return fmt.Sprintf("%s, cipher suite %d", d.address, s.keys.suite.id), nil
}

func (d *device) fail(op string, err error, acted bool) error {
	kind := fencing.KindUnknown
	var f *failure
	if errors.As(err, &f) {
		kind = f.kind
	}
	if kind.MayHaveActed() && op != fencing.StepRead && !acted {
		kind = fencing.KindUnreachable // nothing was asked that could act
	}
	return fencing.NewError(kind, d.name, op, err.Error(), err, d.credentials.password, hex.EncodeToString(d.credentials.kg))
}
