// Package leader is what the leader of a cluster decides, as one deterministic
// state machine: who counts as lost, what is to be done next, who is fenced and
// by whom, what is asked again and when. The daemon drives it with clocks,
// sockets and goroutines; a simulation drives the same code with an event queue.
//
// # How to drive it
//
// A Core leads during one term of Raft. Make a new one for each term, once this
// member has applied everything that was committed before it, and drop it when
// the term ends; what it remembers is worth nothing to the next.
//
// Call Step
//   - at first;
//   - whenever the state, what is known of the members, or the configuration of
//     the log has changed;
//   - whenever something that an earlier Output asked for has an answer;
//   - at Output.WakeAt.
//
// Each call takes all answers since the last one, and the newest state: one that
// holds every command of which an answer says that it is committed. Calling it
// more often than needed changes nothing.
//
// Everything in an Output is to be done beside the loop; Step is called in the
// meantime as the above says. Each Proposal, Look, state.Order, Attempt, Read and
// VoterChange is answered exactly once, whatever becomes of it, unless its key is
// in Output.Drop: such an answer is ignored. Cancels are not answered.
//
// # What it promises
//
// The same calls give the same outputs: nothing depends on the order of maps, on
// a clock or on chance (Config.Jitter is asked in a fixed order). It never asks
// twice at once for the same thing. No decision is made while commands of the
// last one are not answered, so a plan is never made from a state that lacks what
// was decided just before.
//
// The package does no I/O, reads no clock and starts no goroutine.
package leader
