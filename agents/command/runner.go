// Package command runs the short-lived programs that agents need: each in a
// process group of its own, with a deadline and bounded output. It starts services
// only for agents that say so (agents.Command.Leaves) and keeps nothing between calls, but for
// records of programs that are under way. Each call owns the two goroutines
// that read the program's output and ends them before it returns.
package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/ordinary"
)

// drain is how long a killed program's output is waited for: a process that
// left the group may hold the pipe open for ever.
const drain = time.Second

// Runner runs programs on this host. It is safe for concurrent use.
type Runner struct {
	// Records is a directory, one that the host's restart empties, for what the next
	// run of the daemon has to know of programs under way (EndOrphans); "" for none.
	Records string
}

// Run runs a program and waits for its end. A program that ran to its end gives
// a nil error, whatever its status. The error is agents.ErrNoProgram when the
// program is missing, the context's when its deadline came first (the whole
// process group is then killed, and what it did is unknown), or what kept it
// from starting. Exit holds the output that there was in every case.
func (r Runner) Run(ctx context.Context, c agents.Command) (agents.Exit, error) {
	limit := c.MaxOutput
	if limit <= 0 {
		limit = agents.MaxOutput
	}
	stdout, stderr := &tail{limit: limit}, &tail{limit: limit}
	words, start := append([]string{c.Path}, c.Args...), func(fork func() error) error { return fork() }
	if c.Leaves {
		if _, err := exec.LookPath(c.Path); err != nil {
			return agents.Exit{Code: -1}, notRun(c.Path, err)
		}
		words, start = ordinary.Command(words), ordinary.Start
	}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env, cmd.Dir = append([]string{}, c.Env...), c.Dir
	if cmd.Dir == "" {
		cmd.Dir = "/"
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(c.Stdin), stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: !c.Leaves, Setsid: c.Leaves}
	if c.User != "" {
		credential, err := credentialOf(c.User)
		if err != nil {
			return agents.Exit{Code: -1}, fmt.Errorf("run %s: %w", c.Path, err)
		}
		cmd.SysProcAttr.Credential = credential
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = drain
	err := start(cmd.Start)
	if err == nil {
		forget := record(r.Records, cmd.Process.Pid)
		err = cmd.Wait()
		defer forget()
	}
	if cmd.Process != nil && (!c.Leaves || ctx.Err() != nil) {
		// Whatever the program left in its group must not outlive the call.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	exit := agents.Exit{Code: -1, Stdout: stdout.String(), Stderr: stderr.String()}
	if cmd.ProcessState != nil {
		exit.Code = cmd.ProcessState.ExitCode()
	}
	var status *exec.ExitError
	switch {
	case ctx.Err() != nil && (err != nil || exit.Code != 0):
		return exit, fmt.Errorf("run %s: %w", c.Path, context.Cause(ctx))
	case err == nil, errors.As(err, &status), errors.Is(err, exec.ErrWaitDelay):
		return exit, nil
	}
	return exit, notRun(c.Path, err)
}

// notRun says why a program was not executed.
func notRun(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w: %s", agents.ErrNoProgram, path)
	}
	return fmt.Errorf("run %s: %w", path, err)
}

// credentialOf looks a user up, with the groups that a login would have.
func credentialOf(name string) (*syscall.Credential, error) {
	account, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	ids := make([]uint32, 0, 8)
	groups, err := account.GroupIds()
	if err != nil {
		return nil, err
	}
	for _, text := range append([]string{account.Uid, account.Gid}, groups...) {
		id, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: id %q is not a number", name, text)
		}
		ids = append(ids, uint32(id))
	}
	return &syscall.Credential{Uid: ids[0], Gid: ids[1], Groups: ids[2:]}, nil
}

// tail keeps the end of what is written to it.
type tail struct {
	limit int
	kept  []byte
}

// Write keeps the end within the limit and never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.ToValidUTF8(string(t.kept), "?") }
