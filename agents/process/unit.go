package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"time"

	"github.com/belay-ha/belay/agents"
)

// errMissing means that the program is not on this node.
var errMissing = errors.New("the program is not installed on this node")

// processError is a failure whose extent is known: it is not a lost answer.
type processError struct{ text string }

func (e *processError) Error() string { return e.text }

// unitHost runs a program as a transient systemd unit.
type unitHost struct {
	units Units
	unit  string
}

func (h unitHost) look(ctx context.Context) (status, error) {
	state, err := h.units.State(ctx, h.unit)
	if err != nil {
		return status{}, err
	}
	return status{running: state.Running() || state.Active == "activating", leftover: !state.Running() && !state.Changing() && len(state.Processes) > 0, text: state.String()}, nil
}

func (h unitHost) start(ctx context.Context, s settings) error {
	if err := installed(s.command[0]); err != nil {
		return err
	}
	err := h.units.StartTransient(ctx, h.unit, agents.TransientSpec{
		Description: s.description, Command: s.command, User: s.user, Env: s.env, WorkingDir: s.directory,
		StopSignal: s.signal, StopTimeout: s.grace + 10*time.Second, // End's own deadline comes first
	})
	var failure *agents.UnitError
	if errors.As(err, &failure) && failure.State.Load == "not-found" {
		// systemd forgets a transient unit that ends well.
		return &processError{s.command[0] + " ended at once, with status 0: it must stay in the foreground"}
	}
	return err
}

func (h unitHost) end(ctx context.Context, s settings) error {
	return h.units.End(ctx, h.unit, s.grace)
}

func (h unitHost) words(ctx context.Context) string { return h.units.Journal(ctx, h.unit, 20) }

func installed(program string) error {
	_, err := exec.LookPath(program)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", program, errMissing)
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s is not a program: %w", program, os.ErrPermission)
	}
	return err
}
