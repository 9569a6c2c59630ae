package definition

import (
	"strings"

	"github.com/belay-ha/belay/resources"
)

func (w *writer) constraints(def *resources.Definition) {
	for _, o := range def.Orders {
		w.header("[[order]]")
		w.id(o.ID, o.DefaultID())
		w.text("first", string(o.First))
		w.text("first_action", string(o.FirstAction))
		w.text("then", string(o.Then))
		w.text("then_action", string(o.ThenAction))
		w.text("kind", string(o.Kind))
		w.truth("symmetrical", o.Symmetrical)
		w.truth("require_all", o.RequireAll)
		w.sets(o.Sets)
	}
	for _, c := range def.Colocations {
		w.header("[[colocation]]")
		w.id(c.ID, c.DefaultID())
		w.text("resource", string(c.Resource))
		w.role("role", c.Role)
		w.text("with", string(c.With))
		w.role("with_role", c.WithRole)
		if c.Score != resources.Infinity {
			w.score("score", &c.Score)
		}
		w.text("node_attribute", c.NodeAttribute)
		w.truth("influence", c.Influence)
		w.sets(c.Sets)
	}
	for _, l := range def.Locations {
		w.header("[[location]]")
		w.id(l.ID, l.DefaultID())
		w.text("resource", string(l.Resource))
		if l.Selector != nil && l.Selector.ID != "" {
			w.line("resources", "{ id = "+quote(l.Selector.ID)+" }")
		} else if l.Selector != nil {
			w.line("resources", "{ agent = "+quote(l.Selector.Agent)+" }")
		}
		w.sets(l.Sets)
		w.text("node", string(l.Node))
		w.text("rule", l.Rule)
		if l.ScoreAttribute == "" || l.Score != 0 {
			w.score("score", &l.Score)
		}
		w.text("score_attribute", l.ScoreAttribute)
		w.role("role", l.Role)
		w.text("resource_discovery", string(l.Discovery))
	}
	for _, t := range def.Tickets {
		w.header("[[ticket]]")
		w.id(t.ID, t.DefaultID())
		w.text("ticket", string(t.Ticket))
		w.text("resource", string(t.Resource))
		w.role("role", t.Role)
		w.sets(t.Sets)
		w.text("loss_policy", string(t.LossPolicy))
	}
	for _, t := range def.Tags {
		w.header("[[tag]]")
		w.text("id", string(t.ID))
		w.line("members", list(t.Members))
	}
}

// sets writes a constraint's sets, one on a line.
func (w *writer) sets(sets []resources.ResourceSet) {
	if len(sets) == 0 {
		return
	}
	w.WriteString("sets = [\n")
	for _, s := range sets {
		var one writer
		one.line("resources", shortList(s.Resources))
		one.truth("sequential", s.Sequential)
		one.truth("require_all", s.RequireAll)
		one.role("role", s.Role)
		if s.Action != "" {
			one.line("action", quoteBasic(string(s.Action)))
		}
		one.score("score", s.Score)
		w.WriteString("  { " + strings.ReplaceAll(strings.TrimSuffix(one.String(), "\n"), "\n", ", ") + " },\n")
	}
	w.WriteString("]\n")
}
