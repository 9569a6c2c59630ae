package definition

import "github.com/belay-ha/belay/resources"

// Values by rule: [[resource.when]] and the like.

// whens reads those of a resource, a template or a group.
func (i *item) whens() []resources.When {
	var all []resources.When
	for _, sub := range i.inners("when") {
		w := resources.When{Rule: sub.text("rule"), Params: sub.flat("params"), Utilization: sub.amounts("utilization"), Ops: sub.operations()}
		if meta := sub.inner("meta"); meta != nil {
			meta.meta(&w.Meta)
			meta.unknown()
		}
		sub.unknown()
		all = append(all, w)
	}
	return all
}

func (i *item) nodeWhens() []resources.NodeWhen {
	var all []resources.NodeWhen
	for _, sub := range i.inners("when") {
		all = append(all, resources.NodeWhen{Rule: sub.text("rule"), Standby: sub.truth("standby"), Attributes: sub.flat("attributes"), Utilization: sub.amounts("utilization")})
		sub.unknown()
	}
	return all
}

// defaultsWhens reads those of the defaults; earlier files have given some.
func (i *item) defaultsWhens(given int) []resources.DefaultsWhen {
	var all []resources.DefaultsWhen
	for _, sub := range i.innersAfter("when", given) {
		w := resources.DefaultsWhen{Rule: sub.text("rule")}
		if meta := sub.inner("resource"); meta != nil {
			meta.meta(&w.Resource)
			meta.unknown()
		}
		if op := sub.inner("op"); op != nil {
			op.defaultOp(&w.Op)
			op.unknown()
		}
		sub.unknown()
		all = append(all, w)
	}
	return all
}

// propertyWhens reads those of the cluster; earlier files have given some.
func (i *item) propertyWhens(given int) []resources.PropertiesWhen {
	var all []resources.PropertiesWhen
	for _, sub := range i.innersAfter("when", given) {
		w := resources.PropertiesWhen{Rule: sub.text("rule")}
		if p := sub.inner("properties"); p != nil {
			w.MaintenanceMode, w.StopAllResources = p.truth("maintenance_mode"), p.truth("stop_all_resources")
			w.StartFailureIsFatal = p.truth("start_failure_is_fatal")
			w.PlacementStrategy = resources.PlacementStrategy(p.text("placement_strategy"))
			w.NodeHealthStrategy = resources.NodeHealthStrategy(p.text("node_health_strategy"))
			w.NodeHealthBase, w.NodeHealthGreen = p.score("node_health_base"), p.score("node_health_green")
			w.NodeHealthYellow, w.NodeHealthRed = p.score("node_health_yellow"), p.score("node_health_red")
			p.unknown()
		}
		sub.unknown()
		all = append(all, w)
	}
	return all
}

func (w *writer) whens(kind string, all []resources.When) {
	kind += ".when"
	for i := range all {
		one := &all[i]
		w.WriteString("[[" + kind + "]]\n")
		w.line("rule", quote(one.Rule))
		w.utilization(one.Utilization)
		w.params(kind, "params", one.Params, true)
		w.meta(kind+".meta", one.Meta)
		w.operations(kind, one.Ops)
	}
}

func (w *writer) nodeWhens(all []resources.NodeWhen) {
	for i := range all {
		w.WriteString("[[node.when]]\n")
		w.line("rule", quote(all[i].Rule))
		w.truth("standby", all[i].Standby)
		w.utilization(all[i].Utilization)
		w.params("node.when", "attributes", all[i].Attributes, true)
	}
}

func (w *writer) defaultsWhens(all []resources.DefaultsWhen) {
	for i := range all {
		w.header("[[defaults.when]]")
		w.line("rule", quote(all[i].Rule))
		w.meta("defaults.when.resource", all[i].Resource)
		if !all[i].Op.IsZero() {
			w.WriteString("[defaults.when.op]\n")
			w.operation(all[i].Op)
		}
	}
}

func (w *writer) propertyWhens(all []resources.PropertiesWhen) {
	for i := range all {
		one := &all[i]
		w.header("[[cluster.when]]")
		w.line("rule", quote(one.Rule))
		w.WriteString("[cluster.when.properties]\n")
		w.truth("maintenance_mode", one.MaintenanceMode)
		w.truth("stop_all_resources", one.StopAllResources)
		w.truth("start_failure_is_fatal", one.StartFailureIsFatal)
		w.text("placement_strategy", string(one.PlacementStrategy))
		w.text("node_health_strategy", string(one.NodeHealthStrategy))
		w.score("node_health_base", one.NodeHealthBase)
		w.score("node_health_green", one.NodeHealthGreen)
		w.score("node_health_yellow", one.NodeHealthYellow)
		w.score("node_health_red", one.NodeHealthRed)
	}
}
