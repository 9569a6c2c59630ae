package cib

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
)

// agent finds Belay's name for an agent and takes its parameters. An agent that
// Belay does not have keeps its name, so that the definition is whole and can be
// planned with; unless it is an OCF agent that runs as it is, it cannot be
// applied before somebody names another.
func (m *importer) agent(c *policy.ResourceConfig, r *resources.Resource) {
	blocks := m.blocks(c.Params, "")
	params := m.paramsOf(c)
	defer func() { m.paramWhens(c, r, blocks, params) }()
	switch own, _ := resources.OwnAgent(strings.Join([]string{c.Class, c.Provider, c.Type}, ":")); own {
	case "galera", "rabbitmq", "vip":
		r.Agent = own
		m.agentParams(own, c, r, params)
		return
	}
	r.Agent = strings.Join(given(c.Class, c.Provider, c.Type), ":")
	switch {
	case c.Class == "systemd":
		r.Agent = "systemd:" + strings.TrimSuffix(c.Type, ".service")
	case resources.ForeignRuns(r.Agent):
		m.note(m.at(c.ID), "resource %q: %s runs as it is on nodes that have it, unless it promotes or asks Pacemaker", c.ID, r.Agent)
	default:
		m.note(m.at(c.ID), "resource %q: Belay has no agent %s; the definition can be planned with, and applied once another agent is named", c.ID, r.Agent)
	}
	for _, s := range params {
		m.param(c.ID, &r.Params, s.name, s)
	}
}

// agentParams makes the parameters of one of Belay's own agents.
func (m *importer) agentParams(agent string, c *policy.ResourceConfig, r *resources.Resource, params []setting) {
	switch agent {
	case "galera":
		m.galera(c, r, params)
	case "rabbitmq":
		m.unused(c, params, "the agent rabbitmq finds it out by itself")
	case "vip":
		m.address(c, r, params)
	}
}

// paramsOf returns a primitive's parameters: its own, then those of the clone
// and the group around it.
func (m *importer) paramsOf(c *policy.ResourceConfig) []setting {
	params := m.settings(c.Params, "")
	for _, outer := range m.around[c.ID] {
		for _, s := range m.settings(outer.Params, "") {
			if !slices.ContainsFunc(params, func(own setting) bool { return own.name == s.name }) {
				params = append(params, s)
			}
		}
	}
	return params
}

func given(all ...string) []string {
	var kept []string
	for _, w := range all {
		if w != "" {
			kept = append(kept, w)
		}
	}
	return kept
}

// param takes a parameter. A password becomes a secret that is to be sealed: the
// definition is no place for it.
func (m *importer) param(id string, to *resources.Params, name string, s setting) {
	if *to == nil {
		*to = resources.Params{}
	}
	if resources.SecretName(s.name) && !strings.HasPrefix(s.value, resources.SecretPrefix) && s.value != "" {
		secret := resources.SecretFor(id, name)
		m.note(s.at, "parameter %s of %q is a secret: belayctl secret set %s", s.name, id, secret)
		s.value = resources.SecretPrefix + secret
	}
	(*to)[name] = s.value
}

func (m *importer) unused(c *policy.ResourceConfig, params []setting, why string) {
	for _, s := range params {
		m.note(s.at, "parameter %s of %q is left out: %s", s.name, c.ID, why)
	}
}

// galera takes over what both agents know, and leaves out what Belay's finds
// out by itself.
func (m *importer) galera(c *policy.ResourceConfig, r *resources.Resource, params []setting) {
	names := map[string]string{
		"datadir": "datadir", "socket": "socket", "user": "user", "check_user": "check_user", "check_passwd": "check_password",
		"wsrep_cluster_address": "wsrep_cluster_address",
	}
	for _, s := range params {
		if name, known := names[s.name]; known {
			m.param(c.ID, &r.Params, name, s)
		} else {
			m.unused(c, []setting{s}, "the agent galera finds it out by itself")
		}
	}
}

// address makes a vip's parameters.
func (m *importer) address(c *policy.ResourceConfig, r *resources.Resource, params []setting) {
	r.Params = resources.Params{}
	prefix := ""
	for _, s := range params {
		switch s.name {
		case "ip":
			r.Params["address"] = s.value
		case "cidr_netmask", "netmask":
			prefix = s.value
		case "nic", "iface":
			r.Params["interface"], _, _ = strings.Cut(s.value, ":")
		default:
			m.unused(c, []setting{s}, "the agent vip has no such parameter")
		}
	}
	address, err := netip.ParseAddr(r.Params["address"])
	if err != nil {
		m.note(m.at(c.ID), "resource %q: ip %q is no address", c.ID, r.Params["address"])
		return
	}
	bits, ok := resources.PrefixBits(prefix, address)
	if !ok {
		m.note(m.at(c.ID), "resource %q: no cidr_netmask is given: write the length of the prefix behind the address", c.ID)
	}
	r.Params["address"] = netip.PrefixFrom(address, bits).String()
}
