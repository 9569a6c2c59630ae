package policy

// sight is what a node's history looks like before anything is known of its
// resources. Nearly all entries of a large cluster say only that a resource was
// looked for and is not there: they need not be read twice.
type sight struct {
	of []ResourceHistory
	// quiet marks the entries that only say so.
	quiet []bool
	// remote are the places of connections to remote nodes.
	remote []int
}

// look takes a first look at a node's history.
func look(of []ResourceHistory) sight {
	s := sight{of: of, quiet: make([]bool, len(of))}
	for i := range of {
		h := &of[i]
		if len(h.Ops) == 1 {
			s.quiet[i] = h.Ops[0].quiet()
		}
		if len(h.Type) == len("remote") && len(h.Ops) > 0 && isRemoteAgent(h.Class, h.Provider, h.Type) {
			s.remote = append(s.remote, i)
		}
	}
	return s
}

// quiet reports whether the operation is a probe that found nothing, as was
// expected.
func (op *HistoryOp) quiet() bool {
	return op.RC == rcNotRunning && op.Expected == rcNotRunning && op.Status == ExecDone &&
		op.probe() && op.ID != "" && !op.lastFailureEntry()
}

// isOf reports whether the sight is of just this history.
func (s *sight) isOf(h []ResourceHistory) bool { return sameSlice(s.of, h) }

// sameSlice reports whether the slices are one: of the same elements, at the
// same place.
func sameSlice[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
