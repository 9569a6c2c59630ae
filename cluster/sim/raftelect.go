package sim

// canvass asks the voters whether they would vote for this member (before, in no
// new term) or to do so.
func (r *raft) canvass(before bool) {
	r.role, r.preVote, r.leader = candidate, before, -1
	r.votes = members(0).with(r.self())
	r.wait()
	term := r.disk.term + 1
	if !before {
		r.disk.term, r.disk.votedFor = term, r.self()
	}
	if r.config().voters.agree(r.votes) {
		r.count()
		return
	}
	last, lastTerm, from := r.disk.last(), r.disk.lastTerm(), r.self()
	for _, peer := range r.peers() {
		if r.config().voters.has(peer) {
			r.tell(peer, func(p *raft) { p.work(func() { p.asksVote(from, term, last, lastTerm, before) }) })
		}
	}
}

// asksVote answers a candidate. A member that hears a leader votes for nobody.
func (r *raft) asksVote(from int, term, last, lastTerm uint64, before bool) {
	grant := false
	switch {
	case !r.config().all().has(from):
	case r.leader >= 0 && r.leader != from && r.d.w.now < r.patient || r.role == leading:
	case term < r.disk.term, r.disk.hung, r.disk.full:
	case lastTerm < r.disk.lastTerm() || lastTerm == r.disk.lastTerm() && last < r.disk.last():
		if !before && term > r.disk.term {
			r.follow(term, -1)
		}
	case before:
		grant = true
	default:
		if term > r.disk.term {
			r.follow(term, -1)
		}
		grant = r.disk.votedFor < 0 || r.disk.votedFor == from
		if grant {
			r.disk.votedFor = from
			r.wait()
		}
	}
	self, mine := r.self(), r.disk.term
	r.tell(from, func(c *raft) { c.hearsVote(self, term, mine, before, grant) })
}

func (r *raft) hearsVote(from int, asked, term uint64, before, grant bool) {
	if term > r.disk.term && (!before || !grant) {
		r.follow(term, -1)
		return
	}
	current := r.disk.term
	if before {
		current++
	}
	if r.role != candidate || r.preVote != before || asked != current || !grant {
		return
	}
	r.votes = r.votes.with(from)
	if r.config().voters.agree(r.votes) {
		r.count()
	}
}

// count acts on a majority of votes.
func (r *raft) count() {
	if r.preVote {
		r.canvass(false)
		return
	}
	if r.busy {
		return // the next term's entry has to wait: try again later
	}
	r.role, r.leader, r.elected = leading, r.self(), r.d.w.now
	r.d.h.lastHeard = r.d.w.now
	for h := range r.d.w.hosts {
		r.next[h], r.match[h], r.contact[h], r.flying[h], r.asked[h], r.answered[h] = r.disk.last()+1, 0, r.d.w.now, false, 0, false
	}
	r.d.w.note(r.d.h, "leads term %d", r.disk.term)
	r.d.w.checkElected(r)
	r.noop = r.disk.last() + 1
	r.append(&entry{})
	for _, peer := range r.peers() {
		r.heartbeat(peer)
	}
}
