package raftlog

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"
)

// A cluster in which nothing happens should cost next to nothing. Raft does two
// things all the same: it sends heartbeats, ten and more in each heartbeat
// timeout, and repeats the last AppendEntries between them, so that followers
// learn what was committed since.

// maxQuiet is how long a request that says nothing new may be held back.
const maxQuiet = 3 * time.Second

// quiet holds back what a leader has told a peer already. It never answers in a
// peer's place: what it holds back is sent in the end, since Raft takes an answer
// as contact.
type quiet struct {
	mu sync.Mutex
	// The fields below are guarded by mu.
	stored uint64          // the entry that was written to the own log last
	told   map[string]told // by peer: what it has confirmed last
	news   chan struct{}   // closed, and replaced, when nothing may be held back
	open   int             // nothing is held back while it is over zero
}

// told is what a peer has confirmed.
type told struct{ term, last, commit uint64 }

func newQuiet() *quiet { return &quiet{told: map[string]told{}, news: make(chan struct{})} }

// hold returns at once, unless the request repeats what the peer has confirmed
// and the whole log is committed. Then it returns when there is a new entry, when
// a request to the peer has failed (it may have restarted and forgotten what is
// committed), or after maxQuiet.
func (q *quiet) hold(peer string, args *raft.AppendEntriesRequest) {
	q.mu.Lock()
	repeats := len(args.Entries) == 0 && q.told[peer] == told{args.Term, args.PrevLogEntry, args.LeaderCommitIndex}
	// What is not committed yet will be soon, and followers wait for the news.
	if q.open > 0 || !repeats || args.LeaderCommitIndex != args.PrevLogEntry || q.stored != args.PrevLogEntry {
		q.mu.Unlock()
		return
	}
	news := q.news
	q.mu.Unlock()
	timer := time.NewTimer(maxQuiet)
	defer timer.Stop()
	select {
	case <-news:
	case <-timer.C:
	}
}

// confirmed notes that the peer has taken a request.
func (q *quiet) confirmed(peer string, args *raft.AppendEntriesRequest) {
	q.mu.Lock()
	defer q.mu.Unlock()
	last := args.PrevLogEntry
	if n := len(args.Entries); n > 0 {
		last = args.Entries[n-1].Index
	}
	q.told[peer] = told{args.Term, last, args.LeaderCommitIndex}
}

// doubt forgets what the peer has confirmed.
func (q *quiet) doubt(peer string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, known := q.told[peer]; known {
		delete(q.told, peer)
		q.wake()
	}
}

// wrote notes the newest entry of the own log.
func (q *quiet) wrote(index uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stored = index
	q.wake()
}

// pass lets everything through until resume is called.
func (q *quiet) pass() (resume func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open++
	q.wake()
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.open--
	}
}

// wake ends all holds; the caller holds mu.
func (q *quiet) wake() {
	close(q.news)
	q.news = make(chan struct{})
}

// Raft waits between two heartbeats for a tenth to a fifth of a node's own
// heartbeat timeout, whose other use is how long a follower waits for its leader.
// A leader that waits a quarter to a half is still heard twice in each follower's
// timeout, and once when a TCP segment is lost, which costs 200 ms (Linux's least
// retransmission timeout). So the node that leads takes a longer timeout for
// itself, until it follows another; still a longer one when Beat is called so often
// that Raft's own heartbeats are there only in case that it is not.
const (
	rhythmNumerator     = 5
	rhythmDenominator   = 2
	beatenRhythm        = 8 // of rhythmDenominator: two to four fifths, within the lease
	leastBeatsInTimeout = 2
)

// leaderTimeout is the heartbeat timeout that a leader takes.
func (c *Config) leaderTimeout() time.Duration {
	factor := time.Duration(rhythmNumerator)
	if c.BeatInterval > 0 && leastBeatsInTimeout*c.BeatInterval <= c.HeartbeatTimeout {
		factor = beatenRhythm
	}
	return c.HeartbeatTimeout * factor / rhythmDenominator
}

// rhythm is what a node expects of its leader, or is itself.
type rhythm uint8

const (
	follows rhythm = iota
	// misses its leader. Raft looks at once when it heard it last, because the
	// timeout has become shorter.
	misses
	leads
)

// setRhythm makes Raft's settings those of a leader or of a follower.
func (n *Node) setRhythm(r rhythm) {
	rc := n.raft.ReloadableConfig()
	beat := n.cfg.HeartbeatTimeout
	switch r {
	case leads:
		beat = n.cfg.leaderTimeout()
	case misses:
		beat -= time.Millisecond
	}
	if rc.HeartbeatTimeout == beat {
		return
	}
	rc.HeartbeatTimeout, rc.ElectionTimeout = beat, max(n.cfg.ElectionTimeout, beat)
	if err := n.raft.ReloadConfig(rc); err != nil {
		n.cfg.Logger.Error("change the rhythm of heartbeats", zap.Error(err)) // not reached: all are valid
	}
}
