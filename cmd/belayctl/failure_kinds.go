package main

import (
	"fmt"
	"strings"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/resources"
)

// coded is an error of belayctl itself, which knows its code.
type coded interface {
	error
	code() failureCode
}

// usageError is bad input or usage.
type usageError struct {
	kind failureCode
	text string
}

func (e *usageError) Error() string     { return e.text }
func (e *usageError) code() failureCode { return e.kind }

func usage(format string, args ...any) error { return bad(codeUsage, format, args...) }

// bad returns an error of bad input with a code of its own.
func bad(code failureCode, format string, args ...any) error {
	return &usageError{code, fmt.Sprintf(format, args...)}
}

// notAsAskedError: nothing more happens by itself, and what was asked for is
// not true.
type notAsAskedError struct{ problems []api.ProblemStatus }

func (e *notAsAskedError) what() string      { return "settled, but not as asked" }
func (e *notAsAskedError) code() failureCode { return codeNotAsAsked }

func (e *notAsAskedError) Error() string {
	text := e.what()
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

// tamperedError: records of the audit are not what was recorded.
type tamperedError struct{ text string }

func (e *tamperedError) Error() string     { return e.text }
func (e *tamperedError) code() failureCode { return codeTampered }

func tampered(format string, args ...any) error { return &tamperedError{fmt.Sprintf(format, args...)} }

// cannotConvertError: a definition cannot say these things, which stand in the
// files of another cluster manager.
type cannotConvertError struct {
	problems []failureProblem
	verb     string // converted or imported
}

func (e *cannotConvertError) code() failureCode { return codeCannotConvert }

func (e *cannotConvertError) what() string {
	return fmt.Sprintf("%d things cannot be %s; --lossy leaves them out", len(e.problems), e.verb)
}

func (e *cannotConvertError) Error() string {
	var lines []string
	for _, p := range e.problems {
		lines = append(lines, p.line)
	}
	return strings.Join(append(lines, e.what()), "\n")
}

// devicesFailError: fence devices were asked, and some would not do their work.
type devicesFailError struct {
	failing []string
	of      int
}

func (e *devicesFailError) code() failureCode { return codeFenceCheckFailed }

func (e *devicesFailError) Error() string {
	return fmt.Sprintf("%d of %d fence devices would fail: %s", len(e.failing), e.of, strings.Join(e.failing, ", "))
}

// timedOutError: the cluster was still at it when the wait ended.
type timedOutError struct {
	after   resources.Duration
	actions []api.ActionStatus
	// what was waited for, when that is not the actions.
	what string
}

func (e *timedOutError) code() failureCode { return codeTimedOut }

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
