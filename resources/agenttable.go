package resources

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// AgentTable is what Validate needs to know of the agents. The zero table
// knows nothing, and then agents and their parameters are not checked. It is
// read-only once made and safe for concurrent use.
type AgentTable struct {
	byName map[string]AgentInfo
	// foreign takes agents of other cluster managers, unseen.
	foreign bool
}

// AgentInfo is what Validate needs to know of one agent (agents.Spec).
type AgentInfo struct {
	// Name in definitions; with Suffix set it carries more after a colon.
	Name       string
	Suffix     bool
	Promotable bool
	// Migrates says that instances can be moved without a stop.
	Migrates bool
	Params   []ParamInfo
	// MonitorInterval where the definition says nothing; 0 if there is none.
	MonitorInterval time.Duration
}

// ParamInfo describes one parameter. A "*" as one dotted part of Name stands
// for any name there.
type ParamInfo struct {
	Name     string
	Kind     ParamKind
	Required bool
	Enum     []string
	// Secret parameters of any kind may be secret:// references, and no others: only of
	// them the agent sees to it that nobody reads them on the node.
	Secret bool
}

// ParamKind is a parameter's type.
type ParamKind string

// The parameter types.
const (
	ParamString   ParamKind = "string"
	ParamInt      ParamKind = "integer"
	ParamBool     ParamKind = "boolean"
	ParamDuration ParamKind = "duration"
	ParamAddress  ParamKind = "address"
	ParamPrefix   ParamKind = "prefix"
	ParamEndpoint ParamKind = "endpoint"
	ParamPath     ParamKind = "path"
	ParamEnum     ParamKind = "enum"
	ParamResource ParamKind = "resource"
)

// NewAgentTable returns a table of the agents under their names.
func NewAgentTable(all ...AgentInfo) AgentTable {
	byName := make(map[string]AgentInfo, len(all))
	for _, info := range all {
		byName[info.Name] = info
	}
	return AgentTable{byName: byName}
}

// Find returns what is known of a definition's agent, such as "vip" or
// "systemd:nova-api".
func (t AgentTable) Find(agent string) (AgentInfo, bool) {
	base, suffix, _ := strings.Cut(agent, ":")
	info, found := t.byName[base]
	if !found || info.Suffix != (suffix != "") || (suffix == "" && base != agent) {
		return AgentInfo{}, false
	}
	return info, true
}

// WithForeign returns a table that also takes agents of other cluster managers,
// unseen: a definition that names them can be planned, though nobody runs them.
func (t AgentTable) WithForeign() AgentTable {
	t.foreign = true
	return t
}

// Names returns the agents' names in order.
func (t AgentTable) Names() []string { return slices.Sorted(maps.Keys(t.byName)) }

func (t AgentTable) empty() bool { return len(t.byName) == 0 }

// FenceTable is what Validate needs to know of the fence agents. With a nil
// Check, fence agents and their parameters are not checked.
type FenceTable struct {
	// Names of the agents, for suggestions.
	Names []string
	// Check returns what is wrong with the parameters of an agent, or false when
	// there is no such agent. It is pure.
	Check func(agent string, params Params) ([]ParamProblem, bool)
	// foreign takes devices of other cluster managers, unseen.
	foreign bool
	// HostParam returns the agent's parameter that tells the targets of one
	// device apart, "" when it has none. Set whenever Check is.
	HostParam func(agent string) string
	// Watchdog reports whether the agent is a node's own hardware watchdog. Set
	// whenever Check is.
	Watchdog func(agent string) bool
	// Secrets returns which of the parameters given are secrets, in order. Set
	// whenever Check is.
	Secrets func(agent string, params Params) []string
	// Dumps reports whether the agent only hears of crashed kernels, Cuts whether
	// it cuts nodes off from something rather than from their power, and Unfences
	// whether it has to let them in again. Set whenever Check is.
	Dumps, Cuts, Unfences func(agent string) bool
}

// WithForeign returns a table that also takes fence agents of other cluster
// managers ("stonith:external/ssh"), and devices that do not say which nodes they
// switch: a definition that names them can be planned, though they fence nobody.
func (t FenceTable) WithForeign() FenceTable {
	t.foreign = true
	return t
}

// ForeignFence begins the names of fence agents that only other cluster managers
// have.
const ForeignFence = "stonith:"

// ParamProblem is one thing that is wrong with one parameter.
type ParamProblem struct {
	Code             ProblemCode
	Param            string
	Text, Suggestion string
}
