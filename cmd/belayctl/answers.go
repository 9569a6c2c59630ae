package main

import (
	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

// What -o json prints, where that is not a type of the API or of definitions.
// schemas.go says which command prints what.

// validAnswer counts what valid definition files hold.
type validAnswer struct {
	Nodes       int `json:"nodes"`
	Fences      int `json:"fences"`
	Resources   int `json:"resources"`
	Groups      int `json:"groups"`
	Constraints int `json:"constraints"`
}

// constraintsAnswer is every constraint with its id.
type constraintsAnswer struct {
	Orders      []resources.Order      `json:"orders"`
	Colocations []resources.Colocation `json:"colocations"`
	Locations   []resources.Location   `json:"locations"`
	Tickets     []resources.TicketUse  `json:"tickets"`
}

// resourceAnswer is one resource or group: its definition, and what runs of it.
type resourceAnswer struct {
	Definition *resources.Definition `json:"definition"`
	Instances  []instance            `json:"instances"`
}

// galeraAnswer is what each member of the database has told, and what was decided.
type galeraAnswer struct {
	Resource resources.ResourceID `json:"resource"`
	Members  []instance           `json:"members"`
	// Advice is null until a decision was needed.
	Advice *state.Advice `json:"advice"`
}

// enrolledAnswer is what this host has become.
type enrolledAnswer struct {
	Node    resources.NodeName `json:"node"`
	Address string             `json:"address"`
	// Config is the file that belayd reads.
	Config string `json:"config"`
}

// secretAnswer names the secret that was set or deleted; never its value.
type secretAnswer struct {
	Secret string `json:"secret"`
	DryRun bool   `json:"dry_run,omitempty"`
}

// savedAnswer is a file that holds the state.
type savedAnswer struct {
	File  string `json:"file"`
	Index uint64 `json:"index"`
	Bytes int    `json:"bytes"`
}

// waitedAnswer is how a wait ended well: settled, or with a condition that holds.
type waitedAnswer struct {
	Settled   bool   `json:"settled,omitempty"`
	Condition string `json:"condition,omitempty"`
	Holds     bool   `json:"holds,omitempty"`
}

// versionAnswer is what this program is.
type versionAnswer struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	// CommandSet is the newest set of commands that it understands.
	CommandSet int    `json:"command_set"`
	Go         string `json:"go"`
}

// agentAnswer is an agent of resources, or of fence devices.
type agentAnswer struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
	// Suffix says that the name carries more after a colon: systemd:UNIT.
	Suffix     bool `json:"suffix,omitempty"`
	Promotable bool `json:"promotable,omitempty"`
	Migrates   bool `json:"migrates,omitempty"`
	// Timeouts of each operation where the definition says nothing.
	Timeouts map[resources.Op]resources.Duration `json:"timeouts,omitempty"`
	Params   []paramAnswer                       `json:"params"`
}

// paramAnswer is one parameter of an agent.
type paramAnswer struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Required bool     `json:"required,omitempty"`
	Default  string   `json:"default,omitempty"`
	Enum     []string `json:"enum,omitempty"`
	// Secret says that it should be a secret:// reference.
	Secret      bool   `json:"secret,omitempty"`
	Description string `json:"description"`
}

func resourceAgentAnswer(s agents.Spec) agentAnswer {
	one := agentAnswer{Name: s.Name, Summary: s.Summary, Suffix: s.Suffix, Promotable: s.Promotable, Migrates: s.Migrates, Params: []paramAnswer{}}
	for op, timeout := range s.Timeouts {
		if one.Timeouts == nil {
			one.Timeouts = map[resources.Op]resources.Duration{}
		}
		one.Timeouts[op] = resources.Duration(timeout)
	}
	for _, p := range s.Params {
		one.Params = append(one.Params, paramAnswer{p.Name, string(p.Kind), p.Required, p.Default, p.Enum, p.Secret, p.Description})
	}
	return one
}

func fenceAgentAnswer(s fencing.Spec) agentAnswer {
	one := agentAnswer{Name: s.Name, Summary: s.Summary, Params: []paramAnswer{}}
	for _, p := range s.Params {
		one.Params = append(one.Params, paramAnswer{p.Name, string(p.Type), p.Required, p.Default, p.Enum, p.Type == fencing.TypeSecret, p.Description})
	}
	return one
}
