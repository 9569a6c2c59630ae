package policy

func (e *engine) assignClone(r *resource, prefer *node, keepIfFailed bool) *node  { return nil }
func (e *engine) assignBundle(r *resource, prefer *node, keepIfFailed bool) *node { return nil }
func (e *engine) setRoles(r *resource)                                            {}
func (e *engine) addPromotionScores(r *resource)                                  {}

// colocateWithClone is applyColocation for a clone as the primary: dependent is
// a primitive (an instance or member where the constraint names a collection).
func (e *engine) colocateWithClone(c *colocation, dependent, primary *resource) {}

// colocateWithBundle is applyColocation for a bundle as the primary.
func (e *engine) colocateWithBundle(c *colocation, dependent, primary *resource) {}

// bundleColocationsReach reports whether the colocations of a bundle are also
// those of a resource in it.
func (e *engine) bundleColocationsReach(bundle, part *resource) bool { return false }
