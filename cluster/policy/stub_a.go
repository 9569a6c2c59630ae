package policy

func (e *engine) act()                                  {}
func (e *engine) checkDigests()                         {}
func (e *engine) actResource(r *resource)               {}
func (e *engine) orderPrimitive(r *resource)            {}
func (e *engine) fenceParamsChanged(fence *action) bool { return false }

// orderProbes is called in the order phase, once all orderings have become
// relations and before anything follows from them: "probe, then X".
func (e *engine) orderProbes() {}

// currentNode is where a resource is taken to run.
func (r *resource) currentNode() *node {
	if len(r.runningOn) == 0 {
		return nil
	}
	return r.runningOn[0]
}
