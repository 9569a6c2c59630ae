package edit

import (
	"maps"
	"slices"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// CreateFence adds a fence device. Words are
//
//	ID AGENT targets=NODE[,NODE…] [level=N] [delay=TIME] [delay_max=TIME]
//	[timeout=TIME] [host_map=NODE:VALUE[;NODE:VALUE…]] [host_param=NAME] [NAME=VALUE…]
//
// The nodes of a host_map are the targets unless those are given. Pacemaker's
// pcmk_host_list, pcmk_host_map, pcmk_host_argument and pcmk_delay_* are known;
// `op monitor …` and `action=…` are read and mean nothing: the daemon looks after
// every device by itself, and says off and on as a fencing needs it. A dash in a
// parameter's name is an underscore.
func CreateFence(def *resources.Definition, words []string) (*resources.Definition, error) {
	if len(words) < 2 || strings.Contains(words[0], "=") || strings.Contains(words[1], "=") {
		return nil, errorf("write ID AGENT targets=NODE [NAME=VALUE...]", "a fence device needs an id and an agent")
	}
	if _, err := findFence(def, words[0]); err == nil {
		return nil, errorf("use: belayctl fence update "+words[0], "%q is there already", words[0])
	}
	f := resources.FenceDevice{ID: words[0], Agent: words[1]}
	if err := fenceWords(&f, words[2:]); err != nil {
		return nil, err
	}
	changed := def.Clone()
	changed.Fences = append(changed.Fences, f)
	return changed, nil
}

// UpdateFence changes a fence device: ID and then words as in CreateFence.
// NAME= removes a value.
func UpdateFence(def *resources.Definition, words []string) (*resources.Definition, error) {
	if len(words) < 2 {
		return nil, errorf("write ID NAME=VALUE", "nothing to update")
	}
	changed := def.Clone()
	f, err := findFence(changed, words[0])
	if err != nil {
		return nil, err
	}
	if err := fenceWords(f, words[1:]); err != nil {
		return nil, err
	}
	return changed, nil
}

// DeleteFence removes a fence device.
func DeleteFence(def *resources.Definition, id string) (*resources.Definition, error) {
	changed := def.Clone()
	if _, err := findFence(changed, id); err != nil {
		return nil, err
	}
	changed.Fences = slices.DeleteFunc(changed.Fences, func(f resources.FenceDevice) bool { return f.ID == id })
	return changed, nil
}

func findFence(def *resources.Definition, id string) (*resources.FenceDevice, error) {
	var all []string
	for i := range def.Fences {
		if def.Fences[i].ID == id {
			return &def.Fences[i], nil
		}
		all = append(all, def.Fences[i].ID)
	}
	return nil, unknown("fence device", id, all)
}

func fenceWords(f *resources.FenceDevice, words []string) error {
	s, err := parseSettings(words)
	if err != nil {
		return err
	}
	if s.cloned || s.group != "" || s.disabled || len(s.meta) > 0 {
		return errorf("write NAME=VALUE", "a fence device is no resource: it has no meta-attributes, clone or group")
	}
	for _, op := range s.ops {
		if op.name != resources.OpMonitor {
			return errorf("use timeout=TIME", "a fence device has no operation %q", op.name)
		}
	}
	own := map[string]setter{
		"level": plain(&f.Level, parseCount), "timeout": plain(&f.Timeout, resources.ParseDuration), "delay": plain(&f.Delay, resources.ParseDuration),
		"targets": setNodes(&f.Targets), "pcmk_host_list": setNodes(&f.Targets), "pcmk_delay_base": plain(&f.Delay, resources.ParseDuration),
		"delay_max": plain(&f.DelayMax, resources.ParseDuration), "pcmk_delay_max": plain(&f.DelayMax, resources.ParseDuration),
		"host_map": func(text string) error { return hostMap(f, text) }, "pcmk_host_map": func(text string) error { return hostMap(f, text) },
		"action":       func(string) error { return nil },
		"unsafe_cycle": plain(&f.UnsafeCycle, parseTruth), "leave_off": plain(&f.LeaveOff, parseTruth), "unsafe_cut": plain(&f.UnsafeCut, parseTruth),
		"provides":   plain(&f.Provides, func(text string) (resources.Provides, error) { return resources.Provides(text), nil }),
		"host_param": plain(&f.HostParam, verbatim), "pcmk_host_argument": plain(&f.HostParam, verbatim),
	}
	for _, p := range s.params {
		p.name = snake(p.name)
		if _, isOwn := own[p.name]; isOwn {
			if err := apply("setting", own, nil, []pair{p}); err != nil {
				return err
			}
			continue
		}
		if strings.HasPrefix(p.name, "pcmk_") {
			return errorf("use targets=, level=, delay=, delay_max=, host_map= and timeout=", "%s is not known here", p.name)
		}
		setParam(&f.Params, p)
	}
	return nil
}

func setNodes(nodes *[]resources.NodeName) setter {
	return func(text string) error {
		*nodes = nil
		for _, name := range strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' || c == ';' }) {
			*nodes = append(*nodes, resources.NodeName(name))
		}
		return nil
	}
}

// hostMap reads NODE:VALUE;NODE:VALUE. An empty text takes the map away.
func hostMap(f *resources.FenceDevice, text string) error {
	entries := strings.FieldsFunc(text, func(c rune) bool { return c == ';' || c == ' ' || c == ',' })
	hosts := map[resources.NodeName]string{}
	for _, entry := range entries {
		node, value, found := strings.Cut(entry, ":")
		if !found || node == "" || value == "" {
			return errorf("write NODE:VALUE;NODE:VALUE", "%q does not give a node its value", entry)
		}
		if _, twice := hosts[resources.NodeName(node)]; twice {
			return errorf("", "node %q is mapped twice", node)
		}
		hosts[resources.NodeName(node)] = value
	}
	f.HostMap = nil
	if len(hosts) == 0 {
		return nil
	}
	f.HostMap = hosts
	if len(f.Targets) == 0 {
		f.Targets = slices.Sorted(maps.Keys(hosts))
	}
	return nil
}

// AddFenceLevel says that devices fence a node in that turn: of one level all
// must succeed. Words are LEVEL NODE DEVICE[,DEVICE…]. A device has one level
// for all of its nodes.
func AddFenceLevel(def *resources.Definition, words []string) (*resources.Definition, error) {
	if len(words) < 3 {
		return nil, errorf("write LEVEL NODE DEVICE[,DEVICE...]", "a level needs a node and devices")
	}
	level, err := parseCount(words[0])
	if err != nil || level < 1 || level > 9 {
		return nil, errorf("", "the level %q is not from 1 to 9", words[0])
	}
	changed := def.Clone()
	node, err := findNode(changed, words[1])
	if err != nil {
		return nil, err
	}
	for _, id := range strings.FieldsFunc(strings.Join(words[2:], ","), func(c rune) bool { return c == ',' }) {
		f, err := findFence(changed, id)
		if err != nil {
			return nil, err
		}
		others := slices.DeleteFunc(slices.Clone(f.Targets), func(n resources.NodeName) bool { return n == node.Name })
		if len(others) > 0 && max(f.Level, 1) != level {
			return nil, errorf("make a device of its own for each level", "%q has level %d for %s too", id, max(f.Level, 1), others[0])
		}
		if len(others) == len(f.Targets) {
			f.Targets = append(f.Targets, node.Name)
		}
		f.Level = level
	}
	return changed, nil
}

// RemoveFenceLevel takes a node away from the devices of a level. Words are
// LEVEL NODE [DEVICE[,DEVICE…]]. A device without nodes is left for the caller
// to find when it validates.
func RemoveFenceLevel(def *resources.Definition, words []string) (*resources.Definition, error) {
	if len(words) < 2 {
		return nil, errorf("write LEVEL NODE [DEVICE...]", "a level needs a node")
	}
	level, err := parseCount(words[0])
	if err != nil {
		return nil, err
	}
	only := strings.FieldsFunc(strings.Join(words[2:], ","), func(c rune) bool { return c == ',' })
	changed := def.Clone()
	found := false
	for i := range changed.Fences {
		f := &changed.Fences[i]
		at := slices.Index(f.Targets, resources.NodeName(words[1]))
		if max(f.Level, 1) != level || at < 0 || len(only) > 0 && !slices.Contains(only, f.ID) {
			continue
		}
		f.Targets = slices.Delete(f.Targets, at, at+1)
		found = true
	}
	if !found {
		return nil, errorf("see: belayctl fence list", "no device fences %q at level %d", words[1], level)
	}
	return changed, nil
}
