package state

// Version is the newest command set that this build understands. The state's
// Version rises only when every member advertises it.
//
//	1  the first release
//	2  peers are told of operations (operations.started/2)
//	3  definitions that say more (definition.set/2): see resources.Definition.Since; fencing
//	   of one level, and proofs other than power (fence.requested/2, fence.reported/2);
//	   watchdogs (member.watchdog/1); witnesses (member.joined/2); live migrations (operations.started/3);
//	   revisions of the definition are kept, with their owners; tickets (ticket.set/1)
//	4  a longer history, with operations apart (State.Performed); maintenance of
//	   more than nodes (maintenance.set/1, maintenance.ended/1); definitions that say
//	   still more (definition.set/3)
//	4  a live migration that was given up is remembered until its source was looked at
//	4  the audit, and from where a command was asked for (Envelope.From)
//	4  unfencing (unfence.*/1), and definitions that say it (definition.set/3); why a watchdog is
//	   not fed (member.watchdog/2)
//	4  renewed certificates (member.renewed/1)
//	4  roles (role.bound/1, certificate.issued/1); units that are taken over
//	   (takeover.set/1, unit.held/1, unit.released/1)
//	4  a host that counted as off says that it has stopped everything (member.booted/2)
//	4  quarantine: fence.released/1 ends it, and definitions say how long (definition.set/3)
//	5  the data key is replaced (secrets.resealed/1)
//	5  an intent to start what has lost its ticket since the plan, or was promoted since, is left out
//	5  bundles, which are carried out: every member has the agent (definition.set/4)
//	5  definitions whose values hold by rules, and what else definition.set/4 says
//	6  the cluster's right to fence is granted only while what it was planned for holds
//	   (fence.requested/3); fence.released/1 also switches on what somebody has left off
const Version = 6

const (
	// firstVersion is a new cluster's, until each member has said that it
	// understands more.
	firstVersion = 1
	// VersionNotices is the first command set with notices.
	VersionNotices = 2
	// VersionMore is the first command set with definition.set/2 and what follows
	// from such definitions.
	VersionMore = 3
	// VersionHistory is the first command set whose members keep operations apart
	// from other events, with their duration, and the evidence of verdicts.
	VersionHistory = 4
	// VersionAdmin is the first command set with scopes of maintenance and the audit.
	VersionAdmin = 4
	// VersionLooks is the first command set that orders the looks after a live
	// migration that was given up, and takes back no host that counted as off before
	// that has stopped everything.
	VersionLooks = 4
	// VersionUnfencing is the first command set with unfencing and definition.set/3.
	VersionUnfencing = 4
	// VersionQuarantine is the first command set with quarantine, which
	// fence.released/1 ends.
	VersionQuarantine = 4
	// VersionDataKey is the first command set that replaces the data key.
	VersionDataKey = 5
	// VersionTickets is the first command set that leaves out intents whose ticket was
	// taken away since they were planned, and starts of what was promoted since.
	VersionTickets = 5
	// VersionWhen is the first command set with definition.set/4: values by rule, and
	// bundles, for which every member has the agent.
	VersionWhen = 5
	// VersionPremise is the first command set whose requests to fence say what they were
	// planned from, and are held against the state that they meet.
	VersionPremise = 6
)

// newer holds the command set of each command that not every release of this
// line understands. A member that reads a command of a newer set than its own
// stops.
var newer = map[string]int{
	"operations.started/2": VersionNotices,
	"definition.set/2":     VersionMore,
	"fence.requested/2":    VersionMore,
	"fence.requested/3":    VersionPremise,
	"fence.reported/2":     VersionMore,
	"operations.started/3": VersionMore,
	"member.watchdog/1":    VersionMore,
	"member.joined/2":      VersionMore,
	"ticket.set/1":         VersionMore,
	"member.booted/2":      VersionLooks,
	"maintenance.set/1":    VersionAdmin,
	"maintenance.ended/1":  VersionAdmin,
	"definition.set/3":     VersionUnfencing,
	"definition.set/4":     VersionWhen,
	"member.watchdog/2":    VersionUnfencing,
	"unfence.requested/1":  VersionUnfencing,
	"unfence.started/1":    VersionUnfencing,
	"unfence.reported/1":   VersionUnfencing,
	"role.bound/1":         VersionAdmin,
	"takeover.set/1":       VersionAdmin,
	"unit.held/1":          VersionAdmin,
	"unit.released/1":      VersionAdmin,
	"certificate.issued/1": VersionAdmin,
	"member.renewed/1":     VersionAdmin,
	"secrets.resealed/1":   VersionDataKey,
}

// Needs returns the command set that a command belongs to. Whoever proposes it
// must see to it that State.Version is at least that.
func Needs(c Command) int { return max(newer[c.name()], firstVersion) }
