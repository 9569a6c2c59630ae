package policy

// activity is where a primitive runs, as one answer.
type activity struct {
	node  *node // where it is taken to run
	all   int   // nodes on which it is active
	clean int   // those of them that work
}

// activity says where a primitive runs. Of several nodes it is the source of a
// half-done migration; else the first, or, for what may start elsewhere before
// its node is fenced, the first that works.
func (r *resource) activity() activity {
	var at activity
	for _, n := range r.runningOn {
		works := n.online && !n.unclean
		at.all++
		if works {
			at.clean++
		}
		switch {
		case r.migrateFrom != nil:
			if n == r.migrateFrom {
				at.node = n
			}
		case !r.is(flagNeedsFencing):
			if works && (at.node == nil || !at.node.online || at.node.unclean) {
				at.node = n
			}
		}
		if at.node == nil {
			at.node = n
		}
	}
	return at
}

// currentNode is the node where a resource is taken to run, or nil. What a
// collection's members do is summed up in its own list.
func (r *resource) currentNode() *node {
	if len(r.runningOn) == 1 {
		return r.runningOn[0]
	}
	return r.activity().node
}
