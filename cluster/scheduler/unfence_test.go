package scheduler_test

import (
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// cuts: cuts NODE... defines one device that cuts them off from something.
func (c *cluster) cuts(names []string) {
	f := resources.FenceDevice{ID: "scsi", Agent: "fence_scsi", Provides: resources.ProvidesUnfencing}
	for _, name := range names {
		f.Targets = append(f.Targets, resources.NodeName(name))
	}
	c.d.Fences = append(c.d.Fences, f)
}

// unfencing: unfencing NODE PHASE [retry=] [error=]
func (c *cluster) unfencing(plain []string, set map[string]string) error {
	name := resources.NodeName(plain[0])
	f := &state.Fencing{ID: "u1", Node: name, Action: resources.FencingUnfence, Reason: "asked for", Attempts: 1, RetryAt: at(set["retry"]), Error: set["error"]}
	if err := f.Phase.UnmarshalText([]byte(plain[1])); err != nil {
		return err
	}
	if f.Phase == state.FencingFailed {
		c.s.Definition = c.d
		f.Refused = c.s.UnfencingDigest(name)
	}
	if c.s.Unfencing == nil {
		c.s.Unfencing = map[resources.NodeName]*state.Fencing{}
	}
	c.s.Unfencing[name] = f
	return nil
}
