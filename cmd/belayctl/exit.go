package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
	"github.com/belay-ha/belay/resources/edit"
)

// The exit codes. Scripts lean on them.
const (
	exitDone       = 0
	exitError      = 1
	exitInput      = 2 // bad input or usage; nothing was changed
	exitNoQuorum   = 3 // no quorum, or no member in reach
	exitNotAsAsked = 4 // settled, but not as asked
	exitTimedOut   = 5 // not settled in time
)

// usageError is bad input or usage.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// notAsAskedError: nothing more happens by itself, and what was asked for is
// not true.
type notAsAskedError struct{ problems []api.ProblemStatus }

func (e *notAsAskedError) Error() string {
	text := "settled, but not as asked"
	for _, p := range e.problems {
		text += "\n  " + problemLine(p)
	}
	return text
}

func problemLine(p api.ProblemStatus) string {
	text := p.Text
	if p.Next != "" {
		text += "; next: " + p.Next
	}
	return text
}

// timedOutError: the cluster was still at it when the wait ended.
type timedOutError struct {
	after   resources.Duration
	actions []api.ActionStatus
	// what was waited for, when that is not the actions.
	what string
}

func (e *timedOutError) Error() string {
	text := fmt.Sprintf("not settled after %s; the change itself is made and goes on", e.after)
	if e.what != "" {
		text = fmt.Sprintf("%s after %s", e.what, e.after)
	}
	const most = 10
	for i, a := range e.actions {
		if i == most {
			text += fmt.Sprintf("\n  and %d more", len(e.actions)-most)
			break
		}
		text += "\n  " + actionLine(a)
	}
	return text
}

func actionLine(a api.ActionStatus) string {
	switch {
	case a.InFlight:
		return a.Key + " is under way"
	case a.Wait != "":
		return a.Key + " waits: " + a.Wait
	case len(a.After) > 0:
		return a.Key + " waits for " + a.After[0]
	default:
		return a.Key + " is due"
	}
}

// exitCode is the one table from errors to exit codes.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	var (
		use        *usageError
		edits      *edit.Error
		file       *definition.Error
		invalid    *resources.InvalidError
		notAsAsked *notAsAskedError
		devices    *devicesFailError
		timedOut   *timedOutError
		wire       *api.Error
		network    net.Error
		web        *url.Error
	)
	switch {
	case errors.As(err, &use), errors.As(err, &edits), errors.As(err, &file), errors.As(err, &invalid):
		return exitInput
	case errors.As(err, &notAsAsked), errors.As(err, &devices):
		return exitNotAsAsked
	case errors.As(err, &timedOut):
		return exitTimedOut
	case errors.As(err, &wire):
		return wireCodes[wire.Code]
	case errors.Is(err, context.Canceled):
		return exitError
	case errors.As(err, &network), errors.As(err, &web), errors.Is(err, context.DeadlineExceeded):
		return exitNoQuorum
	}
	return exitError
}

var wireCodes = map[api.Code]int{
	api.CodeInvalid: exitInput, api.CodeNotFound: exitInput,
	api.CodeConflict: exitError, api.CodeRefused: exitError, api.CodeForbidden: exitError, api.CodeInternal: exitError,
	api.CodeNoQuorum: exitNoQuorum, api.CodeUnknown: exitNoQuorum, api.CodeUnavailable: exitNoQuorum,
}

// describe says what a person reads of an error: what, and what to do.
func (a *app) describe(err error) string {
	text := err.Error()
	var wire *api.Error
	if errors.As(err, &wire) {
		for _, detail := range wire.Details {
			text += "\n  " + detail
		}
		switch wire.Code {
		case api.CodeUnknown:
			text += "\nit may or may not have happened: look with `belayctl status`"
		case api.CodeUnavailable:
			text += "\ntry again, or ask another member with --addr"
		case api.CodeNoQuorum:
			text += "\nthis member's own view: belayctl status --stale"
		}
		return text
	}
	var web *url.Error
	if errors.As(err, &web) {
		return fmt.Sprintf("no answer from %s: %v\nis belayd running there? see: systemctl status belayd; another member: --addr https://HOST:7450", a.reached, web.Err)
	}
	return text
}
