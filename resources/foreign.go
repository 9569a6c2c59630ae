package resources

import (
	"slices"
	"strings"
)

// foreignAgent is an agent of Pacemaker's world that scripts name.
type foreignAgent struct {
	// full is its name with class and provider.
	full string
	// instead is what does its work here, as a hint.
	instead string
}

// foreignAgents are those that OpenStack controllers are known to run, under
// the short names that pcs takes. The agents that Belay has under another name
// are not among them: package edit translates those.
var foreignAgents = map[string]foreignAgent{
	"Filesystem":        {"ocf:heartbeat:Filesystem", `a mount unit does it: "systemd:DIRECTORY.mount"`},
	"Delay":             {"ocf:heartbeat:Delay", "nothing is needed: an order waits until what is first serves"},
	"apache":            {"ocf:heartbeat:apache", `run its unit: "systemd:httpd" or "systemd:apache2", with check=URL`},
	"redis":             {"ocf:heartbeat:redis", `run its unit: "systemd:redis"; replication is not Belay's to promote`},
	"mysql":             {"ocf:heartbeat:mysql", `use "galera", or the unit: "systemd:mariadb"`},
	"haproxy":           {"ocf:heartbeat:haproxy", `use "haproxy"`},
	"remote":            {"ocf:pacemaker:remote", "make the host a member that does not vote: belayctl cluster join"},
	"Dummy":             {"ocf:heartbeat:Dummy", ""},
	"NovaEvacuate":      {"ocf:openstack:NovaEvacuate", `run an evacuating service as a unit or a "process"`},
	"NovaCompute":       {"ocf:openstack:NovaCompute", `run its unit: "systemd:openstack-nova-compute"`},
	"nova-compute-wait": {"ocf:openstack:nova-compute-wait", `run its unit: "systemd:openstack-nova-compute"`},
	"NeutronScale":      {"ocf:neutron:NeutronScale", "nothing is needed: neutron's agents are told apart by their host"},
	"OVSCleanup":        {"ocf:neutron:OVSCleanup", `run its unit: "systemd:neutron-ovs-cleanup"`},
	"NetnsCleanup":      {"ocf:neutron:NetnsCleanup", `run its unit: "systemd:neutron-netns-cleanup"`},
}

// ForeignAgent returns the full name of an agent of another cluster manager,
// which may be given in short ("Filesystem"), and whether it is one.
func ForeignAgent(name string) (full string, foreign bool) {
	if known, ok := foreignAgents[name]; ok {
		return known.full, true
	}
	return name, isForeign(name)
}

// ForeignHint says what does the work of another cluster manager's agent here, or
// "" where nothing is known to.
func ForeignHint(agent string) string {
	short := agent[strings.LastIndexByte(agent, ':')+1:]
	known := foreignAgents[short]
	if known.full != agent && short != agent {
		return ""
	}
	return known.instead
}

// ForeignRuns reports whether an agent of another cluster manager may run here as
// it is: an OCF agent that is not known to need what only Pacemaker has. What a
// node finds in the script decides in the end.
func ForeignRuns(agent string) bool {
	parts := strings.Split(agent, ":")
	if len(parts) != 3 || parts[0] != "ocf" || parts[1] == "" || parts[2] == "" {
		return false
	}
	return ForeignHint(agent) == "" || slices.Contains([]string{"Filesystem", "Delay", "apache"}, parts[2])
}

// isForeign reports whether an agent's name is Pacemaker's, of a class that Belay
// does not have.
func isForeign(agent string) bool {
	class, _, _ := strings.Cut(agent, ":")
	return slices.Contains([]string{"ocf", "lsb", "service", "upstart", "nagios", "heartbeat"}, class) && class != agent
}
