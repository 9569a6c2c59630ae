package state

// Version is the newest command set that this build understands. The state's
// Version rises only when every member advertises it.
//
//	1  the first release
//	2  peers are told of operations (operations.started/2)
const Version = 2

const (
	// firstVersion is a new cluster's, until each member has said that it
	// understands more.
	firstVersion = 1
	// VersionNotices is the first command set with notices.
	VersionNotices = 2
)
