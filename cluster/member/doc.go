// Package member is what every member of a cluster decides by itself, as one
// deterministic state machine: which orders it obeys, what runs on an instance
// next, what is monitored when and what of it is news, when it announces itself,
// and what it does without a leader. The daemon drives it with clocks, agents
// and goroutines; a simulation drives the same code with an event queue.
//
// # How to drive it
//
// Make a Core when the daemon starts. Order and Cancel take what arrives from the
// leader; Status tells how far an order is. Call Step
//   - at first;
//   - after every Order and Cancel;
//   - whenever this member has applied something;
//   - whenever a task, a report or an announcement that an earlier Output asked
//     for has come to something;
//   - at Output.WakeAt.
//
// Each task of Output.Begin is one call of an agent: build its request from
// Task.State, call the method of Task.Op with a deadline of Task.Timeout, which
// progress renews (Extensions), and hand the result, as Conclude puts it, to the
// next Step in Ended. A method that has not returned ReturnGrace after its
// deadline, or after it was cut, is abandoned: its result is Conclude's of an empty
// one. The instance stays busy until the method really returns, which is told in
// Free; that is usually together with Ended.
//
// Tasks in Output.Cut end as soon as their agent lets them; they are answered as
// any other. Reports and an announcement are answered exactly once.
//
// # What it promises
//
// The same calls give the same outputs. At most one task is under way on each
// instance. No order is obeyed of an older term than this member has seen, for an
// earlier run of its daemon, or that its own log does not hold in flight; the same
// order twice runs once. Nothing is started or promoted while the member has lost
// its leader for longer than its lease, and nothing that was accepted before is
// begun then.
//
// The package does no I/O, reads no clock and starts no goroutine.
package member
