package redfish

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/stmcginnis/gofish/schemas"

	"github.com/belay-ha/belay/fencing"
)

// classify turns an error into one with a kind, and drops its chain: library
// errors may quote requests.
func (d *device) classify(op string, err error, rec *record) error {
	var own *fencing.Error
	if errors.As(err, &own) {
		own.Op = op
		own.HTTPStatus = 0
		return own
	}
	kind, text := describe(err, rec.status)
	status := 0
	var answered *schemas.Error
	if errors.As(err, &answered) {
		status = answeredStatus(answered, rec.status)
	}
	if kind.MayHaveActed() && (!rec.sent.Load() || (op != fencing.StepRead && !rec.asked)) {
		kind = fencing.KindUnreachable // nothing was asked that could act
	}
	e := d.fail(kind, op, text, err)
	e.HTTPStatus, e.RetryAfter = status, rec.retryAfter
	return e
}

// describe returns an error's kind and what a person should read of it. The
// status is that of the newest answer: some BMCs break an answer off in its body
// (iDRAC 8 does so with 401), and the library then forgets what it began with.
func describe(err error, status int) (fencing.Kind, string) {
	var answered *schemas.Error
	var verify *tls.CertificateVerificationError
	var timeout net.Error
	var dial *net.OpError
	switch {
	case errors.As(err, &answered) && answeredStatus(answered, status) != 0:
		return describeAnswer(answered, answeredStatus(answered, status))
	case errors.Is(err, errPin):
		return fencing.KindTLS, errPin.Error() + "; if the BMC got a new one, set its fingerprint"
	case errors.As(err, &verify):
		return fencing.KindTLS, verify.Err.Error() + "; set ca_file, ca_pem or fingerprint to the BMC's"
	case err != nil && tooOld(err.Error()):
		return fencing.KindTLS, "the BMC speaks only outdated TLS: update its firmware, or set tls_legacy = true"
	case errors.Is(err, errForeignHost), errors.Is(err, errTooLong), errors.Is(err, errProtocol):
		return fencing.KindProtocol, err.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.As(err, &timeout) && timeout.Timeout():
		return fencing.KindTimeout, "no answer in time; where the BMC is only slow, raise request_timeout, timeout and fencing_timeout"
	case errors.As(err, &dial) && dial.Op == "dial":
		return fencing.KindUnreachable, dial.Error()
	case err != nil:
		return fencing.KindUnknown, err.Error()
	default:
		return fencing.KindUnknown, ""
	}
}

func answeredStatus(answered *schemas.Error, newest int) int {
	if answered.HTTPReturnedStatusCode == 0 && newest >= http.StatusBadRequest {
		return newest
	}
	return answered.HTTPReturnedStatusCode
}

// tooOld reports whether a TLS handshake failed because the two have no version
// or cipher suite in common. crypto/tls has no types for these; an alert of
// another kind may come from a BMC that is only busy.
func tooOld(text string) bool {
	for _, sign := range []string{
		"tls: protocol version not supported", "tls: server selected unsupported protocol version",
		"tls: handshake failure", "tls: insufficient security level",
	} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

func describeAnswer(answered *schemas.Error, status int) (fencing.Kind, string) {
	kind, text := kindOfStatus(status), messages(answered, status)
	if sessionsSpent(answered) {
		// HTTP 503, 403 or 400, as vendors please. It heals when a session ends.
		return fencing.KindBusy, text + "; the BMC has no free session: end one there, or lower its session timeout"
	}
	if kind == fencing.KindAuth {
		text += "; check username and password, and that the account may switch the power"
	}
	return kind, text
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

// sessionsSpent reports whether the BMC says that it has no session left: in the
// words of DMTF's Base registry, of HPE's use of it, or of Dell.
func sessionsSpent(e *schemas.Error) bool {
	return slices.ContainsFunc(e.ExtendedInfos, func(info schemas.ErrExtendedInfo) bool {
		id := info.MessageID[strings.LastIndex(info.MessageID, ".")+1:]
		return id == "SessionLimitExceeded" || id == "CreateLimitReachedForResource" || id == "RAC0218"
	})
}

// messages returns what the BMC said: its extended messages, or what there is.
// Older iLOs send a message's id and arguments, and leave the text to the reader.
func messages(e *schemas.Error, status int) string {
	var parts []string
	for _, info := range e.ExtendedInfos {
		text := info.Message
		if text == "" && info.MessageID != "" {
			text = strings.Join(append([]string{info.MessageID + ":"}, info.MessageArgs...), " ")
			text = strings.TrimSuffix(text, ":") + "."
		}
		if text != "" && !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	if len(parts) == 0 && e.Message != "" {
		parts = append(parts, e.Message)
	}
	if len(parts) == 0 {
		parts = append(parts, http.StatusText(status))
	}
	return "the BMC answered: " + strings.Join(parts, " ")
}
