package galera

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

// params describes what a definition may set. Names follow ocf:heartbeat:galera
// where it has the same thing.
func params() []agents.Param {
	return []agents.Param{
		{Name: "unit", Kind: agents.KindString, Default: "mariadb.service", Description: "systemd unit of mysqld"},
		{Name: "datadir", Kind: agents.KindPath, Default: "/var/lib/mysql", Description: "data directory; must be the one of my.cnf"},
		{Name: "socket", Kind: agents.KindPath, Default: "/run/mysqld/mysqld.sock", Description: "unix socket of mysqld"},
		{Name: "user", Kind: agents.KindString, Default: "mysql", Description: "system user that mysqld runs as"},
		{Name: "check_user", Kind: agents.KindString, Default: "root", Description: "database user of the monitor"},
		{Name: "check_password", Kind: agents.KindString, Secret: true, Description: "its password; none with unix_socket authentication"},
		{Name: "enable_creation", Kind: agents.KindBool, Default: "false", Description: "create a new cluster when no member has ever been in one"},
		{Name: "wsrep_cluster_address", Kind: agents.KindString, Description: "when set, must be what my.cnf says"},
		{Name: "galera_port", Kind: agents.KindInt, Default: "4567", Description: "group communication port; other members are looked for there before a bootstrap"},
		{Name: "query_timeout", Kind: agents.KindDuration, Default: "3s", Description: "deadline of one status query"},
		{Name: "stop_timeout", Kind: agents.KindDuration, Description: "how long mysqld may take to shut down before it is killed; default: 70 % of what the operation has"},
		{Name: "progress_bytes", Kind: agents.KindInt, Default: "1048576", Description: "a state transfer that moves fewer bytes than this makes no progress"},
		{Name: "unit_enabled", Kind: agents.KindEnum, Default: enabledRefuse, Enum: []string{enabledRefuse, enabledAllow}, Description: "what to do when systemd itself starts the unit at boot"},
	}
}

// settings are the parameters, read.
type settings struct {
	unit, datadir, socket, user string
	login                       Login
	create                      bool
	address                     string
	port                        int
	query, stop                 time.Duration
	step                        int64
	allowEnabled                bool
}

// parse reads the parameters and reports every problem at once.
func parse(p resources.Params) (settings, error) {
	get := func(name string) string {
		if text := p[name]; text != "" {
			return text
		}
		for _, param := range params() {
			if param.Name == name {
				return param.Default
			}
		}
		return ""
	}
	var problems []error
	note := func(name string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("parameter %s: %w", name, err))
		}
	}
	s := settings{unit: get("unit"), datadir: get("datadir"), socket: get("socket"), user: get("user"), address: get("wsrep_cluster_address")}
	if !strings.Contains(s.unit, ".") {
		s.unit += ".service"
	}
	for _, path := range []string{"datadir", "socket"} {
		if !filepath.IsAbs(get(path)) {
			note(path, fmt.Errorf("%q is not an absolute path", get(path)))
		}
	}
	var err error
	s.create, err = strconv.ParseBool(get("enable_creation"))
	note("enable_creation", err)
	s.port, err = strconv.Atoi(get("galera_port"))
	if err == nil && (s.port < 1 || s.port > 65535) {
		err = fmt.Errorf("%d is not a port", s.port)
	}
	note("galera_port", err)
	s.step, err = strconv.ParseInt(get("progress_bytes"), 10, 64)
	if err == nil && s.step < 1 {
		err = fmt.Errorf("%d is below 1", s.step)
	}
	note("progress_bytes", err)
	query, err := resources.ParseDuration(get("query_timeout"))
	if err == nil && query <= 0 {
		err = errors.New("must be above 0")
	}
	note("query_timeout", err)
	s.query = query.Std()
	if text := get("stop_timeout"); text != "" {
		stop, err := resources.ParseDuration(text)
		note("stop_timeout", err)
		s.stop = stop.Std()
	}
	switch get("unit_enabled") {
	case enabledRefuse:
	case enabledAllow:
		s.allowEnabled = true
	default:
		note("unit_enabled", fmt.Errorf("%q is neither %s nor %s", get("unit_enabled"), enabledRefuse, enabledAllow))
	}
	s.login = Login{Socket: s.socket, User: get("check_user"), Password: p["check_password"], Timeout: s.query}
	return s, errors.Join(problems...)
}

// scrub removes the password from a text.
func (s settings) scrub(text string) string {
	if s.login.Password == "" {
		return text
	}
	return strings.ReplaceAll(text, s.login.Password, "***")
}

// reason returns an error as one line without secrets.
func (s settings) reason(err error) string {
	return strings.ReplaceAll(s.scrub(strings.TrimSpace(err.Error())), "\n", "; ")
}

// output returns the end of a text, without secrets, within agents.MaxOutput.
func (s settings) output(text string) string {
	text = strings.ToValidUTF8(s.scrub(withoutCredentials(text)), "?")
	if over := len(text) - agents.MaxOutput; over > 0 {
		text = strings.ToValidUTF8(text[over:], "")
	}
	return text
}

// withoutCredentials hides the user and password of the state transfer, which
// mysqld's scripts print with their options.
func withoutCredentials(text string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		for _, word := range []string{"wsrep_sst_auth", "wsrep-sst-auth", "--auth", "password"} {
			if at := strings.Index(strings.ToLower(line), word); at >= 0 {
				lines[i] = line[:min(at+len(word), len(line))] + " ***\n"
				break
			}
		}
	}
	return strings.Join(lines, "")
}
