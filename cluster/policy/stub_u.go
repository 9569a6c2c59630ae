package policy

import (
	"time"

	"github.com/belay-ha/belay/resources"
)

func (e *engine) unpack()                                       {}
func (e *engine) unpackStatus()                                 {}
func (e *engine) report() *Report                               { return nil }
func (e *engine) find(id string) *resource                      { return e.rscBy[id] }
func (e *engine) params(r *resource, n *node) map[string]string { return nil }
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
func (e *engine) canFence(n *node) bool                       { return false }
func (e *engine) fenceNode(n *node, reason string, lost bool) {}
func (e *engine) history(r *resource, n *node) []HistoryOp    { return nil }
