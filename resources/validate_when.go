package resources

import "fmt"

// Values by rule. What a rule may ask for follows from who has to agree on it: the
// planner and every member that applies an order must come to the same values.

// whenRule checks a rule by which values hold. may says what it may ask for besides
// the time; it returns whether it asks for a node.
func (v *validator) whenRule(at, text string, may RuleAsks) (ofNode bool) {
	if text == "" {
		v.add(ProblemMissing, at, `such as rule = 'date in "hours=22-23"'`, "rule is missing")
		return false
	}
	rule, err := ParseRule(text)
	v.rule(at+".rule", text)
	if err != nil {
		return false
	}
	asks := rule.Asks()
	refuse := func(asked bool, hint, what string) {
		if asked {
			v.add(ProblemConflict, at+".rule", hint, "values here cannot depend on %s", what)
		}
	}
	refuse(asks.Leader, "", "which node leads the cluster")
	refuse(asks.Node && !may.Node, "", "attributes of a node")
	refuse(asks.Agent && !may.Agent, "use [[defaults.when]]", "the agent")
	refuse(asks.Op && !may.Op, "use [[defaults.when]]", "the operation")
	refuse(asks.Params, "such rules are for locations", "a parameter")
	return asks.Node
}

// whenPath is the path of the nth rule of a thing.
func whenPath(path string, n int) string {
	if n == 0 {
		return path + ".when"
	}
	return fmt.Sprintf("%s.when#%d", path, n+1)
}

// whens checks what a resource, or a template, has by rules.
func (v *validator) whens(path string, r *Resource, ops []Operation, info AgentInfo, known bool) {
	for i := range r.When {
		w := &r.When[i]
		at := whenPath(path, i)
		ofNode := v.whenRule(at, w.Rule, RuleAsks{Node: true, Site: true})
		if len(w.Params)+len(w.Utilization)+len(w.Ops) == 0 && w.Meta == (Meta{}) {
			v.add(ProblemMissing, at, "give params, meta, utilization or op", "the rule gives no value")
		}
		v.opParams(at+".params", r.ID, w.Params, info, known)
		v.meta(at+".meta", w.Meta)
		v.noGuest(at+".meta", w.Meta)
		v.utilization(at, w.Utilization)
		v.whenOps(at, r.ID, w, ops, info, known, ofNode)
		if ofNode && (w.Meta != (Meta{}) || len(w.Utilization) > 0) {
			v.add(ProblemConflict, at+".rule", "give params only", "meta and utilization hold for the resource wherever it runs, and cannot depend on the node")
		}
	}
}

func (v *validator) whenOps(path string, id ResourceID, w *When, ops []Operation, info AgentInfo, known, ofNode bool) {
	count := map[Op]int{}
	for _, op := range w.Ops {
		count[op.Name]++
		at := path + ".op." + string(op.Name)
		if n := count[op.Name]; n > 1 {
			at = fmt.Sprintf("%s#%d", at, n)
		}
		oneOf(v, at, op.Name, opNames...)
		oneOf(v, at+".on_fail", op.OnFail, OnFailValues...)
		v.opParams(at+".params", id, op.Params, info, known)
		v.spans(at, map[string]Duration{"interval": op.Interval, "timeout": op.Timeout, "start_delay": op.StartDelay})
		selects := Operation{Name: op.Name, Interval: op.Interval, Role: op.Role}
		if op.Name == OpMonitor {
			there := false
			for i := range ops {
				there = there || selects.changes(&ops[i])
			}
			if !there {
				v.add(ProblemUnknownName, at, "define it without a rule first; with enabled = false it does not run", "the resource has no such monitor")
			}
		} else {
			v.oneShot(at, op, 1)
		}
		if ofNode && (op.Timeout != 0 || op.StartDelay != 0 || op.OnFail != "" || op.Enabled != nil) {
			v.add(ProblemConflict, at, "give params only", "operations are the same on every node, and only their params may depend on it")
		}
	}
}

// groupWhens checks what a group has by rules.
func (v *validator) groupWhens(path string, g *Group) {
	for i := range g.When {
		w := &g.When[i]
		at := whenPath(path, i)
		v.whenRule(at, w.Rule, RuleAsks{})
		if len(w.Params)+len(w.Utilization)+len(w.Ops) > 0 {
			v.add(ProblemConflict, at, "give params and op to its members", "a group has only meta by a rule")
		}
		if w.Meta == (Meta{}) {
			v.add(ProblemMissing, at, "give meta", "the rule gives no value")
		}
		v.meta(at+".meta", w.Meta)
		v.noGuest(at+".meta", w.Meta)
	}
}

// nodeWhens checks what a node has by rules.
func (v *validator) nodeWhens(path string, n *Node) {
	for i := range n.When {
		w := &n.When[i]
		at := whenPath(path, i)
		v.whenRule(at, w.Rule, RuleAsks{})
		switch {
		case w.Standby != nil && !*w.Standby:
			v.add(ProblemInvalid, at+".standby", "write the rule by which the node is in standby", "a rule does not end the standby that an operator asked for")
		case w.Standby == nil && len(w.Attributes)+len(w.Utilization) == 0:
			v.add(ProblemMissing, at, "give standby, attributes or utilization", "the rule gives no value")
		}
		v.attributes(at, w.Attributes)
		v.utilization(at, w.Utilization)
	}
}

// defaultsWhens checks the defaults that hold by rules.
func (v *validator) defaultsWhens() {
	for i := range v.def.Defaults.When {
		w := &v.def.Defaults.When[i]
		at := whenPath("defaults", i)
		v.whenRule(at, w.Rule, RuleAsks{Agent: true, Op: true})
		rule, err := ParseRule(w.Rule)
		switch given := w.Resource != (Meta{}); {
		case !given && w.Op.IsZero():
			v.add(ProblemMissing, at, "give resource or op", "the rule gives no value")
		case given && err == nil && rule.Asks().Op:
			v.add(ProblemConflict, at+".rule", "give op only", "meta-attributes cannot depend on the operation")
		}
		v.meta(at+".resource", w.Resource)
		v.noGuest(at+".resource", w.Resource)
		v.defaultOp(at+".op", w.Op)
	}
}

// propertyWhens checks the cluster's settings that hold by rules.
func (v *validator) propertyWhens() {
	for i := range v.def.Cluster.When {
		w := v.def.Cluster.When[i]
		at := whenPath("cluster", i)
		v.whenRule(at, w.Rule, RuleAsks{})
		oneOf(v, at+".properties.placement_strategy", w.PlacementStrategy, PlacementStrategies...)
		oneOf(v, at+".properties.node_health_strategy", w.NodeHealthStrategy, NodeHealthStrategies...)
		if w.Rule = ""; w == (PropertiesWhen{}) {
			v.add(ProblemMissing, at, "give properties", "the rule gives no value")
		}
	}
}
