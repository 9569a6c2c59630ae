package agents

import (
	"fmt"
	"slices"
)

// Outcome is how an operation ended. The zero value means that nobody knows:
// a timeout, a lost reply, a killed agent. The next step after it is to look.
type Outcome int

// The outcomes. Hard and fatal ones follow OCF Resource Agent API 1.1, "Return
// Codes": they are not cured by trying again on the same node, or anywhere.
const (
	OutcomeUnknown       Outcome = iota
	OutcomeOK                    // done, or running as expected
	OutcomeNotRunning            // a monitor found it cleanly stopped
	OutcomeFailed                // tried, and it did not work
	OutcomeNotInstalled          // hard: something this node lacks
	OutcomeNotPermitted          // hard: this node forbids it
	OutcomeMisconfigured         // fatal: the parameters are wrong everywhere
	OutcomeUnsupported           // the agent cannot do this
	OutcomeCancelled             // the cluster no longer wanted it
)

var outcomeNames = []string{"unknown", "ok", "not_running", "failed", "not_installed", "not_permitted", "misconfigured", "unsupported", "cancelled"}

// String returns the outcome's word, as in JSON.
func (o Outcome) String() string {
	if o < 0 || int(o) >= len(outcomeNames) {
		return fmt.Sprintf("outcome(%d)", int(o))
	}
	return outcomeNames[o]
}

// Hard reports whether trying again on the same node is useless.
func (o Outcome) Hard() bool {
	return o == OutcomeNotInstalled || o == OutcomeNotPermitted || o == OutcomeUnsupported
}

// Fatal reports whether trying anywhere is useless.
func (o Outcome) Fatal() bool { return o == OutcomeMisconfigured }

// MarshalText writes the outcome's word.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the outcome's word.
func (o *Outcome) UnmarshalText(text []byte) error {
	i := slices.Index(outcomeNames, string(text))
	if i < 0 {
		return fmt.Errorf("unknown outcome %q", text)
	}
	*o = Outcome(i)
	return nil
}
