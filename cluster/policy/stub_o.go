package policy

func (e *engine) order()       {}
func (e *engine) graph() *Plan { return &Plan{Present: e.report()} }
