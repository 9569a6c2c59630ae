// Package simulate carries a plan out on paper: it applies every step of a
// policy.Plan to the policy.Input that it was computed for, and says what is
// known of the cluster afterwards. It answers "what would happen if", compares
// decisions, and touches nothing: it does no I/O, reads no clock and starts no
// goroutine.
//
//	change.go      what is asked: nodes that go or come, standby, quorum, failures
//	simulate.go    Run: change, compute, carry out, inspect
//	transition.go  which step comes when, and what a failure stops
//	record.go      what a step leaves in the history and the node states
//	json.go, text.go, dot.go  the result for programs, people and graphviz
package simulate
