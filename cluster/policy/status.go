package policy

import "strings"

// unpackStatus reads what is known: first each member's state, then the
// histories, as far as it is known which remote nodes can be reached.
func (e *engine) unpackStatus() {
	for i := range e.in.Status {
		e.unpackNodeState(&e.in.Status[i])
	}
	e.unpackHistories()
	e.finishRemotes()
}

// statusNode is the node that a status is of, or nil if it was removed.
func (e *engine) statusNode(s *NodeStatus) *node {
	if n := e.nodeByID[s.ID]; n != nil {
		return n
	}
	if s.Name == "" {
		return nil
	}
	return e.nodeBy[s.Name]
}

// unpackNodeState reads a member's state. Of a remote node only its connection
// tells; here it is noted whether it was fenced.
func (e *engine) unpackNodeState(s *NodeStatus) {
	n := e.statusNode(s)
	if n == nil {
		return
	}
	if n.remote() {
		n.wasFenced = s.RemoteFenced
		return
	}
	e.addTransient(n, s)
	n.standby = n.standby || isTrue(n.attrs["standby"])
	n.maintenance = n.maintenance || isTrue(n.attrs["maintenance"])
	n.unclean, n.unseen = false, false
	e.judgeMember(n, s)
	if !e.in.Quorum && n.online && e.opt.noQuorum == quorumFence {
		e.fenceNode(n, "cluster does not have quorum", false)
	}
}

// asksShutdown reports whether the node wants to leave the cluster.
func (n *node) asksShutdown() bool {
	word := n.attrs["shutdown"]
	return word != "" && word != "0"
}

// judgeMember decides whether a member is online, and fences it if it should be
// there and is not.
func (e *engine) judgeMember(n *node, s *NodeStatus) {
	n.shutdown = n.asksShutdown()
	n.expectedUp = !n.shutdown && strings.EqualFold(s.Expected, "member")
	if e.opt.fencing {
		n.online = e.judgeWithFencing(n, s)
	} else {
		n.online = e.judgeWithoutFencing(n, s)
	}
}

// memberSince is when a node became a member: 0 if it is none, negative if that
// is unknown.
func (e *engine) memberSince(s *NodeStatus) int64 {
	if s.InMembership == "" {
		return -1
	}
	if member, ok := parseTruth(s.InMembership); ok {
		if !member {
			return 0
		}
		return max(1, e.now.Unix())
	}
	return parseTime(s.InMembership, -1)
}

// onlineSince is when a node's peer process came up, 0 if it is not.
func onlineSince(s *NodeStatus) int64 {
	switch strings.ToLower(s.Peer) {
	case "", "offline":
		return 0
	case "online":
		return 1
	default:
		return parseTime(s.Peer, 0)
	}
}

func (e *engine) judgeWithoutFencing(n *node, s *NodeStatus) (online bool) {
	switch {
	case e.memberSince(s) <= 0:
		return false
	case onlineSince(s) > 0:
		return strings.EqualFold(s.Join, "member")
	case n.expectedUp:
		e.fenceNode(n, "peer is unexpectedly down", false)
	}
	return false
}

func (e *engine) judgeWithFencing(n *node, s *NodeStatus) (online bool) {
	member, up := e.memberSince(s), onlineSince(s)
	if n.shutdown {
		return up > 0
	}
	if member < 0 {
		e.fenceNode(n, "peer has not been seen by the cluster", false)
		return false
	}
	switch {
	case s.Join == "banned":
		e.fenceNode(n, "peer failed Pacemaker membership criteria", false)
	case n.asksTerminate():
		if member == 0 && up == 0 && s.Join == "down" {
			return false
		}
		e.fenceNode(n, "fencing was requested", false)
	case s.Expected == "down" || s.Expected == "":
		e.judgeJoining(n, member, up)
	case member == 0:
		e.fenceNode(n, "peer is no longer part of the cluster", true)
	case up == 0:
		e.fenceNode(n, "peer process is no longer available", false)
	case s.Join == "member":
	case s.Join == "pending" || s.Join == "down":
		n.standby, n.pending = true, true
	default:
		e.fenceNode(n, "peer was in an unknown state", false)
	}
	return member > 0
}

// judgeJoining is for a node that nobody expects: it may be on its way up, for
// a limited time.
func (e *engine) judgeJoining(n *node, member, up int64) {
	if limit := e.opt.nodePendingTimeout; limit > 0 && member > 0 && up == 0 &&
		e.now.Unix() >= member+wholeSeconds(limit) {
		e.fenceNode(n, "peer pending timed out on joining the process group", false)
	} else if member > 0 || up > 0 {
		n.standby, n.pending = true, true
	}
}

// asksTerminate reports whether somebody asked for the node to be fenced: by a
// boolean or by a time.
func (n *node) asksTerminate() bool {
	word := n.attrs["terminate"]
	if asked, ok := parseTruth(word); ok {
		return asked
	}
	return parseTime(word, 0) > 0
}

// canFence reports whether the node can be fenced now. A guest is fenced by
// its container, for which its host must be there or be fenced.
func (e *engine) canFence(n *node) bool {
	if n != nil && n.guest() {
		for _, host := range n.connection.container.runningOn {
			if host != n && !host.online && (host.guest() || !e.canFence(host)) {
				return false
			}
		}
		return true
	}
	switch {
	case !e.opt.fencing || !e.haveFenceDevice:
		return false
	case e.quorate():
		return true
	case n == nil:
		return false
	case e.opt.fenceRemoteWithoutQuorum && n.remote():
		return true
	default:
		return n.online
	}
}

// fenceNode notes that the node must be fenced, for the reason. Lost nodes are
// those to which the priority delay may apply.
func (e *engine) fenceNode(n *node, reason string, lost bool) {
	switch {
	case n == nil:
	case n.guest():
		container := n.connection.container
		if !container.is(flagFailed) && container.is(flagManaged) {
			// The node stays clean, so that it can be used once its container is back.
			n.resetNeeded = true
			container.set(flagFailed | flagStopIfFailed)
		}
	case n.dangling():
		n.connection.set(flagFailed | flagStopIfFailed)
	case n.remote():
		if n.connection == nil || n.connection.is(flagManaged) {
			n.resetNeeded = true
		}
		n.unclean = true
		e.fenceAction(n, "", true, reason, false)
	case !n.unclean:
		n.unclean = true
		e.fenceAction(n, "", true, reason, lost)
	}
}

// dangling reports whether the node was a guest whose container is no longer
// configured: it is gone already.
func (n *node) dangling() bool {
	return n.remote() && n.connection != nil && n.connection.container == nil && n.connection.is(flagRemovedCopy)
}
