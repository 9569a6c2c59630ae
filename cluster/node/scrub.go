package node

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/internal/redact"
	"github.com/belay-ha/belay/resources"
)

// removed stands where a secret was.
const removed = "(removed)"

// newRedactor knows the values of all secrets of the state, and what stands
// openly where a secret should be, in this definition and the earlier ones.
func (n *Node) newRedactor(s *state.State) *redact.Redactor {
	marks := map[string]string{}
	for name := range s.Secrets {
		// One that cannot be opened cannot be in a text of this member either.
		if value, err := n.openSecret(s, name); err == nil {
			marks[value] = removed
		}
	}
	n.eachSecret(s, func(value string) string {
		marks[value] = removed
		return value
	})
	return redact.New(marks)
}

// bare returns a copy of the state without anything secret, without what is large
// (earlier definitions), and without the audit: its chain breaks where something
// is taken out of a record, and a state with a broken chain cannot be read.
func (n *Node) bare(s *state.State) (*state.State, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	fresh := state.New()
	if err := json.Unmarshal(data, fresh); err != nil {
		return nil, err
	}
	fresh.Secrets, fresh.Tokens, fresh.Revisions, fresh.Audit = nil, nil, nil, nil
	n.eachSecret(fresh, func(string) string { return removed })
	return fresh, nil
}

// eachSecret hands over every value that stands openly where a secret belongs, and
// puts there what it gets back.
func (n *Node) eachSecret(s *state.State, f func(string) string) {
	definitions := []*resources.Definition{s.Definition}
	for _, r := range s.Revisions {
		definitions = append(definitions, r.Definition)
	}
	for _, d := range definitions {
		d.EachParams(func(given resources.GivenParams) { secrets(given.Params, f, n.declaredSecret(given)) })
	}
	for _, node := range s.Nodes {
		for _, i := range node.Instances {
			if i.Config != nil {
				i.Config.EachParams("", func(given resources.GivenParams) { secrets(given.Params, f, n.declaredSecret(given)) })
			}
		}
	}
}

// declaredSecret says which parameters the agent or the device declares secret.
func (n *Node) declaredSecret(given resources.GivenParams) func(name string) bool {
	var declared []string
	if given.Fence {
		spec, _ := n.config.Fences.Find(given.Agent)
		declared = spec.SecretsOf(fencing.Params(given.Params))
	} else if agent, found := n.config.Agents.Find(given.Agent); found {
		for _, p := range agent.Spec().Params {
			if p.Secret && !strings.Contains(p.Name, "*") { // those may hold anything: their names tell
				declared = append(declared, p.Name)
			}
		}
	}
	return func(name string) bool { return slices.Contains(declared, name) }
}

// secretNames are parts of names whose values are secret, whatever an agent says.
var secretNames = []string{"passw", "secret", "token", "private_key", "passphrase", "credential", "community"}

func secrets(params resources.Params, f func(string) string, declared func(string) bool) {
	for name, value := range params {
		lower := strings.ToLower(name)
		named := slices.ContainsFunc(secretNames, func(part string) bool { return strings.Contains(lower, part) }) || strings.HasSuffix(lower, "_pw")
		if value != "" && (named || resources.SecretName(name) || declared(name)) && !strings.HasPrefix(value, resources.SecretPrefix) {
			if fresh := f(value); fresh != value {
				params[name] = fresh
			}
		}
	}
}
