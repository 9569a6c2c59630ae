package policy

import (
	"strconv"
	"strings"
	"time"
)

// defaultTimeout is an operation's where nothing is said.
const defaultTimeout = 20 * time.Second

// opConfig returns how an operation of the resource is configured, or nil. A
// live migration's two halves may share one configuration.
func (e *engine) opConfig(r *resource, task string, interval time.Duration) *OpConfig {
	if op := r.config.op(task, interval); op != nil {
		return op
	}
	if task == taskMigrateTo || task == taskMigrateFrom {
		return r.config.op("migrate", 0)
	}
	return nil
}

func (c *ResourceConfig) op(name string, interval time.Duration) *OpConfig {
	for i := range c.Ops {
		if op := &c.Ops[i]; op.Interval == interval && op.Name == name {
			return op
		}
	}
	return nil
}

// metaKey tells operations' meta-attributes apart.
type metaKey struct {
	config   *ResourceConfig
	op       *OpConfig
	task     string
	interval time.Duration
}

// opMeta resolves an operation's meta-attributes: what stands in the operation,
// its own sets, then the defaults. Times are valid and in milliseconds. Not to
// be changed.
func (e *engine) opMeta(r *resource, op *OpConfig, task string, interval time.Duration) map[string]string {
	key := metaKey{r.config, op, task, interval}
	if meta, ok := e.opMetaBy[key]; ok {
		return meta
	}
	if e.opMetaBy == nil {
		e.opMetaBy = map[metaKey]map[string]string{}
	}
	if meta, ok := e.kept.opMetaBy[key]; ok && meta["interval-origin"] == "" {
		e.opMetaBy[key] = meta
		return meta
	}
	ctx := ruleContext{rsc: r, op: task, interval: interval}
	meta := map[string]string{}
	if op != nil {
		for _, p := range op.Attributes {
			meta[p.Name] = p.Value
		}
		meta["name"] = op.Name
		e.fillFrom(meta, op.Meta, &ctx)
	}
	probe := task == taskMonitor && interval == 0
	if _, ok := meta["timeout"]; !ok && probe {
		if monitor := mostFrequentMonitor(r.config); monitor != nil && monitor.attribute("timeout") != "" {
			meta["timeout"] = monitor.attribute("timeout")
		}
	}
	e.fillFrom(meta, e.in.OpDefaults, &ctx)
	delete(meta, "id")
	delete(meta, "interval")
	if interval > 0 {
		meta["interval"] = milliseconds(interval)
	}
	if r.is(flagFenceDevice) && (probe || task == taskStart) {
		if word := e.params(r, nil)["pcmk_monitor_timeout"]; word != "" {
			meta["timeout"] = word
		}
	}
	timeout, ok := parseLength(meta["timeout"])
	if !ok || timeout <= 0 {
		timeout = defaultTimeout
	}
	meta["timeout"] = milliseconds(timeout)
	checkOnFail(r, op, task, meta)
	e.setDelay(meta, interval)
	e.opMetaBy[key] = meta
	return meta
}

func milliseconds(length time.Duration) string {
	return strconv.FormatInt(length.Milliseconds(), 10)
}

// mostFrequentMonitor is the resource's monitor with the shortest interval, or
// nil.
func mostFrequentMonitor(c *ResourceConfig) *OpConfig {
	var found *OpConfig
	for i := range c.Ops {
		op := &c.Ops[i]
		if op.Name != taskMonitor || op.Interval <= 0 || !op.enabled() {
			continue
		}
		if found == nil || op.Interval < found.Interval {
			found = op
		}
	}
	return found
}

// checkOnFail drops an on-fail that the operation cannot have, and gives a
// demotion that of the promoted role's monitor.
func checkOnFail(r *resource, op *OpConfig, task string, meta map[string]string) {
	const name = "on-fail"
	word, set := meta[name]
	word = strings.ToLower(word)
	switch {
	case task == taskStop && (word == "standby" || word == "demote" || word == "stop"):
		delete(meta, name)
	case task == taskDemote && !set:
		for i := range r.config.Ops {
			monitor := &r.config.Ops[i]
			found := monitor.attribute(name)
			if found != "" && !strings.EqualFold(found, "demote") && monitor.monitorsPromoted() && monitor.enabled() {
				meta[name] = found
			}
		}
	case word == "demote" && !(op != nil && (op.Name == taskPromote || op.monitorsPromoted())):
		delete(meta, name)
	}
}

// monitorsPromoted reports whether the operation is a recurring monitor of the
// promoted role.
func (op *OpConfig) monitorsPromoted() bool {
	return op.Name == taskMonitor && op.Interval > 0 && parseRole(op.attribute("role")) == RolePromoted
}

// setDelay sets start-delay: as configured, or so that the operation runs at
// whole intervals from the moment it counts from.
func (e *engine) setDelay(meta map[string]string, interval time.Duration) {
	if word, ok := meta["start-delay"]; ok {
		meta["start-delay"] = milliseconds(parseLengthOr(word, 0))
		return
	}
	seconds := wholeSeconds(interval)
	origin, ok := parseMoment(meta["interval-origin"])
	if !ok || seconds <= 0 {
		return
	}
	delay := (e.now.Unix() - origin.Unix()) % seconds
	if delay > 0 {
		delay = seconds - delay
	} else {
		delay = -delay
	}
	meta["start-delay"] = milliseconds(time.Duration(delay) * time.Second)
}

// parseMoment reads an ISO 8601 date and time.
func parseMoment(word string) (moment time.Time, ok bool) {
	if word == "" {
		return time.Time{}, false
	}
	for _, layout := range []string{
		time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02",
	} {
		if t, err := time.Parse(layout, word); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// onFail is what is done when the operation fails, as a word: ignore, demote,
// restart, reset-remote, restart-container, migrate, block, stop, standby or
// fence.
func (e *engine) onFail(r *resource, task string, interval time.Duration, meta map[string]string) string {
	return e.failureResponse(r, task, interval, meta).String()
}
