package policy

import (
	"strings"
	"time"

	"github.com/belay-ha/belay/resources"
)

// failCount is how often something failed on a node, and when last.
type failCount struct {
	count resources.Score
	last  int64
}

// failCounts are a node's fail counts: by the id under which they were counted,
// and together for all instances of that id.
type failCounts struct {
	byID, byBase map[string]failCount
}

const (
	failCountPrefix   = "fail-count-"
	lastFailurePrefix = "last-failure-"
)

// countsOn reads a node's fail counts once: they are node attributes named
// fail-count-RESOURCE#OPERATION_INTERVAL. Nil where nothing failed.
func (e *engine) countsOn(n *node) *failCounts {
	if n.countsRead {
		return n.counts
	}
	n.countsRead = true
	for name, value := range n.attrs {
		if rest, ok := strings.CutPrefix(name, failCountPrefix); ok {
			n.addFailCount(rest, failCount{count: parseScoreOr(value, 0)})
		} else if rest, ok := strings.CutPrefix(name, lastFailurePrefix); ok {
			n.addFailCount(rest, failCount{last: parseTime(value, 0)})
		}
	}
	return n.counts
}

func (n *node) addFailCount(name string, c failCount) {
	id, op, ok := strings.Cut(name, "#")
	if !ok || !strings.Contains(op, "_") {
		return
	}
	if n.counts == nil {
		n.counts = &failCounts{byID: map[string]failCount{}, byBase: map[string]failCount{}}
	}
	n.counts.byID[id] = n.counts.byID[id].plus(c)
	n.counts.byBase[baseOf(id)] = n.counts.byBase[baseOf(id)].plus(c)
}

func (c failCount) plus(other failCount) failCount {
	return failCount{c.count.Add(other.count), max(c.last, other.last)}
}

// allFailures is how often the resource failed on the node, expired failures
// included. op narrows down which operation's on-fail=block forbids expiry; nil
// is any.
func (e *engine) allFailures(r *resource, n *node, op *HistoryOp) failCount {
	counts := e.countsOn(n)
	if counts == nil {
		return failCount{}
	}
	id := r.id
	if r.historyID != "" {
		id = r.historyID
	}
	var c failCount
	if r.is(flagUnique) {
		c = counts.byID[id]
	} else {
		c = counts.byBase[baseOf(id)]
	}
	if c.count > 0 && r.failureTimeout > 0 && e.blocksForever(r, n, op) {
		r.failureTimeout = 0
	}
	return c
}

// liveFailures is allFailures without what has expired.
func (e *engine) liveFailures(r *resource, n *node, op *HistoryOp) failCount {
	c := e.allFailures(r, n, op)
	if c.count > 0 && c.last > 0 && r.failureTimeout > 0 && e.now.Unix() > c.last+wholeSeconds(r.failureTimeout) {
		c.count = 0
	}
	return c
}

// failures is how often the resource failed on the node and when last; failures
// that expired do not count.
func (e *engine) failures(r *resource, n *node) (count resources.Score, last time.Time) {
	c := e.liveFailures(r, n, nil)
	if c.count > 0 && c.last > 0 {
		last = time.Unix(c.last, 0)
	}
	return c.count, last
}

// thresholdReached returns what must leave the node because the resource failed
// too often there (the clone, for an instance of an anonymous one), or nil.
// What runs in a container counts for the container.
func (e *engine) thresholdReached(r *resource, n *node) *resource {
	if r.threshold == 0 || r.is(flagIgnoreFailure) {
		return nil
	}
	count := e.liveFailures(r, n, nil).count
	if !r.bundled() {
		for _, inner := range r.contains {
			count = count.Add(e.liveFailures(inner, n, nil).count)
		}
	}
	if count <= 0 || count < r.threshold {
		return nil
	}
	if r.is(flagUnique) {
		return r
	}
	return r.collection()
}

// blocksForever reports whether a failure of the resource on the node is one
// that blocks it: such failures do not expire.
func (e *engine) blocksForever(r *resource, n *node, op *HistoryOp) bool {
	for i := range r.config.Ops {
		config := &r.config.Ops[i]
		if config.attribute("on-fail") != "block" {
			continue
		}
		if op != nil {
			if failedAs(r, config, op) {
				return true
			}
			continue
		}
		ops := e.history(r, n)
		for j := range ops {
			if failedAs(r, config, &ops[j]) {
				return true
			}
		}
	}
	return false
}

// failedAs reports whether the recorded operation is a failure of the
// configured one.
func failedAs(r *resource, config *OpConfig, op *HistoryOp) bool {
	if op.Interval != config.Interval || !strings.EqualFold(op.Op, config.Name) {
		return false
	}
	if strings.HasSuffix(op.ID, lastFailureSuffix) {
		return op.ID[:len(op.ID)-len(lastFailureSuffix)] == r.base
	}
	return op.RC != op.Expected && strings.HasPrefix(op.ID, r.base+"_")
}

const lastFailureSuffix = "_last_failure_0"
