package resources

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (v *validator) fenceDevices() {
	var paths Paths
	for _, f := range v.def.Fences {
		path := paths.Next("fence", f.ID)
		v.id(path, "id", f.ID)
		if f.Level < 0 || f.Level > 9 {
			v.add(ProblemInvalid, path+".level", "", "level %d is not from 1 to 9", f.Level)
		}
		v.spans(path, map[string]Duration{"delay": f.Delay, "delay_max": f.DelayMax, "timeout": f.Timeout})
		if f.DelayMax != 0 && f.DelayMax < f.Delay {
			v.add(ProblemConflict, path+".delay_max", "it is the longest delay, the random part included", "delay_max %s is less than delay %s", f.DelayMax, f.Delay)
		}
		if len(f.Targets) == 0 && !v.fences.foreign {
			v.add(ProblemMissing, path, "name the nodes that it can switch off", "targets is missing")
		}
		for i, target := range f.Targets {
			at := fmt.Sprintf("%s.targets#%d", path, i+1)
			v.nodeRef(at, target)
			if slices.Contains(f.Targets[:i], target) {
				v.add(ProblemDuplicate, at, "", "node %q is listed twice", target)
			}
			if _, mapped := f.HostMap[target]; !mapped && len(f.HostMap) > 0 {
				v.add(ProblemMissing, path+".host_map", "give every target its own value", "target %q is not in host_map", target)
			}
		}
		v.hostMap(path, &f)
		v.watchdog(path, &f)
		v.cutting(path, &f)
		v.fenceAgent(path, f)
	}
}

// cutting reports what does not fit a device that cuts nodes off from something.
func (v *validator) cutting(path string, f *FenceDevice) {
	unfences := v.fences.Unfences != nil && v.fences.Unfences(f.Agent)
	switch {
	case f.Provides != "" && f.Provides != ProvidesUnfencing:
		v.add(ProblemInvalid, path+".provides", `write provides = "unfencing", or leave it out`, "%q is nothing that a fence device provides", f.Provides)
	case unfences && f.Provides == "":
		v.add(ProblemMissing, path, `add provides = "unfencing"`,
			"%s cuts a node off and switches no power: somebody has to let the node in again after each start", f.Agent)
	case f.Provides != "" && (f.UnsafeCycle || v.fences.Watchdog != nil && (v.fences.Watchdog(f.Agent) || v.fences.Dumps(f.Agent))):
		v.add(ProblemConflict, path+".provides", "take it out", "only a device that cuts a node off from something lets it in again")
	case f.UnsafeCut && f.Provides == "" && v.fences.Cuts != nil && !v.fences.Cuts(f.Agent):
		v.add(ProblemConflict, path+".unsafe_cut", "take it out", "unsafe_cut says nothing of a device that switches power")
	}
}

// hostMap reports names that are no targets, and a map that no parameter takes.
func (v *validator) hostMap(path string, f *FenceDevice) {
	for _, name := range slices.Sorted(maps.Keys(f.HostMap)) {
		if !slices.Contains(f.Targets, name) {
			v.add(ProblemUnknownName, path+".host_map."+string(name), "", "node %q is no target of this device", name)
		}
	}
	param := v.hostParam(f)
	switch _, given := f.Params[param]; {
	case f.HostParam != "" && len(f.HostMap) == 0:
		v.add(ProblemConflict, path+".host_param", "add host_map, or take it out", "host_param says nothing without host_map")
	case len(f.HostMap) > 0 && param == "" && v.fences.HostParam != nil:
		v.add(ProblemMissing, path, "name the parameter that tells the targets apart", "host_map needs host_param with agent %q", f.Agent)
	case len(f.HostMap) > 0 && given:
		v.add(ProblemConflict, path+".params."+param, "take it out of params", "host_map sets %s for each target", param)
	}
}

func (v *validator) hostParam(f *FenceDevice) string {
	if f.HostParam == "" && v.fences.HostParam != nil {
		return v.fences.HostParam(f.Agent)
	}
	return f.HostParam
}

// watchdog reports what a watchdog cannot live with: a policy that leaves running
// what it resets the host for.
func (v *validator) watchdog(path string, f *FenceDevice) {
	if v.fences.Watchdog == nil || !v.fences.Watchdog(f.Agent) {
		return
	}
	switch policy := v.def.Properties.NoQuorumPolicy; policy {
	case NoQuorumFreeze, NoQuorumIgnore, NoQuorumDemote:
		v.add(ProblemConflict, path, `set no_quorum_policy to "stop" or "suicide"`,
			"a watchdog resets a node that has no leader and still runs something, which no_quorum_policy = %q lets it", policy)
	}
}

func (v *validator) fenceAgent(path string, f FenceDevice) {
	if f.Agent == "" {
		v.add(ProblemMissing, path, "", "agent is missing")
		return
	}
	if v.fences.Check == nil || v.fences.foreign && strings.HasPrefix(f.Agent, ForeignFence) {
		return
	}
	// Each target's parameters are checked, and what is wrong with all is said once.
	said := map[ParamProblem]bool{}
	for _, target := range append(slices.Clone(f.Targets), "")[:max(len(f.HostMap), 1)] {
		found, known := v.fences.Check(f.Agent, f.ParamsFor(target, v.hostParam(&f)))
		if !known {
			v.add(ProblemUnknownAgent, path+".agent", didYouMean(f.Agent, v.fences.Names), "no fence agent is called %q", f.Agent)
			return
		}
		for _, p := range found {
			if said[p] {
				continue
			}
			said[p] = true
			v.add(p.Code, v.fenceParamPath(path, &f, target, p), p.Suggestion, "%s: %s", p.Param, p.Text)
		}
	}
	if v.fences.Secrets == nil || v.fences.foreign {
		return
	}
	for _, name := range v.fences.Secrets(f.Agent, f.Params) {
		v.clearSecret(path+".params", f.ID, name, f.Params[name])
	}
}

// fenceParamPath is where a parameter stands, or would.
func (v *validator) fenceParamPath(path string, f *FenceDevice, target NodeName, p ParamProblem) string {
	_, mapped := f.HostMap[target]
	switch {
	case mapped && p.Param == v.hostParam(f):
		return path + ".host_map." + string(target)
	case p.Code == ProblemMissingParam:
		return path + ".params"
	default:
		return path + ".params." + p.Param
	}
}
