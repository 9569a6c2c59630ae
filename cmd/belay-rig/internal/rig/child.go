package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// Arguments by which the rig starts its own program again.
const (
	childSupervise = "rig-supervise"
	childBMCs      = "rig-bmc-serve"
	childChassis   = "rig-bmc-chassis"
)

// Child runs one of the rig's background roles if args, the program's
// arguments without its name, ask for one. It must be the first call in the
// main, or TestMain, of each program that uses a Rig without Options.Program:
//
//	if code, is := rig.Child(os.Args[1:]); is {
//		os.Exit(code)
//	}
func Child(args []string) (exitCode int, isChild bool) {
	if len(args) == 0 {
		return 0, false
	}
	var role func(context.Context, *Rig, []string) error
	switch args[0] {
	case childSupervise:
		role = supervise
	case childBMCs:
		role = serveBMCs
	case childChassis:
		role = chassis
	default:
		return 0, false
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if len(args) < 2 {
		fmt.Fprintf(os.Stderr, "%s: want the name of a rig\n", args[0])
		return 2, true
	}
	r := New(Options{Name: args[1], Log: os.Stderr})
	if err := role(ctx, r, args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", args[0], err)
		return 1, true
	}
	return 0, true
}

// program is the rig's own copy of its program: the original may be a test
// binary that is deleted while hosts still run. Not under /run, which Debian
// mounts noexec.
func (r *Rig) program() string { return r.stateDir("program") }

func (r *Rig) installProgram() error {
	source := r.options.Program
	if source == "" {
		running, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
		source = running
	}
	if source == r.program() {
		return nil
	}
	if err := os.MkdirAll(r.stateDir(), 0o755); err != nil {
		return err
	}
	return copyFile(source, r.program(), 0o755)
}

// startChild starts a background role in the rig's network namespace, in a
// session and mount namespace of its own, with its output appended to a log.
func (r *Rig) startChild(role string, args []string, logPath string) (*exec.Cmd, error) {
	if _, err := os.Stat(r.program()); err != nil {
		return nil, fmt.Errorf("the rig is not up: run `belay-rig up`: %w", err)
	}
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args = append([]string{role, r.options.Name}, args...)
	cmd := exec.Command(r.program(), args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8"}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Unshareflags: unix.CLONE_NEWNS}
	if err := r.netns().Start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	// The child outlives this call; if it also ends within this process's
	// life, somebody must take its exit status or it stays a zombie.
	go func() { _ = cmd.Wait() }()
	return cmd, nil
}

// ignoreGone turns "no such process" into success.
func ignoreGone(err error) error {
	if errors.Is(err, unix.ESRCH) || errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
