package main

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/url"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/internal/codes"
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

// failureCode is the stable code of an error of belayctl itself. The catalogue
// (internal/codes) has the story of each, and its exit code.
type failureCode string

const (
	codeUsage            failureCode = "usage"
	codeUnknownCommand   failureCode = "unknown_command"
	codeUnknownFlag      failureCode = "unknown_flag"
	codeUnknownName      failureCode = "unknown_name" // as in definitions
	codeBadCondition     failureCode = "bad_condition"
	codeUnreadable       failureCode = "unreadable"
	codeBadFile          failureCode = "bad_file"
	codeCannotConvert    failureCode = "cannot_convert"
	codeBadAddress       failureCode = "bad_address"
	codeOtherCluster     failureCode = "other_cluster"
	codeNeedsYes         failureCode = "needs_yes"
	codeUnreachable      failureCode = "unreachable"
	codeNotAsAsked       failureCode = "not_as_asked"
	codeDoctorFindings   failureCode = "doctor_findings"
	codeFenceCheckFailed failureCode = "fence_check_failed"
	codeTimedOut         failureCode = "timed_out"
	codeInterrupted      failureCode = "interrupted"
	codeTampered         failureCode = "audit_tampered"
	codeLocalError       failureCode = "local_error"
)

// codeOf is the one table from errors to codes.
func codeOf(err error) string {
	var (
		own     coded
		edits   *edit.Error
		wire    *api.Error
		path    *fs.PathError
		network net.Error
		web     *url.Error
	)
	problems := problemsOf(err)
	switch {
	case errors.As(err, &own):
		return string(own.code())
	case errors.As(err, &edits):
		return string(edits.Code)
	case len(problems) > 0:
		return problems[0].Code
	case errors.As(err, &wire):
		if wire.Reason != "" {
			return wire.Reason
		}
		return string(wire.Code)
	case errors.Is(err, context.Canceled):
		return string(codeInterrupted)
	case errors.As(err, &path):
		return string(codeLocalError) // the system's errors look like those of a network
	case errors.As(err, &network), errors.As(err, &web), errors.Is(err, context.DeadlineExceeded):
		return string(codeUnreachable)
	}
	return string(codeLocalError)
}

// exitCode returns the exit code of an error's code. A code that this release
// does not know comes from a newer member, and is an error all the same.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	if story, known := codes.Find(codeOf(err)); known && story.Exit != exitDone {
		return story.Exit
	}
	return exitError
}
