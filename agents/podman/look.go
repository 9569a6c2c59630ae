package podman

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/agents"
)

const (
	// maxText bounds what is kept of podman's JSON, in bytes.
	maxText = 1 << 20
	// maxOwn bounds how many containers of one instance are looked at: there is one,
	// unless somebody copied its labels.
	maxOwn = 16
	// logLines of a container are shown when it has failed.
	logLines = "20"
)

// container is what `podman container inspect` says of one, as far as it matters.
type container struct {
	ID    string `json:"Id"`
	Name  string
	State struct {
		Status    string
		Pid       int
		ExitCode  int
		OOMKilled bool
		Error     string
	}
	Config struct {
		Labels      map[string]string
		StopTimeout uint
		Healthcheck *struct{ Test []string }
	}
	// ExecIDs are programs that `podman exec` or a health check runs in it.
	ExecIDs []string
	// gone says that podman takes it for running, and that its process is gone.
	gone bool
}

// condition is what a container's state means for its instance.
type condition int

const (
	down    condition = iota // no process of it is there
	up                       // it runs
	between                  // paused, stopping, or in a state that proves nothing
)

func (c *container) condition() condition {
	if c.gone {
		return down
	}
	switch c.State.Status {
	case "running":
		return up
	case "created", "configured", "exited", "stopped":
		return down
	case "removing": // podman begins that when no process is left
		if c.State.Pid == 0 {
			return down
		}
	}
	return between
}

// String describes the container's state in a few words.
func (c *container) String() string {
	if c.gone {
		return fmt.Sprintf("container %s is gone: podman says %s, and there is no process %d of it", c.Name, c.State.Status, c.State.Pid)
	}
	text := fmt.Sprintf("container %s is %s", c.Name, c.State.Status)
	if c.condition() == down && c.State.Status != "created" && c.State.Status != "configured" {
		text += fmt.Sprintf(", exit status %d", c.State.ExitCode)
	}
	if c.State.OOMKilled {
		text += ", killed for want of memory"
	}
	if c.State.Error != "" {
		text += ": " + c.State.Error
	}
	return text
}

// is reports whether the request's instance is the container's.
func (c *container) is(req agents.Request) bool {
	return !slices.ContainsFunc(labels(req), func(l label) bool { return c.Config.Labels[l.name] != l.value })
}

// podman runs podman and waits for its end.
func (a *Agent) podman(ctx context.Context, c agents.Command) (agents.Exit, error) {
	c.Path = a.host.Program
	c.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C"}
	if err := ctx.Err(); err != nil {
		return agents.Exit{Code: -1}, fmt.Errorf("podman %s: %w", c.Args[0], context.Cause(ctx))
	}
	return a.host.Run.Run(ctx, c)
}

// do runs podman and makes its failure an error.
func (a *Agent) do(ctx context.Context, c agents.Command) (agents.Exit, error) {
	exit, err := a.podman(ctx, c)
	if err == nil && exit.Code != 0 {
		c.Path = "podman " + c.Args[0]
		err = exit.Error(c)
	}
	return exit, err
}

// errNone says that podman knows no such container.
var errNone = errors.New("no such container")

// inspect returns the container of that name or id.
func (a *Agent) inspect(ctx context.Context, name string) (*container, error) {
	exit, err := a.podman(ctx, agents.Command{Args: []string{"container", "inspect", name}, MaxOutput: maxText})
	if err != nil {
		return nil, err
	}
	if exit.Code != 0 {
		if strings.Contains(strings.ToLower(exit.Stderr), "no such") {
			return nil, errNone
		}
		return nil, exit.Error(agents.Command{Path: "podman container inspect"})
	}
	var list []container
	if err := json.Unmarshal([]byte(exit.Stdout), &list); err != nil || len(list) != 1 || list[0].ID == "" {
		return nil, fmt.Errorf("podman container inspect %s: it gave no description of one container (%v)", name, err)
	}
	c := &list[0]
	// podman hears of a container's end from its conmon. When that was killed, too, it
	// goes on saying that the container runs.
	c.gone = c.State.Pid > 0 && a.host.Began(c.State.Pid) == ""
	return c, nil
}

// look returns the instance's container, nil if there is none. A container of the
// instance's name that is the instance's own is enough; a thorough look asks for
// every container with its labels, too, and prefers one that runs.
func (a *Agent) look(ctx context.Context, req agents.Request, thorough bool) (*container, error) {
	named, err := a.inspect(ctx, containerName(req.Instance))
	switch {
	case err != nil && !errors.Is(err, errNone):
		return nil, err
	case err == nil && named.is(req) && !thorough:
		return named, nil
	}
	all, err := a.own(ctx, req)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	slices.SortStableFunc(all, func(x, y *container) int { return rank(y) - rank(x) })
	return all[0], nil
}

// rank puts first what must not be overlooked.
func rank(c *container) int { return map[condition]int{up: 2, between: 1}[c.condition()] }

// own returns every container that bears the instance's labels.
func (a *Agent) own(ctx context.Context, req agents.Request) ([]*container, error) {
	args := []string{"ps", "--all", "--no-trunc", "--quiet"}
	for _, l := range labels(req) {
		args = append(args, "--filter=label="+l.name+"="+l.value)
	}
	exit, err := a.do(ctx, agents.Command{Args: args, MaxOutput: maxText})
	if err != nil {
		return nil, err
	}
	ids := strings.Fields(exit.Stdout)
	if len(ids) > maxOwn {
		return nil, fmt.Errorf("%d containers bear the labels of %s: podman ps -a --filter label=%s=%s", len(ids), req.Instance, labelInstance, req.Instance)
	}
	var all []*container
	for _, id := range ids {
		c, err := a.inspect(ctx, id)
		if errors.Is(err, errNone) {
			continue // removed in the meantime
		}
		if err != nil {
			return nil, err
		}
		if c.is(req) { // filters match by pattern in some releases
			all = append(all, c)
		}
	}
	return all, nil
}

// words are a container's last ones.
func (a *Agent) words(ctx context.Context, c *container) string {
	exit, err := a.podman(ctx, agents.Command{Args: []string{"logs", "--tail=" + logLines, c.ID}})
	if err != nil {
		return ""
	}
	return exit.Stdout + exit.Stderr
}

// maxPrograms that run in a container beside it. A health check that hangs stays
// there when its caller has given up; another is not added without end.
const maxPrograms = 16

// healthy asks the container's health check; nil when it has none. A check that is
// not done in its own time is a failure: the container runs, and does not answer.
func (a *Agent) healthy(ctx context.Context, s settings, c *container) error {
	if c.Config.Healthcheck == nil || len(c.Config.Healthcheck.Test) == 0 || c.Config.Healthcheck.Test[0] == "NONE" {
		return nil
	}
	if n := len(c.ExecIDs); n >= maxPrograms {
		return fmt.Errorf("%d programs run in it beside its own: its health checks hang", n)
	}
	within, cancel := context.WithTimeout(ctx, s.checkFor)
	defer cancel()
	began := time.Now()
	exit, err := a.podman(within, agents.Command{Args: []string{"healthcheck", "run", c.ID}})
	switch {
	case err != nil && ctx.Err() == nil && within.Err() != nil:
		return fmt.Errorf("health check: no answer in %s", time.Since(began).Round(time.Second))
	case err != nil:
		return err
	case exit.Code != 0:
		return fmt.Errorf("health check: %w", exit.Error(agents.Command{Path: strings.Join(c.Config.Healthcheck.Test, " ")}))
	}
	return nil
}
