package policy

import (
	"strings"

	"github.com/belay-ha/belay/resources"
)

// firstOptions is the set of cluster options that goes before all others.
const firstOptions = "cib-bootstrap-options"

// optionWords are the cluster's properties as configured.
type optionWords map[string]string

// word returns the first of the names that is set.
func (o optionWords) word(names ...string) string {
	for _, name := range names {
		if value, ok := o[name]; ok {
			return value
		}
	}
	return ""
}

func (o optionWords) truth(otherwise bool, names ...string) bool {
	if value, ok := parseTruth(o.word(names...)); ok {
		return value
	}
	return otherwise
}

// unpackOptions resolves the cluster's properties and their defaults.
func (e *engine) unpackOptions() {
	words := optionWords(e.resolve(e.in.Options, firstOptions, ruleContext{}))
	o := &e.opt
	o.symmetric = words.truth(true, "symmetric-cluster")
	o.maintenance = words.truth(false, "maintenance-mode")
	o.stopAll = words.truth(false, "stop-all-resources")
	o.startFailureFatal = words.truth(true, "start-failure-is-fatal")
	o.fencing = words.truth(true, "fencing-enabled", "stonith-enabled")
	o.startupFencing = o.fencing && words.truth(true, "startup-fencing")
	o.concurrent = words.truth(true, "concurrent-fencing")
	o.fencingAction = "reboot"
	if strings.EqualFold(words.word("fencing-action", "stonith-action"), "off") {
		o.fencingAction = "off"
	}
	o.fencingTimeout = parseLengthOr(words.word("fencing-timeout", "stonith-timeout"), defaultFencingTimeout)
	o.priorityFencingDelay = parseLengthOr(words.word("priority-fencing-delay"), 0)
	o.nodePendingTimeout = parseLengthOr(words.word("node-pending-timeout"), 0)
	o.fenceRemoteWithoutQuorum = words.truth(false, "fence-remote-without-quorum")
	o.watchdog = e.in.Watchdog || words.truth(false, "have-watchdog")
	o.strategy = parseStrategy(words.word("placement-strategy"))
	o.shutdownLock = words.truth(false, "shutdown-lock")
	o.shutdownLockLimit = parseLengthOr(words.word("shutdown-lock-limit"), 0)
	o.probes = words.truth(true, "enable-startup-probes")
	o.stopRemoved = words.truth(true, "stop-removed-resources", "stop-orphan-resources")
	o.cancelRemoved = words.truth(true, "cancel-removed-actions", "stop-orphan-actions")
	o.clusterName = words.word("cluster-name")
	o.siteName = words.word("site-name")
	o.noQuorum = e.parseQuorumPolicy(words.word("no-quorum-policy"))
	o.unpackHealth(words)
	e.haveFenceDevice = o.watchdog
	e.haveUnfencing = anyUnfencing(e.in.ResourceDefaults) || configsUnfence(e.in.Resources)
}

// parseQuorumPolicy reads no-quorum-policy. Fencing everybody is for clusters
// that fence, and that had quorum at some time.
func (e *engine) parseQuorumPolicy(word string) quorumPolicy {
	switch strings.ToLower(word) {
	case "ignore":
		return quorumIgnore
	case "freeze":
		return quorumFreeze
	case "demote":
		return quorumDemote
	case "fence", "suicide":
		if e.opt.fencing && (e.in.Quorum || e.in.QuorumPanic) {
			return quorumFence
		}
	}
	return quorumStop
}

func parseStrategy(word string) placementStrategy {
	switch strings.ToLower(word) {
	case "utilization":
		return placeUtilization
	case "minimal":
		return placeMinimal
	case "balanced":
		return placeBalanced
	default:
		return placeDefault
	}
}

// unpackHealth resolves the scores of the words of node health: some strategies
// fix them.
func (o *options) unpackHealth(words optionWords) {
	switch strings.ToLower(words.word("node-health-strategy")) {
	case "migrate-on-red":
		o.health, o.red = healthMigrateOnRed, -resources.Infinity
	case "only-green":
		o.health, o.red, o.yellow = healthOnlyGreen, -resources.Infinity, -resources.Infinity
	case "progressive":
		o.health = healthProgressive
		o.healthBase = parseScoreOr(words.word("node-health-base"), 0)
	case "custom":
		o.health = healthCustom
	default:
		o.health = healthNone
	}
	if o.health == healthProgressive || o.health == healthCustom {
		o.red = parseScoreOr(words.word("node-health-red"), -resources.Infinity)
		o.yellow = parseScoreOr(words.word("node-health-yellow"), 0)
		o.green = parseScoreOr(words.word("node-health-green"), 0)
	}
}

// configsUnfence reports whether some resource asks for unfencing or provides
// it. Rules do not matter for this.
func configsUnfence(configs []ResourceConfig) bool {
	for i := range configs {
		if anyUnfencing(configs[i].Meta) || configsUnfence(configs[i].Members) {
			return true
		}
	}
	return false
}

func anyUnfencing(sets []AttributeSet) bool {
	for i := range sets {
		for _, p := range sets[i].Pairs {
			if (p.Name == "provides" || p.Name == "requires") && p.Value == "unfencing" {
				return true
			}
		}
	}
	return false
}
