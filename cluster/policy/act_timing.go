package policy

import (
	"strconv"
	"time"
)

// lastTimeout is how long the operation that was asked for last may take: the same
// one on many nodes is asked for in a row.
type lastTimeout struct {
	of      metaKey
	timeout time.Duration
}

// timeoutOf is how long an action of a primitive may take.
func (e *engine) timeoutOf(a *action) time.Duration {
	op := e.opConfig(a.rsc, a.task, a.interval)
	if key := (metaKey{a.rsc.config, op, a.task, a.interval}); e.lastTimeout.of != key {
		e.lastTimeout = lastTimeout{key, e.opTimeout(a.rsc, op, a.task, a.interval)}
	}
	return e.lastTimeout.timeout
}

// opTimeout is how long an operation may take.
func (e *engine) opTimeout(r *resource, op *OpConfig, task string, interval time.Duration) time.Duration {
	ms, err := strconv.ParseInt(e.opMeta(r, op, task, interval)["timeout"], 10, 64)
	if err != nil || ms <= 0 || ms > int64(1<<62/time.Millisecond) {
		return 20 * time.Second
	}
	return time.Duration(ms) * time.Millisecond
}
