// Package manual is the fence device of nodes whose power only a person can switch. It
// asks nothing and proves nothing: an attempt that comes to it fails, says what the
// person has to do, and the node's services wait for that person's word
// (`belayctl fence confirm`).
//
// It does no I/O and starts no goroutine.
package manual

import (
	"context"
	"fmt"
	"time"

	"github.com/belay-ha/belay/fencing"
)

// Name is the agent's name in definitions.
const Name = "manual"

// maxNote bounds the note, in bytes.
const maxNote = 256

// Spec describes the device.
func Spec() fencing.Spec {
	return fencing.Spec{
		Name:    Name,
		Summary: "a person, who sees that the node is off and says so (fence confirm); switches nothing by itself",
		Passive: true,
		Person:  true,
		Params: []fencing.ParamSpec{
			{Name: "note", Type: fencing.TypeString, Max: maxNote, Description: "what the person should know, such as the rack and whom to call"},
		},
		New: func(name string, p fencing.Params) (fencing.Device, error) {
			return &device{name: name, note: p["note"]}, nil
		},
	}
}

// device implements fencing.Device and fencing.Person.
type device struct{ name, note string }

// Name implements fencing.Device.
func (d *device) Name() string { return d.name }

// Timeout implements fencing.Device.
func (d *device) Timeout() time.Duration { return time.Second }

// Status implements fencing.Device. Nobody can be asked.
func (d *device) Status(context.Context) (fencing.Power, fencing.Evidence, error) {
	return fencing.PowerUnknown, fencing.Evidence{Detail: "nothing can be read: a person switches the power" + d.noted()}, nil
}

// Off implements fencing.Device; it is never possible.
func (d *device) Off(context.Context) (fencing.Evidence, error) {
	return fencing.Evidence{}, d.unsupported(fencing.StepOff, d.Asks("NODE"))
}

// Asks implements fencing.Person.
func (d *device) Asks(node string) string {
	return fmt.Sprintf("a person has to switch it off%s, see that it is off, and say so: `belayctl fence confirm %s --reason WHY`", d.noted(), node)
}

// On implements fencing.Device; it is never possible.
func (d *device) On(context.Context) (fencing.Evidence, error) {
	return fencing.Evidence{}, d.unsupported(fencing.StepOn, "a person has to switch the node on"+d.noted())
}

func (d *device) unsupported(step, what string) error {
	return fencing.NewError(fencing.KindUnsupported, d.name, step, what, nil)
}

func (d *device) noted() string {
	if d.note == "" {
		return ""
	}
	return " (" + d.note + ")"
}
