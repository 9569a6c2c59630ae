// Package fenceagent switches a node's power through any executable that
// follows the FenceAgentAPI of ClusterLabs: /usr/sbin/fence_*.
//
// Parameters go in on standard input and never into argv or the environment.
// The agent runs in a process group of its own, which is killed whole when the
// agent ends or its time is up: several agents wait for ever for a BMC that
// does not answer. What the agent claims about "off" is not taken for proof;
// the caller reads its "status" for that.
//
// A run takes two goroutines that end before it returns.
package fenceagent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/fencing"
)

// DefaultDirs is where agents are looked for.
var DefaultDirs = []string{"/usr/sbin"}

// Belay's own parameters; all others go to the agent.
const (
	paramTimeout = "belay.timeout"
	paramSecrets = "belay.secrets"
	ownPrefix    = "belay."
)

var (
	agentName = regexp.MustCompile(`^fence_[a-z0-9][a-z0-9_]*$`)
	paramName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)
)

// provesNothing are agents that neither read nor switch power. Belay does the work
// of the first by itself (device kdump); the second is an operator's word.
var provesNothing = []string{"fence_kdump", "fence_ack_manual"}

// cutting are agents that cut a node off from its storage or network and switch
// no power ("fabric fencing" in their own metadata). Their "on" lets it in again.
var cutting = []string{"fence_aws_vpc_net", "fence_brocade", "fence_cisco_mds", "fence_ifmib", "fence_mpath", "fence_sanbox2", "fence_scsi"}

// telling are agents that only tell somebody else that a node is down.
var telling = []string{"fence_compute", "fence_evacuate"}

// Pattern makes specs for every name that begins with fence_. The agents are
// looked for in the directories when they run, so a definition can name an
// agent that only other members have.
func Pattern(dirs ...string) fencing.Pattern {
	return func(name string) (fencing.Spec, bool) {
		if !agentName.MatchString(name) || slices.Contains(provesNothing, name) {
			return fencing.Spec{}, false
		}
		return Spec(name, dirs...), true
	}
}

// Spec describes the device that runs one agent, such as "fence_xvm", from the
// first of the directories that has it (DefaultDirs when there are none).
func Spec(name string, dirs ...string) fencing.Spec {
	if len(dirs) == 0 {
		dirs = DefaultDirs
	}
	return fencing.Spec{
		Name:    name,
		Summary: "the fence agent " + name + "; its own documentation names its parameters",
		Host:    "plug",
		Open:    true,
		Cuts:    slices.Contains(cutting, name) || slices.Contains(telling, name),
		Unfence: slices.Contains(cutting, name),
		Params: []fencing.ParamSpec{
			{Name: paramTimeout, Type: fencing.TypeDuration, Default: "40s", Description: "the longest that one run of the agent may take"},
			{Name: paramSecrets, Type: fencing.TypeString, Description: "names of further parameters that are secret, with commas between"},
		},
		Named: named,
		Check: check,
		New: func(id string, params fencing.Params) (fencing.Device, error) {
			return &device{id: id, agent: name, dirs: dirs, params: params, timeout: params.Duration(paramTimeout)}, nil
		},
	}
}

func check(p fencing.Params) []fencing.Problem {
	var problems []fencing.Problem
	add := func(code fencing.ProblemCode, param, message, fix string) {
		problems = append(problems, fencing.Problem{Code: code, Param: param, Message: message, Fix: fix})
	}
	for _, name := range slices.Sorted(maps.Keys(p)) {
		switch {
		case name == paramTimeout || name == paramSecrets:
		case strings.HasPrefix(name, ownPrefix):
			add(fencing.ProblemUnknown, name, "no such parameter of Belay's", fencing.Suggest(name, []string{paramTimeout, paramSecrets}))
		case strings.HasPrefix(name, "pcmk_") || strings.HasPrefix(name, "pcmk-"):
			add(fencing.ProblemInvalid, name, "is Pacemaker's own and not the agent's", "remove it; targets, delay and timeout are the device's")
		case name == "action" || name == "option":
			add(fencing.ProblemInvalid, name, "is set by Belay for each run", "remove it")
		case !paramName.MatchString(name):
			add(fencing.ProblemInvalid, name, "is not a parameter name", "")
		case strings.ContainsAny(p[name], "\n\r\x00"):
			add(fencing.ProblemInvalid, name, "holds a line break, which would begin another parameter", "")
		case len(p[name]) > maxSecret:
			add(fencing.ProblemInvalid, name, fmt.Sprintf("is longer than %d bytes", maxSecret), "")
		}
	}
	return problems
}

// device implements fencing.Device.
type device struct {
	id, agent string
	dirs      []string
	params    fencing.Params
	timeout   time.Duration
}

// Name implements fencing.Device.
func (d *device) Name() string { return d.id }

// Timeout implements fencing.Device.
func (d *device) Timeout() time.Duration { return d.timeout + killTimeout }

// Exit codes, FenceAgentAPI "Agent Operations and Return Values".
const (
	exitOK  = 0
	exitOff = 2 // of status
)

// Status implements fencing.Device.
func (d *device) Status(ctx context.Context) (fencing.Power, fencing.Evidence, error) {
	r, err := d.run(ctx, fencing.StepRead, fencing.ActionStatus)
	if err != nil {
		return fencing.PowerUnknown, fencing.Evidence{}, err
	}
	e := fencing.Evidence{Detail: d.scrub(fmt.Sprintf("%s status: exit %d: %s", d.agent, r.exit, r.output))}
	switch r.exit {
	case exitOK:
		return fencing.PowerOn, e, nil
	case exitOff:
		if !saysOff(r) {
			return fencing.PowerUnknown, e, d.fail(fencing.KindProtocol, fencing.StepRead,
				fmt.Sprintf("%s ended with exit code 2, which means off, and says something else: %s", d.agent, r.output), nil)
		}
		return fencing.PowerOff, e, nil
	default:
		return fencing.PowerUnknown, e, d.exited(fencing.StepRead, r)
	}
}

var wordOff = regexp.MustCompile(`(?i)\boff\b`)

// saysOff reports whether what an agent says goes with the exit code that means off.
// Shells, interpreters and parsers of arguments end with the same code when they do not
// understand: an agent that is broken must not prove a node's death. One that says
// nothing keeps to the API as well.
func saysOff(r result) bool {
	return strings.TrimSpace(r.output) == "" || wordOff.MatchString(r.output) || wordOff.MatchString(r.end)
}

// Off implements fencing.Device.
func (d *device) Off(ctx context.Context) (fencing.Evidence, error) {
	return d.switchPower(ctx, fencing.StepOff, fencing.ActionOff)
}

// On implements fencing.Device.
func (d *device) On(ctx context.Context) (fencing.Evidence, error) {
	return d.switchPower(ctx, fencing.StepOn, fencing.ActionOn)
}

// OnTarget implements fencing.Local, by what the agent says of itself.
func (d *device) OnTarget(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	m, err := ReadMetadata(ctx, d.agent, d.dirs...)
	if err != nil {
		return false, d.fail(fencing.KindConfig, fencing.StepOn, err.Error(), err)
	}
	return m.OnTarget, nil
}

// Cycle implements fencing.Cycler. Agents cycle by "reboot", which ends well when
// the off part did.
func (d *device) Cycle(ctx context.Context) (fencing.Evidence, error) {
	return d.switchPower(ctx, fencing.StepCycle, fencing.ActionReboot)
}

func (d *device) switchPower(ctx context.Context, step string, action fencing.Action) (fencing.Evidence, error) {
	r, err := d.run(ctx, step, action)
	if err != nil {
		return fencing.Evidence{}, err
	}
	e := fencing.Evidence{Detail: d.scrub(fmt.Sprintf("%s %s: exit %d: %s", d.agent, action, r.exit, r.output))}
	if r.exit != exitOK {
		return e, d.exited(step, r)
	}
	return e, nil
}

func (d *device) run(ctx context.Context, step string, action fencing.Action) (result, error) {
	path, err := find(d.dirs, d.agent)
	if err != nil {
		return result{}, d.fail(fencing.KindConfig, step, err.Error(), nil)
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	r, err := run(ctx, path, input(action, d.params))
	switch {
	case err != nil && !r.started:
		return r, d.fail(fencing.KindUnreachable, step, fmt.Sprintf("run %s: %v", path, err), nil)
	case err != nil:
		return r, d.fail(fencing.KindTimeout, step, fmt.Sprintf("%s did not end in time and was killed: %s", d.agent, r.output), err)
	}
	return r, nil
}

// exited is the error of an agent that ended on its own. Agents exit with 1 for
// everything, so a refusal cannot be told from a lost answer, but for a missing
// parameter, which fencing.py words in one way.
func (d *device) exited(step string, r result) error {
	kind := fencing.KindUnknown
	if strings.Contains(r.output, "You have to ") { // fencing.py, before it does anything
		kind = fencing.KindConfig
	}
	return d.fail(kind, step, fmt.Sprintf("%s ended with %s: %s", d.agent, r.ending(), r.output), nil)
}

func (d *device) fail(kind fencing.Kind, step, text string, err error) error {
	return fencing.NewError(kind, d.id, step, text, err, d.secrets()...)
}

func (d *device) scrub(text string) string { return fencing.Scrub(text, d.secrets()...) }

var secretWords = []string{"pass", "secret", "token", "community", "kg", "apikey", "api_key", "credential"}

// named returns the parameters that paramSecrets lists.
func named(params fencing.Params) []string {
	names := strings.Split(params[paramSecrets], ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return names
}

// secrets returns the values that must not show.
func (d *device) secrets() []string {
	named := named(d.params)
	var values []string
	for name, value := range d.params {
		lower := strings.ToLower(name)
		secret := slices.Contains(named, name)
		for _, word := range secretWords {
			secret = secret || strings.Contains(lower, word)
		}
		if secret && !strings.HasPrefix(name, ownPrefix) {
			values = append(values, value)
		}
	}
	return values
}

// input is what the agent reads: one key=value a line.
func input(action fencing.Action, params fencing.Params) string {
	var b strings.Builder
	fmt.Fprintf(&b, "action=%s\n", action)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if !strings.HasPrefix(name, ownPrefix) {
			fmt.Fprintf(&b, "%s=%s\n", name, params[name])
		}
	}
	return b.String()
}

// find returns the agent's path. It runs as root: a file that others may write
// is not run.
func find(dirs []string, agent string) (string, error) {
	if !agentName.MatchString(agent) {
		return "", fmt.Errorf("%q is not the name of a fence agent", agent)
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, agent)
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case err != nil:
			return "", fmt.Errorf("look for %s: %w", agent, err)
		case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
			return "", fmt.Errorf("%s is not an executable file", path)
		case info.Mode().Perm()&0o022 != 0:
			return "", fmt.Errorf("%s may be written by others than its owner and is not run; chmod go-w it", path)
		}
		return path, nil
	}
	return "", fmt.Errorf("%s is not in %s; install it on this member (Debian package fence-agents)", agent, strings.Join(dirs, ", "))
}
