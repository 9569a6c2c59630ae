package policy

import "time"

// implicitConnections returns the connections of the guest nodes that resources
// say they contain, to be unpacked like configured ones.
func (e *engine) implicitConnections() []ResourceConfig {
	var found []ResourceConfig
	taken := map[string]bool{}
	add := func(c *ResourceConfig) {
		if c.Variant != Primitive {
			return
		}
		if conn, ok := guestConnection(c); ok && !taken[conn.ID] {
			taken[conn.ID] = true
			found = append(found, conn)
		}
	}
	for i := range e.in.Resources {
		c := &e.in.Resources[i]
		if isRemoteAgent(c.Class, c.Provider, c.Type) {
			continue
		}
		add(c)
		if c.Variant == Group {
			for j := range c.Members {
				add(&c.Members[j])
			}
		}
	}
	return found
}

// guestConnection is the connection of the guest node in a resource, if there
// is one. What describes it cannot depend on rules.
func guestConnection(c *ResourceConfig) (ResourceConfig, bool) {
	said := map[string]string{}
	for i := range c.Meta {
		for _, p := range c.Meta[i].Pairs {
			said[p.Name] = p.Value
		}
	}
	name := said["remote-node"]
	if name == "" {
		return ResourceConfig{}, false
	}
	timeout := said["remote-connect-timeout"]
	if timeout == "" {
		timeout = "60s"
	}
	conn := connectionConfig(name, c.ID, said["remote-addr"], said["remote-port"], timeout)
	meta := &conn.Meta[0]
	meta.Pairs = appendPair(meta.Pairs, "allow-migrate", said["remote-allow-migrate"])
	meta.Pairs = appendPair(meta.Pairs, "is-managed", said["is-managed"])
	return conn, true
}

// connectionConfig is the configuration of a connection that nobody configured.
func connectionConfig(name, container, address, port, startTimeout string) ResourceConfig {
	c := ResourceConfig{
		ID: name, Variant: Primitive, Class: "ocf", Provider: "pacemaker", Type: "remote",
		Meta: []AttributeSet{{ID: name + "-meta_attributes", Pairs: []Pair{
			{"internal-rsc", "true"}, {"container", container},
		}}},
		Ops: []OpConfig{implicitOp(name, taskMonitor, 30*time.Second, "30s")},
	}
	params := appendPair(appendPair(nil, "addr", address), "port", port)
	if params != nil {
		c.Params = []AttributeSet{{ID: name + "-instance_attributes", Pairs: params}}
	}
	if startTimeout != "" {
		c.Ops = append(c.Ops, implicitOp(name, taskStart, 0, startTimeout))
	}
	return c
}

// implicitOp is an operation that nobody configured.
func implicitOp(resource, name string, interval time.Duration, timeout string) OpConfig {
	return OpConfig{
		ID:   resource + "-" + name + "-" + interval.String(),
		Name: name, Interval: interval,
		Attributes: appendPair(nil, "timeout", timeout),
	}
}

// appendPair appends a pair unless it says nothing.
func appendPair(pairs []Pair, name, value string) []Pair {
	if value == "" {
		return pairs
	}
	return append(pairs, Pair{name, value})
}
