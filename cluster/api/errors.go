package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/belay-ha/belay/cluster/state"
)

// Code is an error's stable name on the wire.
type Code string

// ReasonNeedsUpgrade: some member does not understand the command yet.
const ReasonNeedsUpgrade = string(needsUpgrade)

const needsUpgrade Code = "needs_upgrade"

// The codes.
const (
	CodeInvalid     Code = "invalid"     // the request makes no sense
	CodeConflict    Code = "conflict"    // something changed in between
	CodeNotFound    Code = "not_found"   // no such thing
	CodeRefused     Code = "refused"     // the cluster's state forbids it
	CodeForbidden   Code = "forbidden"   // the caller may not
	CodeNoQuorum    Code = "no_quorum"   // no leader: nothing was changed
	CodeUnknown     Code = "unknown"     // it may or may not have been committed
	CodeUnavailable Code = "unavailable" // this member cannot say now
	CodeInternal    Code = "internal"
)

var httpStatus = map[Code]int{
	CodeInvalid: http.StatusBadRequest, CodeConflict: http.StatusConflict, CodeNotFound: http.StatusNotFound,
	CodeRefused: http.StatusUnprocessableEntity, CodeForbidden: http.StatusForbidden, CodeNoQuorum: http.StatusServiceUnavailable,
	CodeUnknown: http.StatusGatewayTimeout, CodeUnavailable: http.StatusServiceUnavailable, CodeInternal: http.StatusInternalServerError,
}

// Error is an error that crosses the wire.
type Error struct {
	Code Code `json:"code"`
	// Reason is a finer code for people (internal/codes), where there is one.
	Reason string `json:"reason,omitempty"`
	Text   string `json:"text"`
	// Details holds one problem each, for a definition that was refused.
	Details []string `json:"details,omitempty"`
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// asError gives any error its form on the wire.
func asError(err error) *Error {
	var wire *Error
	if errors.As(err, &wire) {
		return wire
	}
	var rejection *state.Rejection
	if errors.As(err, &rejection) {
		return FromRejection(rejection)
	}
	return &Error{Code: CodeInternal, Text: err.Error()}
}

// FromRejection gives a rejected command its form on the wire.
func FromRejection(r *state.Rejection) *Error {
	return &Error{Code: Code(r.Code), Reason: string(r.Reason), Text: r.Text}
}

func writeError(w http.ResponseWriter, err error) {
	wire := asError(err)
	status, known := httpStatus[wire.Code]
	if !known {
		status = http.StatusInternalServerError
	}
	writeJSON(w, status, map[string]*Error{"error": wire})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(data, '\n'))
}
