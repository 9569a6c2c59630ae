package pcs

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// File is one script.
type File struct {
	// Name is shown before every problem.
	Name string
	Text []byte
}

// Converted is a script as a definition.
type Converted struct {
	// Definition holds what could be converted.
	Definition *resources.Definition
	// Left are the problems: what the definition lacks although the script asks
	// for it, and what is wrong with the script. In the order of the files.
	Left []Problem
	// Notes are what an operator should know or do.
	Notes []Problem
}

// Convert reads scripts, one after another, and carries out their pcs commands.
// Names in constraints may be of resources that a later command creates. The
// result is validated with the tables; agents of Pacemaker that Belay does not
// have are kept, with a note.
func Convert(agents resources.AgentTable, fences resources.FenceTable, files ...File) *Converted {
	c := &converter{def: &resources.Definition{}, origin: map[string]spot{}, remote: map[string]bool{}}
	for n, f := range files {
		c.file = n
		if len(f.Text) > MaxSize {
			c.lose(Position{1, 1}, "larger than %d MiB", MaxSize>>20)
			continue
		}
		commands, problems := read(string(f.Text))
		for _, p := range problems {
			c.lose(Position{p.Line, p.Col}, "%s", p.Text)
		}
		for _, command := range commands {
			c.run(command)
		}
	}
	c.retry()
	c.validate(agents, fences)
	return &Converted{Definition: c.def, Left: c.sorted(c.left, files), Notes: c.sorted(c.notes, files)}
}

// spot is a place in one of the files.
type spot struct {
	file int
	at   Position
	// unsure: not all of its values are known, which was told.
	unsure bool
}

type told struct {
	spot
	text string
}

type converter struct {
	def   *resources.Definition
	file  int
	count int // of pcs commands
	// nodesGiven: the script says which nodes there are.
	nodesGiven bool
	remote     map[string]bool
	// ruledSets are the sets of defaults with a rule, by their numbers in
	// Defaults.When; plainSets those without.
	ruledSets, plainSets []defaultSet
	// origin is where a thing of the definition is made, by its path.
	origin map[string]spot
	// perhaps are how the names begin of what could not be converted.
	perhaps []string
	// later are commands that name what may still come.
	later []pending
	left  []told
	notes []told
}

// pending is a command that failed because of a name.
type pending struct {
	verb  verb
	words []word
	at    spot
}

func (c *converter) lose(at Position, format string, args ...any) {
	c.left = append(c.left, told{spot{file: c.file, at: at}, fmt.Sprintf(format, args...)})
}

func (c *converter) note(at Position, format string, args ...any) {
	c.notes = append(c.notes, told{spot{file: c.file, at: at}, fmt.Sprintf(format, args...)})
}

func (c *converter) sorted(all []told, files []File) []Problem {
	slices.SortStableFunc(all, func(a, b told) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.at.Line, b.at.Line), cmp.Compare(a.at.Col, b.at.Col))
	})
	problems := make([]Problem, len(all))
	for i, t := range all {
		problems[i] = Problem{File: files[t.file].Name, Line: t.at.Line, Col: t.at.Col, Text: t.text}
	}
	return slices.Compact(problems)
}

// run carries out one command of the script.
func (c *converter) run(command command) {
	words := command.words
	for len(words) > 0 && (words[0].text == "sudo" || isAssignment(words[0].text)) {
		words = words[1:]
	}
	if len(words) == 0 {
		return
	}
	name := path.Base(words[0].text)
	if name != "pcs" {
		c.other(name, words)
		return
	}
	if s := command.inside; s != nil {
		c.maybeCreates(words)
		if !s.told {
			s.told = true
			c.lose(s.at, "pcs commands in this %q cannot be converted: write out what they come to", s.keyword)
		}
		return
	}
	if c.count++; c.count > maxCommands {
		if c.count == maxCommands+1 {
			c.lose(words[0].at, "more than %d pcs commands: convert the script in parts", maxCommands)
		}
		return
	}
	c.pcs(words[0].at, withoutGlobal(words[1:]))
}

// maxCommands bounds the time that a conversion takes, which grows with the
// square of it.
const maxCommands = 5000

// maybeCreates remembers what a command makes that cannot be converted, so that
// no other is blamed for naming it.
func (c *converter) maybeCreates(words []word) {
	words = withoutGlobal(words[1:])
	if len(words) < 3 || words[1].text != "create" || words[0].text != "resource" && words[0].text != "stonith" {
		return
	}
	before, _, _ := strings.Cut(words[2].text, words[2].expansion)
	c.perhaps = append(c.perhaps, before)
}

// perhapsThere reports whether a name may be of something that was not converted.
func (c *converter) perhapsThere(name string) bool {
	return slices.ContainsFunc(c.perhaps, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

func isAssignment(text string) bool {
	name, _, found := strings.Cut(text, "=")
	if !found || name == "" {
		return false
	}
	for i := range len(name) {
		if !isName(name[i]) {
			return false
		}
	}
	return true
}

// other names the commands beside pcs that change a cluster.
func (c *converter) other(name string, words []word) {
	line := ""
	for _, w := range words {
		line += w.text + " "
	}
	switch {
	case strings.Contains(line, "$(pcs ") || strings.Contains(line, "`pcs "):
		c.lose(words[0].at, "a pcs command within another command cannot be converted")
	case name == "cibadmin" && slices.ContainsFunc(words, func(w word) bool {
		return w.text == "--delete" || w.text == "-D" || w.text == "--modify" || w.text == "-M" || w.text == "--create" || w.text == "-C" || w.text == "--replace" || w.text == "-R"
	}):
		c.lose(words[0].at, "changes of the CIB itself cannot be converted; a node is forgotten with: belayctl node remove NODE")
	case name == "crm" || name == "crm_attribute" || name == "crm_resource" && strings.Contains(line, " --set-parameter"):
		c.lose(words[0].at, "only pcs commands can be converted, not %s", name)
	}
}

// withoutGlobal drops pcs' own flags, which may stand anywhere.
func withoutGlobal(words []word) []word {
	var kept []word
	for i := 0; i < len(words); i++ {
		text := words[i].text
		flag, _, _ := strings.Cut(text, "=")
		switch {
		case flag == "--force" || flag == "--wait" || flag == "--debug" || flag == "--skip-offline" || flag == "--no-default-ops" || flag == "--yes" || flag == "--future" || flag == "--full":
		case text == "-f" && len(kept) == 0:
			i++ // a file that is pushed later: its content counts all the same
		default:
			kept = append(kept, words[i])
		}
	}
	return kept
}

// pcs carries out one pcs command.
func (c *converter) pcs(at Position, words []word) {
	if len(words) == 0 {
		return
	}
	v, rest := find(words)
	switch {
	case v.ignore:
		return
	case v.note != "":
		c.note(at, "%s", v.note)
		return
	case v.tells != nil:
		c.note(at, "%s", v.tells(rest))
		return
	case v.do == nil:
		why := v.refuse
		if why == "" {
			why = fmt.Sprintf("%q cannot be converted", "pcs "+text(words[:min(len(words), 2)]))
		}
		c.lose(at, "%s", why)
		return
	}
	expanded := false
	for _, w := range rest {
		if w.expansion != "" {
			c.lose(w.at, "the value of %s is not known here: write it out", w.expansion)
			expanded = true
		}
	}
	if expanded && !v.creates {
		return
	}
	c.carryOut(pending{v, rest, spot{file: c.file, at: at}}, expanded)
}

func text(words []word) string { return strings.Join(texts(words), " ") }

func texts(words []word) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = w.text
	}
	return all
}

// carryOut applies a command. One that fails because of a name is tried again at
// the end. quiet: its problems were told already.
func (c *converter) carryOut(p pending, quiet bool) {
	changed, err := p.verb.do(c, p.at.at, p.words)
	switch {
	case err == nil:
		if quiet {
			p.at.unsure = true
		}
		c.remember(changed, p.at)
		c.def = changed
	case quiet:
	case p.verb.refers:
		c.later = append(c.later, p)
	default:
		c.tell(p, err)
	}
}

// retry carries out what had to wait, and tells everything that is still wrong
// with it.
func (c *converter) retry() {
	for _, p := range c.later {
		c.file = p.at.file
		changed, err := p.verb.do(c, p.at.at, p.words)
		if err == nil {
			c.remember(changed, p.at)
			c.def = changed
			continue
		}
		// A second name may be wrong too: supposing that the first is right shows it.
		whole := c.def
		const most = 4
		for n := 0; err != nil && n < most; n++ {
			guilty := blame(p.words, err)
			if guilty == nil || !c.perhapsThere(guilty.text) {
				c.tell(p, err)
			}
			if guilty == nil || !strings.Contains(err.Error(), "is called") {
				break
			}
			c.def = c.def.Clone()
			c.def.Resources = append(c.def.Resources, resources.Resource{ID: resources.ResourceID(guilty.text), Agent: "systemd:unknown"})
			_, err = p.verb.do(c, p.at.at, p.words)
		}
		c.def = whole
	}
}

// tell reports an error at the word that it is about, else at the command.
func (c *converter) tell(p pending, err error) {
	at := p.at
	if w := blame(p.words, err); w != nil {
		at.at = w.at
	}
	c.left = append(c.left, told{at, err.Error()})
}

// blame finds the word that an error quotes.
func blame(words []word, err error) *word {
	for i := range words {
		name, _, _ := strings.Cut(words[i].text, "=")
		for _, quoted := range []string{words[i].text, name} {
			if quoted == "" {
				continue
			}
			if strings.Contains(err.Error(), fmt.Sprintf("%q", quoted)) || strings.Contains(quoted, "=") && strings.HasPrefix(err.Error(), quoted+": ") {
				return &words[i]
			}
		}
	}
	return nil
}

// remember notes where the new things of a definition come from.
func (c *converter) remember(changed *resources.Definition, at spot) {
	for _, path := range definition.ThingPaths(changed) {
		if _, known := c.origin[path]; !known {
			c.origin[path] = at
		}
	}
}

// validate tells what is wrong with the whole, at the command that made it.
func (c *converter) validate(agents resources.AgentTable, fences resources.FenceTable) {
	for _, p := range resources.Validate(c.def, agents.WithForeign(), fences) {
		key, _, _ := strings.Cut(p.Path, "]")
		at, known := c.origin[key+"]"]
		switch {
		case !known:
			at = spot{at: Position{1, 1}}
		case at.unsure:
			continue
		}
		c.left = append(c.left, told{at, p.String()})
	}
	for _, r := range c.def.Resources {
		if _, foreign := resources.ForeignAgent(r.Agent); foreign && resources.ForeignRuns(r.Agent) {
			c.file = c.origin["resource["+string(r.ID)+"]"].file
			c.note(c.origin["resource["+string(r.ID)+"]"].at, "resource %q: %s runs as it is on nodes that have it, unless it promotes or asks Pacemaker%s", r.ID, r.Agent, hint(r.Agent))
		} else if _, known := agents.Find(r.Agent); !known || foreign {
			c.file = c.origin["resource["+string(r.ID)+"]"].file
			c.note(c.origin["resource["+string(r.ID)+"]"].at, "resource %q: Belay has no agent %s%s; the definition can be planned with, and applied once another agent is named", r.ID, r.Agent, hint(r.Agent))
		}
	}
}

func hint(agent string) string {
	if instead := resources.ForeignHint(agent); instead != "" {
		return " (" + instead + ")"
	}
	return ""
}
