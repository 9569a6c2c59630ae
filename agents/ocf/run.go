package ocf

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// reasonMark begins the lines by which scripts say why (API 1.1).
const reasonMark = "ocf-exit-reason:"

// maxText bounds what is kept of metadata, in bytes.
const maxText = 512 << 10

// checkLevel is how thoroughly a monitor is to look (OCF resource agent API).
const checkLevel = "OCF_CHECK_LEVEL"

// command is one call of the script. Parameters go into the environment alone:
// arguments can be read by every user of the host.
func (a *Agent) command(s script, action string, more map[string]string) agents.Command {
	env := map[string]string{
		"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SHELL": "/bin/bash", "LC_ALL": "C",
		"OCF_ROOT": a.host.Root, "OCF_RA_VERSION_MAJOR": "1", "OCF_RA_VERSION_MINOR": "1",
		"OCF_EXIT_REASON_PREFIX": reasonMark,
		"OCF_RESOURCE_INSTANCE":  string(s.req.Instance), "OCF_RESOURCE_TYPE": s.kind, "OCF_RESOURCE_PROVIDER": s.provider,
		"OCF_RESKEY_CRM_meta_timeout": strconv.FormatInt(s.req.Timeout.Milliseconds(), 10),
		"OCF_RESKEY_CRM_meta_on_node": string(s.req.Node), "OCF_RESKEY_CRM_meta_on_node_uuid": string(s.req.Node),
	}
	if s.req.Op == resources.OpMonitor { // a probe is a monitor without an interval
		env["OCF_RESKEY_CRM_meta_interval"] = strconv.FormatInt(a.Spec().MonitorInterval.Milliseconds(), 10)
	}
	for name, value := range more {
		if value == "" {
			value = " " // an empty list is one blank
		}
		env["OCF_RESKEY_CRM_meta_"+name] = value
	}
	for _, name := range s.tolerance().off {
		env["OCF_RESKEY_"+name] = "false"
	}
	for name, value := range s.req.Params {
		if name != checkLevel { // the one that has no prefix
			name = "OCF_RESKEY_" + name
		}
		env[name] = value
	}
	c := agents.Command{Path: s.path, Args: []string{action}, Leaves: action == "start" || action == migrateFrom}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		c.Env = append(c.Env, name+"="+env[name])
	}
	return c
}

// result runs an action and says what came of it.
func (a *Agent) result(ctx context.Context, s script, action string, more map[string]string) agents.Result {
	c := a.command(s, action, more)
	exit, err := a.host.Run.Run(ctx, c)
	result := agents.Result{Output: s.hide(exit.Stdout + exit.Stderr)}
	switch {
	case ctx.Err() != nil && err != nil:
		result.Reason = s.name() + " " + action + " did not end in time and was killed"
		return result
	case errors.Is(err, agents.ErrNoProgram):
		result.Outcome, result.Reason = agents.OutcomeNotInstalled, s.hide(oneLine(err.Error()))
		return result
	case err != nil:
		result.Outcome, result.Reason = agents.OutcomeFailed, s.hide(oneLine(err.Error()))
		return result
	case exit.Code < 0:
		result.Reason = s.name() + " " + action + " was killed by a signal"
		return result
	}
	result.Outcome, result.Role = meaning(action, exit.Code)
	note := codes[exit.Code]
	if note == "" {
		note = "no code of OCF"
	}
	if why := lastReason(exit.Stderr); why != "" {
		note += ": " + why
	}
	if exit.Code != 0 && result.Outcome != agents.OutcomeNotRunning || result.Outcome == agents.OutcomeNotRunning && s.req.Role.Active() {
		result.Reason = s.hide(oneLine(fmt.Sprintf("%s %s: exit status %d (%s)", s.name(), action, exit.Code, note)))
	}
	return result
}

// codes of API 1.1, "Return codes".
var codes = map[int]string{
	0: "success", 1: "error", 2: "wrong arguments", 3: "not implemented", 4: "not permitted", 5: "not installed", 6: "wrong configuration",
	7: "not running", 8: "running promoted", 9: "failed promoted", 190: "running, degraded", 191: "running promoted, degraded",
}

// meaning translates an exit status. Only a monitor may say 7 to 9, 190 and 191;
// from another action they are failures. A migration that is not implemented is a
// failure, too: it says nothing against the node.
func meaning(action string, code int) (agents.Outcome, resources.Role) {
	monitor := action == "monitor"
	switch {
	case code == 0 && (action == "stop" || action == migrateTo):
		return agents.OutcomeOK, resources.RoleStopped
	case code == 0:
		return agents.OutcomeOK, resources.RoleStarted
	case code == 3 && (action == migrateTo || action == migrateFrom):
		return agents.OutcomeFailed, resources.RoleUnknown
	case code == 2, code == 3:
		return agents.OutcomeUnsupported, resources.RoleUnknown
	case code == 4:
		return agents.OutcomeNotPermitted, resources.RoleUnknown
	case code == 5:
		return agents.OutcomeNotInstalled, resources.RoleUnknown
	case code == 6:
		return agents.OutcomeMisconfigured, resources.RoleUnknown
	case monitor && code == 7:
		return agents.OutcomeNotRunning, resources.RoleStopped
	case monitor && (code == 8 || code == 191):
		return agents.OutcomeOK, resources.RolePromoted
	case monitor && code == 9:
		return agents.OutcomeFailed, resources.RolePromoted
	case monitor && code == 190:
		return agents.OutcomeOK, resources.RoleStarted
	case monitor:
		return agents.OutcomeFailed, resources.RoleStarted
	}
	return agents.OutcomeFailed, resources.RoleUnknown
}

// lastReason returns what the script gave last as its reason.
func lastReason(text string) string {
	reason := ""
	for line := range strings.Lines(text) {
		if _, after, found := strings.Cut(line, reasonMark); found {
			reason = after
		}
	}
	return strings.TrimSpace(reason)
}

// secretLength is the length from which a parameter's value is taken for a
// secret: shorter ones are words such as "true".
const secretLength = 4

// hide bounds a text and puts parameters' names in the place of their values,
// for nobody but the operator knows which of them are secrets. When the text was
// cut, its first line may begin within a secret, and goes.
func (s script) hide(text string) string {
	if len(text) >= agents.MaxOutput {
		_, text, _ = strings.Cut(text, "\n")
	}
	names := slices.SortedFunc(maps.Keys(s.req.Params), func(x, y string) int { // the longest first: one may be in another
		if d := len(s.req.Params[y]) - len(s.req.Params[x]); d != 0 {
			return d
		}
		return strings.Compare(x, y)
	})
	for _, name := range names {
		for _, value := range append([]string{s.req.Params[name]}, strings.Split(s.req.Params[name], "\n")...) {
			if len(value) >= secretLength {
				text = strings.ReplaceAll(text, value, "<"+name+">")
			}
		}
	}
	if over := len(text) - agents.MaxOutput; over > 0 {
		text = text[over:]
	}
	return strings.ToValidUTF8(text, "")
}
