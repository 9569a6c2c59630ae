// Package membership is Belay's failure detector. It owns the gossip of
// github.com/hashicorp/memberlist and a small ping protocol on top of it, and
// turns both into observations: what this member believes of every other
// member, since when, and on what evidence.
//
// It never decides anything. Nobody is fenced, and no resource is moved, by
// this package: the leader reads [Membership.Snapshot], asks other members for
// [Membership.Confirm], counts independent witnesses and proposes a command.
// Nor is it the truth about who belongs to the cluster: Raft's configuration
// is. Gossip is a hint that converges slowly after a mass start and that one
// confused member can disturb.
//
// # How a silent member is found
//
// Members stand on a ring, ordered by a hash of their names. Each pings its
// three nearest successors (suspected ones do not count towards the three) five
// times a second, so the load of a member, and the time to find a dead one, do
// not grow with the cluster. A watcher that misses an answer pings faster and
// asks other members to ping for it; after 400 ms of silence it tries a stream
// and tells everybody. Whoever hears such an accusation pings the accused
// itself, and believes its own ears only: an accusation starts a check, it
// never makes a verdict. After SuspectAfter of silence the verdict is
// [Suspect], after DeadAfter and with a second witness (or gossip's word, or
// after SoloDeadAfter) it is [Dead].
//
// Any answer counts: direct, through another member, by stream, or an ack to
// memberlist's own probes. A member that reaches nobody says so in
// [Health.Isolated] and accuses nobody. A member that was itself paused throws
// its suspicions away and accuses nobody for a grace period. A member that was
// dead must answer for HoldAlive before it counts as alive again.
//
// # Encryption
//
// Every packet and every stream is sealed with AES-256-GCM under the primary
// key of the keyring, with the cluster's label as authenticated data; what does
// not open is dropped. memberlist uses a stream for one sealed message in each
// direction and nothing else (state exchange, ping, user message), so the
// keyring covers streams as it covers packets and a TLS session below would add
// a second handshake to each ping and protect nothing more that matters here:
// gossip carries names, addresses and liveness, never definitions or secrets.
// What it does not give is forward secrecy and protection against replay.
// Replay is met by construction: an answer counts only for a sequence number
// this process drew (they start at random and never repeat), a departure counts
// only for the running instance of the sender, a report only if it is numbered
// after the last of that instance, and an accusation only makes the receiver
// look for itself.
//
// # Goroutines
//
// [New] starts none. [Membership.Run] owns memberlist's, one loop, one joiner
// and a bounded number of stream pings, and waits for its own before it
// returns. [Membership.Watch] starts one, which ends with its context or Run.
package membership
