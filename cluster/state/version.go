package state

// Version is the newest command set that this build understands. The state's
// Version rises only when every member advertises it.
//
//	1  the first release
const Version = 1
