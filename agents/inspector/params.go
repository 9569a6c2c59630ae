package inspector

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

func specParams() []agents.Param {
	return []agents.Param{
		{Name: "config", Kind: agents.KindPath, Default: "/etc/ironic-inspector/inspector.conf", Description: "the configuration that all instances share: database, message bus, Ironic, credentials"},
		{Name: "program", Kind: agents.KindPath, Default: "/usr/bin/ironic-inspector", Description: "the program"},
		{Name: "user", Kind: agents.KindString, Default: "ironic-inspector", Description: "who runs it"},
		{Name: "base_port", Kind: agents.KindInt, Default: "5050", Description: "port of instance 0; instance i listens on base_port + i"},
		{Name: "listen_address", Kind: agents.KindAddress, Description: "where to listen; default: the node's address"},
		{Name: "scheme", Kind: agents.KindEnum, Default: "http", Enum: []string{"http", "https"}, Description: "https when the configuration switches TLS on"},
		{Name: "drain", Kind: agents.KindDuration, Default: "10s", Description: "how long a stop waits for open connections"},
		{Name: "door", Kind: agents.KindBool, Default: "true", Description: "the promoted instance has a DHCP server; false where something else serves DHCP"},
		{Name: "pxe_filter", Kind: agents.KindEnum, Default: "dnsmasq", Enum: []string{"dnsmasq", "noop", "keep"}, Description: "the filter that every instance gets; keep: what the configuration says"},
		{Name: "interface", Kind: agents.KindString, Description: "the interface of the DHCP door; required with door"},
		{Name: "hostsdir", Kind: agents.KindPath, Description: "where the filter is written and dnsmasq reads it; default: /var/lib/ironic-inspector/belay-NAME-INDEX"},
		{Name: "dhcp_range", Kind: agents.KindString, Description: "dnsmasq's dhcp-range of every instance"},
		{Name: "dhcp_range.*", Kind: agents.KindString, Description: "the range of one instance, by its number: disjoint ranges need no common leases"},
		{Name: "dnsmasq_extra", Kind: agents.KindString, Description: "further lines of dnsmasq configuration, such as dhcp-boot=…, with line breaks or ; between"},
		{Name: "dnsmasq_config", Kind: agents.KindPath, Description: "dnsmasq's configuration, instead of one made from the parameters"},
		{Name: "dnsmasq_unit", Kind: agents.KindString, Description: "a systemd unit that runs dnsmasq, instead of a transient one"},
		{Name: "dnsmasq_program", Kind: agents.KindPath, Default: "/usr/sbin/dnsmasq", Description: "the program"},
	}
}

// settings are the parsed parameters of one instance.
type settings struct {
	name, unit            string // belay-inspector-1, belay-inspector-1.service
	host                  string // member of inspector's groups, unique
	config, program, user string
	address               string
	port                  int
	url                   string
	drain                 time.Duration

	door                 bool
	filter               string
	iface, hostsdir      string
	dhcpRange            string
	extra                []string
	doorConfig, doorUnit string
	ownDoor              bool // the door's unit is transient
	doorProgram          string
	marker               string // tells a promoted instance without a door
	leases               string
}

// parse reads every parameter and reports all problems at once.
func parse(req agents.Request) (settings, error) {
	p, index := req.Params, req.Instance.Index()
	var problems []error
	bad := func(name string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	}
	text := func(name, byDefault string) string {
		if strings.ContainsAny(p[name], "\n\r") && name != "dnsmasq_extra" {
			bad(name, errors.New("has a line break"))
		}
		if p[name] == "" {
			return byDefault
		}
		return p[name]
	}
	path := func(name, byDefault string) string {
		value := text(name, byDefault)
		if value != "" && !filepath.IsAbs(value) {
			bad(name, fmt.Errorf("%q is not an absolute path", value))
		}
		return value
	}
	name := "belay-" + strings.ReplaceAll(string(req.Instance), ":", "-")
	s := settings{
		name: name, unit: name + ".service", host: fmt.Sprintf("%s-%d", req.Node, index),
		config: path("config", "/etc/ironic-inspector/inspector.conf"), program: path("program", "/usr/bin/ironic-inspector"),
		user: text("user", "ironic-inspector"), address: text("listen_address", req.View.Nodes[req.Node].Address),
		filter: text("pxe_filter", "dnsmasq"), iface: text("interface", ""),
		hostsdir: path("hostsdir", "/var/lib/ironic-inspector/"+name), dhcpRange: text("dhcp_range", ""),
		doorConfig: path("dnsmasq_config", ""), doorUnit: text("dnsmasq_unit", ""), doorProgram: path("dnsmasq_program", "/usr/sbin/dnsmasq"),
		marker: filepath.Join(req.RunDir, "promoted"), leases: filepath.Join(req.DataDir, "dnsmasq.leases"),
		port: 5050, drain: 10 * time.Second, door: true,
	}
	var err error
	if word := text("base_port", ""); word != "" {
		if s.port, err = strconv.Atoi(word); err != nil || s.port < 1 || s.port+index > 65535 {
			bad("base_port", fmt.Errorf("%q is not a port", word))
		}
	}
	s.port += index
	if word := text("drain", ""); word != "" {
		d, err := resources.ParseDuration(word)
		bad("drain", err)
		s.drain = d.Std()
	}
	if word := text("door", ""); word != "" {
		s.door, err = strconv.ParseBool(word)
		bad("door", err)
	}
	s.finish(p, index, bad)
	return s, errors.Join(problems...)
}

// finish reads what depends on other parameters.
func (s *settings) finish(p resources.Params, index int, bad func(string, error)) {
	switch s.filter {
	case "dnsmasq", "noop", "keep":
	default:
		bad("pxe_filter", fmt.Errorf("%q is none of dnsmasq, noop, keep", s.filter))
	}
	scheme := p["scheme"]
	switch scheme {
	case "":
		scheme = "http"
	case "http", "https":
	default:
		bad("scheme", fmt.Errorf("%q is neither http nor https", scheme))
	}
	if s.address == "" {
		bad("listen_address", errors.New("the node has no address in the definition: set it there or here"))
	}
	s.url = scheme + "://" + net.JoinHostPort(s.address, strconv.Itoa(s.port))
	if own := p["dhcp_range."+strconv.Itoa(index)]; own != "" {
		s.dhcpRange = own
	}
	for line := range strings.FieldsFuncSeq(p["dnsmasq_extra"], func(c rune) bool { return c == '\n' || c == '\r' || c == ';' }) {
		s.extra = append(s.extra, strings.TrimSpace(line))
	}
	if s.doorUnit == "" {
		s.ownDoor, s.doorUnit = true, s.name+"-dnsmasq.service"
	}
	if !s.door {
		return
	}
	if s.iface == "" {
		bad("interface", errors.New("name the interface of the DHCP door, or set door = false"))
	}
	if s.ownDoor && s.doorConfig == "" && s.dhcpRange == "" {
		bad("dhcp_range", errors.New("say which addresses dnsmasq may give, or set dnsmasq_config"))
	}
}

// missing names what this node lacks, or "".
func (s settings) missing() string {
	for _, file := range []string{s.config, s.program} {
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			return file + " is not on this node: install ironic-inspector and its configuration"
		}
	}
	return ""
}
