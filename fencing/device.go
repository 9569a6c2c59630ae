// Package fencing is the contract between Belay and what can switch a node's
// power, and the one rule that everything else leans on: a node is fenced when
// its power was read back as off, twice, and never because a request to switch
// it off was accepted.
//
// The package imports only the standard library, does no I/O of its own and
// starts no goroutine. Devices live in the folders below; they never import
// each other or any cluster package.
package fencing

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Device switches the power of one node: one BMC, or one plug of a larger one.
//
// One goroutine at a time may use a device. Each call opens what it needs and
// closes it again before it returns, so a device that is dropped leaves no
// session behind. A call returns soon after its context ends; the functions Off,
// On, Reboot and Read of this package give every call a deadline of at most
// Timeout. Errors are *Error. A timeout of Off or On means that the request may
// yet take effect.
type Device interface {
	// Name is the fence device's id in the definition, for evidence. It does no I/O.
	Name() string
	// Timeout is the longest that one of the calls below may take. It does no I/O.
	Timeout() time.Duration
	// Status reads the power and changes nothing.
	Status(context.Context) (Power, Evidence, error)
	// Off asks for the power to be cut at once, without asking the operating
	// system. It is a request: a nil error says that the device took it, not that
	// the node is off. Asking again is harmless.
	Off(context.Context) (Evidence, error)
	// On asks for the power to be switched on, and is as little a proof.
	On(context.Context) (Evidence, error)
}

// Power is what a device reads. The zero value means that nobody knows. A node
// on its way up or down counts as on.
type Power int

// The power states.
const (
	PowerUnknown Power = iota
	PowerOn
	PowerOff
)

var powerNames = []string{"unknown", "on", "off"}

// String returns the state's word, as in JSON.
func (p Power) String() string {
	if p < 0 || int(p) >= len(powerNames) {
		return fmt.Sprintf("power(%d)", int(p))
	}
	return powerNames[p]
}

// MarshalText writes the state's word.
func (p Power) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the state's word.
func (p *Power) UnmarshalText(text []byte) error {
	i := slices.Index(powerNames, string(text))
	if i < 0 {
		return fmt.Errorf("unknown power state %q", text)
	}
	*p = Power(i)
	return nil
}

// Action is what to do with a node's power.
type Action string

// The actions.
const (
	ActionOff    Action = "off"
	ActionOn     Action = "on"
	ActionReboot Action = "reboot" // off, proven, then on
	ActionStatus Action = "status"
)

// Outcome is how an action ended. The zero value means that nobody knows.
type Outcome int

// The outcomes. Only OutcomeConfirmed proves anything.
const (
	// OutcomeUnknown: something was asked that may yet take effect, or nothing
	// could be read. The next step is to look again.
	OutcomeUnknown Outcome = iota
	// OutcomeConfirmed: the wanted power state was read back.
	OutcomeConfirmed
	// OutcomeFailed: nothing that was asked can still take effect, and the wanted
	// state was not read. Another device or an operator has to do it.
	OutcomeFailed
)

var outcomeNames = []string{"unknown", "confirmed", "failed"}

// String returns the outcome's word, as in JSON.
func (o Outcome) String() string {
	if o < 0 || int(o) >= len(outcomeNames) {
		return fmt.Sprintf("outcome(%d)", int(o))
	}
	return outcomeNames[o]
}

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
