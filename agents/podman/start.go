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
	"github.com/belay-ha/belay/resources"
)

// lookAgain is how often a container that comes up is looked at.
const lookAgain = 500 * time.Millisecond

// Start makes the container and returns when it has stayed up for settle and its
// health check, if it has one, is content.
func (a *Agent) Start(ctx context.Context, req agents.Request) agents.Result {
	s, err := parse(req)
	if err != nil {
		return misconfigured(err)
	}
	ran, err := a.ready(ctx, req, s)
	if err == nil && !ran {
		err = a.run(ctx, req, s)
	}
	if err == nil {
		err = a.serves(ctx, req, s, ran)
	}
	if err != nil {
		result := a.failed(ctx, s, err)
		if c, _ := a.look(ctx, req, false); c != nil {
			result.Output = s.hide(a.words(ctx, c))
		}
		return result
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted}
}

// ready reports whether the container runs already. Otherwise it removes what is
// left of the instance's earlier ones: after a boot podman still lists them.
func (a *Agent) ready(ctx context.Context, req agents.Request, s settings) (ran bool, err error) {
	all, err := a.own(ctx, req)
	if err != nil {
		return false, err
	}
	for _, c := range all {
		switch {
		case c.condition() == between:
			return false, fmt.Errorf("%s: stop it first", c)
		case c.condition() == up && c.Config.Labels[labelSettings] != s.digest():
			return false, fmt.Errorf("%s, with other parameters: stop it first", c)
		case c.condition() == up:
			ran = true
		default:
			if err := a.remove(ctx, c); err != nil {
				return false, err
			}
		}
	}
	return ran, nil
}

// run makes the container from its image, which must be here or may be fetched.
func (a *Agent) run(ctx context.Context, req agents.Request, s settings) error {
	name := containerName(req.Instance)
	switch other, err := a.inspect(ctx, name); {
	case err == nil:
		return fmt.Errorf("%w: a container %s is here that the cluster has not made (%s), and it is not touched: podman rename or podman rm it", errForbidden, name, other.State.Status)
	case !errors.Is(err, errNone):
		return err
	}
	if err := a.clear(ctx, name); err != nil {
		return err
	}
	if err := a.image(ctx, req, s); err != nil {
		return err
	}
	for _, path := range s.directories {
		if err := a.host.MakeDir(path); err != nil {
			return fmt.Errorf("make the directory of a mount: %w", err)
		}
	}
	_, err := a.do(ctx, agents.Command{Args: s.run(req), Stdin: s.environment(), Leaves: true})
	return err
}

// clear removes what a podman that was killed has left of a container in its storage,
// where it keeps the name, before it was in podman's list: nothing of it ever ran. It
// is removed without force, so not while it is mounted. What buildah has there is
// another's.
func (a *Agent) clear(ctx context.Context, name string) error {
	exit, err := a.do(ctx, agents.Command{Args: []string{"ps", "--all", "--external", "--no-trunc", "--filter=name=" + name, "--format=json"}, MaxOutput: maxText})
	if err != nil {
		return err
	}
	var list []struct {
		ID             string `json:"Id"`
		State          string
		Names, Command []string
	}
	if err := json.Unmarshal([]byte(exit.Stdout), &list); err != nil {
		return fmt.Errorf("podman ps --external: it gave no list: %w", err)
	}
	for _, c := range list {
		switch {
		case c.State != "storage" || !slices.Contains(c.Names, name):
		case !slices.Equal(c.Command, []string{"storage"}):
			return fmt.Errorf("%w: the name %s is that of a container of %s, and it is not touched", errForbidden, name, strings.Join(c.Command, " "))
		default:
			if _, err := a.do(ctx, agents.Command{Args: []string{"rm", c.ID}}); err != nil {
				return fmt.Errorf("remove what an earlier start has left in podman's storage: %w", err)
			}
		}
	}
	return nil
}

// image sees to it that the image is here.
func (a *Agent) image(ctx context.Context, req agents.Request, s settings) error {
	exit, err := a.podman(ctx, agents.Command{Args: []string{"image", "exists", s.image}})
	switch {
	case err != nil:
		return err
	case exit.Code == 0:
		return nil
	case exit.Code != 1:
		return exit.Error(agents.Command{Path: "podman image exists"})
	case !s.pull:
		return fmt.Errorf("%w on %s: image %s; run podman pull %s there, then belayctl resource retry %s (or set pull = \"missing\")",
			errMissing, req.Node, s.image, s.image, req.Instance.Resource())
	}
	_, err = a.do(ctx, agents.Command{Args: []string{"pull", "--quiet", s.image}})
	return err
}

// serves waits until the container has stayed up for settle and is healthy.
func (a *Agent) serves(ctx context.Context, req agents.Request, s settings, wasUp bool) error {
	settled := time.NewTimer(s.settle)
	defer settled.Stop()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	stayed := wasUp
	var ill error
	for {
		c, err := a.look(ctx, req, false)
		switch {
		case err != nil:
			return err
		case c == nil:
			return errors.New("the container was removed while it was waited for")
		case c.condition() != up:
			return fmt.Errorf("it ended by itself: %s", c)
		}
		if ill = a.healthy(ctx, s, c); ill == nil && stayed {
			return nil
		}
		select {
		case <-settled.C:
			stayed = true
		case <-again.C:
		case <-ctx.Done():
			if ill != nil {
				return fmt.Errorf("it runs but does not serve in time: %w", ill)
			}
			return context.Cause(ctx)
		}
	}
}
