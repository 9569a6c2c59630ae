package manual_test

import (
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/manual"
)

// It never proves anything, never waits, and says what a person has to do.
func TestItAsksAPerson(t *testing.T) {
	device, err := manual.Spec().Make("hands", fencing.Params{"note": "rack 12, unit 4"})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	outcome, evidence, err := fencing.Off(t.Context(), device, fencing.Options{Timeout: time.Hour})
	if outcome != fencing.OutcomeFailed || fencing.KindOf(err) != fencing.KindUnsupported || len(evidence) == 0 {
		t.Fatalf("off: %s, %v, %+v", outcome, err, evidence)
	}
	for _, want := range []string{"belayctl fence confirm", "rack 12, unit 4"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
	if outcome, _, err := fencing.On(t.Context(), device, fencing.Options{Timeout: time.Hour}); outcome == fencing.OutcomeConfirmed || err == nil {
		t.Errorf("on: %s, %v", outcome, err)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it waited %s for nobody", took)
	}
	// A look at it finds nothing wrong: it works as well as it ever does.
	if power, _, err := fencing.Read(t.Context(), device, fencing.Options{Timeout: time.Minute}); power != fencing.PowerUnknown || err != nil {
		t.Errorf("read: %s, %v", power, err)
	}
}

func TestParameters(t *testing.T) {
	for name, c := range map[string]struct {
		params fencing.Params
		wrong  string
	}{
		"nothing": {nil, ""}, "a note": {fencing.Params{"note": "call the desk"}, ""},
		"a long note": {fencing.Params{"note": strings.Repeat("x", 257)}, "note"},
		"an address":  {fencing.Params{"address": "192.0.2.1"}, "address"},
	} {
		problems := manual.Spec().Validate(c.params)
		if c.wrong == "" && len(problems) > 0 || c.wrong != "" && (len(problems) != 1 || problems[0].Param != c.wrong) {
			t.Errorf("%s: got %v", name, problems)
		}
	}
}
