package policy

import (
	"strconv"
	"time"
)

// opTimeout is how long an operation may take.
func (e *engine) opTimeout(r *resource, op *OpConfig, task string, interval time.Duration) time.Duration {
	ms, err := strconv.ParseInt(e.opMeta(r, op, task, interval)["timeout"], 10, 64)
	if err != nil || ms <= 0 || ms > int64(1<<62/time.Millisecond) {
		return 20 * time.Second
	}
	return time.Duration(ms) * time.Millisecond
}
