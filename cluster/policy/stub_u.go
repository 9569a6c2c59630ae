package policy

import (
	"time"

	"github.com/belay-ha/belay/resources"
)

func (e *engine) failures(r *resource, n *node) (count resources.Score, last time.Time) {
	return 0, time.Time{}
}
func (e *engine) thresholdReached(r *resource, n *node) *resource { return nil }
func (e *engine) opConfig(r *resource, task string, interval time.Duration) *OpConfig {
	return nil
}
func (e *engine) opMeta(r *resource, op *OpConfig, task string, interval time.Duration) map[string]string {
	return nil
}
func (e *engine) onFail(r *resource, task string, interval time.Duration, meta map[string]string) string {
	return ""
}
func (e *engine) history(r *resource, n *node) []HistoryOp { return nil }
func (e *engine) unpackHistories()                         {}
