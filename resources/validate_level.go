package resources

import "slices"

// fenceLevels reports levels whose success would prove nothing, and nodes that
// nothing fences for certain. It needs to know the agents.
func (v *validator) fenceLevels() {
	if v.fences.Dumps == nil || v.fences.foreign {
		return
	}
	for i := range v.def.Nodes {
		name := v.def.Nodes[i].Name
		devices := v.def.FencesOf(name)
		certain := len(devices) == 0
		for len(devices) > 0 {
			level := devices[0].level()
			n := slices.IndexFunc(devices, func(f FenceDevice) bool { return f.level() != level })
			if n < 0 {
				n = len(devices)
			}
			certain = v.fenceLevel(name, level, devices[:n]) || certain
			devices = devices[n:]
		}
		if !certain {
			first := v.def.FencesOf(name)[0]
			v.add(ProblemConflict, v.fencePath(first.ID), "add a device that switches its power, or a watchdog, at a later level",
				"node %q is fenced for certain by none of its devices: kdump hears only of a crashed kernel, and its silence proves nothing", name)
		}
	}
}

// fenceLevel checks the devices of one level of a node, and reports whether they
// can prove its death whatever has happened to it.
func (v *validator) fenceLevel(node NodeName, level int, devices []FenceDevice) (certain bool) {
	dumps, proves := false, false
	for i := range devices {
		switch f := &devices[i]; {
		case v.fences.Dumps(f.Agent):
			dumps = true
		case f.UnsafeCut || f.Provides != ProvidesUnfencing && !v.fences.Cuts(f.Agent):
			proves = true
		}
	}
	if !dumps && !proves {
		v.add(ProblemConflict, v.fencePath(devices[0].ID), "give that level a device, too, that switches the node's power, or a watchdog; or say unsafe_cut = true",
			"level %d of node %q only cuts it off: the node may live, and serve what the device does not guard", level, node)
		return true // said already
	}
	return proves && !dumps
}

// fencePath is where a device stands.
func (v *validator) fencePath(id string) string {
	var paths Paths
	for _, f := range v.def.Fences {
		if path := paths.Next("fence", f.ID); f.ID == id {
			return path
		}
	}
	panic("resources: the device is one of the definition's")
}
