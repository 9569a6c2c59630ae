package policy

// Planner decides again and again about one cluster, as Compute does and with
// the same results, and more cheaply: it keeps what it found out about those
// parts of the Input that are still the same. The zero value is ready for use,
// by one goroutine at a time.
//
// Parts are known to be the same if they are the same slices: Resources with
// the defaults, and the History of each entry of Status. So who changes an
// Input for the next plan replaces such a slice by a new one instead of writing
// into it.
type Planner struct{ kept kept }

// Compute decides, as the function Compute does.
func (p *Planner) Compute(in *Input) *Plan {
	e := p.engine(in)
	e.read()
	plan := e.compute()
	p.kept = e.keep()
	return plan
}

// Inspect returns what is known of the cluster, as the function Inspect does.
func (p *Planner) Inspect(in *Input) *Report {
	e := p.engine(in)
	e.read()
	report := e.report()
	p.kept = e.keep()
	return report
}

// engine starts a run with what is kept and still holds.
func (p *Planner) engine(in *Input) *engine {
	return &engine{in: in, now: in.Now, kept: p.kept.forInput(in)}
}

// kept is what one run leaves to the next. The next one writes into none of it.
type kept struct {
	resources                    []ResourceConfig
	resourceDefaults, opDefaults []AttributeSet
	// Resolved attributes of configured primitives and their operations, as far
	// as they depend on the configuration alone.
	metaBy   map[*ResourceConfig]map[string]string
	opMetaBy map[metaKey]map[string]string
	paramsBy map[paramsKey]map[string]string
	sums     map[metaKey]string
	sights   []sight
	// ruled: there are rules, so that values may depend on the time.
	ruled bool
}

// forInput leaves out what does not hold for the Input.
func (k kept) forInput(in *Input) kept {
	if sameSlice(k.resources, in.Resources) && sameSlice(k.resourceDefaults, in.ResourceDefaults) && sameSlice(k.opDefaults, in.OpDefaults) {
		return k
	}
	return kept{
		resources: in.Resources, resourceDefaults: in.ResourceDefaults, opDefaults: in.OpDefaults, sights: k.sights,
		ruled: anyRule(in.ResourceDefaults) || anyRule(in.OpDefaults) || anyRuled(in.Resources),
	}
}

// keep is what the next run may use: what this one has asked for.
func (e *engine) keep() kept {
	k := e.kept
	k.sights = e.sights
	if !k.ruled {
		k.metaBy, k.opMetaBy, k.paramsBy, k.sums = e.metaBy, e.opMetaBy, e.paramsBy, e.sums
	}
	return k
}

// anyRuled reports whether any attribute of the resources, or of what is in
// them, depends on a rule.
func anyRuled(list []ResourceConfig) bool {
	for i := range list {
		c := &list[i]
		if anyRule(c.Meta) || anyRule(c.Params) || anyRuled(c.Members) {
			return true
		}
		for j := range c.Ops {
			if anyRule(c.Ops[j].Meta) || anyRule(c.Ops[j].Params) {
				return true
			}
		}
	}
	return false
}

func anyRule(sets []AttributeSet) bool {
	for i := range sets {
		if sets[i].Rule != nil {
			return true
		}
	}
	return false
}
