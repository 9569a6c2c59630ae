package policy

import (
	"strconv"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// noNumber is the number of what is no instance.
const noNumber = -1

// unpackResource makes a resource and all in it, or nil if its configuration
// does not make sense.
func (e *engine) unpackResource(c *ResourceConfig, parent *resource, number int) *resource {
	r := e.newResource(c, parent, number)
	e.setBasics(r)
	e.setManaged(r)
	e.setShape(r)
	e.setRequires(r)
	e.setFailureTimeout(r)
	r.targetRole = r.wantedRole()
	r.nextRole = r.targetRole
	e.register(r)
	made := len(e.all)
	if !e.unpackVariant(r, number) {
		e.forget(made - 1)
		return nil
	}
	r.utilization = e.utilizationOf(c)
	return r
}

// newResource allocates a resource; they come in blocks.
func (e *engine) newResource(c *ResourceConfig, parent *resource, number int) *resource {
	if len(e.spareResources) == 0 {
		e.spareResources = make([]resource, 64)
	}
	r := &e.spareResources[0]
	e.spareResources = e.spareResources[1:]
	r.id, r.base, r.variant, r.config, r.parent = c.ID, c.ID, c.Variant, c, parent
	if number != noNumber {
		r.id += ":" + strconv.Itoa(number)
	}
	r.meta = e.metaOf(c, parent)
	r.role = RoleStopped
	words := (len(e.nodes) + 63) / 64
	if len(e.spareSets) < words {
		e.spareSets = make([]uint64, max(words*256, 1))
	}
	r.knownOn, e.spareSets = nodeSet(e.spareSets[:words:words]), e.spareSets[words:]
	return r
}

// unpackVariant makes what is in the resource.
func (e *engine) unpackVariant(r *resource, number int) bool {
	switch r.variant {
	case Group:
		return e.unpackGroup(r, number)
	case Clone:
		return e.unpackClone(r)
	case Bundle:
		return e.unpackBundle(r)
	default:
		return e.unpackPrimitive(r)
	}
}

// forget takes back a resource that could not be made, and what is in it.
func (e *engine) forget(from int) {
	for _, r := range e.all[from:] {
		if e.rscBy[r.id] == r {
			delete(e.rscBy, r.id)
		}
		outer := r.collection()
		if e.clones[r.base] == outer {
			delete(e.clones, r.base)
		}
		if e.anonymous[r.base] == outer {
			delete(e.anonymous, r.base)
		}
	}
	e.all = e.all[:from]
}

// setBasics reads what any resource has.
func (e *engine) setBasics(r *resource) {
	r.set(flagUnassigned)
	r.priority = parseScoreOr(r.meta["priority"], 0)
	r.stickiness = parseScoreOr(r.meta["resource-stickiness"], 0)
	r.threshold = parseScoreOr(r.meta["migration-threshold"], resources.Infinity)
	if r.threshold < 0 {
		r.threshold = resources.Infinity
	}
	if word, ok := r.meta["critical"]; !ok || isTrue(word) {
		r.set(flagCritical)
	}
	if isTrue(r.meta["notify"]) {
		r.set(flagNotify)
	}
	if isTrue(r.meta["allow-unhealthy-nodes"]) {
		r.set(flagUnhealthyOK)
	}
	switch strings.ToLower(r.meta["multiple-active"]) {
	case "stop_only":
		r.multiple = multipleStopOnly
	case "block":
		r.multiple = multipleBlock
	case "stop_unexpected":
		r.multiple = multipleStopUnexpected
	}
	if strings.EqualFold(r.config.Class, "stonith") {
		r.set(flagFenceDevice)
		e.haveFenceDevice = true
	}
	if r.isRemoteConnection() {
		r.set(flagConnection)
	}
	word, ok := r.meta["allow-migrate"]
	if isTrue(word) || !ok && r.is(flagConnection) && r.meta["container"] == "" {
		r.set(flagMigratable)
	}
}

// isRemoteConnection reports whether the resource's agent connects to a remote
// or guest node.
func (r *resource) isRemoteConnection() bool {
	return r.variant == Primitive && isRemoteAgent(r.config.Class, r.config.Provider, r.config.Type)
}

// setManaged decides whether the cluster may change the resource.
func (e *engine) setManaged(r *resource) {
	managed := true
	if word := r.meta["is-managed"]; word != "" && !strings.EqualFold(word, "default") {
		managed = isTrue(word)
	}
	if e.opt.maintenance || isTrue(r.meta["maintenance"]) {
		managed = false
		r.set(flagMaintenance)
	}
	if managed {
		r.set(flagManaged)
	}
}

// setShape decides whether instances are unique and promotable.
func (e *engine) setShape(r *resource) {
	if r.collection().variant != Clone {
		r.set(flagUnique)
		return
	}
	word, ok := r.meta["globally-unique"]
	if isTrue(word) || !ok && parseCount(r.meta["clone-node-max"], 1, 0) > 1 {
		r.set(flagUnique)
	}
	if isTrue(r.meta["promotable"]) {
		r.set(flagPromotable)
	}
}

// setRequires decides what a start needs.
func (e *engine) setRequires(r *resource) {
	switch strings.ToLower(r.meta["requires"]) {
	case "nothing":
		r.requires = requiresNothing
	case "quorum":
		r.requires = requiresQuorum
	case "fencing":
		r.requires = requiresFencing
	case "unfencing":
		r.requires = requiresUnfencing
		if r.is(flagFenceDevice) || !e.opt.fencing {
			r.requires = requiresQuorum
		}
	default:
		r.requires = e.usualRequires(r)
	}
	switch r.requires {
	case requiresQuorum:
		r.set(flagNeedsQuorum)
	case requiresUnfencing:
		r.set(flagNeedsFencing | flagNeedsUnfencing)
	case requiresFencing:
		r.set(flagNeedsFencing)
	}
}

// usualRequires is what a start needs where nothing is said.
func (e *engine) usualRequires(r *resource) requirement {
	switch {
	case r.is(flagFenceDevice), r.is(flagConnection):
		return requiresQuorum
	case e.haveUnfencing && e.opt.fencing:
		return requiresUnfencing
	case e.haveUnfencing:
		return requiresQuorum
	case e.opt.fencing:
		return requiresFencing
	case e.opt.noQuorum == quorumIgnore:
		return requiresNothing
	default:
		return requiresQuorum
	}
}

// setFailureTimeout reads when failures are forgotten. A remote connection that
// waits between attempts to connect does so by that.
func (e *engine) setFailureTimeout(r *resource) {
	r.failureTimeout = parseLengthOr(r.meta["failure-timeout"], 0)
	if !r.is(flagConnection) || r.meta["container"] != "" {
		return
	}
	if word := e.params(r, nil)["reconnect_interval"]; word != "" {
		r.reconnect = parseLengthOr(word, 0)
		r.failureTimeout = r.reconnect
	}
}

// unpackPrimitive checks that the primitive's agent can be used as asked: only
// OCF agents have roles, and only they and fence devices instances that differ.
func (e *engine) unpackPrimitive(r *resource) bool {
	if strings.EqualFold(r.config.Class, "ocf") {
		return true
	}
	outer := r.collection()
	if r.is(flagUnique) && outer.variant == Clone && !r.is(flagFenceDevice) {
		outer.clone.nodeMax = 1
		outer.clone.max = min(outer.clone.max, e.known)
		outer.meta["globally-unique"] = "false"
		outer.walk(e.makeAnonymous)
		e.makeAnonymous(r)
	}
	return !outer.is(flagPromotable)
}

// makeAnonymous takes back that an instance is unlike the others.
func (e *engine) makeAnonymous(r *resource) {
	r.unset(flagUnique)
	if r.parent != nil {
		e.anonymous[r.base] = r.collection()
	}
}

// unpackGroup makes a group's members, in order.
func (e *engine) unpackGroup(r *resource, number int) bool {
	r.group = &groupInfo{ordered: true, colocated: true}
	if word, ok := r.meta["ordered"]; ok {
		r.group.ordered = isTrue(word)
	}
	if word, ok := r.meta["collocated"]; ok {
		r.group.colocated = isTrue(word)
	}
	r.members = make([]*resource, 0, len(r.config.Members))
	for i := range r.config.Members {
		if m := e.unpackResource(&r.config.Members[i], r, number); m != nil {
			r.members = append(r.members, m)
		}
	}
	return len(r.members) > 0
}

// banEverywhere forgets what the resource thinks of nodes and bans all.
func (e *engine) banEverywhere(r *resource, source string) {
	t := e.tableOf(r)
	for _, n := range e.nodes {
		t[n.index] = weight{score: -resources.Infinity, in: true, discovery: t[n.index].discovery}
		e.note(r, n, source, -resources.Infinity)
	}
}
