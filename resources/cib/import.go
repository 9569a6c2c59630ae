package cib

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// Imported is a CIB as a definition of Belay's.
type Imported struct {
	// Definition holds what could be represented. It passes resources.Validate
	// without tables of agents.
	Definition *resources.Definition
	// Left lists what the definition does not hold although it may matter.
	Left []Problem
	// Notes list what an operator should know or do: what is held by other means,
	// secrets that are to be sealed, agents that Belay does not have.
	Notes []Problem
	// Setup is what belongs to the cluster's state and to no definition.
	Setup Setup
}

// Import reads a CIB as Read does and turns its configuration into a definition
// that, planned, places everything as the CIB does. The status is left out. An
// error means that the CIB cannot be read.
func Import(src io.Reader, name string) (*Imported, error) {
	r, err := readAll(src, name)
	if err != nil {
		return nil, err
	}
	m := &importer{r: r, in: r.in, def: &resources.Definition{},
		named: map[string]resources.ResourceID{}, gone: map[string]string{}, fences: map[string]*fenceConfig{}, origin: map[string]place{}, ruled: map[string]bool{}, ids: map[string]bool{},
		listed: map[string]*policy.NodeConfig{}, around: map[string][]*policy.ResourceConfig{}}
	m.run()
	return &Imported{Definition: m.def, Left: sorted(m.left), Notes: sorted(m.notes), Setup: m.setup}, nil
}

// importer turns one CIB into a definition.
type importer struct {
	r   *reader
	in  *policy.Input
	def *resources.Definition

	// named maps what constraints may call a resource to its name in the
	// definition: a clone and what it clones are one there.
	named map[string]resources.ResourceID
	// listed are the remote nodes that the CIB lists.
	listed map[string]*policy.NodeConfig
	// top are the outermost resources of the CIB; around are the group and the
	// clone of what is inside of one, the innermost first.
	top    []string
	around map[string][]*policy.ResourceConfig
	// gone are resources that the definition lacks, and why.
	gone   map[string]string
	fences map[string]*fenceConfig
	// fenceOrder is the order of fences in the CIB.
	fenceOrder []string

	// origin is where a thing of the definition stands in the CIB, by its path.
	origin map[string]place
	// ids of constraints that are taken.
	ids map[string]bool

	// pairs is how many constraints sets stood for so far.
	pairs int

	// ruled are the blocks with a rule whose values are written where they hold.
	ruled map[string]bool

	// ruleParams says that the rule at hand may compare with parameters; ruleMeta
	// returns the meta-attributes that it may compare with, nil for none.
	ruleParams bool
	ruleMeta   func(name string) (string, bool)

	// life is the rule by which the location at hand holds for a time only, "" for
	// always.
	life string

	// unpromotable says that what is being taken is never promoted.
	unpromotable bool

	contained   []containment
	left, notes []Problem
	setup       Setup
}

// maxPairs is how many constraints sets may stand for in all: a short file must
// not mean a definition that nobody can read.
const maxPairs = 100_000

// room reports whether sets may stand for n more constraints.
func (m *importer) room(kind, id string, n int) bool {
	if n > maxPairs-m.pairs {
		m.lose(m.at(id), "the sets of %s %q stand for more than %d constraints, which is too much to write", kind, id, maxPairs)
		return false
	}
	m.pairs += n
	return true
}

func (m *importer) run() {
	m.properties()
	m.nodes()
	m.remoteNodes(m.in.Resources)
	meta, ops := m.defaults()
	for i := range m.in.Resources {
		m.top = append(m.top, m.in.Resources[i].ID)
		m.surround(&m.in.Resources[i], nil)
		m.resource(&m.in.Resources[i])
	}
	m.defaultsWhens(meta, ops)
	m.unconnected()
	m.fenceDevices()
	for i := range m.in.Locations {
		m.location(&m.in.Locations[i])
	}
	for i := range m.in.Colocations {
		m.colocation(&m.in.Colocations[i])
	}
	for i := range m.in.Orders {
		m.order(&m.in.Orders[i])
	}
	for i := range m.in.TicketUses {
		m.ticket(&m.in.TicketUses[i])
	}
	m.containers()
	m.others()
	m.validate()
	m.prepare()
}

// others names parts of the configuration that decide nothing, and that Belay
// has other means for.
func (m *importer) others() {
	for name, why := range map[string]string{
		"acls":   "is left out: rights belong to the certificates of operators",
		"alerts": "is left out: watch the cluster's metrics and events instead",
	} {
		if e := m.r.config.child(name); e != nil && len(e.children) > 0 {
			m.note(e.at, "<%s> %s", name, why)
		}
	}
}

func (m *importer) lose(at place, format string, args ...any) {
	m.left = m.tell(m.left, at, format, args)
}
func (m *importer) note(at place, format string, args ...any) {
	m.notes = m.tell(m.notes, at, format, args)
}

func (m *importer) tell(to []Problem, at place, format string, args []any) []Problem {
	one := report{file: m.r.file}
	one.tell(at, fmt.Sprintf(format, args...))
	return append(to, one.problems...)
}

func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(problems)
}

// at is where the element with an id stands.
func (m *importer) at(id string) place {
	if found := m.r.byID[id]; len(found) > 0 {
		return found[0].at
	}
	return place{1, 1}
}

// attribute is where an attribute of the element with an id stands.
func (m *importer) attribute(id, name string) place {
	for _, e := range m.r.byID[id] {
		if _, given := e.lookup(name); given {
			return e.where(name)
		}
	}
	return m.at(id)
}

// setting is one value of a block of names and values, and where it stands.
type setting struct {
	name, value string
	at          place
}

// settings returns what blocks of names and values give, in the order in which
// they are configured. Blocks that hold only sometimes are left out, and told.
func (m *importer) settings(sets []policy.AttributeSet, first string) []setting {
	for i := range sets {
		if sets[i].Rule == nil || m.ruled[sets[i].ID] {
			continue
		}
		if decidesNothing(&sets[i]) {
			m.note(m.at(sets[i].ID), "the values of %q, which hold by a rule, are not needed: Belay does this by itself (docs/import.md)", sets[i].ID)
		} else {
			m.lose(m.at(sets[i].ID), "the values of %q hold by a rule, which cannot be represented", sets[i].ID)
		}
	}
	return m.constant(sets, first)
}

// decidesNothing reports whether a block holds nothing but cluster options that
// definitions need not have.
func decidesNothing(set *policy.AttributeSet) bool {
	return !slices.ContainsFunc(set.Pairs, func(p policy.Pair) bool {
		return !slices.Contains(tuning, p.Name) && !slices.Contains(bookkeeping, p.Name)
	})
}

// inOrder returns the blocks, the first that counts first.
func inOrder(sets []policy.AttributeSet, first string) []*policy.AttributeSet {
	order := make([]*policy.AttributeSet, 0, len(sets))
	for i := range slices.Backward(sets) {
		order = append(order, &sets[i])
	}
	slices.SortStableFunc(order, func(a, b *policy.AttributeSet) int {
		if first != "" && (a.ID == first) != (b.ID == first) {
			return map[bool]int{true: -1, false: 1}[a.ID == first]
		}
		return cmp.Compare(b.Score, a.Score)
	})
	return order
}

// constant is what blocks give that hold always.
func (m *importer) constant(sets []policy.AttributeSet, first string) []setting {
	var found []setting
	index := map[string]int{}
	for _, set := range inOrder(sets, first) {
		if set.Rule != nil {
			continue
		}
		for _, p := range set.Pairs {
			i, given := index[p.Name]
			reset := strings.EqualFold(p.Value, "#default")
			switch {
			case reset && given:
				found[i].name = "" // taken back
				delete(index, p.Name)
			case !reset && !given:
				index[p.Name] = len(found)
				found = append(found, setting{p.Name, p.Value, m.pairAt(set.ID, p.Name)})
			}
		}
	}
	return slices.DeleteFunc(found, func(s setting) bool { return s.name == "" })
}

// pairAt is where a block gives a value.
func (m *importer) pairAt(set, name string) place {
	for _, e := range m.r.byID[set] {
		for _, c := range e.children {
			if c.name == "nvpair" && (c.get("name") == name || c.get("id-ref") != "") {
				return c.where("value")
			}
		}
	}
	return m.at(set)
}

// uniqueID gives what becomes several things ids of their own.
func (m *importer) uniqueID(id string) string {
	unique := id
	for n := 2; m.ids[unique]; n++ {
		unique = fmt.Sprintf("%s-%d", id, n)
	}
	m.ids[unique] = true
	return unique
}
