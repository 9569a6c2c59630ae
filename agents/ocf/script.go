package ocf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/belay-ha/belay/agents"
)

// maxScript bounds the scripts that are read, in bytes; the largest of Debian's
// has about 100 KiB.
const maxScript = 4 << 20

// script is one OCF agent for one call.
type script struct {
	req            agents.Request
	path           string
	provider, kind string
}

var word = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// variable is what a shell can read a parameter from: dots and dashes, which some
// agents have in their parameters, are not among it but do no harm in execve.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,127}$`)

// pacemaker are the commands that ask or change Pacemaker's own state.
var pacemaker = regexp.MustCompile(`\b(crm_(attribute|master|mon|node|resource|failcount|standby|diff|simulate|verify)|cibadmin|crmadmin|attrd_updater|pacemakerd|ocf_promotion_score|ocf_local_nodename|ocf_attribute_target)\b`)

// promotes is how metadata offers promotion.
var promotes = regexp.MustCompile(`<action\s[^>]*name=["']?promote\b`)

// open finds the script and refuses, without running it, what cannot be run
// safely.
func (a *Agent) open(ctx context.Context, req agents.Request) (script, *agents.Result) {
	s := script{req: req}
	if ctx.Err() != nil {
		return s, refuse(agents.OutcomeUnknown, "%s: %v", s.name(), context.Cause(ctx))
	}
	parts := strings.Split(req.Agent, ":")
	if len(parts) != 3 || parts[0] != "ocf" || !word.MatchString(parts[1]) || !word.MatchString(parts[2]) {
		return s, refuse(agents.OutcomeMisconfigured, "agent %q: write ocf:PROVIDER:TYPE, such as ocf:heartbeat:Filesystem", req.Agent)
	}
	s.provider, s.kind = parts[1], parts[2]
	for name, value := range req.Params {
		if !variable.MatchString(name) || strings.HasPrefix(name, "CRM_meta_") || strings.HasPrefix(name, "crm_") {
			return s, refuse(agents.OutcomeMisconfigured, "%s: parameter %q cannot be the name of a variable of the script", req.Agent, name)
		}
		if strings.ContainsRune(value, 0) {
			return s, refuse(agents.OutcomeMisconfigured, "%s: parameter %s has a zero byte", req.Agent, name)
		}
	}
	s.path = filepath.Join(a.host.Root, "resource.d", s.provider, s.kind)
	text, mode, err := read(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, refuse(agents.OutcomeNotInstalled, "%s is not installed on %s: there is no %s; install its package (Debian: resource-agents)", req.Agent, req.Node, s.path)
	case errors.Is(err, fs.ErrPermission), err == nil && mode.Perm()&0o111 == 0:
		return s, refuse(agents.OutcomeNotPermitted, "%s: %s cannot be read or run: chmod 755 it", req.Agent, s.path)
	case err != nil:
		return s, refuse(agents.OutcomeNotInstalled, "%s: %v", req.Agent, err)
	}
	if promotes.MatchString(text) {
		return s, refusePromotion(s)
	}
	return s, s.checkPacemaker(text)
}

func refusePromotion(s script) *agents.Result {
	return refuse(agents.OutcomeUnsupported, "%s promotes, which needs Pacemaker's scores: run its service as galera, or as a systemd unit", s.name())
}

// read returns a regular file's text, bounded.
func read(path string) (string, fs.FileMode, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxScript {
		return "", 0, fmt.Errorf("%s is no regular file of at most %d bytes", path, maxScript)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxScript))
	return string(text), info.Mode(), err
}

// uncommented leaves out the lines that are comments.
func uncommented(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func (s script) name() string { return oneLine(s.req.Agent) }

func refuse(outcome agents.Outcome, format string, args ...any) *agents.Result {
	return &agents.Result{Outcome: outcome, Reason: oneLine(fmt.Sprintf(format, args...))}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
