package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Command is one change of the cluster. The set is closed: every command is a
// type of this package, and its name with its version number is permanent. A
// change of meaning is a new version, never an edit of an old one.
type Command interface {
	// name is the permanent name, such as "node.standby/1".
	name() string
	// apply changes the transaction's copy of the state. An error rejects the
	// command on every member alike and leaves the state as it was, but for its
	// index.
	apply(*tx) error
}

// Envelope is a command as it stands in the log. Clocks and randomness travel
// in it, so that Apply needs neither.
type Envelope struct {
	Name string `json:"name"`
	// At is the proposer's clock.
	At time.Time `json:"at"`
	// By is who asked: "cluster", or a person as the API knew them; From is where
	// they were. Members before VersionAdmin cannot read From.
	By   string          `json:"by"`
	From string          `json:"from,omitempty"`
	Data json.RawMessage `json:"data"`
}

// registry holds a fresh value of every command this build understands.
var registry = map[string]func() Command{
	"cluster.created/1":     func() Command { return new(ClusterCreated) },
	"version.raised/1":      func() Command { return new(VersionRaised) },
	"token.created/1":       func() Command { return new(TokenCreated) },
	"member.joined/1":       func() Command { return new(MemberJoined) },
	"member.joined/2":       func() Command { return new(MemberJoined) }, // a witness
	"member.voting/1":       func() Command { return new(MemberVoting) },
	"member.removed/1":      func() Command { return new(MemberRemoved) },
	"member.booted/1":       func() Command { return new(MemberBooted) },
	"member.booted/2":       func() Command { return new(MemberBooted) }, // of a host that counted as off
	"member.verdict/1":      func() Command { return new(MemberVerdict) },
	"member.renewed/1":      func() Command { return new(MemberRenewed) },
	"member.watchdog/1":     func() Command { return new(MemberWatchdog) },
	"member.watchdog/2":     func() Command { return new(MemberWatchdog) }, // why it is not fed
	"definition.set/1":      func() Command { return new(DefinitionSet) },
	"definition.set/2":      func() Command { return new(DefinitionSet) }, // with what VersionMore added
	"definition.set/3":      func() Command { return new(DefinitionSet) }, // with what VersionUnfencing added
	"definition.set/4":      func() Command { return new(DefinitionSet) }, // with what VersionWhen added
	"operations.started/1":  func() Command { return new(OperationsStarted) },
	"operations.started/2":  func() Command { return new(OperationsStarted) }, // with notices
	"operations.started/3":  func() Command { return new(OperationsStarted) }, // with migrations
	"operation.finished/1":  func() Command { return new(OperationFinished) },
	"instance.reported/1":   func() Command { return new(InstanceReported) },
	"failures.cleared/1":    func() Command { return new(FailuresCleared) },
	"fence.requested/1":     func() Command { return new(FenceRequested) },
	"fence.requested/2":     func() Command { return new(FenceRequested) }, // with a level
	"fence.requested/3":     func() Command { return new(FenceRequested) }, // with a premise
	"fence.started/1":       func() Command { return new(FenceStarted) },
	"fence.reported/1":      func() Command { return new(FenceReported) },
	"fence.reported/2":      func() Command { return new(FenceReported) }, // with a proof
	"fence.refused/1":       func() Command { return new(FenceRefused) },
	"fence.checked/1":       func() Command { return new(FenceChecked) },
	"fence.released/1":      func() Command { return new(FenceReleased) },
	"fence.powered_on/1":    func() Command { return new(FencePoweredOn) },
	"fence.confirmed/1":     func() Command { return new(FenceConfirmed) },
	"unfence.requested/1":   func() Command { return new(UnfenceRequested) },
	"unfence.started/1":     func() Command { return new(UnfenceStarted) },
	"unfence.reported/1":    func() Command { return new(UnfenceReported) },
	"node.standby/1":        func() Command { return new(NodeStandby) },
	"node.maintenance/1":    func() Command { return new(NodeMaintenance) },
	"maintenance.set/1":     func() Command { return new(MaintenanceSet) },
	"maintenance.ended/1":   func() Command { return new(MaintenanceEnded) },
	"role.bound/1":          func() Command { return new(RoleBound) },
	"certificate.issued/1":  func() Command { return new(CertificateIssued) },
	"takeover.set/1":        func() Command { return new(TakeOverSet) },
	"unit.held/1":           func() Command { return new(UnitHeld) },
	"unit.released/1":       func() Command { return new(UnitReleased) },
	"node.attribute/1":      func() Command { return new(NodeAttribute) },
	"resource.moved/1":      func() Command { return new(ResourceMoved) },
	"resource.advised/1":    func() Command { return new(ResourceAdvised) },
	"resource.overridden/1": func() Command { return new(ResourceOverridden) },
	"resource.restart/1":    func() Command { return new(ResourceRestart) },
	"ticket.set/1":          func() Command { return new(TicketSet) },
	"secret.set/1":          func() Command { return new(SecretSet) },
	"secrets.resealed/1":    func() Command { return new(SecretsResealed) },
}

// Encode writes a command for the log. at is the proposer's clock, by is who
// asked.
func Encode(c Command, at time.Time, by string) ([]byte, error) {
	return EncodeFrom(c, at, by, "")
}

// EncodeFrom is Encode that also says where they are who asked. The state's
// version must be at least VersionAdmin unless from is empty.
func EncodeFrom(c Command, at time.Time, by, from string) ([]byte, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", c.name(), err)
	}
	return json.Marshal(Envelope{Name: c.name(), At: at.UTC(), By: by, From: from, Data: data})
}

// Decode reads a log entry. An unknown name, an unknown field or trailing data
// is an error: guessing would let members differ.
func Decode(entry []byte) (Envelope, Command, error) {
	var envelope Envelope
	if err := strict(entry, &envelope); err != nil {
		return envelope, nil, fmt.Errorf("log entry: %w", err)
	}
	create, known := registry[envelope.Name]
	if !known {
		return envelope, nil, fmt.Errorf("log entry: unknown command %q: this belayd understands command set %d; run the newer release", envelope.Name, Version)
	}
	command := create()
	if err := strict(envelope.Data, command); err != nil {
		return envelope, nil, fmt.Errorf("log entry %s: %w", envelope.Name, err)
	}
	return envelope, command, nil
}

func strict(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if decoder.More() {
		return fmt.Errorf("trailing data")
	}
	return nil
}
