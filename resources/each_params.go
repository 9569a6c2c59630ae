package resources

import "fmt"

// GivenParams is one table of parameters, and where it stands.
type GivenParams struct {
	// Path is that of the thing that has them, as in Problem: resource[ID],
	// template[ID], group[ID], fence[ID] or defaults; below that op.NAME for those of an
	// operation, and when for what a rule gives.
	Path string
	// Agent is that of the resource, template or, with Fence, the device; empty for a
	// resource that has its template's.
	Agent string
	Fence bool
	// Params is the table itself, never empty: what is changed in it changes in the
	// definition.
	Params Params
}

// EachParams calls f with every table of parameters of the definition, in its order:
// whoever looks for something among parameters finds all of them.
func (d *Definition) EachParams(f func(GivenParams)) {
	for i := range d.Fences {
		device := &d.Fences[i]
		if len(device.Params) > 0 {
			f(GivenParams{Path: "fence[" + device.ID + "]", Agent: device.Agent, Fence: true, Params: device.Params})
		}
	}
	eachOfOps("defaults", "", []Operation{d.Defaults.Op}, f)
	for i := range d.Defaults.When {
		eachOfOps(whenPath("defaults", i), "", []Operation{d.Defaults.When[i].Op}, f)
	}
	for i := range d.Templates {
		d.Templates[i].EachParams("template["+string(d.Templates[i].ID)+"]", f)
	}
	for i := range d.Resources {
		d.Resources[i].EachParams("resource["+string(d.Resources[i].ID)+"]", f)
	}
	for i := range d.Groups {
		eachOfWhens("group["+string(d.Groups[i].ID)+"]", "", d.Groups[i].When, f)
	}
}

// EachParams is Definition.EachParams for one resource, which stands at path.
func (r *Resource) EachParams(path string, f func(GivenParams)) {
	if len(r.Params) > 0 {
		f(GivenParams{Path: path, Agent: r.Agent, Params: r.Params})
	}
	eachOfOps(path, r.Agent, r.Ops, f)
	eachOfWhens(path, r.Agent, r.When, f)
}

func eachOfOps(path, agent string, ops []Operation, f func(GivenParams)) {
	count := map[Op]int{}
	for i := range ops {
		op := &ops[i]
		count[op.Name]++
		at := path + ".op." + string(op.Name)
		if op.Name == "" {
			at = path + ".op"
		}
		if n := count[op.Name]; n > 1 {
			at = fmt.Sprintf("%s#%d", at, n)
		}
		if len(op.Params) > 0 {
			f(GivenParams{Path: at, Agent: agent, Params: op.Params})
		}
	}
}

func eachOfWhens(path, agent string, whens []When, f func(GivenParams)) {
	for i := range whens {
		at := whenPath(path, i)
		if w := &whens[i]; len(w.Params) > 0 {
			f(GivenParams{Path: at, Agent: agent, Params: w.Params})
		}
		eachOfOps(at, agent, whens[i].Ops, f)
	}
}
