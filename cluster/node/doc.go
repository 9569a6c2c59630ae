// Package node wires one member together and owns every goroutine of it: the
// log and its state machine, gossip, the local executor, the API, and, while it
// leads, the leader loop.
//
// It decides nothing itself. What a leader decides is leader's, what each member
// decides is member's; what should run where is the scheduler's; what an instance
// needs is its agent's.
package node
