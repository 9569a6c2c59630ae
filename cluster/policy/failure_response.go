package policy

import (
	"strings"
	"time"
)

// response is what follows from a failure. Of several failures the highest
// counts.
type response uint8

const (
	respondIgnore response = iota
	respondDemote
	respondRestart
	respondResetRemote
	respondRestartContainer
	respondBan
	respondBlock
	respondStop
	respondStandby
	respondFence
)

var responseWords = [...]string{
	"ignore", "demote", "restart", "reset-remote", "restart-container",
	"migrate", "block", "stop", "standby", "fence",
}

// String returns the word with which on-fail asks for the response.
func (r response) String() string { return responseWords[min(int(r), len(responseWords)-1)] }

// failureResponse is the response to the failure of an operation with the
// meta-attributes.
func (e *engine) failureResponse(r *resource, task string, interval time.Duration, meta map[string]string) response {
	resetsNode := e.failureResetsNode(r, task, interval)
	if found, ok := e.askedResponse(r, meta["on-fail"]); ok && (!resetsNode || r.is(flagManaged)) {
		return found
	}
	switch {
	case r.container != nil:
		return respondRestartContainer
	case resetsNode && r.is(flagManaged):
		return respondResetRemote
	case resetsNode:
		return respondStop
	case task != taskStop:
		return respondRestart
	case e.opt.fencing:
		return respondFence
	default:
		return respondBlock
	}
}

// askedResponse reads on-fail; ok is false where the usual response is meant.
func (e *engine) askedResponse(r *resource, word string) (found response, ok bool) {
	word = strings.ToLower(word)
	switch {
	case word == "nothing":
		return respondIgnore, true
	case word == "fence" && !e.opt.fencing:
		return respondStop, true
	case word == "reset-remote", word == "restart-container" && r.container == nil:
		return 0, false
	}
	for i, known := range responseWords {
		if word == known {
			return response(i), true
		}
	}
	return 0, false
}

// failureResetsNode reports whether the failure ends an established connection
// to a remote node.
func (e *engine) failureResetsNode(r *resource, task string, interval time.Duration) bool {
	if !r.is(flagConnection) || task == taskStart || task == taskMonitor && interval == 0 {
		return false
	}
	n := e.nodeBy[r.id]
	return n != nil && n.remote() && !n.guest()
}

// roleAfterFailure is the role that the resource is left in by the failure.
func (r *resource) roleAfterFailure(task string, to response) Role {
	switch {
	case to == respondStop, to == respondResetRemote && r.reconnect > 0:
		return RoleStopped
	case task == taskPromote:
		return RoleUnpromoted
	default:
		return RoleStarted
	}
}
