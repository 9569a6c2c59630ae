package resources

import (
	"fmt"
	"slices"
)

// setFields says what the sets of a kind of constraint may hold besides their
// resources.
type setFields struct{ sequential, requireAll, role, action, score bool }

var (
	orderSetFields      = setFields{sequential: true, requireAll: true, action: true}
	colocationSetFields = setFields{sequential: true, role: true, score: true}
	locationSetFields   = setFields{role: true, score: true}
	ticketSetFields     = setFields{role: true}
)

// sets reports what is wrong with a constraint's sets. others are the keys that
// say the same without sets, and whether they are given.
func (v *validator) sets(at string, sets []ResourceSet, known setFields, others map[string]bool) {
	for _, key := range sortedKeys(others) {
		if others[key] {
			v.add(ProblemConflict, at+"."+key, "", "give %s or sets, not both", key)
		}
	}
	for i := range sets {
		v.set(fmt.Sprintf("%s.sets#%d", at, i+1), &sets[i], known)
	}
	if slices.Contains(v.tooMany, at) {
		v.add(ProblemInvalid, at+".sets", "write smaller sets", "the sets of the definition stand for more than %d constraints", maxPairs)
	}
}

func (v *validator) set(at string, s *ResourceSet, known setFields) {
	if len(s.Resources) == 0 {
		v.add(ProblemMissing, at, "", "resources is missing")
	}
	for i, id := range s.Resources {
		path := fmt.Sprintf("%s.resources#%d", at, i+1)
		if slices.Contains(s.Resources[:i], id) {
			v.add(ProblemDuplicate, path, "", "%q is in the set already", id)
		}
		exists := v.constraintRef(path, id)
		v.placedRole(at+".role", id, s.Role, exists)
		if action := s.action(); exists && (action == OpPromote || action == OpDemote) && !v.promotable(id) {
			v.add(ProblemConflict, at+".action", "use start or stop, or set clone.promotable", "%q cannot %s: it is no promotable clone", id, action)
		}
	}
	oneOf(v, at+".action", s.Action, OpStart, OpStop, OpPromote, OpDemote)
	for _, field := range []struct {
		key          string
		given, known bool
	}{
		{"sequential", s.Sequential != nil, known.sequential}, {"require_all", s.RequireAll != nil, known.requireAll},
		{"role", s.Role != RoleUnknown, known.role}, {"action", s.Action != "", known.action}, {"score", s.Score != nil, known.score},
	} {
		if field.given && !field.known {
			v.add(ProblemConflict, at+"."+field.key, "", "%s means nothing in a set of this kind of constraint", field.key)
		}
	}
}

// constraintRef reports a name that no constraint may use, and returns whether
// it may: that of a resource, a group, a template or a tag.
func (v *validator) constraintRef(path string, id ResourceID) bool {
	if v.alias[id] != nil {
		return true
	}
	return v.resourceRef(path, id)
}

func (v *validator) tags() {
	var paths Paths
	for _, t := range v.def.Tags {
		at := paths.Next("tag", string(t.ID))
		v.id(at, "id", string(t.ID))
		if v.exists(t.ID) {
			v.add(ProblemDuplicate, at+".id", "", "%q is a resource or group already", t.ID)
		}
		if len(t.Members) == 0 {
			v.add(ProblemMissing, at, "", "members is missing")
		}
		for i, m := range t.Members {
			path := fmt.Sprintf("%s.members#%d", at, i+1)
			switch {
			case slices.Contains(t.Members[:i], m):
				v.add(ProblemDuplicate, path, "", "%q is a member already", m)
			case v.alias[m] != nil:
				v.add(ProblemInvalid, path, "", "%q is a tag or a template: tags hold resources and groups", m)
			default:
				v.resourceRef(path, m)
			}
		}
	}
}

func (v *validator) templates() {
	var paths Paths
	for i := range v.def.Templates {
		t := &v.def.Templates[i]
		at := paths.Next("template", string(t.ID))
		v.id(at, "id", string(t.ID))
		if v.exists(t.ID) || slices.ContainsFunc(v.def.Tags, func(tag Tag) bool { return tag.ID == t.ID }) {
			v.add(ProblemDuplicate, at+".id", "", "%q is a resource, a group or a tag already", t.ID)
		}
		info, known := v.agent(at, t)
		v.meta(at+".meta", t.Meta)
		v.utilization(at, t.Utilization)
		v.whens(at, t, t.Ops, info, known)
		if known {
			v.unusedSecrets(at, t, info)
		}
	}
}

// unusedSecrets reports secrets in the clear that a template holds and no resource
// takes from it: what a resource takes is reported there.
func (v *validator) unusedSecrets(at string, t *Resource, info AgentInfo) {
	for _, name := range sortedKeys(t.Params) {
		taken := slices.ContainsFunc(v.def.Resources, func(r Resource) bool {
			_, own := r.Params[name]
			return r.Template == t.ID && !own
		})
		if spec, found := findParam(info.Params, name); found && !taken && spec.secret(name) && !v.agents.foreign {
			v.clearSecret(at+".params", string(t.ID), name, t.Params[name])
		}
	}
}

// template reports a template that does not exist, or an agent beside one.
func (v *validator) template(path string, r *Resource) {
	if r.Template == "" {
		return
	}
	if r.Agent != "" {
		v.add(ProblemConflict, path+".agent", "leave it out", "the agent is that of template %q", r.Template)
	}
	var names []string
	for _, t := range v.def.Templates {
		names = append(names, string(t.ID))
	}
	if !slices.Contains(names, string(r.Template)) {
		v.add(ProblemUnknownName, path+".template", didYouMean(string(r.Template), names), "no template is called %q", r.Template)
	}
}

func (v *validator) tickets() {
	var paths Paths
	for i := range v.def.Tickets {
		t := &v.def.Tickets[i]
		at := paths.Next("ticket", t.ID)
		v.uniqueID(at, t.ID, t.DefaultID())
		switch {
		case t.Ticket == "":
			v.add(ProblemMissing, at, "", "ticket is missing")
		case !ValidName(string(t.Ticket)):
			v.add(ProblemInvalid, at+".ticket", "use letters, digits, '-', '_' and '.'", "ticket %q is not a usable name", t.Ticket)
		}
		oneOf(v, at+".loss_policy", t.LossPolicy, LossPolicies...)
		promoted := t.Role == RolePromoted
		if len(t.Sets) > 0 {
			v.sets(at, t.Sets, ticketSetFields, map[string]bool{"resource": t.Resource != "", "role": promoted})
			for k := range t.Sets {
				promoted = promoted || t.Sets[k].Role == RolePromoted
			}
		} else {
			v.placedRole(at+".role", t.Resource, t.Role, v.constraintRef(at+".resource", t.Resource))
		}
		if t.LossPolicy == LossDemote && !promoted {
			v.add(ProblemConflict, at+".loss_policy", `set role = "promoted"`, "demote is for what needs the ticket to be promoted")
		}
	}
}
