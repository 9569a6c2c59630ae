package fencetest

import (
	"sync"
	"time"

	"github.com/belay-ha/belay/fencing"
)

// Op is what a BMC is asked.
type Op string

// The operations that faults apply to.
const (
	OpAny   Op = ""      // all of them
	OpRead  Op = "read"  // the power state
	OpOff   Op = "off"   // any request that cuts the power
	OpOn    Op = "on"    //
	OpCycle Op = "cycle" // off and on in one request
	OpLogin Op = "login" // a session is opened
)

// Fault is one way to misbehave. Fields that a protocol has no means for are
// ignored by its BMC.
type Fault struct {
	On Op
	// Skip so many matching requests first, then apply to Times of them (0: to
	// all that follow).
	Skip, Times int

	// Delay the answer.
	Delay time.Duration
	// Hang never answers; Drop closes the connection without an answer. The
	// request takes no effect in either case, unless Act is set.
	Hang, Drop, Act bool
	// Status and Message answer with that error instead of acting; IPMI answers
	// with the completion code nearest to it. RetryAfter is sent along, in whole seconds.
	Status     int
	Message    string
	RetryAfter time.Duration
	// MessageID goes with the Message. Redfish alone.
	MessageID string
	// Broken breaks the answer off in the middle, whatever its status. Redfish alone.
	Broken bool
	// Redirect answers with that location and RedirectStatus, 307 if that is 0.
	Redirect       string
	RedirectStatus int
	// Lie accepts a request and does nothing.
	Lie bool
	// After lets an accepted request act only later.
	After time.Duration
	// Back switches the machine the other way so long after it obeyed.
	Back time.Duration
	// Report is the power state that a read shows, whatever the truth.
	Report fencing.Power
	// State is the PowerState that a read shows, in Redfish's own words.
	State string
}

// Script is a list of faults. The first that applies to a request is used. It
// is safe for concurrent use; the zero value is a BMC without faults.
type Script struct {
	mu     sync.Mutex
	faults []*scripted
}

type scripted struct {
	Fault
	seen int
}

// Add appends faults.
func (s *Script) Add(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fault := range faults {
		s.faults = append(s.faults, &scripted{Fault: fault})
	}
}

// Clear removes all faults.
func (s *Script) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *Script) next(op Op) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.On != OpAny && f.On != op {
			continue
		}
		if f.seen >= f.Skip && (f.Times == 0 || f.seen < f.Skip+f.Times) {
			f.seen++
			return f.Fault
		}
		f.seen++
	}
	return Fault{}
}

// cycle switches the machine off and on, in the way of the fault.
func (f Fault) cycle(m *Machine) {
	if f.Lie || m.Power() == fencing.PowerOff {
		return
	}
	m.SetPower(false)
	m.SetPower(true)
}

// act does what a request asks of the machine, in the way of the fault.
func (f Fault) act(m *Machine, on bool) {
	if f.Lie {
		return
	}
	m.switchAfter(on, f.After, f.Back)
}
