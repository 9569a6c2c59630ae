package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// corpus are recorded clusters that are to be changed at random.

type corpus struct {
	files []string
}

func openCorpus(dir string) (*corpus, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.xml"))
	if err == nil && len(files) == 0 {
		err = errors.New("no *.xml")
	}
	if err != nil {
		return nil, fmt.Errorf("look for clusters in %s: %w", dir, err)
	}
	return &corpus{files: files}, nil
}

// mutant is a recorded cluster after some changes.

func (c *corpus) mutant(seed uint64) (*element, error) {
	random := rand.New(rand.NewPCG(seed, 2))
	name := c.files[random.IntN(len(c.files))]
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	cluster, err := parse(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	spell(cluster)
	m := newMutator(random, cluster)
	for range 1 + random.IntN(6) {
		m.change()
	}
	place(cluster)
	return cluster, nil
}

// spelled are words of release 3.0.2 and what every release calls them.

var spelled = map[string]string{
	"fencing-enabled": "stonith-enabled", "fencing-action": "stonith-action", "fencing-timeout": "stonith-timeout",
	"fencing-max-attempts": "stonith-max-attempts", "fencing-watchdog-timeout": "stonith-watchdog-timeout", "fencing-reaction": "fence-reaction",
	"stop-removed-resources": "stop-orphan-resources", "cancel-removed-actions": "stop-orphan-actions",
}

// spell writes options by the names that every release knows.

func spell(cluster *element) {
	each(cluster, "crm_config", func(options *element) {
		each(options, "nvpair", func(pair *element) {
			if name, known := spelled[pair.get("name")]; known {
				pair.replace("name", name)
			}
		})
	})
}

// place names each record's node, as every release since 1.1.13 does. Without it

// crm_simulate 3.0.0 takes what it simulates for another node's.

func place(cluster *element) {
	each(cluster, "node_state", func(state *element) {
		each(state, "lrm_rsc_op", func(op *element) {
			op.replace("on_node", state.get("uname"))
		})
	})
}

// replace gives an attribute another value; an attribute that is not there is

// added, and an empty value takes it away.

func (e *element) replace(name, value string) {
	at := slices.IndexFunc(e.attrs, func(a attr) bool { return a.name == name })
	switch {
	case value == "" && at >= 0:
		e.attrs = slices.Delete(slices.Clone(e.attrs), at, at+1)
	case value == "":
	case at >= 0:
		e.attrs[at].value = value
	default:
		e.set(name, value)
	}
}

// mutator changes a cluster of which nothing is known but its form.

type mutator struct {
	*generator
	cluster     *element
	config      *element
	status      *element
	tops        []*element // resources at the top
	collections []*element
	primitives  []*element
	histories   []*element
	records     []*element // of operations
	states      []*element
}

func newMutator(random *rand.Rand, cluster *element) *mutator {
	m := &mutator{generator: &generator{Rand: random}, cluster: cluster, config: cluster.child("configuration"), status: cluster.child("status")}
	if m.config == nil {
		m.config = el("configuration")
	}
	if m.status == nil {
		m.status = el("status")
	}
	all := m.config.child("resources")
	if all == nil {
		all = el("resources")
	}
	for _, r := range all.children {
		if r.name != "template" {
			m.tops = append(m.tops, r)
		}
	}
	for _, kind := range []string{"group", "clone", "master", "bundle"} {
		each(all, kind, func(e *element) { m.collections = append(m.collections, e) })
	}
	each(all, "primitive", func(e *element) { m.primitives = append(m.primitives, e) })
	each(m.status, "lrm_resource", func(e *element) { m.histories = append(m.histories, e) })
	each(m.status, "lrm_rsc_op", func(e *element) { m.records = append(m.records, e) })
	each(m.status, "node_state", func(e *element) { m.states = append(m.states, e) })
	return m
}

// change makes one change, unless there is nothing that it could be made to.

func (m *mutator) change() {
	for _, c := range []struct {
		weight int
		do     func()
	}{
		{8, m.option}, {3, m.quorum}, {10, m.metaAttribute}, {8, m.operation}, {10, m.result}, {4, m.forget}, {4, m.copyHistory},
		{8, m.stateOfNode}, {8, m.attributeOfNode}, {10, m.newColocation}, {8, m.newOrder}, {7, m.newLocation}, {3, m.newTicket},
		{8, m.editConstraint}, {4, m.dropConstraint}, {4, m.newSet}, {4, m.defaults}, {3, m.utilization}, {3, m.parameter}, {5, m.instant}, {5, m.migration}, {3, m.unfencing}, {3, m.lock},
	} {
		if m.IntN(100) < c.weight {
			c.do()
		}
	}
}

func one[T any](m *mutator, list []T) (T, bool) {
	if len(list) == 0 {
		var none T
		return none, false
	}
	return list[m.IntN(len(list))], true
}

// words are names with the values that they can have.

type words []struct {
	name   string
	values []string
}

func (m *mutator) word(all words) (string, string) {
	w := all[m.IntN(len(all))]
	return w.name, w.values[m.IntN(len(w.values))]
}

var truth = []string{"true", "false"}

var optionWords = words{
	{"no-quorum-policy", []string{"stop", "freeze", "ignore", "demote", "suicide"}}, {"symmetric-cluster", truth}, {"stonith-enabled", truth},
	{"maintenance-mode", truth}, {"stop-all-resources", truth}, {"startup-fencing", truth}, {"concurrent-fencing", truth},
	{"stop-orphan-resources", truth}, {"stop-orphan-actions", truth}, {"enable-startup-probes", truth}, {"shutdown-lock", truth},
	{"stonith-action", []string{"off", "reboot"}}, {"placement-strategy", []string{"default", "utilization", "balanced", "minimal"}},
	{"placement-strategy", []string{"utilization", "balanced", "minimal"}}, {"have-watchdog", truth}, {"stonith-watchdog-timeout", []string{"5s", "0"}},
	{"node-health-strategy", []string{"none", "migrate-on-red", "only-green", "progressive", "custom"}}, {"node-health-base", []string{"10", "-10"}},
	{"node-health-green", []string{"10", "0"}}, {"node-health-yellow", []string{"-5"}}, {"node-health-red", []string{"-100"}},
	{"priority-fencing-delay", []string{"30s"}}, {"start-failure-is-fatal", truth}, {"shutdown-lock-limit", []string{"5min"}}, {"node-pending-timeout", []string{"2h"}},
}

func (m *mutator) option() {
	sets := m.config.within("crm_config", 0, func() *element { return el("crm_config") })
	set := sets.within("cluster_property_set", 0, func() *element { return el("cluster_property_set", "id", "cib-bootstrap-options") })
	set.give(m.word(optionWords))
}

func (m *mutator) quorum() {
	m.cluster.replace("have-quorum", pick(m.generator, "0", "1", "0"))
}

var metaWords = words{
	{"target-role", []string{"Stopped", "Started", "Slave", "Master"}}, {"is-managed", truth}, {"maintenance", truth},
	{"resource-stickiness", []string{"0", "1", "100", "INFINITY", "-1"}}, {"priority", []string{"0", "1", "10"}}, {"critical", truth},
	{"migration-threshold", []string{"1", "2", "3"}}, {"failure-timeout", []string{"10s", "1h", "100000h"}}, {"requires", []string{"nothing", "quorum", "fencing"}},
	{"multiple-active", []string{"block", "stop_only", "stop_start", "stop_unexpected"}}, {"allow-migrate", truth}, {"allow-unhealthy-nodes", truth},
}

var cloneWords = words{
	{"clone-max", []string{"0", "1", "2", "3", "5"}}, {"clone-node-max", []string{"1", "2"}}, {"globally-unique", truth}, {"interleave", truth},
	{"ordered", truth}, {"notify", truth}, {"promotable", truth}, {"promoted-max", []string{"0", "1", "2", "3"}}, {"promoted-node-max", []string{"1", "2"}},
	{"clone-min", []string{"1", "2"}},
}

var groupWords = words{{"ordered", truth}, {"collocated", truth}}

func (m *mutator) metaAttribute() {
	r, ok := one(m, m.primitives)
	if m.often(50) {
		r, ok = one(m, append(slices.Clone(m.collections), m.tops...))
	}
	if !ok || r.get("id-ref") != "" {
		return
	}
	name, value := m.word(metaWords)
	switch {
	case (r.name == "clone" || r.name == "master") && m.often(60):
		name, value = m.word(cloneWords)
	case r.name == "group" && m.often(15):
		name, value = m.word(groupWords)
	}
	set := block(r, "meta_attributes")
	if set.get("id-ref") == "" {
		set.give(name, value)
	}
}

func (m *mutator) operation() {
	p, ok := one(m, m.primitives)
	if !ok {
		return
	}
	ops := p.within("operations", len(p.children), func() *element { return el("operations") })
	if op, found := one(m, ops.children); found && op.name == "op" && op.get("id-ref") == "" && m.often(60) {
		switch m.IntN(4) {
		case 0:
			op.replace("enabled", pick(m.generator, truth...))
		case 1:
			op.replace("role", pick(m.generator, "Started", "Master", "Slave", "Stopped"))
		default:
			op.replace("on-fail", pick(m.generator, "ignore", "block", "stop", "restart", "standby", "fence", "demote", "restart-container"))
		}
		return
	}
	name, interval := pick(m.generator, "monitor", "start", "stop", "promote", "demote", "migrate_to", "migrate_from"), "0"
	if name == "monitor" {
		interval = pick(m.generator, "10s", "7s", "61s", "0")
	}
	op := el("op", "id", m.fresh("op"), "name", name, "interval", interval)
	if m.often(70) {
		op.set("on-fail", pick(m.generator, "ignore", "block", "stop", "restart", "standby", "fence", "demote"))
	}
	if name == "monitor" && m.often(30) {
		op.set("role", pick(m.generator, "Started", "Master", "Slave", "Stopped"))
	}
	ops.add(op)
}

func (m *mutator) fresh(kind string) string { return "mutant-" + m.id(kind) }

// result makes an operation have ended otherwise, or not yet.

// forget takes a resource's or an operation's history away.

// copyHistory lets a resource have the same history on another node.

// attributeOfNode sets what a node says, or what a resource says about it.

// topIDs names resources that constraints can name, members of groups rarely.

// newSet relates several resources at once.

func (m *mutator) defaults() {
	all := m.config.within("rsc_defaults", len(m.config.children), func() *element { return el("rsc_defaults") })
	set := all.within("meta_attributes", 0, func() *element { return el("meta_attributes", "id", "mutant-defaults") })
	if set.get("id-ref") == "" {
		set.give(m.word(metaWords))
	}
}

func (m *mutator) utilization() {
	each(m.config.child("nodes"), "node", func(n *element) {
		u := n.within("utilization", len(n.children), func() *element { return el("utilization", "id", m.fresh("capacity")) })
		u.give("cpu", strconv.Itoa(1+m.IntN(8)))
	})
	for _, p := range m.primitives {
		if m.often(50) && p.child("utilization") == nil {
			p.add(el("utilization", "id", m.fresh("use")).add(nv(p.get("id"), "cpu", strconv.Itoa(1+m.IntN(3)))))
		}
	}
	m.option()
}

func (m *mutator) parameter() {
	p, ok := one(m, m.primitives)
	if ok && !strings.HasPrefix(p.get("type"), "fence") {
		if set := block(p, "instance_attributes"); set.get("id-ref") == "" {
			set.give("mutant", pick(m.generator, "a", "b"))
		}
	}
}
