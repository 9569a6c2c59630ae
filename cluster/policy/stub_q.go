package policy

func (e *engine) assignClone(r *resource, prefer *node, keepIfFailed bool) *node  { return nil }
func (e *engine) assignBundle(r *resource, prefer *node, keepIfFailed bool) *node { return nil }
func (e *engine) setRoles(r *resource)                                            {}
func (e *engine) addPromotionScores(r *resource)                                  {}
func (e *engine) orderWithin(r *resource)                                         {}
func (e *engine) actCollection(r *resource)                                       {}

// notifyClone is called for each clone when the graph is made: its
// notifications then depend on what is required and can run.
func (e *engine) notifyClone(r *resource) {}

// notifyAfterFencing makes the notifications of a stop that a fencing implies.
func (e *engine) notifyAfterFencing(stop *action, r *resource, fence *action) {}

// colocateWithClone is applyColocation for a clone as the primary: dependent is
// a primitive (an instance or member where the constraint names a collection).
func (e *engine) colocateWithClone(c *colocation, dependent, primary *resource) {}

// colocateWithBundle is applyColocation for a bundle as the primary.
func (e *engine) colocateWithBundle(c *colocation, dependent, primary *resource) {}

// bundleColocationsReach reports whether the colocations of a bundle are also
// those of a resource in it.
func (e *engine) bundleColocationsReach(bundle, part *resource) bool { return false }
