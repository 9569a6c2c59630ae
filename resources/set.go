package resources

// ResourceSet is several resources in one constraint (Pacemaker Explained,
// "Resource Sets"). Of its fields each kind of constraint knows some: see
// validate_set.go. Names may be resources, groups, templates and tags.
type ResourceSet struct {
	Resources []ResourceID `json:"resources"`
	// Sequential: an order or colocation holds between its members too, each with
	// the one before it. nil means true.
	Sequential *bool `json:"sequential,omitempty"`
	// RequireAll false: for the next set of an order any one member is enough. nil
	// means true.
	RequireAll *bool `json:"require_all,omitempty"`
	// Role of the members, in colocations, locations and tickets.
	Role Role `json:"role,omitempty"`
	// Action that an order is about; start where it is empty.
	Action Op `json:"action,omitempty"`
	// Score of a location for these resources, or of a colocation among the
	// members; nil means the constraint's.
	Score *Score `json:"score,omitempty"`
}

// Tag is a name for several resources: a constraint that names it means all of
// them, none before another.
type Tag struct {
	ID      ResourceID   `json:"id"`
	Members []ResourceID `json:"members"`
}

// sequential and anyOne answer with the defaults filled in.
func (s *ResourceSet) sequential() bool { return Or(s.Sequential, true) }
func (s *ResourceSet) anyOne() bool     { return !Or(s.RequireAll, true) && !lowering(s.action()) }

func (s *ResourceSet) action() Op {
	if s.Action == "" {
		return OpStart
	}
	return s.Action
}

// lowering reports whether an operation leads down. There, none can go before
// all that depend on it have.
func lowering(op Op) bool { return op == OpStop || op == OpDemote }

// pairsOf counts the pairs that sets stand for, as far as max: a short definition
// must not mean a plan that nobody can make.
func pairsOf(sets []ResourceSet, within bool, max int) int {
	pairs := 0
	for i := range sets {
		n := len(sets[i].Resources)
		if within {
			n *= n
		}
		pairs += min(n, max)
		if i > 0 {
			pairs += min(len(sets[i-1].Resources)*len(sets[i].Resources), max)
		}
		if pairs >= max {
			return max
		}
	}
	return pairs
}
