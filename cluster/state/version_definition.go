package state

import "github.com/belay-ha/belay/resources"

// saysUnfencing reports whether a definition says what command sets before
// VersionUnfencing cannot read.
func saysUnfencing(d *resources.Definition) bool {
	if d.Unfences() {
		return true
	}
	for _, f := range d.Fences {
		if f.Provides != "" || f.UnsafeCut {
			return true
		}
	}
	for i := range d.Templates {
		if resources.Or(d.Templates[i].Meta.Requires, "") == resources.RequiresUnfencing {
			return true
		}
	}
	return false
}

// saysMore reports whether a definition's resources say what command sets before
// VersionMore cannot read.
func saysMore(d *resources.Definition) bool {
	if d.Properties.PriorityFencingDelay != 0 || metaSaysMore(&d.Defaults.Resource) {
		return true
	}
	for i := range d.Nodes {
		if d.Nodes[i].Kind != "" {
			return true
		}
	}
	for i := range d.Resources {
		if metaSaysMore(&d.Resources[i].Meta) {
			return true
		}
		for k := range d.Resources[i].Ops {
			if d.Resources[i].Ops[k].StartDelay != 0 {
				return true
			}
		}
	}
	for i := range d.Locations {
		if d.Locations[i].ScoreAttribute != "" {
			return true
		}
	}
	for i := range d.Groups {
		if metaSaysMore(&d.Groups[i].Meta) {
			return true
		}
	}
	return false
}

func metaSaysMore(m *resources.Meta) bool {
	return m.AllowMigrate != nil || m.RemoteNode != "" || m.AttributeTarget != ""
}
