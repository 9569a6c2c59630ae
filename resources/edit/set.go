package edit

import (
	"slices"

	"github.com/belay-ha/belay/resources"
)

// splitSets reads pcs' form of sets:
//
//	set A B… [NAME=VALUE…] [set C… [NAME=VALUE…]]… [setoptions NAME=VALUE…]
//
// It reports false where the words do not begin with the word set.
func splitSets(def *resources.Definition, words []string) (sets []resources.ResourceSet, options []pair, isSet bool, err error) {
	if len(words) == 0 || words[0] != "set" {
		return nil, nil, false, nil
	}
	if i := slices.Index(words, "setoptions"); i >= 0 {
		if options, err = splitPairs(words[i+1:]); err != nil {
			return nil, nil, true, err
		}
		words = words[:i]
	}
	for len(words) > 0 {
		end := slices.Index(words[1:], "set") + 1
		if end == 0 {
			end = len(words)
		}
		s, err := readSet(def, words[1:end])
		if err != nil {
			return nil, nil, true, err
		}
		sets = append(sets, s)
		words = words[end:]
	}
	return sets, options, true, nil
}

func readSet(def *resources.Definition, words []string) (resources.ResourceSet, error) {
	var s resources.ResourceSet
	names, pairs := trailingPairs(words)
	if len(names) == 0 {
		return s, errorf("write set RESOURCE... [NAME=VALUE...]", "a set needs a resource")
	}
	for _, name := range names {
		id, err := resolveName(def, name)
		if err != nil {
			return s, err
		}
		s.Resources = append(s.Resources, id)
	}
	return s, apply("option of sets", map[string]setter{
		"sequential": optional(&s.Sequential, parseTruth), "require_all": optional(&s.RequireAll, parseTruth), "role": plain(&s.Role, resources.ParseRole),
		"action": plain(&s.Action, word[resources.Op]), "score": optional(&s.Score, resources.ParseScore),
	}, nil, pairs)
}

// resolveName is Resolve for what constraints may name: tags and templates too.
func resolveName(def *resources.Definition, name string) (resources.ResourceID, error) {
	for _, t := range def.Tags {
		if string(t.ID) == name {
			return t.ID, nil
		}
	}
	for _, t := range def.Templates {
		if string(t.ID) == name {
			return t.ID, nil
		}
	}
	return Resolve(def, name)
}

// MakeTag gives several resources a name for constraints, or changes what it
// means. Words are ID RESOURCE…
func MakeTag(def *resources.Definition, words []string) (*resources.Definition, error) {
	if len(words) < 2 {
		return nil, errorf("write ID RESOURCE...", "a tag needs a name and resources")
	}
	changed := def.Clone()
	t := resources.Tag{ID: resources.ResourceID(words[0])}
	for _, name := range words[1:] {
		id, err := Resolve(changed, name)
		if err != nil {
			return nil, err
		}
		t.Members = append(t.Members, id)
	}
	changed.Tags = replace(changed.Tags, t, func(t resources.Tag) string { return string(t.ID) })
	return changed, nil
}

// DeleteTags removes tags; one that a constraint names is an error.
func DeleteTags(def *resources.Definition, words []string) (*resources.Definition, error) {
	if len(words) == 0 {
		return nil, errorf("name a tag", "nothing to delete")
	}
	changed := def.Clone()
	for _, name := range words {
		var known []string
		for _, t := range def.Tags {
			known = append(known, string(t.ID))
		}
		if !slices.Contains(known, name) {
			return nil, unknown("tag", name, known)
		}
		id := resources.ResourceID(name)
		if uses := usesOf(def, []resources.ResourceID{id}); len(uses) > 0 {
			return nil, errorf("remove it first", "tag %q is used by %s", name, uses[0])
		}
		changed.Tags = slices.DeleteFunc(changed.Tags, func(t resources.Tag) bool { return t.ID == id })
	}
	return changed, nil
}

// AddTicket binds resources to a ticket, or replaces the binding with the same
// id. Words are one of
//
//	TICKET [ROLE] A [loss-policy=stop|demote|freeze|fence] [id=ID]
//	set A… [role=ROLE] [set …] setoptions ticket=TICKET [loss-policy=POLICY] [id=ID]
func AddTicket(def *resources.Definition, words []string) (*resources.Definition, error) {
	changed := def.Clone()
	var t resources.TicketUse
	sets, pairs, isSet, err := splitSets(changed, words)
	if err != nil {
		return nil, err
	}
	t.Sets = sets
	if !isSet {
		words, pairs = trailingPairs(words)
		if len(words) < 2 {
			return nil, errorf("write TICKET [ROLE] RESOURCE", "a ticket needs its name and a resource")
		}
		t.Ticket = resources.TicketName(words[0])
		if t.Role, t.Resource, err = placedSide(changed, words[1:]); err != nil {
			return nil, err
		}
	}
	if err := apply("option of tickets", map[string]setter{
		"ticket": plain(&t.Ticket, word[resources.TicketName]), "loss_policy": plain(&t.LossPolicy, word[resources.LossPolicy]), "id": plain(&t.ID, verbatim),
	}, nil, pairs); err != nil {
		return nil, err
	}
	if t.ID == "" {
		t.ID = t.DefaultID()
	}
	changed.Tickets = replace(changed.Tickets, t, func(t resources.TicketUse) string { return t.ID })
	return changed, nil
}

// RemoveTicket removes what binds a resource to a ticket.
func RemoveTicket(def *resources.Definition, ticket, resource string) (*resources.Definition, error) {
	changed := def.Clone()
	id, err := resolveName(changed, resource)
	if err != nil {
		return nil, err
	}
	changed.Tickets = slices.DeleteFunc(changed.Tickets, func(t resources.TicketUse) bool { return string(t.Ticket) == ticket && t.Resource == id })
	if len(changed.Tickets) == len(def.Tickets) {
		return nil, errorf("see: belayctl constraint list", "%q is not bound to ticket %q", id, ticket)
	}
	return changed, nil
}

// names reports whether a set names one of the resources.
func names(sets []resources.ResourceSet, is func(resources.ResourceID) bool) bool {
	return slices.ContainsFunc(sets, func(s resources.ResourceSet) bool { return slices.ContainsFunc(s.Resources, is) })
}

// withoutMembers takes resources out of sets; sets that are empty then go too.
func withoutMembers(sets []resources.ResourceSet, is func(resources.ResourceID) bool) []resources.ResourceSet {
	for i := range sets {
		sets[i].Resources = slices.DeleteFunc(sets[i].Resources, is)
	}
	return slices.DeleteFunc(sets, func(s resources.ResourceSet) bool { return len(s.Resources) == 0 })
}
