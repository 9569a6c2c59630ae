package cib

import "github.com/belay-ha/belay/cluster/policy"

// options takes the cluster's properties.
func (r *reader) options(configs []*element) {
	r.in.Options = r.nested(configs, "cluster_property_set")
}

// nested reads the blocks with a name in each of several elements.
func (r *reader) nested(in []*element, block string) []policy.AttributeSet {
	var sets []policy.AttributeSet
	for _, e := range in {
		sets = append(sets, r.sets(e, block)...)
	}
	return sets
}

// sets reads the blocks of names and values with a name in e.
func (r *reader) sets(e *element, block string) []policy.AttributeSet {
	if e == nil {
		return nil
	}
	n := 0
	for _, c := range e.children {
		if c.name == block {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	sets := make([]policy.AttributeSet, 0, n)
	for _, c := range e.children {
		if c.name != block {
			continue
		}
		if c = r.deref(c); c != nil {
			sets = append(sets, r.set(c))
		}
	}
	return sets
}

// set reads one block of names and values.
func (r *reader) set(e *element) policy.AttributeSet {
	set := policy.AttributeSet{ID: e.id(), Score: r.score(e), Pairs: make([]policy.Pair, 0, len(e.children))}
	for _, c := range e.children {
		switch c.name {
		case "rule":
			if set.Rule != nil {
				r.fault(c.at, "<%s> %q has more than one rule", e.name, set.ID)
			}
			set.Rule = r.rule(c, 0)
		case "nvpair":
			if pair, given := r.pair(c); given {
				switch pair.Name {
				case "clone-max", "clone-node-max":
					r.copies(c, pair.Name, pair.Value)
				}
				set.Pairs = append(set.Pairs, pair)
			}
		}
	}
	return set
}

// pair reads one name and value. One without a value gives nothing. A reference
// gives the value of another, under its own name if it has one.
func (r *reader) pair(e *element) (policy.Pair, bool) {
	target := r.deref(e)
	if target == nil {
		return policy.Pair{}, false
	}
	name := e.get("name")
	if name == "" {
		name = target.get("name")
	}
	if name == "" {
		r.fault(e.at, "<nvpair> has no name")
	}
	value, given := target.lookup("value")
	return policy.Pair{Name: name, Value: value}, given && name != ""
}

// nodes takes the configured nodes.
func (r *reader) nodes(list *element) {
	if list == nil {
		return
	}
	names := map[string]bool{}
	for _, e := range list.all("node") {
		n := policy.NodeConfig{
			ID:          r.need(e, "id"),
			Name:        r.need(e, "uname"),
			Score:       r.score(e),
			Attributes:  r.sets(e, "instance_attributes"),
			Utilization: r.sets(e, "utilization"),
		}
		switch r.word(e, "type", "member", "remote", "ping", "normal") {
		case "remote":
			n.Kind = policy.KindRemote
		case "ping":
			n.Kind = policy.KindPing
		}
		if names[n.ID] {
			r.fault(e.at, "node id %q is given twice", n.ID)
			continue
		}
		if n.ID == "" || n.Name == "" {
			continue
		}
		names[n.ID] = true
		r.in.Nodes = append(r.in.Nodes, n)
	}
}
