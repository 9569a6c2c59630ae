package policy

import "strconv"

// unpackClone makes a clone's instances: as many as there may be, and one at
// least, which history can be told to belong to.
func (e *engine) unpackClone(r *resource) bool {
	if len(r.config.Members) == 0 {
		return false
	}
	c := &cloneInfo{
		max:        parseCount(r.meta["clone-max"], max(1, e.known), 0),
		nodeMax:    parseCount(r.meta["clone-node-max"], 1, 0),
		min:        parseCount(r.meta["clone-min"], 0, 0),
		interleave: isTrue(r.meta["interleave"]),
		ordered:    isTrue(r.meta["ordered"]),
		promotable: r.is(flagPromotable),
	}
	if c.promotable {
		c.promotedMax = parseCount(either(r.meta, "promoted-max", "master-max"), 1, 0)
		c.promotedNodeMax = parseCount(either(r.meta, "promoted-node-max", "master-node-max"), 1, 0)
	}
	if !r.is(flagUnique) {
		c.nodeMax = min(c.nodeMax, 1)
	}
	c.max = min(c.max, maxInstances)
	r.clone = c
	// Instances stay where they are if nothing speaks for another place.
	if _, ok := r.meta["resource-stickiness"]; !ok {
		r.meta["resource-stickiness"] = "1"
	}
	r.meta["globally-unique"] = strconv.FormatBool(r.is(flagUnique))
	for i := 0; i == 0 || i < c.max; i++ {
		if e.addInstance(r) == nil {
			return false
		}
	}
	return true
}

// maxInstances bounds what one number in a configuration can make.
const maxInstances = 10_000

// either returns the first of the two that is set.
func either(meta map[string]string, name, old string) string {
	if value, ok := meta[name]; ok {
		return value
	}
	return meta[old]
}

// addInstance makes the clone's next instance. One beyond the clone's maximum
// counts as removed.
func (e *engine) addInstance(clone *resource) *resource {
	c := clone.clone
	removed := c.instances >= c.max
	r := e.unpackResource(&clone.config.Members[0], clone, c.instances)
	if r == nil {
		return nil
	}
	c.instances++
	clone.members = append(clone.members, r)
	if removed {
		r.walk(func(m *resource) { m.set(flagRemoved | flagRemovedCopy) })
	}
	return r
}
