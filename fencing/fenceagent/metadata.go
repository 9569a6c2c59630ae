package fenceagent

import (
	"context"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ha/belay/fencing"
)

// Metadata is what an agent says of itself (FenceAgentAPI, "Metadata").
type Metadata struct {
	Name      string
	ShortDesc string
	Params    []Param
	Actions   []string
	// OnTarget says that "on" works from the target alone, OnAutomatic that it is to
	// be done whenever the target has started: the agent cuts it off from something.
	OnTarget, OnAutomatic bool
}

// Param is one parameter of an agent.
type Param struct {
	Name      string
	Type      string // string, integer, boolean, second, select
	Default   string
	ShortDesc string
	Required  bool
	// Deprecated is set for old names.
	Deprecated bool
}

// ReadMetadata runs the agent with action=metadata. It touches no device.
func ReadMetadata(ctx context.Context, agent string, dirs ...string) (Metadata, error) {
	if len(dirs) == 0 {
		dirs = DefaultDirs
	}
	path, err := find(dirs, agent)
	if err != nil {
		return Metadata{}, err
	}
	r, err := run(ctx, path, "action=metadata\n")
	if err != nil {
		return Metadata{}, fmt.Errorf("run %s for its metadata: %w", path, err)
	}
	if r.exit != exitOK {
		return Metadata{}, fmt.Errorf("%s gives no metadata: %s: %s", path, r.ending(), fencing.Scrub(r.output))
	}
	m, err := ParseMetadata([]byte(r.output))
	if err != nil {
		return Metadata{}, fmt.Errorf("read the metadata of %s: %w", path, err)
	}
	return m, nil
}

// ParseMetadata reads an agent's XML. Text before the XML, such as warnings, is
// skipped.
func ParseMetadata(text []byte) (Metadata, error) {
	var doc struct {
		XMLName   xml.Name `xml:"resource-agent"`
		Name      string   `xml:"name,attr"`
		ShortDesc string   `xml:"shortdesc,attr"`
		Params    []struct {
			Name       string `xml:"name,attr"`
			Required   string `xml:"required,attr"`
			Deprecated string `xml:"deprecated,attr"`
			ShortDesc  string `xml:"shortdesc"`
			Content    struct {
				Type    string `xml:"type,attr"`
				Default string `xml:"default,attr"`
			} `xml:"content"`
		} `xml:"parameters>parameter"`
		Actions []struct {
			Name      string `xml:"name,attr"`
			OnTarget  string `xml:"on_target,attr"`
			Automatic string `xml:"automatic,attr"`
		} `xml:"actions>action"`
	}
	start := strings.Index(string(text), "<resource-agent")
	if start < 0 {
		return Metadata{}, fmt.Errorf("there is no resource-agent element")
	}
	if err := xml.Unmarshal(text[start:], &doc); err != nil {
		return Metadata{}, err
	}
	m := Metadata{Name: doc.Name, ShortDesc: strings.TrimSpace(doc.ShortDesc)}
	for _, p := range doc.Params {
		m.Params = append(m.Params, Param{
			Name: p.Name, Type: p.Content.Type, Default: p.Content.Default, ShortDesc: strings.TrimSpace(p.ShortDesc),
			Required: isTrue(p.Required), Deprecated: isTrue(p.Deprecated),
		})
	}
	for _, a := range doc.Actions {
		m.Actions = append(m.Actions, a.Name)
		if a.Name == string(fencing.ActionOn) {
			m.OnTarget, m.OnAutomatic = isTrue(a.OnTarget), isTrue(a.Automatic)
		}
	}
	return m, nil
}

func isTrue(text string) bool { return text == "1" || text == "true" }

// Check returns what is wrong with parameters for this agent: unknown names,
// missing ones, and an agent that cannot prove what it did.
func (m Metadata) Check(params fencing.Params) []fencing.Problem {
	var problems []fencing.Problem
	names := make([]string, len(m.Params))
	for i, p := range m.Params {
		names[i] = canonical(p.Name)
	}
	given := map[string]bool{}
	for name, value := range params {
		if strings.HasPrefix(name, ownPrefix) {
			continue
		}
		given[canonical(name)] = value != ""
		if !slices.Contains(names, canonical(name)) {
			problems = append(problems, fencing.Problem{
				Code: fencing.ProblemUnknown, Param: name,
				Message: m.Name + " would ignore this parameter", Fix: fencing.Suggest(canonical(name), names),
			})
		}
	}
	for _, p := range m.Params {
		if p.Required && !p.Deprecated && p.Name != "action" && p.Default == "" && !given[canonical(p.Name)] && !m.aliasGiven(p, given) {
			problems = append(problems, fencing.Problem{
				Code: fencing.ProblemMissing, Param: p.Name, Message: "required by " + m.Name + " and not given", Fix: p.ShortDesc,
			})
		}
	}
	for _, action := range []string{"off", "on", "status"} {
		if !slices.Contains(m.Actions, action) {
			problems = append(problems, fencing.Problem{
				Code: fencing.ProblemInvalid, Param: "agent", Message: fmt.Sprintf("%s has no action %q, so it cannot prove a node off", m.Name, action),
			})
		}
	}
	slices.SortStableFunc(problems, func(a, b fencing.Problem) int { return strings.Compare(a.Param, b.Param) })
	return problems
}

// aliases are old names that agents still take (FenceAgentAPI, "Parameters").
var aliases = map[string]string{"ip": "ipaddr", "username": "login", "password": "passwd", "plug": "port"}

func (m Metadata) aliasGiven(p Param, given map[string]bool) bool {
	name := canonical(p.Name)
	for now, old := range aliases {
		if (name == now && given[old]) || (name == old && given[now]) {
			return true
		}
	}
	// A password may come from a script instead.
	return given[name+"_script"]
}

// canonical folds the two spellings that agents take as one.
func canonical(name string) string { return strings.ReplaceAll(name, "-", "_") }
