package resources_test

import (
	"strings"
	"testing"

	. "github.com/belay-ha/belay/resources"
)

// kinds is a table of one agent of each kind: what it is called says what it does.
func kinds() FenceTable {
	is := func(kind string) func(string) bool { return func(agent string) bool { return agent == kind } }
	return FenceTable{
		Check:     func(string, Params) ([]ParamProblem, bool) { return nil, true },
		HostParam: func(string) string { return "plug" },
		Watchdog:  is("watchdog"), Dumps: is("kdump"), Unfences: is("fence_scsi"),
		Cuts: func(agent string) bool { return agent == "fence_scsi" || agent == "fence_compute" },
	}
}

// A level whose success proves nothing, and a node that nothing fences for
// certain, are found before they are needed.
func TestLevelsProveDeath(t *testing.T) {
	device := func(agent string, level int) FenceDevice {
		return FenceDevice{ID: strings.ReplaceAll(agent, "_", "-"), Agent: agent, Level: level, Targets: []NodeName{"c0"}}
	}
	cuts := func(level int, unsafe bool) FenceDevice {
		f := device("fence_scsi", level)
		f.Provides, f.UnsafeCut = ProvidesUnfencing, unsafe
		return f
	}
	plain := device("fence_scsi", 1)
	power := cuts(1, false)
	power.Agent = "redfish"
	strange := device("redfish", 1)
	strange.Provides = "light"
	dumps := device("kdump", 1)
	dumps.Provides = ProvidesUnfencing
	cut := device("redfish", 1)
	cut.UnsafeCut = true
	for name, c := range map[string]struct {
		devices []FenceDevice
		says    string
	}{
		"none":                                {nil, ""},
		"power":                               {[]FenceDevice{device("redfish", 1)}, ""},
		"a watchdog":                          {[]FenceDevice{device("watchdog", 1)}, ""},
		"kdump before power":                  {[]FenceDevice{device("kdump", 1), device("redfish", 2)}, ""},
		"kdump before a watchdog":             {[]FenceDevice{device("kdump", 1), device("watchdog", 2)}, ""},
		"kdump alone":                         {[]FenceDevice{device("kdump", 1)}, "fenced for certain by none of its devices"},
		"kdump with power":                    {[]FenceDevice{device("kdump", 1), device("redfish", 1)}, "fenced for certain by none of its devices"},
		"cut off, with power":                 {[]FenceDevice{cuts(1, false), device("redfish", 1)}, ""},
		"cut off, with a watchdog":            {[]FenceDevice{cuts(1, false), device("watchdog", 1)}, ""},
		"cut off alone":                       {[]FenceDevice{cuts(1, false)}, "level 1 of node \"c0\" only cuts it off"},
		"cut off alone, later":                {[]FenceDevice{device("redfish", 1), cuts(2, false)}, "level 2 of node \"c0\" only cuts it off"},
		"cut off alone, as defined":           {[]FenceDevice{cuts(1, true)}, ""},
		"kdump, then cut off":                 {[]FenceDevice{device("kdump", 1), cuts(2, false)}, "level 2 of node \"c0\" only cuts it off"},
		"nobody lets in":                      {[]FenceDevice{plain, device("redfish", 1)}, "somebody has to let the node in again"},
		"a power controller that lets in":     {[]FenceDevice{power, device("watchdog", 1)}, ""},
		"it provides something else":          {[]FenceDevice{strange}, "is nothing that a fence device provides"},
		"kdump lets nobody in":                {[]FenceDevice{dumps, device("redfish", 2)}, "only a device that cuts a node off"},
		"who tells Nova":                      {[]FenceDevice{device("redfish", 1), device("fence_compute", 1)}, ""},
		"who tells Nova alone":                {[]FenceDevice{device("fence_compute", 1)}, "level 1 of node \"c0\" only cuts it off"},
		"unsafe_cut of what cuts nothing off": {[]FenceDevice{cut}, "unsafe_cut says nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			d := cluster()
			d.Fences = c.devices
			problems := Validate(d, table(), kinds())
			switch {
			case c.says == "" && len(problems) > 0:
				t.Errorf("got %v", problems)
			case c.says != "" && (len(problems) != 1 || !strings.Contains(problems[0].Text, c.says)):
				t.Errorf("got %v, want one that says %q", problems, c.says)
			}
			if problems := Validate(d, table(), kinds().WithForeign()); c.says != "" && strings.Contains(c.says, "level") && len(problems) > 0 {
				t.Errorf("what is only planned with need not prove anything: %v", problems)
			}
		})
	}
}
