// Package redfish switches a node's power through a BMC that speaks Redfish
// (DMTF DSP0266). It names one computer system of the BMC or refuses; it takes
// no accepted request for a result; and it talks to that BMC alone, over TLS.
//
// The package starts no goroutine of its own. HTTP connections stay open for a
// few seconds after a call.
package redfish

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
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

	mode    string            // way to sign in that worked, or ""
	basic   *gofish.APIClient // of authBasic
	path    string            // of the one system
	monitor string            // of the newest task, or ""
	pushed  time.Time         // when the power button was last pressed
}

func newDevice(name string, p fencing.Params) (fencing.Device, error) {
	endpoint, problem := parseEndpoint(p["endpoint"])
	if problem != "" {
		return nil, fencing.NewError(fencing.KindConfig, name, "configure redfish", "endpoint "+problem, nil)
	}
	d := &device{
		name: name, params: p, endpoint: endpoint,
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
			d.pushed = time.Now()
		}
		return d.post(c, s, target, reset)
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

// post asks for the reset. Actions take no ETag as a rule; a service that
// insists on one (DSP0266 "Precondition required") gets it at the second try.
func (d *device) post(c *conn, s *system, target string, reset schemas.ResetType) (string, error) {
	body := map[string]string{"ResetType": string(reset)}
	c.rec.asked = true
	resp, err := c.client.Post(target, body)
	if (c.rec.status == http.StatusPreconditionFailed || c.rec.status == http.StatusPreconditionRequired) && s.Etag != "" {
		resp, err = c.client.PostWithHeaders(target, body, map[string]string{"If-Match": s.Etag})
	}
	if err != nil {
		return "", err
	}
	defer schemas.DeferredCleanupHTTPResponse(resp)
	detail := fmt.Sprintf("POST %s %s: taken with HTTP %d", target, reset, resp.StatusCode)
	if resp.StatusCode == http.StatusAccepted {
		d.monitor = ""
		if path, err := d.localPath(resp.Header.Get("Location")); err == nil {
			d.monitor = path
			detail += ", task " + path
		}
	}
	return detail, nil
}

// followTask says what became of the newest task, until it has ended. It is
// for the record: only the power state counts.
func (d *device) followTask(c *conn, power fencing.Power) string {
	if d.monitor == "" {
		return ""
	}
	if power == fencing.PowerOff {
		d.monitor = ""
		return ""
	}
	status := c.rec.status
	defer func() { c.rec.status = status }()
	var task struct {
		TaskState, TaskStatus string
		Messages              []struct{ Message string }
	}
	if err := c.get(d.monitor, &task); err != nil {
		_, text := describe(err)
		d.monitor = ""
		return "task: " + text
	}
	if c.rec.status != http.StatusAccepted {
		d.monitor = ""
	}
	text := "task " + task.TaskState
	if task.TaskState != "Completed" {
		for _, m := range task.Messages {
			text += ": " + m.Message
		}
	}
	return text
}

// call signs in, finds the system and passes it to the function, within the
// device's timeout.
func (d *device) call(ctx context.Context, step string, fn func(*conn, *system) (string, error)) (fencing.Evidence, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	rec := new(record)
	detail, err := d.inMode(ctx, rec, d.firstMode(), fn)
	if err != nil && d.mode == "" && (rec.status == http.StatusUnauthorized || rec.status == http.StatusNotFound) {
		// Basic authentication may be switched off (401), or hide everything (404).
		basicErr, basicStatus := err, rec.status
		detail, err = d.inMode(ctx, rec, authSession, fn)
		if err == nil {
			d.mode = authSession
		} else if rec.status != http.StatusUnauthorized && rec.sent.Load() {
			err, rec.status = basicErr, basicStatus
		}
	} else if err == nil && d.mode == "" {
		d.mode = authBasic
	}
	e := fencing.Evidence{HTTPStatus: rec.status, Detail: d.scrub(detail)}
	if err != nil {
		return e, d.classify(step, err, rec)
	}
	return e, nil
}

func (d *device) firstMode() string {
	if d.mode != "" {
		return d.mode
	}
	return authBasic
}

func (d *device) inMode(ctx context.Context, rec *record, mode string, fn func(*conn, *system) (string, error)) (string, error) {
	c, signOut, err := d.signIn(ctx, mode, rec)
	if err != nil {
		return "", err
	}
	defer signOut()
	s, err := d.findSystem(c)
	if err != nil {
		return "", err
	}
	return fn(c, s)
}

// classify turns an error into one with a kind, and drops its chain: library
// errors may quote requests.
func (d *device) classify(op string, err error, rec *record) error {
	var own *fencing.Error
	if errors.As(err, &own) {
		own.Op = op
		own.HTTPStatus = 0
		return own
	}
	kind, text := describe(err)
	status := 0
	var answered *schemas.Error
	if errors.As(err, &answered) {
		status = answered.HTTPReturnedStatusCode
	}
	if kind.MayHaveActed() && (!rec.sent.Load() || (op != fencing.StepRead && !rec.asked)) {
		kind = fencing.KindUnreachable // nothing was asked that could act
	}
	e := d.fail(kind, op, text, err)
	e.HTTPStatus, e.RetryAfter = status, rec.retryAfter
	return e
}

// describe returns an error's kind and what a person should read of it.
func describe(err error) (fencing.Kind, string) {
	var answered *schemas.Error
	var verify *tls.CertificateVerificationError
	var timeout net.Error
	var dial *net.OpError
	switch {
	case errors.As(err, &answered) && answered.HTTPReturnedStatusCode != 0:
		kind, text := kindOfStatus(answered.HTTPReturnedStatusCode), messages(answered)
		if kind == fencing.KindAuth {
			text += "; check username and password, and that the account may switch the power"
		}
		return kind, text
	case errors.Is(err, errPin):
		return fencing.KindTLS, errPin.Error() + "; if the BMC got a new one, set its fingerprint"
	case errors.As(err, &verify):
		return fencing.KindTLS, verify.Err.Error() + "; set ca_file, ca_pem or fingerprint to the BMC's"
	case errors.Is(err, errForeignHost), errors.Is(err, errTooLong), errors.Is(err, errProtocol):
		return fencing.KindProtocol, err.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.As(err, &timeout) && timeout.Timeout():
		return fencing.KindTimeout, "no answer in time"
	case errors.As(err, &dial) && dial.Op == "dial":
		return fencing.KindUnreachable, dial.Error()
	default:
		return fencing.KindUnknown, err.Error()
	}
}

func kindOfStatus(status int) fencing.Kind {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fencing.KindAuth
	case http.StatusNotFound:
		return fencing.KindNotFound
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusLocked:
		return fencing.KindBusy
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return fencing.KindTimeout
	case http.StatusNotImplemented:
		return fencing.KindUnsupported
	}
	if status >= 500 {
		return fencing.KindUnknown // it may have acted
	}
	return fencing.KindRefused
}

// messages returns what the BMC said: its extended messages, or what there is.
func messages(e *schemas.Error) string {
	var parts []string
	for _, info := range e.ExtendedInfos {
		if info.Message != "" && !slices.Contains(parts, info.Message) {
			parts = append(parts, info.Message)
		}
	}
	if len(parts) == 0 && e.Message != "" {
		parts = append(parts, e.Message)
	}
	if len(parts) == 0 {
		parts = append(parts, http.StatusText(e.HTTPReturnedStatusCode))
	}
	return "the BMC answered: " + strings.Join(parts, " ")
}

func (d *device) fail(kind fencing.Kind, op, text string, err error) *fencing.Error {
	return fencing.NewError(kind, d.name, op, text, err, d.secrets()...)
}

func (d *device) scrub(text string) string { return fencing.Scrub(text, d.secrets()...) }

func (d *device) secrets() []string {
	return []string{
		d.password, url.QueryEscape(d.password), url.PathEscape(d.password), fmt.Sprintf("%q", d.password),
		base64.StdEncoding.EncodeToString([]byte(d.username + ":" + d.password)),
	}
}

func joined(types []schemas.ResetType) string {
	words := make([]string, len(types))
	for i, t := range types {
		words[i] = string(t)
	}
	return strings.Join(words, ", ")
}
