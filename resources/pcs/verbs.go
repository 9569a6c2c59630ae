package pcs

import (
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/edit"
)

// verb is what one pcs command means for a definition: one of do, ignore, note,
// tells and refuse.
type verb struct {
	// do returns the changed definition; at is where the command stands, words are
	// those after the verb's own.
	do func(c *converter, at Position, words []word) (*resources.Definition, error)
	// ignore: it changes nothing, or nothing is left to be done.
	ignore bool
	// note is what an operator should know or do instead; refuse why it cannot be
	// converted.
	note, refuse string
	// tells is note where that depends on the words.
	tells func(words []word) string
	// refers: it names resources that may be created later.
	refers bool
	// creates: others name what it makes, so that it is carried out even where a
	// value of it is not known.
	creates bool
}

// find returns the verb that the words begin with, and the words after it.
func find(words []word) (verb, []word) {
	for n := min(len(words), 3); n > 0; n-- {
		if v, known := verbs[text(words[:n])]; known {
			return v, words[n:]
		}
	}
	if v, known := verbs[words[0].text]; known {
		return v, words[1:]
	}
	return verb{}, words
}

// editing is a verb of package edit.
func editing(change func(*resources.Definition, []string) (*resources.Definition, error)) func(*converter, Position, []word) (*resources.Definition, error) {
	return func(c *converter, _ Position, words []word) (*resources.Definition, error) {
		return change(c.def, texts(words))
	}
}

// onFirst is a verb of package edit that takes its first word apart.
func onFirst(change func(*resources.Definition, string, []string) (*resources.Definition, error)) func(*converter, Position, []word) (*resources.Definition, error) {
	return editing(func(def *resources.Definition, words []string) (*resources.Definition, error) {
		if len(words) == 0 {
			return nil, &edit.Error{Code: edit.CodeUsage, Text: "a name is missing"}
		}
		return change(def, words[0], words[1:])
	})
}

// withSets gives the word set back that chose the verb.
func withSets(change func(*resources.Definition, []string) (*resources.Definition, error)) func(*converter, Position, []word) (*resources.Definition, error) {
	return editing(func(def *resources.Definition, words []string) (*resources.Definition, error) {
		return change(def, append([]string{"set"}, words...))
	})
}

func removeTicket(def *resources.Definition, ticket string, words []string) (*resources.Definition, error) {
	if len(words) == 0 {
		return def, nil
	}
	return edit.RemoveTicket(def, ticket, words[0])
}

// verbs are pcs' commands by their first words. What stands under a noun alone
// is true of all of its verbs that are not listed.
var verbs = makeVerbs()

func makeVerbs() map[string]verb {
	looks := verb{ignore: true}
	order := verb{do: editing(func(def *resources.Definition, words []string) (*resources.Definition, error) {
		return edit.AddOrder(def, words)
	}), refers: true}
	colocation := verb{do: editing(edit.AddColocation), refers: true}
	location := verb{do: addLocation, refers: true}
	refuse := func(why string) verb { return verb{refuse: why} }
	table := map[string]verb{
		"status": looks, "config": looks, "cluster status": looks, "cluster cib": looks, "cluster cib-push": looks, "cluster verify": looks, "cluster sync": looks,
		"cluster setup": {do: setup, creates: true},
		"cluster auth":  {ignore: true}, "host auth": {ignore: true}, "cluster enable": {ignore: true}, "cluster start": {ignore: true}, "cluster stop": {ignore: true}, "cluster disable": {ignore: true}, "cluster destroy": {ignore: true},
		"cluster node remove": {note: "a member leaves by: belayctl node remove NODE"},
		"cluster node add":    {note: "a member joins by: belayctl cluster join PEER --address ADDRESS"},
		"cluster":             refuse("this command of clusters cannot be converted"),

		"property set":   {do: setProperty, creates: true},
		"property unset": {do: editing(edit.UnsetProperties)},
		"property list":  looks, "property show": looks, "property config": looks, "property": looks,

		"node attribute":     {do: withNode(edit.SetNodeAttributes)},
		"node utilization":   {do: withNode(edit.SetNodeUtilization)},
		"node standby":       {note: "standby is no part of a definition: belayctl node standby NODE"},
		"node unstandby":     {note: "standby is no part of a definition: belayctl node unstandby NODE"},
		"node maintenance":   {note: "maintenance is no part of a definition: belayctl node maintenance NODE"},
		"node unmaintenance": {note: "maintenance is no part of a definition: belayctl node maintenance NODE --end"},

		"resource create":      {do: createResource, creates: true},
		"resource update":      {do: editing(edit.UpdateResource)},
		"resource delete":      {do: deleteResource, refers: true},
		"resource remove":      {do: deleteResource, refers: true},
		"resource enable":      {do: target(edit.Enable), refers: true},
		"resource disable":     {do: target(edit.Disable), refers: true},
		"resource meta":        {do: onFirst(edit.SetMeta), refers: true},
		"resource manage":      {do: target(edit.Manage), refers: true},
		"resource unmanage":    {do: target(edit.Unmanage), refers: true},
		"resource utilization": {do: onFirst(edit.SetUtilization)},
		"resource clone":       {do: cloning(false)},
		"resource promotable":  {do: cloning(true)},
		"resource master":      {do: cloning(true)},
		"resource unclone": {do: onFirst(func(def *resources.Definition, id string, _ []string) (*resources.Definition, error) {
			return edit.UncloneResource(def, id)
		})},
		"resource group add":    {do: editing(edit.AddToGroup)},
		"resource group remove": {do: onFirst(edit.RemoveFromGroup)},
		"resource group delete": {do: onFirst(edit.RemoveFromGroup)},
		"resource ungroup":      {do: onFirst(edit.RemoveFromGroup)},
		"resource defaults":     {do: changeDefaults(defaultsKind{set: edit.SetResourceDefaults, add: edit.AddResourceDefaults})},
		"resource op defaults":  {do: changeDefaults(defaultsKind{op: true, set: edit.SetOpDefaults, add: edit.AddOpDefaults})},
		"resource op add": {do: onFirst(func(def *resources.Definition, id string, words []string) (*resources.Definition, error) {
			return edit.UpdateResource(def, append([]string{id, "op"}, words...))
		})},
		"resource move": {tells: moving("move", "")},
		"resource ban":  {tells: moving("ban", "; for good: a location with avoids")},
		"resource":      refuse("this command of resources cannot be converted"),

		"constraint order": order, "constraint order add": order, "constraint colocation add": colocation, "constraint location": location,
		"constraint order remove": {do: removeOrder, refers: true}, "constraint order delete": {do: removeOrder, refers: true},
		"constraint colocation remove": {do: removeColocation, refers: true}, "constraint colocation delete": {do: removeColocation, refers: true},
		"constraint location remove": {do: editing(edit.RemoveConstraints), refers: true}, "constraint location delete": {do: editing(edit.RemoveConstraints), refers: true},
		"constraint remove": {do: editing(edit.RemoveConstraints), refers: true}, "constraint delete": {do: editing(edit.RemoveConstraints), refers: true},
		"constraint order set":      {do: withSets(edit.AddOrder), refers: true},
		"constraint colocation set": {do: withSets(edit.AddColocation), refers: true},
		"constraint ticket add":     {do: editing(edit.AddTicket), refers: true},
		"constraint ticket set":     {do: withSets(edit.AddTicket), refers: true},
		"constraint ticket remove":  {do: onFirst(removeTicket), refers: true},
		"constraint ticket delete":  {do: onFirst(removeTicket), refers: true},
		"constraint ticket":         looks,

		"stonith create": {do: createFence, creates: true}, "stonith update": {do: editing(edit.UpdateFence)},
		"stonith delete": {do: onFirst(func(def *resources.Definition, id string, _ []string) (*resources.Definition, error) {
			return edit.DeleteFence(def, id)
		})},
		"stonith level add":      {do: addLevel},
		"stonith level remove":   {do: editing(edit.RemoveFenceLevel)},
		"stonith confirm":        {note: "a node is declared off by: belayctl fence confirm NODE --reason TEXT"},
		"stonith fence":          {note: "a node is fenced by: belayctl fence NODE"},
		"stonith":                looks,
		"stonith sbd":            refuse("sbd cannot be converted: a fence device with the agent watchdog takes its place"),
		"stonith enable":         refuse("a fence device has no state of its own: leave it out, or take it out"),
		"stonith disable":        refuse("a fence device has no state of its own: leave it out, or take it out"),
		"acl":                    refuse("rights belong to the certificates of operators"),
		"alert":                  refuse("Belay reports by its metrics and events"),
		"quorum":                 refuse("members that vote are named by: belayctl node"),
		"booth":                  refuse("Belay has no booth"),
		"tag create":             {do: editing(edit.MakeTag), creates: true},
		"tag delete":             {do: editing(edit.DeleteTags), refers: true},
		"tag remove":             {do: editing(edit.DeleteTags), refers: true},
		"tag update":             refuse("write the whole tag where it is created"),
		"tag":                    looks,
		"resource bundle create": {do: createBundle, creates: true},
		"resource bundle":        refuse("write the whole bundle where it is created"),
		"resource op remove":     refuse("write what the operations shall be where the resource is created"),
		"resource op delete":     refuse("write what the operations shall be where the resource is created"),
		"resource relocate":      {note: "resources go to their best places by themselves"},
		"stonith level clear":    refuse("take the line out that adds the level"),
		"stonith level":          looks,
		"constraint":             looks,
		"constraint order show":  looks,
		"resource group":         refuse("this command of groups cannot be converted"),
	}
	for _, query := range []string{"show", "list", "config", "describe", "agents", "standards", "providers", "status", "cleanup", "refresh", "failcount", "debug-start", "restart", "clear", "relations"} {
		table["resource "+query] = looks
	}
	for _, query := range []string{"list", "show", "config", "ref"} {
		table["constraint "+query], table["constraint order "+query], table["constraint colocation "+query] = looks, looks, looks
	}
	for _, query := range []string{"show", "list", "config", "describe", "status", "cleanup", "refresh", "history"} {
		table["stonith "+query] = looks
	}
	return table
}

func cloning(promotable bool) func(*converter, Position, []word) (*resources.Definition, error) {
	return editing(func(def *resources.Definition, words []string) (*resources.Definition, error) {
		return edit.CloneResource(def, words, promotable)
	})
}

// target enables or disables; a member that pcs calls a resource is none here.
func target(change func(*resources.Definition, []string) (*resources.Definition, error)) func(*converter, Position, []word) (*resources.Definition, error) {
	return func(c *converter, at Position, words []word) (*resources.Definition, error) {
		var names []string
		for _, w := range words {
			if !c.remote[w.text] {
				names = append(names, w.text)
			}
		}
		if len(names) == 0 && len(words) > 0 {
			return c.def, nil
		}
		return change(c.def, names)
	}
}

func deleteResource(c *converter, _ Position, words []word) (*resources.Definition, error) {
	def := c.def
	for _, w := range words {
		var err error
		if def, err = edit.DeleteResource(def, w.text, true); err != nil {
			return nil, err
		}
	}
	return def, nil
}

func removeOrder(c *converter, _ Position, words []word) (*resources.Definition, error) {
	if len(words) != 2 {
		return edit.RemoveConstraints(c.def, texts(words))
	}
	return edit.RemoveOrder(c.def, words[0].text, words[1].text)
}

func removeColocation(c *converter, _ Position, words []word) (*resources.Definition, error) {
	if len(words) != 2 {
		return edit.RemoveConstraints(c.def, texts(words))
	}
	return edit.RemoveColocation(c.def, words[0].text, words[1].text)
}
