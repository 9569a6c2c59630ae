package main

import "fmt"

// primitive adds what runs of a primitive and returns its XML.
func (c *cluster) primitive(id, class, provider, kind string, monitor bool, on ...int) string {
	r := running{id: id, class: class, provider: provider, kind: kind, on: make([]bool, c.nodes), promoted: -1, monitor: monitor}
	for _, node := range on {
		r.on[node] = true
	}
	c.running = append(c.running, r)
	attrs := fmt.Sprintf("id=%q class=%q type=%q", id, class, kind)
	if provider != "" {
		attrs += fmt.Sprintf(" provider=%q", provider)
	}
	if !monitor {
		return "<primitive " + attrs + "/>"
	}
	return fmt.Sprintf(`<primitive %s><operations><op id="%s-m" name="monitor" interval="10s" timeout="20s"/></operations></primitive>`, attrs, id)
}

func (c *cluster) everywhere() []int {
	all := make([]int, c.nodes)
	for i := range all {
		all[i] = i
	}
	return all
}

func (c *cluster) fences() {
	for i := range min(3, c.nodes) {
		c.resources = append(c.resources, c.primitive(fmt.Sprintf("fence-%d", i), "stonith", "", "fence_ipmilan", false, 2*(i%2)))
	}
}

func (c *cluster) clone(id, meta, inner string) {
	c.resources = append(c.resources, fmt.Sprintf(`<clone id="%s-clone"><meta_attributes id="%s-cm"><nvpair id="%s-i" name="interleave" value="true"/>%s</meta_attributes>%s</clone>`, id, id, id, meta, inner))
}

func (c *cluster) constraint(format string, args ...any) {
	c.constraints = append(c.constraints, fmt.Sprintf(format, args...))
}

func (c *cluster) order(first, then string) {
	c.constraint(`<rsc_order id="o-%s-%s" first="%s" then="%s"/>`, first, then, first, then)
}

func (c *cluster) colocate(dependent, primary, score string) {
	c.constraint(`<rsc_colocation id="c-%s-%s" rsc="%s" with-rsc="%s" score="%s"/>`, dependent, primary, dependent, primary, score)
}

// openstack is a control plane: database, message queue and proxy, virtual
// addresses beside the proxy, one active volume service, and the stateless
// services as copies on all controllers, in their order.
func (c *cluster) openstack() {
	const addresses, services = 6, 39
	promotable := `<nvpair id="%[1]s-p" name="promotable" value="true"/><nvpair id="%[1]s-pm" name="promoted-max" value="%[2]d"/>`
	c.clone("galera", fmt.Sprintf(promotable, "galera", 1), c.primitive("galera", "ocf", "heartbeat", "galera", false, c.everywhere()...))
	c.running[len(c.running)-1].promoted = 0
	c.clone("redis", fmt.Sprintf(promotable, "redis", 1), c.primitive("redis", "ocf", "heartbeat", "redis", false, c.everywhere()...))
	c.running[len(c.running)-1].promoted = 2
	c.clone("rabbitmq", "", c.primitive("rabbitmq", "ocf", "heartbeat", "rabbitmq-cluster", true, c.everywhere()...))
	c.clone("haproxy", "", c.primitive("haproxy", "systemd", "", "haproxy", true, c.everywhere()...))
	for i := range addresses {
		id := fmt.Sprintf("vip-%d", i)
		c.resources = append(c.resources, c.primitive(id, "ocf", "heartbeat", "IPaddr2", true, i%c.nodes))
		c.colocate(id, "haproxy-clone", "INFINITY")
		c.constraint(`<rsc_order id="o-%s" first="%s" then="haproxy-clone" kind="Optional"/>`, id, id)
	}
	for i := range services {
		id := fmt.Sprintf("service-%d", i)
		c.clone(id, "", c.primitive(id, "systemd", "", id, true, c.everywhere()...))
		c.order("rabbitmq-clone", id+"-clone")
		if i > 0 {
			c.order(fmt.Sprintf("service-%d-clone", i/4), id+"-clone")
			c.colocate(id+"-clone", fmt.Sprintf("service-%d-clone", i/4), "INFINITY")
		}
	}
	c.resources = append(c.resources, c.primitive("cinder-volume", "systemd", "", "cinder-volume", true, 1))
	c.order("service-0-clone", "cinder-volume")
}

// plain is a mixture: single resources, groups of five, copies on two nodes,
// preferences, and some order and colocation.
func (c *cluster) plain() {
	made, lastGroup := 3, ""
	for n := 0; made < c.instances; n++ {
		home := n % c.nodes
		switch {
		case n%10 == 3 && made+5 <= c.instances:
			group := fmt.Sprintf("group-%d", n)
			members := ""
			for m := range 5 {
				members += c.primitive(fmt.Sprintf("%s-%d", group, m), "ocf", "pacemaker", "Dummy", true, home)
			}
			c.resources = append(c.resources, fmt.Sprintf(`<group id=%q>%s</group>`, group, members))
			lastGroup = group
			made += 5
		case n%10 == 7 && made+2 <= c.instances:
			id := fmt.Sprintf("copies-%d", n)
			c.clone(id, fmt.Sprintf(`<nvpair id="%s-max" name="clone-max" value="2"/>`, id), c.primitive(id, "ocf", "pacemaker", "Dummy", true, home, (home+1)%c.nodes))
			made += 2
		default:
			id := fmt.Sprintf("rsc-%d", n)
			c.resources = append(c.resources, c.primitive(id, "ocf", "pacemaker", "Dummy", true, home))
			c.prefer(id, lastGroup, n, home)
			made++
		}
	}
}

func (c *cluster) prefer(id, lastGroup string, n, home int) {
	switch n % 10 {
	case 0, 1, 2:
		c.constraint(`<rsc_location id="l-%s" rsc="%s" node="%s" score="50"/>`, id, id, nodeName(home))
	case 4:
		if lastGroup != "" {
			c.order(lastGroup, id)
		}
	case 5:
		c.colocate(id, fmt.Sprintf("rsc-%d", n-1), "-100")
	}
}
