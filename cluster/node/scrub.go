package node

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

// removed stands where a secret was.
const removed = "(removed)"

// leastSecret is the length in bytes from which a value is looked for everywhere.
// What is shorter is removed from its own place alone: it is a part of too many words.
const leastSecret = 4

// scrubber takes the secrets that a member knows out of texts.
type scrubber struct{ replacer *strings.Replacer }

// newScrubber knows the values of all secrets of the state, and what stands
// openly where a secret should be, in this definition and the earlier ones.
func (n *Node) newScrubber(s *state.State) *scrubber {
	values := map[string]bool{}
	for name := range s.Secrets {
		// One that cannot be opened cannot be in a text of this member either.
		if value, err := n.openSecret(s, name); err == nil {
			values[value] = true
			for line := range strings.Lines(value) { // a key, in a text that is broken into lines
				values[strings.TrimSpace(line)] = true
			}
		}
	}
	n.eachSecret(s, func(value string) string {
		values[value] = true
		return value
	})
	return scrubbing(values)
}

func scrubbing(values map[string]bool) *scrubber {
	forms := map[string]bool{}
	for value := range values {
		for _, form := range written(value) {
			if len(form) >= leastSecret {
				forms[form] = true
			}
		}
	}
	// Of two that begin at one place the Replacer takes the first given: the longer.
	ordered := slices.SortedFunc(maps.Keys(forms), func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	var pairs []string
	for _, form := range ordered {
		pairs = append(pairs, form, removed)
	}
	return &scrubber{strings.NewReplacer(pairs...)}
}

// written are the ways in which a value may stand in a text.
func written(value string) []string {
	if value == "" {
		return nil
	}
	forms := []string{value, url.QueryEscape(value), url.PathEscape(value), base64.StdEncoding.EncodeToString([]byte(value)), strings.ReplaceAll(value, `'`, `'\''`)}
	for _, html := range []bool{true, false} {
		var text strings.Builder
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(html)
		if encoder.Encode(value) == nil {
			quoted := strings.TrimSpace(text.String())
			inner := quoted[1 : len(quoted)-1]
			forms = append(forms, inner, strings.ReplaceAll(strings.ReplaceAll(inner, `\`, `\\`), `"`, `\"`)) // and quoted once more, as in a log
		}
	}
	return forms
}

// text returns a text without secrets.
func (s *scrubber) text(text string) string { return s.replacer.Replace(text) }

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
		for _, list := range [][]resources.Resource{d.Resources, d.Templates} {
			for i := range list {
				n.resourceSecrets(&list[i], f)
			}
		}
		for i := range d.Fences {
			spec, found := n.config.Fences.Find(d.Fences[i].Agent)
			secrets(d.Fences[i].Params, f, func(name string) bool {
				return found && slices.ContainsFunc(spec.Params, func(p fencing.ParamSpec) bool { return p.Name == name && p.Type == fencing.TypeSecret })
			})
		}
	}
	for _, node := range s.Nodes {
		for _, i := range node.Instances {
			if i.Config != nil {
				n.resourceSecrets(i.Config, f)
			}
		}
	}
}

func (n *Node) resourceSecrets(r *resources.Resource, f func(string) string) {
	var declared []string
	if agent, found := n.config.Agents.Find(r.Agent); found {
		for _, p := range agent.Spec().Params {
			if p.Secret && !strings.Contains(p.Name, "*") { // those may hold anything: their names tell
				declared = append(declared, p.Name)
			}
		}
	}
	secrets(r.Params, f, func(name string) bool { return slices.Contains(declared, name) })
}

// secretNames are parts of names whose values are secret, whatever an agent says.
var secretNames = []string{"passw", "secret", "token", "private_key", "passphrase", "credential", "community"}

func secrets(params resources.Params, f func(string) string, declared func(string) bool) {
	for name, value := range params {
		lower := strings.ToLower(name)
		named := slices.ContainsFunc(secretNames, func(part string) bool { return strings.Contains(lower, part) }) || strings.HasSuffix(lower, "passwd") || strings.HasSuffix(lower, "_pw")
		if value != "" && (named || declared(name)) && !strings.HasPrefix(value, resources.SecretPrefix) {
			if fresh := f(value); fresh != value {
				params[name] = fresh
			}
		}
	}
}
