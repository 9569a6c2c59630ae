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
