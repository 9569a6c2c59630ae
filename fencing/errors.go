package fencing

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind says what to do about an error.
type Kind int

// The kinds.
const (
	KindUnknown     Kind = iota // anything else; may heal
	KindTimeout                 // no answer in time: a request may have taken effect
	KindUnreachable             // no connection, nothing was asked
	KindBusy                    // asked to come back later (503, 429, no free session)
	KindRefused                 // understood and refused (400, 409, 412, ...)
	KindProtocol                // an answer that makes no sense: a request may have taken effect
	KindAuth                    // user, password or privilege; trying again locks accounts
	KindTLS                     // the certificate is not the expected one
	KindNotFound                // the system or plug is not there
	KindConfig                  // the parameters are wrong or do not name one system
	KindUnsupported             // the device cannot do this
)

var kindNames = []string{
	"unknown", "timeout", "unreachable", "busy", "refused", "protocol",
	"auth", "tls", "not found", "config", "unsupported",
}

// String returns the kind's word.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind(%d)", int(k))
	}
	return kindNames[k]
}

// Fatal reports whether trying the same again is useless.
func (k Kind) Fatal() bool { return k >= KindAuth }

// MayHaveActed reports whether a request that ended so may yet take effect.
func (k Kind) MayHaveActed() bool {
	return k == KindUnknown || k == KindTimeout || k == KindProtocol
}

// Error is what every device returns. Its text is scrubbed and bounded.
type Error struct {
	Kind   Kind
	Device string
	// Op is what was tried, such as "read power".
	Op string
	// Text is what happened and the next step.
	Text string
	// HTTPStatus of the answer, or 0.
	HTTPStatus int
	// RetryAfter is how long the device asked to be left alone, or 0.
	RetryAfter time.Duration
	// cause is a context error or nil; other causes may hold secrets in their text.
	cause error
}

// NewError returns an error of the kind, with its text scrubbed of the secrets
// and, when err is or wraps a context error, that error as its cause.
func NewError(kind Kind, device, op, text string, err error, secrets ...string) *Error {
	e := &Error{Kind: kind, Device: device, Op: op, Text: Scrub(text, secrets...)}
	for _, cause := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, cause) {
			e.cause = cause
		}
	}
	return e
}

// Error returns one line.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s via %s: %s", e.Op, e.Device, e.Text)
	if e.HTTPStatus != 0 {
		text += fmt.Sprintf(" (HTTP %d)", e.HTTPStatus)
	}
	return text
}

// Unwrap returns context.DeadlineExceeded, context.Canceled or nil.
func (e *Error) Unwrap() error { return e.cause }

// KindOf returns the kind of a device's error. Context errors of other origin
// are timeouts.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return KindTimeout
	default:
		return KindUnknown
	}
}

func retryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// ErrNotPoweredOn is wrapped by Reboot's error when the node was proven off and
// then could not be proven on: it is fenced, and it stays down.
var ErrNotPoweredOn = errors.New("fenced, but not powered on again")
