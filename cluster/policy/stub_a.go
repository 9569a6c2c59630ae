package policy

func (e *engine) act()                                  {}
func (e *engine) checkDigests()                         {}
func (e *engine) actResource(r *resource)               {}
func (e *engine) orderPrimitive(r *resource)            {}
func (e *engine) fenceParamsChanged(fence *action) bool { return false }
