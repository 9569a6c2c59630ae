package policy

func (e *engine) locate()                                                           {}
func (e *engine) assign()                                                           {}
func (e *engine) assignResource(r *resource, prefer *node, keepIfFailed bool) *node { return nil }
func (e *engine) finalAssign(r *resource, n *node, force bool) bool                 { return false }
func (e *engine) unassign(r *resource)                                              {}
func (e *engine) setNextRole(r *resource, role Role, why string)                    {}
func (e *engine) colocationsOf(r *resource) (primaries, dependents []*colocation)   { return nil, nil }
func (e *engine) applyColocation(c *colocation, dependent, primary *resource, forDependent bool) {
}
