package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// startedBySystemd are the states of unit files in which systemd starts a unit by
// itself, at boot or when something else wants it (systemctl(1), is-enabled).
var startedBySystemd = []string{"enabled", "enabled-runtime", "linked-enabled"}

// units: what Belay runs is not also started by systemd, and is there.
func (j *judge) units() string {
	seen := map[string]bool{}
	for _, e := range j.in.Examinations {
		for _, u := range e.Host.Units {
			seen[u.Name] = true
			switch {
			case slices.Contains(startedBySystemd, u.File) && j.taken(e.Node, u.Name):
				j.find("unit_enabled", Warning, e.Node, on(e.Node, "journalctl -u belayd | grep units"),
					"%s of resource %s is taken over from systemd, and is enabled again: the member disables it within 5 min, or says in its journal why it cannot", u.Name, u.Resource)
			case slices.Contains(startedBySystemd, u.File):
				j.find("unit_enabled", Warning, e.Node, "belayctl resource take-over "+string(u.Resource), "systemd also starts %s, which resource %s manages: at boot it runs where the cluster has not put it", u.Name, u.Resource)
			case u.Load == "masked":
				j.find("unit_masked", Warning, e.Node, on(e.Node, "systemctl unmask "+u.Name), "%s is masked: resource %s cannot start there", u.Name, u.Resource)
			case u.Load == "not-found" && j.needs(u.Resource, e.Node):
				j.find("unit_missing", Warning, e.Node, on(e.Node, "install what brings "+u.Name)+fmt.Sprintf(", or keep it away: belayctl constraint location %s avoids %s", u.Resource, e.Node),
					"there is no %s: resource %s cannot run there", u.Name, u.Resource)
			}
		}
	}
	return count(len(seen), "unit") + " of resources"
}

// taken reports whether a member is to see to it that systemd does not start a unit.
func (j *judge) taken(node resources.NodeName, unit string) bool {
	if j.in.State == nil {
		return false
	}
	_, taken := j.in.State.WantedUnits(node)[unit]
	return taken
}

// programs: what agents and fence devices call is there.
func (j *judge) programs() string {
	seen := map[string]bool{}
	for _, e := range j.in.Examinations {
		for _, p := range e.Host.Programs {
			seen[p.Path] = true
			switch {
			case p.Found:
			case p.Fence:
				j.find("program_missing", Warning, e.Node, on(e.Node, "apt install fence-agents (or dnf)"), "there is no %s: it cannot use fence device %s", p.Path, p.For)
			case j.needs(resources.ResourceID(p.For), e.Node):
				j.find("program_missing", Warning, e.Node, on(e.Node, "install what brings "+p.Path), "there is no %s: resource %s cannot run there", p.Path, p.For)
			}
		}
	}
	return count(len(seen), "program") + " of agents and devices"
}

// needs reports whether a node must be able to run a resource: nothing in the
// definition keeps it from there. A witness runs nothing.
func (j *judge) needs(id resources.ResourceID, node resources.NodeName) bool {
	if j.in.State == nil {
		return true
	}
	if n, known := j.in.State.Nodes[node]; known && n.Witness {
		return false
	}
	return anywhere(j.in.State.Definition, id)
}

// fencing: every node can be fenced, and the devices answer.
func (j *judge) fencing() string {
	def := j.in.State.Definition
	if !resources.Or(def.Properties.FencingEnabled, true) {
		j.find("fencing_off", Critical, "", "belayctl property set fencing_enabled=true", "fencing is switched off: what a lost node ran is recovered without proof, or not at all")
		return "switched off"
	}
	for _, name := range j.in.State.NodeNames() {
		if !j.in.State.Nodes[name].Witness && len(def.FencesOf(name)) == 0 && len(def.Resources) > 0 {
			j.find("unfenced", Critical, name, fmt.Sprintf("belayctl fence create ID AGENT targets=%s ...", name), "no fence device can fence it: when it is lost, what it ran stays where it was")
		}
	}
	fails := map[string]bool{}
	for _, f := range j.in.Fences {
		if f.Failure == "" {
			continue
		}
		fails[f.Device] = true
		j.find("fence_device", Critical, f.Target, "belayctl fence check "+f.Device, "fence device %s does not answer%s: %s", f.Device, by(f.By), f.Failure)
	}
	if j.in.FencesUnasked != "" {
		j.find("fence_unasked", Note, "", "belayctl fence check --all", "fence devices were not asked: %s", j.in.FencesUnasked)
	}
	return fmt.Sprintf("%d of %s answer", len(def.Fences)-len(fails), count(len(def.Fences), "device"))
}

func by(node resources.NodeName) string {
	if node == "" {
		return ""
	}
	return " " + string(node)
}

// because adds a reason, if there is one.
func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// watchdogs: where a definition counts on one, it is fed.
func (j *judge) watchdogs() string {
	var fed, wanted []string
	for _, name := range j.in.State.NodeNames() {
		n := j.in.State.Nodes[name]
		if n.Watchdog != nil {
			fed = append(fed, string(name))
		}
		counts := slices.ContainsFunc(j.in.State.Definition.FencesOf(name), func(f resources.FenceDevice) bool { return f.Agent == "watchdog" })
		if !counts {
			continue
		}
		wanted = append(wanted, string(name))
		if n.Watchdog == nil && n.Online() {
			j.find("watchdog_unfed", Critical, name, on(name, "ls -l /dev/watchdog*; journalctl -u belayd | grep watchdog"), "a fence device counts on its watchdog, and its daemon feeds none%s", because(n.WatchdogRefused))
		}
	}
	if len(wanted) == 0 && len(fed) == 0 {
		return "none is counted on"
	}
	return "fed on " + strings.Join(fed, ", ")
}
