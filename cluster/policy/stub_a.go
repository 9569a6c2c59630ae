package policy

import "time"

func (e *engine) act()                       {}
func (e *engine) checkDigests()              {}
func (e *engine) actResource(r *resource)    {}
func (e *engine) orderPrimitive(r *resource) {}
func (e *engine) newAction(r *resource, task string, interval time.Duration, n *node, optional bool) *action {
	return nil
}
func (e *engine) newPseudo(r *resource, task string, optional, runnable bool) *action { return nil }
func (e *engine) fenceAction(n *node, op string, optional bool, reason string, priorityDelay bool) *action {
	return nil
}
func (e *engine) startAction(r *resource, n *node, optional bool) *action   { return nil }
func (e *engine) stopAction(r *resource, n *node, optional bool) *action    { return nil }
func (e *engine) promoteAction(r *resource, n *node, optional bool) *action { return nil }
func (e *engine) demoteAction(r *resource, n *node, optional bool) *action  { return nil }
func (e *engine) findActions(r *resource, task string, interval time.Duration, n *node) []*action {
	return nil
}
func (e *engine) clearFailures(r *resource, n *node, reason string) *action { return nil }
