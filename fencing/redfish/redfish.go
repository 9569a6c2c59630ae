// Package redfish switches a node's power through a BMC that speaks Redfish
// (DMTF DSP0266). It names one computer system of the BMC or refuses; it takes
// no accepted request for a result; and it talks to that BMC alone, over TLS.
//
// The package starts no goroutine of its own. HTTP connections stay open for a
// few seconds after a call.
package redfish

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stmcginnis/gofish"
	"github.com/stmcginnis/gofish/schemas"

	"github.com/belay-ha/belay/fencing"
)

var errProtocol = errors.New("the BMC's answer makes no sense")

// device implements fencing.Device. What it has learnt is kept for the next call.
type device struct {
	name               string
	params             fencing.Params
	endpoint           *url.URL
	username, password string
	timeout            time.Duration
	requestTimeout     time.Duration

	learnt  *learnt           // shared by all devices of a daemon
	mode    string            // way to sign in that worked, or ""
	basic   *gofish.APIClient // of authBasic
	path    string            // of the one system
	monitor string            // of the newest task, or ""
	pushed  time.Time         // when the power button was last pressed
}

func newDevice(name string, p fencing.Params, known *learnt) (fencing.Device, error) {
	endpoint, problem := parseEndpoint(p["endpoint"])
	if problem != "" {
		return nil, fencing.NewError(fencing.KindConfig, name, "configure redfish", "endpoint "+problem, nil)
	}
	d := &device{
		name: name, params: p, endpoint: endpoint, learnt: known,
		username: p["username"], password: p["password"],
		timeout: p.Duration("timeout"), requestTimeout: p.Duration("request_timeout"),
	}
	if p["auth"] != authAuto {
		d.mode = p["auth"]
	}
	return d, nil
}

// Name implements fencing.Device.
func (d *device) Name() string { return d.name }

// Timeout implements fencing.Device.
func (d *device) Timeout() time.Duration { return d.timeout + logoutTimeout }

// Status implements fencing.Device.
func (d *device) Status(ctx context.Context) (power fencing.Power, e fencing.Evidence, err error) {
	e, err = d.call(ctx, fencing.StepRead, func(c *conn, s *system) (string, error) {
		power = s.power()
		detail := fmt.Sprintf("GET %s: PowerState %q", d.path, s.PowerState)
		if task := d.followTask(c, power); task != "" {
			detail += ", " + task
		}
		return detail, nil
	})
	return power, e, err
}

// Off implements fencing.Device.
func (d *device) Off(ctx context.Context) (fencing.Evidence, error) {
	return d.switchPower(ctx, fencing.StepOff, fencing.PowerOff, schemas.ForceOffResetType)
}

// On implements fencing.Device.
func (d *device) On(ctx context.Context) (fencing.Evidence, error) {
	return d.switchPower(ctx, fencing.StepOn, fencing.PowerOn, schemas.OnResetType, schemas.ForceOnResetType)
}

// Cycle implements fencing.Cycler.
func (d *device) Cycle(ctx context.Context) (fencing.Evidence, error) {
	return d.call(ctx, fencing.StepCycle, func(c *conn, s *system) (string, error) {
		types := []schemas.ResetType{schemas.PowerCycleResetType, schemas.ForceRestartResetType}
		allowed := d.allowedResets(c, s)
		reset := slices.IndexFunc(types, func(t schemas.ResetType) bool { return len(allowed) == 0 || slices.Contains(allowed, t) })
		if reset < 0 {
			return "", d.fail(fencing.KindUnsupported, "", fmt.Sprintf("the system allows %s, not %s", joined(allowed), joined(types)), nil)
		}
		target, err := d.resetTarget(s)
		if err != nil {
			return "", err
		}
		return d.post(c, s, target, types[reset])
	})
}

func (d *device) switchPower(ctx context.Context, step string, want fencing.Power, types ...schemas.ResetType) (fencing.Evidence, error) {
	return d.call(ctx, step, func(c *conn, s *system) (string, error) {
		if s.power() == want {
			return fmt.Sprintf("nothing asked: PowerState is %q already", s.PowerState), nil
		}
		reset, err := d.chooseReset(c, s, types)
		if err != nil {
			return "", err
		}
		target, err := d.resetTarget(s)
		if err != nil {
			return "", err
		}
		if reset == schemas.PushPowerButtonResetType {
			if s.power() == fencing.PowerUnknown {
				return "", d.fail(fencing.KindBusy, "", "the power state is unknown, and the power button would toggle it", nil)
			}
		}
		detail, err := d.post(c, s, target, reset)
		if kind, _ := describe(err, c.rec.status); reset == schemas.PushPowerButtonResetType && (err == nil || kind.MayHaveActed()) {
			d.pushed = time.Now()
		}
		return detail, err
	})
}

// buttonPause is how long a press of the power button gets to work. A second
// press meanwhile would undo the first.
const buttonPause = 30 * time.Second

// chooseReset returns the first of the reset types that the system allows.
func (d *device) chooseReset(c *conn, s *system, types []schemas.ResetType) (schemas.ResetType, error) {
	allowed := d.allowedResets(c, s)
	if len(allowed) == 0 {
		return types[0], nil // the BMC does not say
	}
	for _, t := range types {
		if slices.Contains(allowed, t) {
			return t, nil
		}
	}
	button := slices.Contains(allowed, schemas.PushPowerButtonResetType)
	switch {
	case button && d.params.Bool("allow_power_button"):
		if since := time.Since(d.pushed); !d.pushed.IsZero() && since < buttonPause {
			return "", d.fail(fencing.KindBusy, "", fmt.Sprintf("the power button was pressed %s ago and must not be pressed again yet", since.Round(time.Second)), nil)
		}
		return schemas.PushPowerButtonResetType, nil
	case button:
		return "", d.fail(fencing.KindUnsupported, "", fmt.Sprintf("the system allows %s, not %s; set allow_power_button = true to press the power button instead",
			joined(allowed), joined(types)), nil)
	default:
		return "", d.fail(fencing.KindUnsupported, "", fmt.Sprintf("the system allows %s, not %s", joined(allowed), joined(types)), nil)
	}
}

// call signs in, finds the system and passes it to the function, within the
// device's timeout.
func (d *device) call(ctx context.Context, step string, fn func(*conn, *system) (string, error)) (fencing.Evidence, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	rec := new(record)
	detail, err := d.inSomeMode(ctx, rec, fn)
	e := fencing.Evidence{HTTPStatus: rec.status, Detail: d.scrub(detail)}
	if err != nil {
		return e, d.classify(step, err, rec)
	}
	return e, nil
}

func (d *device) fail(kind fencing.Kind, op, text string, err error) *fencing.Error {
	return fencing.NewError(kind, d.name, op, text, err, d.secrets()...)
}

func (d *device) scrub(text string) string { return fencing.Scrub(text, d.secrets()...) }

func (d *device) secrets() []string {
	return []string{d.password, base64.StdEncoding.EncodeToString([]byte(d.username + ":" + d.password))}
}

func joined(types []schemas.ResetType) string {
	words := make([]string, len(types))
	for i, t := range types {
		words[i] = string(t)
	}
	return strings.Join(words, ", ")
}
