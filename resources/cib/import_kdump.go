package cib

import (
	"strconv"

	"github.com/belay-ha/belay/resources"
)

// fenceKdump is the agent whose work Belay does by itself, as the device kdump.
const fenceKdump = "fence_kdump"

// kdump makes fence_kdump the device of one node: it listens for that node's
// address.
func (m *importer) kdump(d *resources.FenceDevice, node resources.NodeName) {
	given := d.Params
	d.Agent, d.Params = "kdump", resources.Params{"address": string(node)}
	if n, known := m.def.Node(node); known && n.Address != "" {
		d.Params["address"] = n.Address
	}
	if name := given["nodename"]; name != "" {
		d.Params["address"] = name
	}
	if port := given["ipport"]; port != "" {
		d.Params["port"] = port
	}
	if seconds, err := strconv.Atoi(given["timeout"]); err == nil && seconds > 0 {
		d.Params["timeout"] = strconv.Itoa(seconds) + "s"
	}
}
