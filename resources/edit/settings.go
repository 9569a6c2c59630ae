package edit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// metaAliases are pcs' and Pacemaker's names for what the definition calls
// otherwise.
var metaAliases = map[string]string{"is_managed": "managed", "stickiness": "resource_stickiness"}

func metaSetters(m *resources.Meta) map[string]setter {
	return map[string]setter{
		"priority":              optional(&m.Priority, resources.ParseScore),
		"target_role":           optional(&m.TargetRole, resources.ParseRole),
		"managed":               optional(&m.Managed, parseTruth),
		"maintenance":           optional(&m.Maintenance, parseTruth),
		"resource_stickiness":   optional(&m.Stickiness, resources.ParseScore),
		"requires":              optional(&m.Requires, word[resources.Requires]),
		"migration_threshold":   optional(&m.MigrationThreshold, parseThreshold),
		"failure_timeout":       optional(&m.FailureTimeout, resources.ParseDuration),
		"multiple_active":       optional(&m.MultipleActive, word[resources.MultipleActive]),
		"critical":              optional(&m.Critical, parseTruth),
		"allow_unhealthy_nodes": optional(&m.AllowUnhealthyNodes, parseTruth),
		"allow_migrate":         optional(&m.AllowMigrate, parseTruth),
	}
}

// parseThreshold reads a count where INFINITY, as in Pacemaker, means never.
func parseThreshold(text string) (int, error) {
	if strings.EqualFold(text, "INFINITY") {
		return 0, nil
	}
	return parseCount(text)
}

var cloneAliases = map[string]string{
	"master_max": "promoted_max", "master_node_max": "promoted_node_max", "max": "clone_max", "node_max": "clone_node_max", "min": "clone_min",
}

func cloneSetters(c *resources.Clone) map[string]setter {
	return map[string]setter{
		"clone_max":         optional(&c.Max, parseCount),
		"clone_node_max":    optional(&c.NodeMax, parseCount),
		"clone_min":         optional(&c.Min, parseCount),
		"globally_unique":   plain(&c.GloballyUnique, parseTruth),
		"interleave":        plain(&c.Interleave, parseTruth),
		"ordered":           plain(&c.Ordered, parseTruth),
		"notify":            plain(&c.Notify, parseTruth),
		"promotable":        plain(&c.Promotable, parseTruth),
		"promoted_max":      optional(&c.PromotedMax, parseCount),
		"promoted_node_max": optional(&c.PromotedNodeMax, parseCount),
	}
}

func isCloneOption(name string) bool {
	name = snake(name)
	if _, old := cloneAliases[name]; old {
		return true
	}
	_, known := cloneSetters(&resources.Clone{})[name]
	return known
}

func isMeta(name string) bool {
	name = snake(name)
	if _, old := metaAliases[name]; old {
		return true
	}
	_, known := metaSetters(&resources.Meta{})[name]
	return known
}

func opSetters(op *resources.Operation) map[string]setter {
	return map[string]setter{
		"interval":    plain(&op.Interval, resources.ParseDuration),
		"timeout":     plain(&op.Timeout, resources.ParseDuration),
		"start_delay": plain(&op.StartDelay, resources.ParseDuration),
		"role":        plain(&op.Role, resources.ParseRole),
		"on_fail":     plain(&op.OnFail, parseOnFail),
		"enabled":     optional(&op.Enabled, parseTruth),
		"OCF_CHECK_LEVEL": func(value string) error {
			op.Params = maps.Clone(op.Params)
			setParam(&op.Params, pair{name: "OCF_CHECK_LEVEL", value: value})
			return nil
		},
	}
}

func parseOnFail(text string) (resources.OnFail, error) {
	if strings.EqualFold(text, "restart-container") {
		return "", errorf("", "Belay has no containers of its own")
	}
	return word[resources.OnFail](text)
}

var propertyAliases = map[string]string{
	"stonith_enabled": "fencing_enabled", "stonith_action": "fencing_action", "stonith_timeout": "fencing_timeout",
	"stop_orphan_resources": "stop_removed_resources",
}

// needless are the properties of Pacemaker that only tune its own work: Belay
// does without, and nothing is lost where a script sets them.
var needless = []string{"cluster_recheck_interval", "batch_limit", "transition_delay", "stonith_max_attempts", "pe_error_series_max", "pe_warn_series_max", "pe_input_series_max", "dc_deadtime", "cluster_delay", "cluster_infrastructure", "dc_version", "have_watchdog", "last_lrm_refresh"}

// Needless takes words for SetProperties apart: those that set something, and a
// note for each that sets what Belay does without.
func Needless(words []string) (left, notes []string) {
	for _, word := range words {
		p, ok := splitPair(word)
		if !ok || !slices.Contains(needless, snake(p.name)) {
			left = append(left, word)
			continue
		}
		why := noProperty[snake(p.name)]
		if why == "" {
			why = "it only tunes Pacemaker's own work"
		}
		notes = append(notes, p.name+" is left out: "+why)
	}
	return left, notes
}

// noProperty explains the properties of Pacemaker that Belay does without.
var noProperty = map[string]string{
	"cluster_recheck_interval":    "Belay plans again on every change and needs no interval",
	"stonith_watchdog_timeout":    "make a fence device with the agent watchdog",
	"fencing_watchdog_timeout":    "make a fence device with the agent watchdog",
	"stonith_max_attempts":        "a failed fencing is repeated, with growing pauses, until it is done or confirmed",
	"batch_limit":                 "Belay starts every action that is ready",
	"transition_delay":            "Belay has no transitions that others wait for",
	"cluster_name":                "the name is given when the cluster is made",
	"default_resource_stickiness": "use: belayctl resource defaults resource-stickiness=VALUE",
}

func propertySetters(p *resources.Properties) map[string]setter {
	return map[string]setter{
		"no_quorum_policy":       plain(&p.NoQuorumPolicy, word[resources.NoQuorumPolicy]),
		"symmetric_cluster":      optional(&p.SymmetricCluster, parseTruth),
		"maintenance_mode":       plain(&p.MaintenanceMode, parseTruth),
		"stop_all_resources":     plain(&p.StopAllResources, parseTruth),
		"fencing_enabled":        optional(&p.FencingEnabled, parseTruth),
		"fencing_action":         plain(&p.FencingAction, word[resources.FencingAction]),
		"fencing_timeout":        plain(&p.FencingTimeout, resources.ParseDuration),
		"start_failure_is_fatal": optional(&p.StartFailureIsFatal, parseTruth),
		"stop_removed_resources": optional(&p.StopRemovedResources, parseTruth),
		"placement_strategy":     plain(&p.PlacementStrategy, word[resources.PlacementStrategy]),
		"node_health_strategy":   plain(&p.NodeHealthStrategy, word[resources.NodeHealthStrategy]),
		"node_health_base":       optional(&p.NodeHealthBase, resources.ParseScore),
		"node_health_green":      optional(&p.NodeHealthGreen, resources.ParseScore),
		"node_health_yellow":     optional(&p.NodeHealthYellow, resources.ParseScore),
		"node_health_red":        optional(&p.NodeHealthRed, resources.ParseScore),
		"lease":                  plain(&p.Lease, resources.ParseDuration),
		"startup_grace":          plain(&p.StartupGrace, resources.ParseDuration),
		"fence_budget":           plain(&p.FenceBudget, parseCount),
		"fence_window":           plain(&p.FenceWindow, resources.ParseDuration),
		"fence_limit":            plain(&p.FenceLimit, parseCount),
		"priority_fencing_delay": plain(&p.PriorityFencingDelay, resources.ParseDuration),
		"fence_limit_window":     plain(&p.FenceLimitWindow, resources.ParseDuration),
		"fence_quarantine":       optional(&p.FenceQuarantine, resources.ParseDuration),
		"fence_check_interval":   optional(&p.FenceCheckInterval, resources.ParseDuration),
	}
}

// MetaNames returns the names of all meta-attributes, with underscores.
func MetaNames() []string { return slices.Sorted(maps.Keys(metaSetters(&resources.Meta{}))) }

// OpNames returns the names of what an operation has, with underscores.
func OpNames() []string { return slices.Sorted(maps.Keys(opSetters(&resources.Operation{}))) }

// CloneNames returns the names of what a clone has, with underscores.
func CloneNames() []string { return slices.Sorted(maps.Keys(cloneSetters(&resources.Clone{}))) }

// PropertyNames returns the names of all properties, with underscores.
func PropertyNames() []string {
	return slices.Sorted(maps.Keys(propertySetters(&resources.Properties{})))
}

// SetProperties sets cluster properties: NAME=VALUE; NAME= goes back to the
// default.
func SetProperties(def *resources.Definition, words []string) (*resources.Definition, error) {
	pairs, err := somePairs(words)
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		if why, ours := noProperty[snake(p.name)]; ours {
			return nil, errorf(why, "there is no property %q", p.name)
		}
	}
	changed := def.Clone()
	if err := apply("property", propertySetters(&changed.Properties), propertyAliases, pairs); err != nil {
		return nil, err
	}
	return changed, nil
}

// UnsetProperties sets cluster properties back to their defaults.
func UnsetProperties(def *resources.Definition, names []string) (*resources.Definition, error) {
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = name + "="
	}
	return SetProperties(def, words)
}

// SetNodeAttributes sets permanent attributes of a node; NAME= removes one.
func SetNodeAttributes(def *resources.Definition, node string, words []string) (*resources.Definition, error) {
	pairs, err := somePairs(words)
	if err != nil {
		return nil, err
	}
	changed := def.Clone()
	n, err := findNode(changed, node)
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		setParam(&n.Attributes, p)
	}
	return changed, nil
}

// SetUtilization says what each copy of a resource uses: NAME=AMOUNT; NAME=
// removes one.
func SetUtilization(def *resources.Definition, id string, words []string) (*resources.Definition, error) {
	changed := def.Clone()
	r, err := findResource(changed, id)
	if err != nil {
		return nil, err
	}
	return changed, setUtilization(&r.Utilization, words)
}

// SetNodeUtilization says what a node has: NAME=AMOUNT; NAME= removes one.
func SetNodeUtilization(def *resources.Definition, node string, words []string) (*resources.Definition, error) {
	changed := def.Clone()
	n, err := findNode(changed, node)
	if err != nil {
		return nil, err
	}
	return changed, setUtilization(&n.Utilization, words)
}

func setUtilization(u *resources.Utilization, words []string) error {
	pairs, err := somePairs(words)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		if p.value == "" {
			delete(*u, p.name)
			continue
		}
		amount, err := parseCount(p.value)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if *u == nil {
			*u = resources.Utilization{}
		}
		(*u)[p.name] = amount
	}
	if len(*u) == 0 {
		*u = nil
	}
	return nil
}

func somePairs(words []string) ([]pair, error) {
	if len(words) == 0 {
		return nil, errorf("write NAME=VALUE", "nothing to set")
	}
	return splitPairs(words)
}

// setParam sets a parameter or, without a value, removes it.
func setParam[M ~map[string]string](params *M, p pair) {
	if p.value == "" {
		delete(*params, p.name)
		if len(*params) == 0 {
			*params = nil
		}
		return
	}
	if *params == nil {
		*params = M{}
	}
	(*params)[p.name] = p.value
}
