package pcs

import (
	"slices"
	"strings"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/edit"
)

// createResource adds a resource. A remote node becomes a member.
func createResource(c *converter, at Position, words []word) (*resources.Definition, error) {
	words = c.sealed(words)
	translated, notes := edit.Translate(texts(words))
	if len(translated) > 1 && translated[1] == "ocf:pacemaker:remote" {
		return c.member(at, translated)
	}
	changed, err := edit.CreateResource(c.def, translated)
	if err != nil {
		return nil, err
	}
	for _, note := range notes {
		c.note(at, "%s", note)
	}
	return changed, nil
}

// createBundle adds a bundle.
func createBundle(c *converter, _ Position, words []word) (*resources.Definition, error) {
	return edit.CreateBundle(c.def, texts(words))
}

// member makes a node of a resource ocf:pacemaker:remote.
func (c *converter) member(at Position, words []string) (*resources.Definition, error) {
	name, address := resources.NodeName(words[0]), ""
	for _, w := range words[2:] {
		if value, found := strings.CutPrefix(w, "server="); found {
			address = value
		}
	}
	c.remote[words[0]] = true
	c.note(at, "resource %q: the remote node becomes a member: on it, belayctl cluster join", name)
	changed := c.def.Clone()
	if n, known := changed.Node(name); known {
		n.Address = address
		return changed, nil
	}
	changed.Nodes = append(changed.Nodes, resources.Node{Name: name, Address: address})
	return changed, nil
}

// sealed puts references in the places of passwords: a definition is no place
// for them.
func (c *converter) sealed(words []word) []word {
	words = slices.Clone(words)
	for i, w := range words {
		name, value, found := strings.Cut(w.text, "=")
		if !found || i < 2 || !resources.SecretName(name) || value == "" || strings.HasPrefix(value, resources.SecretPrefix) {
			continue
		}
		secret := resources.SecretFor(words[0].text, name)
		c.note(w.at, "parameter %s of %q is a secret: belayctl secret set %s", name, words[0].text, secret)
		words[i].text = name + "=" + resources.SecretPrefix + secret
	}
	return words
}

func createFence(c *converter, at Position, words []word) (*resources.Definition, error) {
	words = c.sealed(words)
	if !c.nodesGiven {
		for _, w := range words {
			name, value, _ := strings.Cut(w.text, "=")
			if name != "pcmk_host_list" && name != "pcmk_host_map" && name != "targets" {
				continue
			}
			for _, entry := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(";, \t", r) }) {
				node, _, _ := strings.Cut(entry, ":")
				c.assume(w.at, node)
			}
		}
	}
	return edit.CreateFence(c.def, texts(words))
}

func addLevel(c *converter, at Position, words []word) (*resources.Definition, error) {
	if len(words) > 1 {
		c.assume(words[1].at, words[1].text)
	}
	return edit.AddFenceLevel(c.def, texts(words))
}

// setup reads the cluster's name and nodes, in pcs' older and newer words:
// --name NAME NODE… and NAME NODE [addr=ADDRESS]….
func setup(c *converter, at Position, words []word) (*resources.Definition, error) {
	changed := c.def.Clone()
	changed.Name = ""
	for i := 0; i < len(words); i++ {
		text := words[i].text
		switch {
		case text == "--name" && i+1 < len(words):
			i++
			changed.Name = words[i].text
		case strings.HasPrefix(text, "--name="):
			changed.Name = strings.TrimPrefix(text, "--name=")
		case text == "--start" || text == "--enable" || text == "--all" || words[i].expansion != "" && changed.Name != "":
		case strings.HasPrefix(text, "--") || text == "transport" || text == "totem" || text == "quorum":
			c.note(words[i].at, "%s is left out: members need no settings of their network", text)
			i = len(words)
		case strings.HasPrefix(text, "addr="):
			if n := len(changed.Nodes); n > 0 {
				changed.Nodes[n-1].Address = strings.TrimPrefix(text, "addr=")
			}
		case changed.Name == "" && !slices.ContainsFunc(words, func(w word) bool { return strings.HasPrefix(w.text, "--name") }):
			changed.Name = text
		default:
			name, _, _ := strings.Cut(text, ",") // a second ring's address
			if _, known := changed.Node(resources.NodeName(name)); !known {
				changed.Nodes = append(changed.Nodes, resources.Node{Name: resources.NodeName(name)})
			}
		}
	}
	c.nodesGiven = true
	return changed, nil
}

// assume adds a node that a script without `cluster setup` speaks of.
func (c *converter) assume(at Position, name string) {
	if _, known := c.def.Node(resources.NodeName(name)); known || c.nodesGiven || name == "" {
		return
	}
	changed := c.def.Clone()
	changed.Nodes = append(changed.Nodes, resources.Node{Name: resources.NodeName(name)})
	c.remember(changed, spot{file: c.file, at: at})
	c.def = changed
	c.note(at, "node %q is taken from here: the script does not say which nodes there are", name)
}

func withNode(change func(*resources.Definition, string, []string) (*resources.Definition, error)) func(*converter, Position, []word) (*resources.Definition, error) {
	return func(c *converter, at Position, words []word) (*resources.Definition, error) {
		if len(words) < 2 {
			return c.def, nil // it asks
		}
		c.assume(words[0].at, words[0].text)
		return change(c.def, words[0].text, texts(words[1:]))
	}
}

func setProperty(c *converter, at Position, words []word) (*resources.Definition, error) {
	for i, w := range words {
		name, joined := strings.CutPrefix(w.text, "--node=")
		rest := slices.Concat(words[:i], words[i+1:])
		switch {
		case joined:
		case w.text == "--node" && i+1 < len(words):
			name, rest = words[i+1].text, slices.Concat(words[:i], words[i+2:])
		default:
			continue
		}
		c.assume(w.at, name)
		return edit.SetNodeAttributes(c.def, name, texts(rest))
	}
	left, notes := edit.Needless(texts(words))
	for _, note := range notes {
		c.note(at, "property %s", note)
	}
	if len(left) == 0 {
		return c.def, nil
	}
	return edit.SetProperties(c.def, left)
}

// addLocation also takes the nodes that it names, where the script does not say
// which there are.
func addLocation(c *converter, at Position, words []word) (*resources.Definition, error) {
	if len(words) > 2 && (words[1].text == "prefers" || words[1].text == "avoids") {
		for _, w := range words[2:] {
			name, _, _ := strings.Cut(w.text, "=")
			c.assume(w.at, name)
		}
	}
	if len(words) > 3 && words[0].text == "add" {
		c.assume(words[3].at, words[3].text)
	}
	said := texts(words)
	if len(words) > 2 && words[1].text == "rule" {
		var err error
		if said, err = locationRule(said); err != nil {
			return nil, err
		}
	}
	return edit.AddLocation(c.def, said)
}

// locationRule writes the rule in words that definitions know, where it has others.
func locationRule(said []string) ([]string, error) {
	at := 2
	for at < len(said) {
		name, _, option := strings.Cut(said[at], "=")
		if !option || strings.Contains(name, " ") {
			break
		}
		at++
	}
	if !slices.ContainsFunc(ruleTokens(said[at:]), func(token string) bool { return token == "date-spec" || token == "in_range" }) {
		return said, nil
	}
	text, err := ruleText(said[at:])
	return append(slices.Clone(said[:at]), text), err
}
