// Package chaos holds the parts of the chaos test that are functions of what
// they are given: which faults a seed draws, what looks at hosts prove, which
// acknowledged writes are missing, what a round must not have done, and the
// report. Package stage carries it out.
//
// Only a Ledger may be used from several goroutines. Nothing here does I/O or
// reads a clock.
package chaos

import (
	"fmt"
	"strings"
	"time"
)

// Kind is one way to break something. Its text is what people read.
type Kind string

// The kinds. A host's kind is named from its point of view.
const (
	PowerCut   Kind = "power cut"
	Outage     Kind = "power cut of all hosts"
	Isolated   Kind = "cut off from all"
	Split      Kind = "two hosts cut from each other"
	OneWay     Kind = "one host does not hear another"
	Deaf       Kind = "hears nobody"
	Mute       Kind = "heard by nobody"
	Pause      Kind = "paused for at most 1 s"
	Freeze     Kind = "frozen for less than the lease"
	LongFreeze Kind = "frozen for longer than the lease"
	DiskStall  Kind = "disk stalls for 5 s"
	DiskHang   Kind = "disk hangs for longer"
	Overload   Kind = "twice as many busy processes as processors"
	DaemonKill Kind = "kill -9 of belayd"
	Loss       Kind = "30 % of all packets lost for 5 s"
	Late       Kind = "each packet to and from it 50 to 150 ms late"
	BMCHang    Kind = "BMC hangs"
	BMCLogin   Kind = "wrong BMC password"
	BMCLie     Kind = "BMC lies once"
)

// LossPercent is how much Loss drops.
const LossPercent = 30

// LateLeast and LateMost are between what Late draws how late a packet is.
const (
	LateLeast = 50 * time.Millisecond
	LateMost  = 150 * time.Millisecond
)

// Gentle reports whether a fault of this kind alone must fence nobody and end no
// host.
func (k Kind) Gentle() bool {
	switch k {
	case Pause, DiskStall, Overload, DaemonKill, Loss:
		return true
	}
	return false
}

// bound is how long a fault of this kind may be there at most for its promise to
// hold; 0 says that its length is no matter.
func (k Kind) bound() time.Duration {
	switch k {
	case Pause:
		return time.Second
	case DiskStall, Loss:
		return 5 * time.Second
	}
	return 0
}

// Stalls reports whether writes of a host wait during a fault of this kind: only a
// write that happens meanwhile notices.
func (k Kind) Stalls() bool { return k == DiskStall || k == DiskHang }

// pair reports whether a fault of this kind concerns a second host.
func (k Kind) pair() bool { return k == Split || k == OneWay }

// Target is which host is broken: by its part in the cluster when the round
// begins, as that is what decides what must happen.
type Target string

// The targets. Nobody is the target of what concerns no host in particular.
const (
	Holder Target = "the address's host"
	Leader Target = "the leader"
	Other  Target = "another host"
	Nobody Target = ""
)

// Fault is one thing that is broken, and mended again by whoever broke it. A
// power cut is not: giving power back is the cluster's work.
type Fault struct {
	Kind   Kind   `json:"kind"`
	Target Target `json:"target,omitempty"`
	// Peer, 1 or 2, is how many hosts further the second host of a pair is; for
	// Other it says where to begin looking.
	Peer int `json:"peer"`
	// After is when it happens, counted from the round's beginning.
	After time.Duration `json:"after"`
	// Lasts is how long it stays broken; 0 for what is over at once.
	Lasts time.Duration `json:"lasts"`
}

// Overran reports whether a fault that really lasted so long went beyond what is
// promised of its kind: a busy machine may be late to mend it.
func (f Fault) Overran(lasted time.Duration) bool {
	bound := f.Kind.bound()
	return bound > 0 && lasted > bound+bound/20
}

// String says what happens, when and for how long.
func (f Fault) String() string {
	text := string(f.Kind)
	if f.Target != Nobody {
		text = string(f.Target) + ": " + text
	}
	if f.Lasts > 0 {
		text += fmt.Sprintf(", %.1f s", f.Lasts.Seconds())
	}
	if f.After > 0 {
		text += fmt.Sprintf(" (after %.1f s)", f.After.Seconds())
	}
	return text
}

// Round is what is broken between two moments at which everything runs.
type Round struct {
	// Number counts from 0. A round is a function of the seed and its number.
	Number int     `json:"number"`
	Faults []Fault `json:"faults"`
	// Device is what nodes are fenced by meanwhile; empty for what there is.
	Device Device `json:"device,omitempty"`
}

// Device is a kind of fence device.
type Device string

// The devices of the rig's hosts.
const (
	Redfish Device = "redfish"
	IPMI    Device = "ipmi"
)

// Gentle reports whether the round must fence nobody: one gentle fault alone.
func (r Round) Gentle() bool { return len(r.Faults) == 1 && r.Faults[0].Kind.Gentle() }

// Name is the kind of its main fault, and what else belongs to it by plan. What
// overlaps by chance is marked.
func (r Round) Name() string {
	name := string(r.Faults[0].Kind)
	if r.Faults[0].Kind.bmc() && len(r.Faults) > 1 {
		name += ", " + string(r.Faults[1].Kind)
	}
	return name
}

// Overlapped reports whether another fault was drawn on top.
func (r Round) Overlapped() bool {
	planned := 1
	if r.Faults[0].Kind.bmc() {
		planned = 2
	}
	return len(r.Faults) > planned
}

// String lists the faults.
func (r Round) String() string {
	var all []string
	for _, f := range r.Faults {
		all = append(all, f.String())
	}
	return strings.Join(all, " + ")
}

// bmc reports whether a fault of this kind is seen only when somebody has to be
// fenced.
func (k Kind) bmc() bool { return k == BMCHang || k == BMCLogin || k == BMCLie }

// Aim is the host that a fault concerns, and the second one of a pair, given
// who holds the address and who leads. Both are numbers below hosts; -1 is
// nobody.
func (f Fault) Aim(holder, leader, hosts int) (host, peer int) {
	switch f.Target {
	case Nobody:
		return -1, -1
	case Holder:
		host = holder
	case Leader:
		host = leader
	case Other:
		host = (holder + f.Peer) % hosts
		if host == leader && holder != leader {
			host = (holder + 2*f.Peer) % hosts
		}
	}
	if f.Kind.pair() {
		return host, (host + f.Peer) % hosts
	}
	return host, -1
}
