// Package raftlog owns the replicated log of a member: its files, its Raft
// node, and the stream connections between Raft nodes.
//
// It never looks inside an entry: the state machine is a Machine that the
// caller hands in. It never decides what to do about a lost peer: it reports
// contacts and leadership, and the caller acts.
//
// Files, below Config.DataDir:
//
//	raft.db      log entries and the vote (bbolt, see Store)
//	snapshots/   the newest two snapshots of the state machine
//
// Goroutines: those of hashicorp/raft and of its network transport, one that
// turns Raft's observations into this package's events and looks for silent
// leaders, one that hands requests on to Raft, and one for each call in progress
// (at most maxCalls). All of them end in Node.Shutdown.
//
// Failure rules that shape the code:
//   - A torn, truncated or altered file is refused when the node starts, with an
//     error that names the file and, where it is known, the index.
//   - A leader whose disk hangs would stay leader for ever, because heartbeats
//     do not touch the disk. A watchdog on writes cuts the node off from its
//     peers and reports a fault; the caller then ends the process.
//   - A reply that is late or lost means "unknown", never "not done".
package raftlog
