package fenceagent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of one run.
const (
	maxOutput = 64 << 10
	maxSecret = 4 << 10
	maxEnd    = 256
	// killTimeout is how long the output of a killed agent may stay open, by
	// processes that left its group.
	killTimeout = 2 * time.Second
)

// result is how a run ended.
type result struct {
	started bool
	exit    int // or -1
	signal  syscall.Signal
	output  string // stdout and stderr, at most maxOutput bytes
	end     string // of all that was said, at most maxEnd bytes
}

func (r result) ending() string {
	if r.exit < 0 {
		return fmt.Sprintf("signal %d (%v)", int(r.signal), r.signal)
	}
	return fmt.Sprintf("exit code %d", r.exit)
}

// run starts the program with the input and waits for it. It kills the whole
// process group when the context ends, and whatever is left of it when the
// program has ended. The error is not nil when the program did not start, or
// did not end by itself.
func run(ctx context.Context, path, input string) (result, error) {
	out := new(output)
	cmd := exec.Command(path)
	cmd.Stdin = strings.NewReader(input)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "LC_ALL=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = killTimeout
	if err := ctx.Err(); err != nil {
		return result{exit: -1}, err
	}
	if err := cmd.Start(); err != nil {
		return result{exit: -1}, err
	}
	group := -cmd.Process.Pid
	ended := make(chan error, 1)
	// The leader is waited for without being reaped: as long as it is not, no
	// other process can get its number, and the group can be killed safely.
	go func() { ended <- waitUnreaped(cmd.Process.Pid) }()
	var killed error
	select {
	case <-ended:
	case <-ctx.Done():
		killed = ctx.Err()
		_ = syscall.Kill(group, syscall.SIGKILL)
		<-ended
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	err := cmd.Wait()

	r := result{started: true, exit: cmd.ProcessState.ExitCode(), output: out.String(), end: string(out.end)}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		r.signal = status.Signal()
	}
	var exit *exec.ExitError
	switch {
	case killed != nil:
		return r, killed
	case err == nil, errors.As(err, &exit):
		return r, nil
	case errors.Is(err, exec.ErrWaitDelay), errors.Is(err, os.ErrClosed), errors.Is(err, syscall.EPIPE):
		// It ended, but left its output open elsewhere or read no input.
		return r, nil
	default:
		return r, err
	}
}

func waitUnreaped(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// output keeps the beginning and the end of what is written to it and drops the
// rest, so that a talkative agent neither blocks nor fills memory.
type output struct {
	mu        sync.Mutex
	kept, end []byte
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = append(o.kept, p[:min(len(p), maxOutput-len(o.kept))]...)
	o.end = append(o.end, p[max(len(p)-maxEnd, 0):]...)
	o.end = o.end[max(len(o.end)-maxEnd, 0):]
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.kept) == maxOutput {
		// The cut may have left part of a secret, which nobody would recognize.
		return string(o.kept[:maxOutput-maxSecret])
	}
	return string(o.kept)
}
