// Package policy is the policy engine: it decides where every resource of a
// cluster runs, in which role, who is fenced, and which actions lead there in
// which order. Compute is a pure function of its Input: it does no I/O, reads no
// clock and starts no goroutine, and gives the same Plan for the same Input.
//
// The rules are Pacemaker's (Pacemaker Explained; where the manual and the code
// disagree, the code of release 3.0). One run has these phases, each in files
// named for it:
//
//	unpack      options, nodes, resources (templates are expanded before), implicit resources of bundles and guests
//	status      node states, then the history of operations: roles, failures, bans, wishes to fence
//	locate      health, constraints, stickiness, thresholds
//	assign      a node for every instance, then the promoted ones
//	act         probes, then each instance's way from its role to its next
//	order       what waits for what, and what makes what necessary or impossible
//	graph       what is left of it, as data
//
// The types of one run are in node.go, resource.go, action.go and ordering.go;
// what comes in is in input*.go, what goes out in plan.go.
package policy
