// Package cluster is the map of the packages below it; it holds no code of its
// own, only the test of who may import whom.
//
//	state       the replicated state: commands, Apply, snapshots. Pure.
//	transition  a plan as a graph of actions, and what of it is ready. Pure.
//	scheduler   from a state to a plan, with its reasons. Pure.
//	view        what agents may know of a state. Pure.
//	leader      what a leader decides, from evidence, plans and answers. Pure.
//	member      what each member decides by itself: orders, monitors, the lease. Pure.
//	raftlog     the replicated log of a member, on disk and between members.
//	membership  the failure detector, on gossip.
//	security    certificates, keys, join tokens and the one TLS listener.
//	localexec   a member's hands: calls agents as member says.
//	api         JSON over HTTP for people and between members.
//	node        wires one member together and owns its goroutines.
//	enroll      founds a cluster and lets hosts join it.
//	catalog     the agents and fence agents that this build knows.
//	dev         a whole cluster in one process, for development.
//
// Imports go down only, in the order of the table in imports_test.go.
package cluster
