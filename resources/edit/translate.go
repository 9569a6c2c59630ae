package edit

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// Translate turns the words of CreateResource that name one of Pacemaker's
// agents into those for Belay's agent that does its work, and says what it left
// out or what is still to do. Words that name no such agent come back as they
// are; an agent that Belay has no match for gets its full name.
func Translate(words []string) (translated, notes []string) {
	words = flagsLast(words)
	if len(words) < 2 {
		return words, nil
	}
	end := 2
	for end < len(words) && sections[words[end]] == "" {
		end++
	}
	t := &translation{id: words[0], agent: words[1], rest: words[end:]}
	for _, word := range words[2:end] {
		if p, isPair := splitPair(word); isPair && !strings.HasPrefix(word, "--") {
			t.params = append(t.params, p)
		} else {
			t.other = append(t.other, word)
		}
	}
	t.run()
	out := append([]string{t.id, t.agent}, t.other...)
	for _, p := range t.params {
		out = append(out, p.name+"="+p.value)
	}
	return append(out, t.rest...), t.notes
}

// sections are the words after which pairs are no parameters.
var sections = func() map[string]string {
	found := map[string]string{}
	for word, kind := range keywords {
		if kind == "op" || kind == "meta" || kind == "clone" || kind == "promotable" {
			found[word] = kind
		}
	}
	return found
}()

type translation struct {
	id, agent string
	params    []pair
	// other words among the parameters; rest begins with the first section.
	other, rest []string
	notes       []string
}

func (t *translation) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf("resource %q: ", t.id)+fmt.Sprintf(format, args...))
}

func (t *translation) run() {
	class, rest, _ := strings.Cut(t.agent, ":")
	switch own, _ := resources.OwnAgent(t.agent); own {
	case "vip":
		t.address()
		return
	case "galera":
		t.galera()
		return
	case "rabbitmq":
		t.rabbitmq()
		return
	}
	if t.agent == "Filesystem" || t.agent == "ocf:heartbeat:Filesystem" {
		t.filesystem()
		return
	}
	switch class {
	case "systemd":
		t.agent = "systemd:" + strings.TrimSuffix(rest, ".service")
	case "service", "lsb":
		t.agent = "systemd:" + strings.TrimSuffix(rest, ".service")
		t.note("%s:%s is run as the unit %s", class, rest, rest)
	default:
		t.agent, _ = resources.ForeignAgent(t.agent)
	}
}

func (t *translation) rabbitmq() {
	t.agent = "rabbitmq"
	for _, p := range t.params {
		if p.name == "set_policy" {
			t.note("set_policy is left out: the broker keeps its policies itself; set it once, with rabbitmqctl set_policy")
		} else {
			t.note("%s is left out: the agent rabbitmq finds it out by itself", p.name)
		}
	}
	t.params = nil
}

// galeraNames are the parameters that both agents know, by Pacemaker's name.
var galeraNames = map[string]string{"check_passwd": "check_password"}

// galeraOnly are those that only Pacemaker's has.
var galeraOnly = map[string]string{
	"additional_parameters": "write it into the server's own configuration",
	"cluster_host_map":      "members are known by their node names", "two_node_mode": "the agent counts members by itself",
	"binary": "the unit names it", "client_binary": "the agent needs no client", "config": "the unit names it",
	"log": "the server's own configuration names it", "pid": "the unit knows it", "group": "the unit names it",
}

func (t *translation) galera() {
	t.agent = "galera"
	var kept []pair
	for _, p := range t.params {
		if why, dropped := galeraOnly[p.name]; dropped {
			t.note("%s is left out: %s", p.name, why)
			continue
		}
		if name, other := galeraNames[p.name]; other {
			p.name = name
		}
		kept = append(kept, p)
	}
	t.params = kept
}

// address makes a vip's parameters.
func (t *translation) address() {
	t.agent = "vip"
	var ip, mask string
	var kept []pair
	for _, p := range t.params {
		switch p.name {
		case "ip":
			ip = p.value
		case "cidr_netmask", "netmask":
			mask = p.value
		case "nic", "iface":
			name, _, _ := strings.Cut(p.value, ":")
			kept = append(kept, pair{"interface", name})
		case "address", "interface", "lft", "arp_burst", "detect_duplicate": // the agent's own
			kept = append(kept, p)
		default:
			t.note("%s is left out: the agent vip has no such parameter", p.name)
		}
	}
	if ip != "" {
		kept = append([]pair{{"address", t.prefix(ip, mask)}}, kept...)
	}
	t.params = kept
}

// prefix writes an address with the length of its prefix. What is no address
// is left for the validation to refuse.
func (t *translation) prefix(ip, mask string) string {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	bits, known := resources.PrefixBits(mask, address)
	if !known {
		t.note("no cidr_netmask is given: the address is taken alone, as %s/%d; write the length of its network's prefix", address, bits)
	}
	return netip.PrefixFrom(address, bits).String()
}

// filesystem makes a mount unit of a file system: systemd mounts it from
// /etc/fstab, which is the same on every node.
func (t *translation) filesystem() {
	var device, directory, kind, options string
	for _, p := range t.params {
		switch p.name {
		case "device":
			device = p.value
		case "directory":
			directory = p.value
		case "fstype":
			kind = p.value
		case "options":
			options = p.value
		case "force_clones": // a mount unit may run on every node
		default:
			t.note("%s is left out: a mount unit has no such setting", p.name)
		}
	}
	if directory == "" {
		t.agent = "ocf:heartbeat:Filesystem"
		return
	}
	t.agent, t.params = "systemd:"+mountUnit(directory), nil
	if options != "" {
		options += ","
	}
	t.note("needs this line in /etc/fstab on its nodes: %s %s %s %snoauto 0 0", device, directory, kind, options)
}

// mountUnit is the name of the unit that mounts a directory
// (systemd-escape --path --suffix=mount).
func mountUnit(directory string) string {
	var parts []string
	for part := range strings.SplitSeq(directory, "/") {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return "-.mount"
	}
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteByte('-')
		}
		for n := range len(part) {
			c := part[n]
			plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == ':' || c == '.' && (n > 0 || i > 0)
			if plain {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		}
	}
	return b.String() + ".mount"
}
