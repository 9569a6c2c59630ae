// Package watchdog is the host's own hardware watchdog: a timer that resets the
// host unless it is fed. belayd feeds it while the host may run services, and
// stops when it has lost its lease and could not stop them. So a host that nobody
// can reach is certainly down after a time that the cluster knows.
//
// The package holds the device's parameters and the timer's kernel interface. When
// to feed, and how long to wait, is cluster/node's business. It starts no
// goroutine.
package watchdog

import (
	"context"
	"strings"
	"time"

	"github.com/belay-ha/belay/fencing"
)

// Name is the agent's name in definitions.
const Name = "watchdog"

// Defaults and bounds of the parameters.
const (
	DefaultDevice  = "/dev/watchdog"
	DefaultTimeout = 10 * time.Second
	// MinTimeout leaves a busy host time to feed: it does so four times a timeout.
	MinTimeout = 5 * time.Second
	MaxTimeout = 2 * time.Minute
)

// Spec describes the device.
func Spec() fencing.Spec {
	return fencing.Spec{
		Name:    Name,
		Summary: "the node's own hardware watchdog: it resets a node that lost its lease, and the others wait until it must have",
		Passive: true, Watchdog: true,
		Params: []fencing.ParamSpec{
			{Name: "device", Type: fencing.TypeString, Default: DefaultDevice, Description: "the timer on each target"},
			{Name: "timeout", Type: fencing.TypeDuration, Default: DefaultTimeout.String(), Description: "unfed for so long it resets the host; 5s to 2m, in whole seconds"},
			{Name: "unsafe_in_vm", Type: fencing.TypeBool, Default: "false", Description: "count on it in a virtual machine, too, whose pause stops it and which goes on afterwards"},
			{Name: "unsafe_softdog", Type: fencing.TypeBool, Default: "false", Description: "count on softdog, too, which is no hardware"},
		},
		Check: check,
		New:   func(name string, _ fencing.Params) (fencing.Device, error) { return device(name), nil },
	}
}

func check(p fencing.Params) []fencing.Problem {
	var problems []fencing.Problem
	invalid := func(param, message string) {
		problems = append(problems, fencing.Problem{Code: fencing.ProblemInvalid, Param: param, Message: message})
	}
	if !strings.HasPrefix(p["device"], "/dev/") {
		invalid("device", "is not a path below /dev")
	}
	if d := p.Duration("timeout"); d > 0 && (d < MinTimeout || d > MaxTimeout || d%time.Second != 0) {
		invalid("timeout", "is not from 5s to 2m, in whole seconds")
	}
	return problems
}

// device implements fencing.Device, to be found among devices. From outside
// nothing can be asked of a host's watchdog.
type device string

// Name implements fencing.Device.
func (d device) Name() string { return string(d) }

// Timeout implements fencing.Device.
func (d device) Timeout() time.Duration { return time.Second }

// Status implements fencing.Device.
func (d device) Status(context.Context) (fencing.Power, fencing.Evidence, error) {
	return fencing.PowerUnknown, fencing.Evidence{}, d.unsupported(fencing.StepRead)
}

// Off implements fencing.Device.
func (d device) Off(context.Context) (fencing.Evidence, error) {
	return fencing.Evidence{}, d.unsupported(fencing.StepOff)
}

// On implements fencing.Device.
func (d device) On(context.Context) (fencing.Evidence, error) {
	return fencing.Evidence{}, d.unsupported(fencing.StepOn)
}

func (d device) unsupported(step string) error {
	return fencing.NewError(fencing.KindUnsupported, string(d), step, "only the node itself reaches its watchdog", nil)
}
