package cib

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// Setup is what a CIB says that a cluster of Belay's keeps in its state: it is
// set by commands once the definition is applied.
type Setup struct {
	// Standby and Maintenance are nodes, in the CIB's order.
	Standby     []resources.NodeName `json:"standby,omitempty"`
	Maintenance []resources.NodeName `json:"maintenance,omitempty"`
	// Attributes are transient, by node: what others than agents and the cluster
	// itself have set.
	Attributes map[resources.NodeName]map[string]string `json:"attributes,omitempty"`
	// Tickets are those that are granted, or on standby.
	Tickets map[resources.TicketName]TicketSetup `json:"tickets,omitempty"`
}

// TicketSetup is how a ticket was found.
type TicketSetup struct {
	Granted bool `json:"granted"`
	Standby bool `json:"standby,omitempty"`
}

// Commands returns the command lines that set it, in order.
func (s *Setup) Commands() []string {
	var lines []string
	for _, node := range s.Standby {
		lines = append(lines, "belayctl node standby "+string(node))
	}
	for _, node := range s.Maintenance {
		lines = append(lines, "belayctl node maintenance "+string(node))
	}
	for _, node := range slices.Sorted(maps.Keys(s.Attributes)) {
		for _, name := range slices.Sorted(maps.Keys(s.Attributes[node])) {
			pair := name + "=" + s.Attributes[node][name]
			lines = append(lines, fmt.Sprintf("belayctl node attribute %s --transient %s", node, shellWord(pair)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Tickets)) {
		if s.Tickets[name].Standby {
			lines = append(lines, "belayctl ticket standby "+shellWord(string(name)))
		}
		if s.Tickets[name].Granted {
			lines = append(lines, "belayctl ticket grant "+shellWord(string(name)))
		}
	}
	return lines
}

// shellWord quotes a word for a shell.
func shellWord(word string) string {
	safe := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_.,:=/+@%", c)
	}
	if word != "" && strings.IndexFunc(word, func(c rune) bool { return !safe(c) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// prepare collects what the CIB's status says of the nodes that are in the
// definition. What they ran, and what agents remember, is found out anew.
func (m *importer) prepare() {
	for _, t := range m.in.Tickets {
		if !t.Granted && !t.Standby {
			continue
		}
		if m.setup.Tickets == nil {
			m.setup.Tickets = map[resources.TicketName]TicketSetup{}
		}
		m.setup.Tickets[resources.TicketName(t.ID)] = TicketSetup{Granted: t.Granted, Standby: t.Standby}
	}
	for i := range m.in.Nodes {
		n := &m.in.Nodes[i]
		name, found := m.node(n.Name)
		if !found {
			continue
		}
		permanent, transient := m.nodeWords(n.Attributes), map[string]string{}
		for k := range m.in.Status {
			if s := &m.in.Status[k]; s.ID == n.ID || s.Remote && s.Name == n.Name {
				transient = m.nodeWords(s.Attributes)
			}
		}
		says := func(word string) bool {
			text, given := transient[word]
			if !given {
				text = permanent[word]
			}
			on, _ := parseBool(text)
			return on
		}
		if says("standby") {
			m.setup.Standby = append(m.setup.Standby, name)
		}
		if says("maintenance") {
			m.setup.Maintenance = append(m.setup.Maintenance, name)
		}
		maps.DeleteFunc(transient, func(word, _ string) bool { return ownBusiness(word) })
		if len(transient) > 0 {
			if m.setup.Attributes == nil {
				m.setup.Attributes = map[resources.NodeName]map[string]string{}
			}
			m.setup.Attributes[name] = transient
		}
	}
}

// nodeWords returns what sets say now, the first of them first.
func (m *importer) nodeWords(sets []policy.AttributeSet) map[string]string {
	words := map[string]string{}
	for _, s := range m.constant(sets, "") {
		words[s.name] = s.value
	}
	return words
}

// ownBusiness reports whether agents or the cluster itself set an attribute.
func ownBusiness(name string) bool {
	for _, prefix := range []string{"fail-count-", "last-failure-", "master-", "#"} {
		if strings.HasPrefix(name, prefix) && !strings.HasPrefix(name, resources.HealthAttribute) {
			return true
		}
	}
	return slices.Contains([]string{"standby", "maintenance", "terminate", "shutdown", "probe_complete"}, name)
}
