package definition

import (
	"slices"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

// Agents returns what resources.Validate needs to know of the agents.
func Agents(specs []agents.Spec) resources.AgentTable {
	infos := make([]resources.AgentInfo, len(specs))
	for i, spec := range specs {
		info := resources.AgentInfo{Name: spec.Name, Suffix: spec.Suffix, Promotable: spec.Promotable, Migrates: spec.Migrates, MonitorInterval: spec.MonitorInterval}
		for _, p := range spec.Params {
			info.Params = append(info.Params, resources.ParamInfo{
				Name: p.Name, Kind: resources.ParamKind(p.Kind), Required: p.Required && p.Default == "", Enum: p.Enum, Secret: p.Secret,
			})
		}
		for _, m := range spec.Monitors {
			info.MonitorInterval = max(info.MonitorInterval, m.Interval.Std())
		}
		infos[i] = info
	}
	return resources.NewAgentTable(infos...)
}

var fenceCodes = map[fencing.ProblemCode]resources.ProblemCode{
	fencing.ProblemUnknown:  resources.ProblemUnknownParam,
	fencing.ProblemMissing:  resources.ProblemMissingParam,
	fencing.ProblemInvalid:  resources.ProblemInvalidParam,
	fencing.ProblemConflict: resources.ProblemConflict,
}

// Fences returns what resources.Validate needs to know of the fence agents.
func Fences(registry fencing.Registry) resources.FenceTable {
	table := resources.FenceTable{Check: func(agent string, params resources.Params) ([]resources.ParamProblem, bool) {
		spec, known := registry.Find(agent)
		if !known {
			return nil, false
		}
		var problems []resources.ParamProblem
		for _, p := range spec.Validate(fencing.Params(params)) {
			problems = append(problems, resources.ParamProblem{Code: fenceCodes[p.Code], Param: p.Param, Text: p.Message, Suggestion: p.Fix})
		}
		return problems, true
	}}
	table.Secrets = func(agent string, params resources.Params) []string {
		spec, _ := registry.Find(agent)
		names := spec.SecretsOf(fencing.Params(params))
		for name := range params {
			if spec.Open && resources.SecretName(name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	table.HostParam = func(agent string) string {
		spec, _ := registry.Find(agent)
		return spec.Host
	}
	table.Watchdog = func(agent string) bool {
		spec, _ := registry.Find(agent)
		return spec.Watchdog
	}
	table.Dumps = func(agent string) bool {
		spec, _ := registry.Find(agent)
		return spec.Dumps
	}
	table.Cuts = func(agent string) bool {
		spec, _ := registry.Find(agent)
		return spec.Cuts
	}
	table.Unfences = func(agent string) bool {
		spec, _ := registry.Find(agent)
		return spec.Unfence
	}
	for _, spec := range registry.Specs() {
		table.Names = append(table.Names, spec.Name)
	}
	return table
}
