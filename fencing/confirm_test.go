package fencing_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/internal/bubble"
)

// fake is a device whose reads follow a script: the last entry repeats.
type fake struct {
	reads   []reading
	offErrs []error // per request; nil beyond
	onErrs  []error
	// offAfter, when not zero, lets reads show off so long after the first
	// accepted request.
	offAfter time.Duration
	hangRead bool
	hangOff  bool

	asked    time.Time
	statuses int
	offs     int
	ons      int
}

type reading struct {
	power fencing.Power
	err   error
}

const deviceTimeout = 10 * time.Second

func (*fake) Name() string           { return "bmc-1" }
func (*fake) Timeout() time.Duration { return deviceTimeout }

func (f *fake) Status(ctx context.Context) (fencing.Power, fencing.Evidence, error) {
	f.statuses++
	if f.hangRead {
		<-ctx.Done()
		return fencing.PowerUnknown, fencing.Evidence{}, fencing.NewError(fencing.KindTimeout, "bmc-1", "read power", "no answer in time", ctx.Err())
	}
	if f.offAfter > 0 && !f.asked.IsZero() && time.Since(f.asked) >= f.offAfter {
		return fencing.PowerOff, fencing.Evidence{}, nil
	}
	r := f.reads[min(f.statuses, len(f.reads))-1]
	return r.power, fencing.Evidence{Detail: "read"}, r.err
}

func (f *fake) Off(ctx context.Context) (fencing.Evidence, error) {
	f.offs++
	if f.hangOff {
		<-ctx.Done()
		return fencing.Evidence{}, fencing.NewError(fencing.KindTimeout, "bmc-1", "ask for off", "no answer in time", ctx.Err())
	}
	if f.offs <= len(f.offErrs) && f.offErrs[f.offs-1] != nil {
		return fencing.Evidence{}, f.offErrs[f.offs-1]
	}
	if f.asked.IsZero() {
		f.asked = time.Now()
	}
	return fencing.Evidence{HTTPStatus: 204}, nil
}

func (f *fake) On(context.Context) (fencing.Evidence, error) {
	f.ons++
	if f.ons <= len(f.onErrs) {
		return fencing.Evidence{}, f.onErrs[f.ons-1]
	}
	return fencing.Evidence{}, nil
}

func on() reading            { return reading{power: fencing.PowerOn} }
func off() reading           { return reading{power: fencing.PowerOff} }
func fail(err error) reading { return reading{err: err} }

func kind(k fencing.Kind, status int) error {
	err := fencing.NewError(k, "bmc-1", "ask for off", "the BMC answered: because", nil)
	err.HTTPStatus = status
	return err
}

func TestOff(t *testing.T) {
	busy, auth := kind(fencing.KindBusy, 503), kind(fencing.KindAuth, 401)
	refused, lost := kind(fencing.KindRefused, 409), kind(fencing.KindUnknown, 500)
	unreachable := kind(fencing.KindUnreachable, 0)
	unsupported := kind(fencing.KindUnsupported, 0)
	tests := []struct {
		name    string
		dev     *fake
		want    fencing.Outcome
		offs    int
		minTook time.Duration
		maxTook time.Duration
		errHas  string
	}{
		{name: "goes off at once", dev: &fake{reads: []reading{on(), off()}}, want: fencing.OutcomeConfirmed, offs: 1, minTook: 500 * time.Millisecond, maxTook: time.Second},
		{name: "off already, asked nothing, read twice", dev: &fake{reads: []reading{off()}}, want: fencing.OutcomeConfirmed, offs: 0, minTook: 500 * time.Millisecond, maxTook: time.Second},
		{name: "slow off", dev: &fake{reads: []reading{on()}, offAfter: 20 * time.Second}, want: fencing.OutcomeConfirmed, offs: 4, minTook: 20 * time.Second, maxTook: 24 * time.Second},
		{name: "lies: takes every request and stays on", dev: &fake{reads: []reading{on()}}, want: fencing.OutcomeUnknown, offs: 4, minTook: time.Minute, maxTook: time.Minute, errHas: "power last read on, 4 requests made"},
		{name: "one off read among on is no proof", dev: &fake{reads: []reading{on(), off(), on(), on(), off(), on()}}, want: fencing.OutcomeUnknown, offs: 4},
		{name: "off then on, then off for good", dev: &fake{reads: []reading{on(), off(), on(), off(), off()}}, want: fencing.OutcomeConfirmed, offs: 1},
		{name: "off, a failed read, off is not twice in a row", dev: &fake{reads: []reading{off(), fail(busy), off(), on()}}, want: fencing.OutcomeUnknown, offs: 4},
		{name: "request refused with 409 because it is off", dev: &fake{reads: []reading{on(), off()}, offErrs: []error{refused}}, want: fencing.OutcomeConfirmed, offs: 1},
		{name: "request's answer lost, but it is off", dev: &fake{reads: []reading{on(), off()}, offErrs: []error{lost}}, want: fencing.OutcomeConfirmed, offs: 1},
		{name: "every request refused", dev: &fake{reads: []reading{on()}, offErrs: slices.Repeat([]error{refused}, 99)}, want: fencing.OutcomeFailed, offs: 4, maxTook: 15 * time.Second, errHas: "the device refuses"},
		{name: "every answer lost", dev: &fake{reads: []reading{on()}, offErrs: slices.Repeat([]error{lost}, 99)}, want: fencing.OutcomeUnknown, offs: 4},
		{name: "refused once, then taken", dev: &fake{reads: []reading{on(), on(), on(), off()}, offErrs: []error{refused}}, want: fencing.OutcomeConfirmed},
		{name: "busy for a while", dev: &fake{reads: []reading{on()}, offAfter: time.Second, offErrs: slices.Repeat([]error{busy}, 6)}, want: fencing.OutcomeConfirmed, offs: 7},
		{name: "busy to the end", dev: &fake{reads: []reading{on()}, offErrs: slices.Repeat([]error{busy}, 999)}, want: fencing.OutcomeFailed, minTook: time.Minute, errHas: "503"},
		{name: "wrong password", dev: &fake{reads: []reading{fail(auth)}}, want: fencing.OutcomeFailed, offs: 0, maxTook: time.Second, errHas: "401"},
		{name: "may not reset", dev: &fake{reads: []reading{on()}, offErrs: []error{kind(fencing.KindAuth, 403)}}, want: fencing.OutcomeFailed, offs: 1, maxTook: time.Second, errHas: "because"},
		{name: "cannot force off", dev: &fake{reads: []reading{on()}, offErrs: []error{unsupported}}, want: fencing.OutcomeFailed, offs: 1, maxTook: time.Second},
		{name: "cannot force off, is off", dev: &fake{reads: []reading{on(), off()}, offErrs: []error{unsupported}}, want: fencing.OutcomeConfirmed, offs: 1},
		{name: "password changed after the request was taken", dev: &fake{reads: []reading{on(), fail(auth)}}, want: fencing.OutcomeUnknown, offs: 1},
		{name: "cannot be reached", dev: &fake{reads: []reading{fail(unreachable)}, offErrs: slices.Repeat([]error{unreachable}, 999)}, want: fencing.OutcomeFailed, minTook: time.Minute},
		{name: "reads fail for a while, requests work", dev: &fake{reads: []reading{fail(busy), fail(busy), fail(busy), off()}}, want: fencing.OutcomeConfirmed, offs: 1},
		{name: "hangs", dev: &fake{hangRead: true, hangOff: true}, want: fencing.OutcomeUnknown, minTook: time.Minute, maxTook: time.Minute, errHas: "no answer in time"},
		{name: "does not know its power", dev: &fake{reads: []reading{{}}}, want: fencing.OutcomeUnknown, offs: 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				start := time.Now()
				got, evidence, err := fencing.Off(t.Context(), tt.dev, fencing.Options{})
				took := time.Since(start)
				if got != tt.want {
					t.Fatalf("outcome = %v (%v), want %v", got, err, tt.want)
				}
				if (err == nil) != (got == fencing.OutcomeConfirmed) {
					t.Errorf("error %v with outcome %v", err, got)
				}
				if tt.offs != 0 && tt.dev.offs != tt.offs {
					t.Errorf("%d requests, want %d", tt.dev.offs, tt.offs)
				}
				if took < tt.minTook || (tt.maxTook > 0 && took > tt.maxTook) {
					t.Errorf("took %v, want %v to %v", took, tt.minTook, tt.maxTook)
				}
				if tt.errHas != "" && !strings.Contains(err.Error(), tt.errHas) {
					t.Errorf("error %q lacks %q", err, tt.errHas)
				}
				checkEvidence(t, evidence, got)
			})
		})
	}
}

func checkEvidence(t *testing.T, evidence []fencing.Evidence, outcome fencing.Outcome) {
	t.Helper()
	if len(evidence) == 0 || len(evidence) > fencing.MaxEvidence {
		t.Fatalf("%d pieces of evidence", len(evidence))
	}
	for _, e := range evidence {
		if e.Device != "bmc-1" || e.At.IsZero() || e.Step == "" {
			t.Errorf("incomplete evidence %+v", e)
		}
		if e.Step != fencing.StepRead && e.Power != fencing.PowerUnknown {
			t.Errorf("%q claims power %v", e.Step, e.Power)
		}
	}
	if outcome != fencing.OutcomeConfirmed {
		return
	}
	last := evidence[max(0, len(evidence)-2):]
	for _, e := range last {
		if len(last) != 2 || e.Step != fencing.StepRead || e.Power != fencing.PowerOff || e.Err != "" {
			t.Errorf("confirmed without two reads of off: %+v", last)
		}
	}
}

func TestOffAlreadyOffIsAskedNothing(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		dev := &fake{reads: []reading{off()}}
		if got, _, err := fencing.Off(t.Context(), dev, fencing.Options{}); got != fencing.OutcomeConfirmed || dev.offs != 0 || dev.statuses != 2 {
			t.Errorf("outcome %v (%v), %d requests, %d reads", got, err, dev.offs, dev.statuses)
		}
	})
}

func TestOffObeysBothDeadlines(t *testing.T) {
	const short, long = 300 * time.Millisecond, time.Hour
	tests := []struct {
		name            string
		caller, options time.Duration
	}{{"the caller's", short, 0}, {"the caller's before the options'", short, long}, {"the options' before the caller's", long, short}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				for _, dev := range []*fake{{hangRead: true, hangOff: true}, {reads: []reading{on()}}, {reads: []reading{off()}}} {
					ctx, cancel := context.WithTimeout(t.Context(), tt.caller)
					start := time.Now()
					got, _, err := fencing.Off(ctx, dev, fencing.Options{Timeout: tt.options})
					cancel()
					if took := time.Since(start); took != short {
						t.Errorf("took %v", took)
					}
					if got == fencing.OutcomeConfirmed || err == nil {
						t.Errorf("outcome %v, error %v", got, err)
					}
				}
			})
		})
	}
}

func TestOffWaitsAsLongAsTheDeviceAsks(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		later := fencing.NewError(fencing.KindBusy, "bmc-1", "ask for off", "later", nil)
		later.RetryAfter = 7 * time.Second
		dev := &fake{reads: []reading{on()}, offErrs: []error{later}, offAfter: time.Millisecond}
		start := time.Now()
		got, _, err := fencing.Off(t.Context(), dev, fencing.Options{})
		if took := time.Since(start); got != fencing.OutcomeConfirmed || took < 7*time.Second || took > 12*time.Second {
			t.Errorf("outcome %v (%v) after %v", got, err, took)
		}
	})
}

func TestReboot(t *testing.T) {
	refused := kind(fencing.KindRefused, 400)
	tests := []struct {
		name  string
		dev   *fake
		want  fencing.Outcome
		onErr bool
		ons   int
	}{
		{name: "off and on", dev: &fake{reads: []reading{on(), off(), off(), off(), on()}}, want: fencing.OutcomeConfirmed, ons: 1},
		{name: "on refused: still fenced", dev: &fake{reads: []reading{on(), off()}, onErrs: slices.Repeat([]error{refused}, 99)}, want: fencing.OutcomeConfirmed, onErr: true, ons: 4},
		{name: "not off: never switched on", dev: &fake{reads: []reading{on()}}, want: fencing.OutcomeUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				got, evidence, err := fencing.Reboot(t.Context(), tt.dev, fencing.Options{})
				if got != tt.want || errors.Is(err, fencing.ErrNotPoweredOn) != tt.onErr || tt.dev.ons != tt.ons {
					t.Errorf("outcome %v, error %v, %d requests for on", got, err, tt.dev.ons)
				}
				if len(evidence) > fencing.MaxEvidence {
					t.Errorf("%d pieces of evidence", len(evidence))
				}
			})
		})
	}
}

func TestRead(t *testing.T) {
	busy, auth := kind(fencing.KindBusy, 503), kind(fencing.KindAuth, 401)
	tests := []struct {
		name  string
		reads []reading
		want  fencing.Power
		fails bool
		tries int
	}{
		{name: "off", reads: []reading{off()}, want: fencing.PowerOff, tries: 1},
		{name: "busy, then on", reads: []reading{fail(busy), on()}, want: fencing.PowerOn, tries: 2},
		{name: "busy", reads: []reading{fail(busy)}, fails: true, tries: 3},
		{name: "wrong password is tried once", reads: []reading{fail(auth)}, fails: true, tries: 1},
		{name: "unknown", reads: []reading{{}}, fails: true, tries: 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				dev := &fake{reads: tt.reads}
				got, _, err := fencing.Read(t.Context(), dev, fencing.Options{})
				if got != tt.want || (err != nil) != tt.fails || dev.statuses != tt.tries {
					t.Errorf("power %v, error %v, %d reads", got, err, dev.statuses)
				}
			})
		})
	}
}

func TestEvidenceIsBounded(t *testing.T) {
	long := strings.Repeat("é", fencing.MaxText)
	got := fencing.Scrub("\x1b[31m pass hunter2\nand hunter22 "+long, "hunter2", "hunter22")
	if len(got) > fencing.MaxText || strings.Contains(got, "hunter2") || strings.ContainsAny(got, "\x1b\n") {
		t.Errorf("scrubbed to %d bytes: %q", len(got), got)
	}
	bubble.Test(t, func(t *testing.T) {
		_, evidence, _ := fencing.Off(t.Context(), &fake{reads: []reading{on()}}, fencing.Options{MaxPoll: time.Millisecond})
		if len(evidence) != fencing.MaxEvidence {
			t.Fatalf("%d pieces of evidence, want %d", len(evidence), fencing.MaxEvidence)
		}
		notes := 0
		for _, e := range evidence {
			if e.Step == fencing.StepNote {
				notes++
			}
		}
		if notes != 1 {
			t.Errorf("%d notes on what was left out", notes)
		}
	})
}

func TestErrorText(t *testing.T) {
	err := fencing.NewError(fencing.KindTimeout, "bmc-1", "read power", "said hunter2", fmt.Errorf("hunter2: %w", context.DeadlineExceeded), "hunter2")
	err.HTTPStatus = 504
	if got, want := err.Error(), "read power via bmc-1: said [secret] (HTTP 504)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(fmt.Sprintf("%+v", errors.Unwrap(err)), "hunter2") {
		t.Errorf("cause %v", errors.Unwrap(err))
	}
}
