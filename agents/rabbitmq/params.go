package rabbitmq

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Words of the unit_enabled parameter.
const (
	enabledRefuse = "refuse"
	enabledAllow  = "allow"
)

// params describes what a definition may set.
func params() []agents.Param {
	return []agents.Param{
		{Name: "unit", Kind: agents.KindString, Default: "rabbitmq-server.service", Description: "systemd unit of the broker"},
		{Name: "node_name", Kind: agents.KindString, Description: "Erlang node name; default: NODENAME of rabbitmq-env.conf, else rabbit@ and the host's short name"},
		{Name: "data_dir", Kind: agents.KindPath, Default: "/var/lib/rabbitmq/mnesia", Description: "directory that holds the node's directory"},
		{Name: "log_dir", Kind: agents.KindPath, Default: "/var/log/rabbitmq", Description: "directory of the node's log"},
		{Name: "user", Kind: agents.KindString, Default: "rabbitmq", Description: "system user that the broker and rabbitmqctl run as"},
		{Name: "amqp_address", Kind: agents.KindAddress, Description: "address that the monitor asks; default: the node's own, then 127.0.0.1"},
		{Name: "amqp_port", Kind: agents.KindInt, Default: "5672", Description: "port that the monitor asks; 0: there is no plain AMQP listener"},
		{Name: "deep_interval", Kind: agents.KindDuration, Default: "60s", Description: "how often the monitor asks the broker itself, by rabbitmqctl, which costs seconds of CPU"},
		{Name: "deep_timeout", Kind: agents.KindDuration, Default: "20s", Description: "deadline of one rabbitmqctl command"},
		{Name: "stop_timeout", Kind: agents.KindDuration, Description: "how long the broker may take to stop before it is killed; default: 70 % of what the operation has"},
		{Name: "forget_removed", Kind: agents.KindBool, Default: "true", Description: "forget cluster members that the definition no longer has"},
		{Name: "backups", Kind: agents.KindInt, Default: "3", Description: "how many copies of wiped data to keep"},
		{Name: "unit_enabled", Kind: agents.KindEnum, Default: enabledRefuse, Enum: []string{enabledRefuse, enabledAllow}, Description: "what to do when systemd itself starts the unit at boot"},
	}
}

// settings are the parameters, read.
type settings struct {
	unit, node, dataDir, logDir, user string
	address                           string
	port, backups                     int
	deepInterval, deepTimeout, stop   time.Duration
	forget, allowEnabled              bool
}

// reader collects what is wrong with the parameters.
type reader struct {
	params   resources.Params
	defaults map[string]string
	problems []error
}

func (r *reader) text(name string) string {
	if text := r.params[name]; text != "" {
		return text
	}
	return r.defaults[name]
}

func (r *reader) note(name string, err error) {
	if err != nil {
		r.problems = append(r.problems, fmt.Errorf("parameter %s: %w", name, err))
	}
}

func (r *reader) path(name string) string {
	if !filepath.IsAbs(r.text(name)) {
		r.note(name, fmt.Errorf("%q is not an absolute path", r.text(name)))
	}
	return r.text(name)
}

func (r *reader) number(name string, low, high int) int {
	n, err := strconv.Atoi(r.text(name))
	if err == nil && (n < low || n > high) {
		err = fmt.Errorf("%d is not between %d and %d", n, low, high)
	}
	r.note(name, err)
	return n
}

func (r *reader) duration(name string) time.Duration {
	text := r.text(name)
	if text == "" {
		return 0
	}
	d, err := resources.ParseDuration(text)
	if err == nil && d <= 0 {
		err = errors.New("must be above 0")
	}
	r.note(name, err)
	return d.Std()
}

func (r *reader) flag(name string) bool {
	on, err := strconv.ParseBool(r.text(name))
	r.note(name, err)
	return on
}

// parse reads the parameters and reports every problem at once.
func parse(p resources.Params) (settings, error) {
	r := &reader{params: p, defaults: map[string]string{}}
	for _, param := range params() {
		r.defaults[param.Name] = param.Default
	}
	s := settings{
		unit: r.text("unit"), node: r.text("node_name"), dataDir: r.path("data_dir"), logDir: r.path("log_dir"), user: r.text("user"),
		address: r.text("amqp_address"), port: r.number("amqp_port", 0, 65535), backups: r.number("backups", 1, 100),
		deepInterval: r.duration("deep_interval"), deepTimeout: r.duration("deep_timeout"), stop: r.duration("stop_timeout"),
		forget: r.flag("forget_removed"),
	}
	if !strings.Contains(s.unit, ".") {
		s.unit += ".service"
	}
	if s.node != "" {
		r.note("node_name", checkNodeName(s.node))
	}
	switch r.text("unit_enabled") {
	case enabledRefuse:
	case enabledAllow:
		s.allowEnabled = true
	default:
		r.note("unit_enabled", fmt.Errorf("%q is neither %s nor %s", r.text("unit_enabled"), enabledRefuse, enabledAllow))
	}
	return s, errors.Join(r.problems...)
}
