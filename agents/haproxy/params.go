package haproxy

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// policy says how connections are spread over a listen's servers.
type policy string

const (
	oneActive  policy = "one_active"
	leastConn  policy = "leastconn"
	roundRobin policy = "roundrobin"
)

// settings are the parsed parameters of one HAProxy.
type settings struct {
	unit, config, program string
	socket                string
	user, group, chroot   string
	log                   string
	statsBind             string
	maxConn               int
	connect               time.Duration
	hardStop              time.Duration
	listens               []listen // by name
}

// listen is one listening service and the resource behind it.
type listen struct {
	name        string
	binds       []string
	certificate string
	mode        string
	backend     resources.ResourceID
	port        int
	portParam   string
	step        int
	policy      policy
	promoted    bool   // only promoted instances serve
	check       string // "tcp", "none", or an HTTP path
	interval    time.Duration
	fall, rise  int
	idle        time.Duration // of clients and servers
	maxConn     int
	extra       []string
}

func specParams() []agents.Param {
	return []agents.Param{
		{Name: "listen.*.bind", Kind: agents.KindString, Required: true, Description: "HOST:PORT to listen on, several with spaces between; the address need not be on the node yet"},
		{Name: "listen.*.backend", Kind: agents.KindResource, Required: true, Description: "the resource whose instances serve"},
		{Name: "listen.*.mode", Kind: agents.KindEnum, Default: "tcp", Enum: []string{"tcp", "http"}, Description: "tcp or http"},
		{Name: "listen.*.port", Kind: agents.KindInt, Description: "port of the instances; default: the port of bind"},
		{Name: "listen.*.port_param", Kind: agents.KindString, Description: "parameter of the backend resource that holds the port, instead of port"},
		{Name: "listen.*.instance_port_step", Kind: agents.KindInt, Default: "0", Description: "added to the port once per instance number: with 1, inspector:2 is at port + 2"},
		{Name: "listen.*.policy", Kind: agents.KindEnum, Default: string(roundRobin), Enum: []string{string(oneActive), string(leastConn), string(roundRobin)}, Description: "one_active sends everything to the first usable instance in order of node names"},
		{Name: "listen.*.role", Kind: agents.KindEnum, Enum: []string{"promoted", "started"}, Description: "which instances serve; started includes promoted; default: promoted with one_active, else started"},
		{Name: "listen.*.check", Kind: agents.KindString, Default: "tcp", Description: "HAProxy's own check beside the cluster's: tcp, none, or http:/PATH (2xx and 3xx are healthy)"},
		{Name: "listen.*.check_interval", Kind: agents.KindDuration, Default: "1s", Description: "time between checks"},
		{Name: "listen.*.fall", Kind: agents.KindInt, Default: "2", Description: "failed checks until a server is down"},
		{Name: "listen.*.rise", Kind: agents.KindInt, Default: "2", Description: "good checks until it is up again"},
		{Name: "listen.*.timeout", Kind: agents.KindDuration, Description: "idle time of clients and servers; default 90m with one_active (pooled database connections), else 2m"},
		{Name: "listen.*.maxconn", Kind: agents.KindInt, Description: "connections of this listen; default: the global maxconn"},
		{Name: "listen.*.certificate", Kind: agents.KindPath, Description: "PEM file with certificate and key: listen with TLS"},
		{Name: "listen.*.extra", Kind: agents.KindString, Description: "lines of HAProxy configuration for this section, with line breaks or ; between"},
		{Name: "unit", Kind: agents.KindString, Default: "haproxy.service", Description: "the systemd unit"},
		{Name: "config", Kind: agents.KindPath, Default: "/etc/haproxy/belay.cfg", Description: "the file to write; it is overwritten"},
		{Name: "program", Kind: agents.KindPath, Default: "/usr/sbin/haproxy", Description: "the program that checks the configuration"},
		{Name: "socket", Kind: agents.KindPath, Description: "HAProxy's admin socket; default: in the instance's run directory"},
		{Name: "user", Kind: agents.KindString, Default: "haproxy", Description: "HAProxy drops its rights to this user"},
		{Name: "group", Kind: agents.KindString, Default: "haproxy", Description: "and this group"},
		{Name: "chroot", Kind: agents.KindPath, Description: "directory to lock the workers into"},
		{Name: "log", Kind: agents.KindString, Default: "/dev/log local0", Description: "HAProxy's log target"},
		{Name: "stats_bind", Kind: agents.KindEndpoint, Description: "HOST:PORT of the statistics page; none when empty"},
		{Name: "maxconn", Kind: agents.KindInt, Default: "8000", Description: "connections in all"},
		{Name: "timeout_connect", Kind: agents.KindDuration, Default: "3s", Description: "to connect to a server"},
		{Name: "hard_stop_after", Kind: agents.KindDuration, Default: "30m", Description: "how long the old process of a reload may keep its connections"},
	}
}

// reader collects the problems of reading parameters.
type reader struct {
	params   resources.Params
	prefix   string
	problems []error
}

func (r *reader) text(name, byDefault string) string {
	value := r.params[r.prefix+name]
	if value == "" {
		return byDefault
	}
	if strings.ContainsAny(value, "\n\r") && name != "extra" {
		r.bad(name, errors.New("has a line break"))
	}
	return value
}

func (r *reader) bad(name string, err error) {
	r.problems = append(r.problems, fmt.Errorf("%s%s: %w", r.prefix, name, err))
}

func (r *reader) number(name string, byDefault, least, most int) int {
	text := r.text(name, "")
	if text == "" {
		return byDefault
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		r.bad(name, fmt.Errorf("%q is not a number from %d to %d", text, least, most))
	}
	return n
}

func (r *reader) duration(name string, byDefault time.Duration) time.Duration {
	text := r.text(name, "")
	if text == "" {
		return byDefault
	}
	d, err := resources.ParseDuration(text)
	if err == nil && d.Std() < time.Millisecond {
		err = errors.New("must be more than nothing")
	}
	if err != nil {
		r.bad(name, err)
	}
	return d.Std()
}

func (r *reader) word(name, byDefault string, allowed ...string) string {
	value := r.text(name, byDefault)
	if !slices.Contains(allowed, value) {
		r.bad(name, fmt.Errorf("%q is none of %s", value, strings.Join(allowed, ", ")))
	}
	return value
}

// name is what HAProxy takes as the name of a proxy or server.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

// parse reads every parameter and reports all problems at once.
func parse(req agents.Request) (settings, error) {
	r := &reader{params: req.Params}
	s := settings{
		unit:      r.text("unit", "haproxy.service"),
		config:    r.text("config", "/etc/haproxy/belay.cfg"),
		program:   r.text("program", "/usr/sbin/haproxy"),
		socket:    r.text("socket", filepath.Join(req.RunDir, "admin.sock")),
		user:      r.text("user", "haproxy"),
		group:     r.text("group", "haproxy"),
		chroot:    r.text("chroot", ""),
		log:       r.text("log", "/dev/log local0"),
		statsBind: r.text("stats_bind", ""),
		maxConn:   r.number("maxconn", 8000, 10, 10_000_000),
		connect:   r.duration("timeout_connect", 3*time.Second),
		hardStop:  r.duration("hard_stop_after", 30*time.Minute),
	}
	for name, path := range map[string]string{"config": s.config, "socket": s.socket, "program": s.program, "chroot": s.chroot} {
		if path != "" && !filepath.IsAbs(path) {
			r.bad(name, fmt.Errorf("%q is not an absolute path", path))
		}
	}
	for _, name := range listenNames(req.Params) {
		s.listens = append(s.listens, r.listen(name))
	}
	if len(s.listens) == 0 {
		r.problems = append(r.problems, errors.New("no listen.NAME.bind: nothing to listen on"))
	}
	return s, errors.Join(r.problems...)
}

// listenNames returns the NAMEs of listen.NAME.*, sorted.
func listenNames(params resources.Params) []string {
	names := map[string]bool{}
	for key := range params {
		if rest, found := strings.CutPrefix(key, "listen."); found {
			name, _, _ := strings.Cut(rest, ".")
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func (r *reader) listen(name string) listen {
	r.prefix = "listen." + name + "."
	defer func() { r.prefix = "" }()
	l := listen{
		name:        name,
		binds:       strings.FieldsFunc(r.text("bind", ""), func(c rune) bool { return c == ' ' || c == ',' }),
		certificate: r.text("certificate", ""),
		mode:        r.word("mode", "tcp", "tcp", "http"),
		backend:     resources.ResourceID(r.text("backend", "")),
		portParam:   r.text("port_param", ""),
		step:        r.number("instance_port_step", 0, 0, 1000),
		policy:      policy(r.word("policy", string(roundRobin), string(oneActive), string(leastConn), string(roundRobin))),
		interval:    r.duration("check_interval", time.Second),
		fall:        r.number("fall", 2, 1, 100),
		rise:        r.number("rise", 2, 1, 100),
		maxConn:     r.number("maxconn", 0, 1, 10_000_000),
	}
	if !namePattern.MatchString(name) {
		r.bad("", fmt.Errorf("%q is not a name: use letters, digits, - and _", name))
	}
	if l.backend == "" {
		r.bad("backend", errors.New("name the resource that serves"))
	}
	l.port = r.number("port", r.bindPort(l.binds), 1, 65535)
	role, idle := "started", 2*time.Minute
	if l.policy == oneActive {
		role, idle = "promoted", 90*time.Minute
	}
	l.promoted = r.word("role", role, "promoted", "started") == "promoted"
	l.idle = r.duration("timeout", idle)
	l.check = r.text("check", "tcp")
	if path, isHTTP := strings.CutPrefix(l.check, "http:"); isHTTP && strings.HasPrefix(path, "/") && !strings.ContainsAny(path, " \t") {
		l.check = path
	} else if l.check != "tcp" && l.check != "none" {
		r.bad("check", fmt.Errorf("%q is neither tcp, none nor http:/PATH", l.check))
	}
	for line := range strings.FieldsFuncSeq(r.text("extra", ""), func(c rune) bool { return c == '\n' || c == '\r' || c == ';' }) {
		l.extra = append(l.extra, strings.TrimSpace(line))
	}
	return l
}

// bindPort checks the binds and returns the port of the first.
func (r *reader) bindPort(binds []string) int {
	if len(binds) == 0 {
		r.bad("bind", errors.New("say where to listen, such as 192.0.2.201:3306"))
		return 0
	}
	port := 0
	for i, bind := range binds {
		at, err := netip.ParseAddrPort(strings.Replace(bind, "*:", "0.0.0.0:", 1))
		if err != nil || at.Port() == 0 {
			r.bad("bind", fmt.Errorf("%q is not ADDRESS:PORT", bind))
			continue
		}
		if i == 0 {
			port = int(at.Port())
		}
	}
	return port
}
