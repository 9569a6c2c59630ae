package policy

func (e *engine) order()       {}
func (e *engine) graph() *Plan { return &Plan{Present: e.report()} }
func (e *engine) orderTasks(first *resource, firstTask string, then *resource, thenTask string, flags orderFlags) {
}
func (e *engine) orderActions(first, then *action, flags orderFlags) {}
func (e *engine) addOrdering(o ordering)                             {}
