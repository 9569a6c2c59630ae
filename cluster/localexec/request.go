package localexec

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/view"
	"github.com/belay-ha/belay/resources"
)

// request builds an agent call from the member's own state, and says which secrets
// the agent is told by it. own are the parameters of the operation itself, where the
// resource's operations do not say them.
func (e *Executor) request(s *state.State, id resources.InstanceID, op resources.Op, own resources.Params, timeout time.Duration) (agents.Request, agents.Agent, *hidden, error) {
	self := e.config.Core.Self
	config, found := s.ConfigOf(self, id)
	if !found {
		return agents.Request{}, nil, nil, fmt.Errorf("resource %q is not defined", id.Resource())
	}
	if op != resources.OpMonitor && own == nil {
		own = ofOperation(config, op)
	}
	agent, found := e.config.Core.Agents.Find(config.Agent)
	if !found {
		return agents.Request{}, nil, nil, fmt.Errorf("agent %q is not part of this belayd: see `belayctl resource agents`", config.Agent)
	}
	params, told, err := e.openParams(s, agent.Spec(), with(config.Params, own))
	if err != nil {
		return agents.Request{}, nil, nil, err
	}
	watched := []resources.ResourceID{config.ID}
	if refresher, ok := agent.(agents.Refresher); ok {
		watched = append(watched, refresher.Watches(params)...)
	}
	name := strings.ReplaceAll(string(id), ":", "-")
	request := agents.Request{
		Op: op, Instance: id, Node: self, Agent: config.Agent, Params: params, Timeout: timeout,
		View:    view.Of(s, watched),
		DataDir: filepath.Join(e.config.DataDir, name), RunDir: filepath.Join(e.config.RunDir, name),
	}
	if advice, found := s.Advice[config.ID]; found {
		request.Advice = advice.Instances[self]
	}
	if i, found := s.Instance(self, id); found && op == resources.OpMonitor {
		request.Role = i.Role
	}
	return request, agent, told, nil
}

// ofOperation returns the parameters that a resource has for an operation of which
// there is one.
func ofOperation(r *resources.Resource, op resources.Op) resources.Params {
	for i := range r.Ops {
		if r.Ops[i].Name == op {
			return r.Ops[i].Params
		}
	}
	return nil
}

// with returns parameters under those of an operation.
func with(params, own resources.Params) resources.Params {
	if len(own) == 0 {
		return params
	}
	all := maps.Clone(params)
	if all == nil {
		all = resources.Params{}
	}
	maps.Copy(all, own)
	return all
}

// openParams fills in defaults and opens secret references; it also returns what hides
// those secrets.
func (e *Executor) openParams(s *state.State, spec agents.Spec, given resources.Params) (resources.Params, *hidden, error) {
	params, opened := resources.Params{}, map[string]string{}
	for _, p := range spec.Params {
		if p.Default != "" && !strings.Contains(p.Name, "*") {
			params[p.Name] = p.Default
		}
	}
	maps.Copy(params, given)
	for _, key := range slices.Sorted(maps.Keys(params)) {
		name, isSecret := strings.CutPrefix(params[key], resources.SecretPrefix)
		if !isSecret {
			continue
		}
		value, err := e.config.OpenSecret(s, name)
		if err != nil {
			return nil, nil, fmt.Errorf("parameter %s: open secret %s: %w", key, name, err)
		}
		params[key], opened[name] = value, value
	}
	return params, hide(opened), nil
}
