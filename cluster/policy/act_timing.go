package policy

import "time"

// defaultTimeout is how long an operation may take that says nothing.
const defaultTimeout = 20 * time.Second

// opKey names what operations of all instances of a resource have in common.
type opKey struct {
	config   *ResourceConfig
	task     string
	interval time.Duration
}

// opTimeout is how long an operation may take.
func (e *engine) opTimeout(r *resource, op *OpConfig, task string, interval time.Duration) time.Duration {
	key := opKey{r.config, task, interval}
	if t, ok := e.timeouts[key]; ok && r.config != nil {
		return t
	}
	word := e.opMeta(r, op, task, interval)["timeout"]
	if r.is(flagFenceDevice) && (task == taskStart || task == taskMonitor && interval == 0) {
		if own := e.params(r, r.assigned)["pcmk_monitor_timeout"]; own != "" {
			word = own
		}
	}
	t := parseLengthOr(word, defaultTimeout)
	if e.timeouts == nil {
		e.timeouts = map[opKey]time.Duration{}
	}
	e.timeouts[key] = t
	return t
}
