package agents

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestCallOutcome(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancelLate()
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		want Outcome
	}{
		"done":                              {t.Context(), nil, OutcomeOK},
		"a program that is not there":       {ended, fmt.Errorf("look: %w", ErrNoProgram), OutcomeNotInstalled},
		"a unit that is not there":          {t.Context(), ErrNoUnit, OutcomeNotInstalled},
		"a unit that failed in time":        {late, &UnitError{Job: "failed"}, OutcomeFailed},
		"anything else":                     {t.Context(), errors.New("no space left"), OutcomeFailed},
		"a deadline of its own":             {t.Context(), context.DeadlineExceeded, OutcomeUnknown},
		"the call's deadline":               {late, errors.New("broken pipe"), OutcomeUnknown},
		"the cluster does not want it more": {ended, errors.New("broken pipe"), OutcomeCancelled},
	} {
		if got := CallOutcome(c.ctx, c.err); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestBounded(t *testing.T) {
	for name, c := range map[string]struct {
		timeout, otherwise, want time.Duration
	}{
		"the request's": {time.Hour, time.Minute, time.Hour},
		"the default":   {0, time.Minute, time.Minute},
	} {
		ctx, cancel := Bounded(t.Context(), Request{Timeout: c.timeout}, c.otherwise)
		defer cancel()
		if end, has := ctx.Deadline(); !has || time.Until(end) > c.want || time.Until(end) < c.want-30*time.Second {
			t.Errorf("%s: ends in %s", name, time.Until(end))
		}
	}
	given, cancel := context.WithTimeout(t.Context(), 10*time.Hour)
	defer cancel()
	ctx, cancelOwn := Bounded(given, Request{Timeout: time.Second}, time.Second)
	defer cancelOwn()
	if end, _ := ctx.Deadline(); time.Until(end) < 9*time.Hour {
		t.Error("the caller's deadline is not kept")
	}
}

func TestTail(t *testing.T) {
	if got := Tail("short"); got != "short" {
		t.Errorf("%q", got)
	}
	got := Tail(strings.Repeat("€", MaxOutput)) // of three bytes each
	if len(got) > MaxOutput || len(got) < MaxOutput-utf8.UTFMax || !utf8.ValidString(got) {
		t.Errorf("%d bytes, valid: %v", len(got), utf8.ValidString(got))
	}
}

func TestMisconfigured(t *testing.T) {
	got := Misconfigured(errors.Join(errors.New("a"), errors.New("b")))
	if got.Outcome != OutcomeMisconfigured || got.Reason != "a; b" {
		t.Errorf("%+v", got)
	}
}
