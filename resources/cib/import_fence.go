package cib

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// fenceConfig is a fence device of the CIB.
type fenceConfig struct {
	id       string
	device   resources.FenceDevice
	targets  []string
	plugs    map[string]string             // by target
	plug     string                        // the parameter that names it
	delays   map[string]resources.Duration // by target
	priority resources.Score
}

// fenceDevice is why such a resource is not among the definition's.
const fenceDevice = "a fence device"

// fenceDevice takes a resource that is a fence device.
func (m *importer) fenceDevice(c *policy.ResourceConfig) {
	m.gone[c.ID] = fenceDevice
	f := &fenceConfig{id: c.ID, device: resources.FenceDevice{Agent: c.Type}, plug: "port"}
	for _, s := range m.settings(c.Meta, "") {
		if s.name == "target-role" && strings.EqualFold(s.value, "stopped") {
			m.note(s.at, "fence device %q is stopped: it is left out", c.ID)
			m.gone[c.ID] = "a stopped fence device"
			return
		}
		switch {
		case s.name == "provides" && s.value == string(resources.ProvidesUnfencing):
			f.device.Provides = resources.ProvidesUnfencing
			m.note(s.at, "fence device %q cuts nodes off and lets them live, which Pacemaker takes for dead: Belay wants a device that switches power at its level, too, or unsafe_cut = true", c.ID)
		case s.name == "provides":
			m.lose(s.at, "%s=%s of fence device %q cannot be represented", s.name, s.value, c.ID)
		}
	}
	if !strings.HasPrefix(c.Type, "fence_") {
		f.device.Agent = resources.ForeignFence + c.Type
		m.note(m.at(c.ID), "fence device %q: Belay cannot run %s; the definition can be planned with, and applied once redfish, ipmi or a fence agent (fence_*) is named", c.ID, c.Type)
	}
	for _, s := range m.settings(c.Params, "") {
		m.fenceParam(f, s)
	}
	m.fences[c.ID] = f
	m.fenceOrder = append(m.fenceOrder, c.ID)
}

func (m *importer) fenceParam(f *fenceConfig, s setting) {
	switch s.name {
	case "pcmk_host_list", "pcmk-host-list":
		f.targets = append(f.targets, fields(s.value)...)
	case "pcmk_host_map", "pcmk-host-map":
		f.plugs = map[string]string{}
		for _, pair := range strings.FieldsFunc(s.value, func(c rune) bool { return strings.ContainsRune("; \t\n", c) }) {
			name, plug, _ := strings.Cut(strings.Replace(pair, "=", ":", 1), ":")
			f.plugs[name], _, _ = strings.Cut(plug, ",")
			f.targets = append(f.targets, name)
		}
	case "pcmk_host_argument", "pcmk-host-argument":
		f.plug = s.value
	case "pcmk_delay_base":
		m.delayBase(f, s)
	case "pcmk_delay_max":
		f.device.DelayMax = resources.Or(m.length(s), 0)
	case "pcmk_off_timeout", "pcmk_reboot_timeout", "stonith-timeout", "pcmk_monitor_timeout", "pcmk_status_timeout", "pcmk_list_timeout":
		if s.name == "pcmk_off_timeout" || s.name == "pcmk_reboot_timeout" && f.device.Timeout == 0 {
			f.device.Timeout = resources.Or(m.length(s), 0)
		}
	case "pcmk_host_check", "pcmk-host-check", "pcmk_action_limit", "pcmk_reboot_retries", "pcmk_off_retries", "pcmk_monitor_retries":
	case "priority":
		f.priority = resources.Or(m.score(s), 0)
	case "pcmk_reboot_action":
		m.rebootAction(f, s)
	default:
		if strings.HasPrefix(s.name, "pcmk_") {
			m.lose(s.at, "parameter %s of fence device %q cannot be represented", s.name, f.id)
			return
		}
		m.param(f.id, &f.device.Params, s.name, s)
	}
}

// rebootAction takes what a device does instead of a reboot.
func (m *importer) rebootAction(f *fenceConfig, s setting) {
	switch {
	case s.value == "reboot":
	case s.value == "off" && f.device.Provides != "":
		// What cuts a node off lets it in again when it is back, and not before.
	case s.value == "off":
		f.device.LeaveOff = true
	default:
		m.lose(s.at, "parameter %s of fence device %q cannot be represented", s.name, f.id)
	}
}

// delayBase reads one delay for all targets, or NODE:DELAY;NODE:DELAY.
func (m *importer) delayBase(f *fenceConfig, s setting) {
	if !strings.Contains(s.value, ":") {
		f.device.Delay = resources.Or(m.length(s), 0)
		return
	}
	f.delays = map[string]resources.Duration{}
	for _, pair := range fields(s.value) {
		name, delay, _ := strings.Cut(pair, ":")
		each := s
		each.value = delay
		f.delays[name] = resources.Or(m.length(each), 0)
	}
}

func fields(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return strings.ContainsRune(" ,;\t\n", c) })
}

// fenceLevel is one device at one level of one node.
type fenceLevel struct {
	device string
	level  int
}

// fenceDevices gives each device its nodes and levels. Without a level for a
// node, its devices are tried one after another, by priority.
func (m *importer) fenceDevices() {
	levels := m.topology()
	for _, n := range m.def.Nodes {
		name := string(n.Name)
		for _, l := range m.levelsOf(name, levels[name]) {
			m.addFence(m.fences[l.device], n.Name, l.level)
		}
	}
	for _, id := range m.fenceOrder {
		known := slices.ContainsFunc(m.def.Fences, func(f resources.FenceDevice) bool {
			return f.ID == id || strings.HasPrefix(f.ID, id+"-")
		})
		if !known {
			m.note(m.at(id), "fence device %q does not say which nodes it switches (pcmk_host_list): the definition can be planned with, and applied once it has targets", id)
			d := m.fences[id].device
			d.ID = id
			m.origin["fence["+id+"]"] = m.at(id)
			m.def.Fences = append(m.def.Fences, d)
		}
	}
}

// levelsOf returns the devices of a node.
func (m *importer) levelsOf(node string, given []fenceLevel) []fenceLevel {
	if given != nil {
		return given
	}
	var able []string
	for _, id := range m.fenceOrder {
		if slices.Contains(m.fences[id].targets, node) {
			able = append(able, id)
		}
	}
	slices.SortStableFunc(able, func(a, b string) int { return int(m.fences[b].priority - m.fences[a].priority) })
	levels := make([]fenceLevel, len(able))
	for i, id := range able {
		levels[i] = fenceLevel{id, min(i+1, 9)}
	}
	return levels
}

// topology reads the levels of each node.
func (m *importer) topology() map[string][]fenceLevel {
	levels := map[string][]fenceLevel{}
	for _, e := range m.r.config.child("fencing-topology").all("fencing-level") {
		targets, said := m.levelTargets(e)
		index, err := strconv.Atoi(e.get("index"))
		if !said || err != nil || index < 1 || index > 9 {
			m.lose(e.at, "<fencing-level> %q cannot be represented: only levels 1 to 9 of nodes by name, pattern or attribute", e.id())
			continue
		}
		for _, id := range fields(e.get("devices")) {
			if m.fences[id] == nil {
				m.note(e.where("devices"), "<fencing-level> %q names %q, which is no fence device of the definition", e.id(), id)
				continue
			}
			for _, target := range targets {
				levels[target] = append(levels[target], fenceLevel{id, index})
			}
		}
	}
	return levels
}

// levelTargets returns the nodes that a fencing level is for, by now: a pattern
// and an attribute's value stand for those that match. It is false where the
// level says none of that.
func (m *importer) levelTargets(e *element) ([]string, bool) {
	if target := e.get("target"); target != "" {
		return []string{target}, true
	}
	fits := func(n *resources.Node) bool {
		value, has := n.Attributes[e.get("target-attribute")]
		return has && value == e.get("target-value")
	}
	if text := e.get("target-pattern"); text != "" {
		pattern, err := regexp.CompilePOSIX(text)
		if err != nil {
			return nil, false
		}
		fits = func(n *resources.Node) bool { return pattern.MatchString(string(n.Name)) }
	} else if e.get("target-attribute") == "" {
		return nil, false
	}
	var targets []string
	for i := range m.def.Nodes {
		if fits(&m.def.Nodes[i]) {
			targets = append(targets, string(m.def.Nodes[i].Name))
		}
	}
	m.note(e.at, "<fencing-level> %q is written for each node that it is for now: %d", e.id(), len(targets))
	return targets, true
}

// addFence adds a device of a node. One that tells nodes apart by plugs is made
// one device for each node.
func (m *importer) addFence(f *fenceConfig, node resources.NodeName, level int) {
	d := f.device
	d.ID, d.Level, d.Params = f.id, level, resources.Params{}
	for name, value := range f.device.Params {
		d.Params[name] = value
	}
	if level == 1 {
		d.Level = 0
	} else {
		d.ID += "-level" + strconv.Itoa(level)
	}
	if len(f.targets) > 1 || f.plugs != nil || f.delays != nil {
		d.ID += "-" + string(node)
		if d.Agent == fenceKdump {
			// It tells nodes apart by their address.
		} else if plug := f.plugs[string(node)]; plug != "" && f.plug != "none" {
			d.Params[f.plug] = plug
		} else if _, given := d.Params["plug"]; !given && d.Params["port"] == "" && f.plug != "none" {
			d.Params[f.plug] = string(node)
		}
	}
	if d.Agent == fenceKdump {
		m.kdump(&d, node)
	}
	if delay, own := f.delays[string(node)]; own {
		d.Delay = delay
	}
	// Pacemaker waits as long as its longest when the base is longer.
	if d.DelayMax != 0 && d.DelayMax < d.Delay {
		d.Delay = d.DelayMax
	}
	for i := range m.def.Fences {
		if other := &m.def.Fences[i]; other.ID == d.ID {
			if !slices.Contains(other.Targets, node) {
				other.Targets = append(other.Targets, node)
			}
			return
		}
	}
	d.Targets = []resources.NodeName{node}
	m.origin["fence["+d.ID+"]"] = m.at(f.id)
	m.def.Fences = append(m.def.Fences, d)
}
