package policy

// Return codes of agents that decisions look at.
const (
	rcOK         = 0
	rcNotRunning = 7
	rcPromoted   = 8
)
