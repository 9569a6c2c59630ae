package policy

// Placement is what Place decided.
type Placement struct {
	// Placed lists every primitive and instance that is to run, in no particular
	// order.
	Placed []Placed
	// Scores say why, where that was asked for.
	Scores []Score
	// Warnings name what the configuration says in vain.
	Warnings []Warning
}

// Placed is one primitive or instance on the node where it is to run.
type Placed struct {
	// Resource is the instance, Base its id without a number.
	Resource, Base string
	Node           string
	Role           Role
}

// Place decides where everything runs and in which role, as Compute does, and
// leaves the way there to its caller. explain asks for Scores. The Input is read
// only.
func Place(in *Input, explain bool) *Placement { return new(Planner).Place(in, explain) }

// Place decides where everything runs, as the function Place does.
func (p *Planner) Place(in *Input, explain bool) *Placement {
	e := p.engine(in)
	if explain {
		e.notes = &scoreNotes{}
	}
	e.read()
	e.locateScores()
	e.assign()
	p.kept = e.keep()
	out := &Placement{Warnings: e.warnings, Placed: make([]Placed, 0, len(e.all))}
	for _, r := range e.all {
		if r == nil || r.variant != Primitive || r.assigned == nil || r.nextRole == RoleStopped {
			continue
		}
		role := r.nextRole
		if role == RoleUnknown {
			role = RoleStarted // nothing says otherwise
		}
		out.Placed = append(out.Placed, Placed{Resource: r.id, Base: r.base, Node: r.assigned.name, Role: role})
	}
	if explain {
		out.Scores = e.scores()
	}
	return out
}
