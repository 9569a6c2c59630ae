package stage

import (
	"context"
	"fmt"
	"time"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/chaos"
	"github.com/belay-ha/belay/resources"
)

// Brace applies the deployed definition as Storm needs it for more than a few
// rounds: without what counts the faults of a whole day, and with one more exclusive
// resource.
func (s *Stage) Brace(ctx context.Context) error {
	return s.brace(ctx, chaos.Redfish, nil, "--wait=60")
}

// brace is Brace with fence devices of one kind (the definition's own are Redfish)
// and with attributes of the first node. Between rounds it is called without --wait:
// an instance that faults have banned from one host for forgetAfter is not as asked,
// though everything runs, and that is what is waited for.
func (s *Stage) brace(ctx context.Context, device chaos.Device, attributes map[string]string, flags ...string) error {
	err := s.applyEdited(ctx, s.definition, "chaos", func(def *resources.Definition) error {
		if device != chaos.Redfish {
			if err := setDevices(def, string(device)); err != nil {
				return err
			}
		}
		noteChanges(def, attributes)
		fenceOften(&def.Properties)
		forgotten := resources.Duration(forgetAfter)
		def.Defaults.Resource.FailureTimeout = &forgotten
		def.Resources = append(def.Resources, resources.Resource{
			ID: "worker", Agent: "process",
			Params: resources.Params{"command": "/usr/bin/nc", "args": fmt.Sprintf("-l -k %d", workerPort)},
		})
		return nil
	}, flags...)
	if err != nil {
		return err
	}
	_, err = s.Until(ctx, 2*time.Minute, "everything runs", Whole)
	return err
}

// forgetAfter is failure_timeout in the chaos test: a resource that a fault has
// hit three times may try again after a minute, not after ten.
const forgetAfter = time.Minute
