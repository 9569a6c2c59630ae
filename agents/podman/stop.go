package podman

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

const (
	// stopMargin of a stop's time is kept for killing, removing and looking.
	stopMargin = 15 * time.Second
	// dies is how long a process is waited for that podman says is gone.
	dies = 2 * time.Second
)

// Stop stops every container that bears the instance's labels, and removes it. It is
// OK only when podman lists none of them any more and the first process of each,
// without which no other of it lives, is gone. It needs no parameter: what runs is
// stopped, whatever the definition says by now.
func (a *Agent) Stop(ctx context.Context, req agents.Request) agents.Result {
	s, _ := parse(req)
	if err := a.end(ctx, req, s); err != nil {
		return a.failed(ctx, s, err)
	}
	return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStopped}
}

func (a *Agent) end(ctx context.Context, req agents.Request, s settings) error {
	all, err := a.own(ctx, req)
	if err != nil {
		return err
	}
	for _, c := range all {
		if err := a.halt(ctx, s, c); err != nil {
			return err
		}
		if err := a.remove(ctx, c); err != nil {
			return err
		}
	}
	left, err := a.own(ctx, req)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("after the stop %s", left[0])
	}
	return err
}

// halt stops a container's processes and proves it. A container is never removed by
// force: podman would then forget one whose processes it could not end.
func (a *Agent) halt(ctx context.Context, s settings, c *container) error {
	if c.condition() == down {
		return nil
	}
	lived := a.host.Began(c.State.Pid)
	if c.State.Status == "paused" { // podman stops none that is paused
		if _, err := a.do(ctx, agents.Command{Args: []string{"unpause", c.ID}}); err != nil {
			return err
		}
	}
	_, err := a.do(ctx, agents.Command{Args: []string{"stop", "--time=" + strconv.Itoa(a.grace(ctx, s, c)), c.ID}})
	if ctx.Err() != nil {
		return err
	}
	// Whatever podman says of its stop: what counts is what is left.
	now, lookErr := a.inspect(ctx, c.ID)
	switch {
	case errors.Is(lookErr, errNone): // removed by somebody else
	case lookErr != nil:
		return lookErr
	case now.condition() != down:
		return errors.Join(fmt.Errorf("after the stop %s", now), err)
	}
	return a.gone(ctx, c, lived)
}

// gone waits until the container's first process, which began then, is gone.
func (a *Agent) gone(ctx context.Context, c *container, lived string) error {
	for waited := time.Duration(0); lived != "" && a.host.Began(c.State.Pid) == lived; waited += 100 * time.Millisecond {
		if waited >= dies {
			return fmt.Errorf("podman says that %s is stopped, and its process %d lives", c.Name, c.State.Pid)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// grace is how many seconds the container has before its processes get SIGKILL: what
// it is given, within the time of the operation.
func (a *Agent) grace(ctx context.Context, s settings, c *container) int {
	wanted := s.stopFor
	if wanted == 0 {
		wanted = time.Duration(c.Config.StopTimeout) * time.Second
	}
	if end, bounded := ctx.Deadline(); bounded {
		wanted = min(wanted, time.Until(end)-stopMargin)
	}
	return int(max(wanted, 0).Seconds())
}

// remove takes a stopped container out of podman's list. One whose process is proven
// gone, and that podman takes for running, is stopped first: that fails, and shows
// podman how it is.
func (a *Agent) remove(ctx context.Context, c *container) error {
	if c.gone {
		_, _ = a.podman(ctx, agents.Command{Args: []string{"stop", "--time=0", c.ID}})
	}
	_, err := a.do(ctx, agents.Command{Args: []string{"rm", c.ID}})
	if err == nil || ctx.Err() != nil {
		return err
	}
	if _, lookErr := a.inspect(ctx, c.ID); errors.Is(lookErr, errNone) {
		return nil
	}
	return err
}
