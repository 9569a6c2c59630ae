package command

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
)

func sh(script string) agents.Command {
	return agents.Command{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"PATH=/usr/bin:/bin"}}
}

func TestRunReportsStatusAndBothStreams(t *testing.T) {
	exit, err := Runner{}.Run(t.Context(), sh("echo out; echo err >&2; exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	if exit.Code != 3 || exit.Stdout != "out\n" || exit.Stderr != "err\n" {
		t.Errorf("got %+v", exit)
	}
	if got := exit.Error(sh("")); got == nil || !strings.Contains(got.Error(), "exit status 3: err") {
		t.Errorf("error %v", got)
	}
}

func TestRunKeepsOnlyTheEndOfTheOutput(t *testing.T) {
	exit, err := Runner{}.Run(t.Context(), sh("head -c 1000000 /dev/zero | tr '\\0' x; echo; echo last"))
	if err != nil {
		t.Fatal(err)
	}
	if len(exit.Stdout) != agents.MaxOutput || !strings.HasSuffix(exit.Stdout, "x\nlast\n") {
		t.Errorf("kept %d bytes ending in %q", len(exit.Stdout), exit.Stdout[max(0, len(exit.Stdout)-20):])
	}
}

func TestRunInheritsNoEnvironment(t *testing.T) {
	t.Setenv("BELAY_TEST_SECRET", "hidden")
	exit, err := Runner{}.Run(t.Context(), sh("env"))
	if err != nil || strings.Contains(exit.Stdout, "BELAY_TEST_SECRET") {
		t.Errorf("environment %q, error %v", exit.Stdout, err)
	}
}

func TestRunKillsTheWholeGroupAtTheDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	exit, err := Runner{}.Run(ctx, sh("sleep 60 & echo $!; wait"))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	child, err := strconv.Atoi(strings.TrimSpace(exit.Stdout))
	if err != nil {
		t.Fatalf("output %q: %v", exit.Stdout, err)
	}
	for deadline := time.Now().Add(5 * time.Second); alive(child); {
		if time.Now().After(deadline) {
			t.Fatalf("process %d outlived its command", child)
		}
	}
}

func TestRunLeavesNoBackgroundProcess(t *testing.T) {
	exit, err := Runner{}.Run(t.Context(), sh("sleep 60 >/dev/null 2>&1 & echo $!"))
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(exit.Stdout))
	if err != nil {
		t.Fatalf("output %q: %v", exit.Stdout, err)
	}
	for deadline := time.Now().Add(5 * time.Second); alive(child); {
		if time.Now().After(deadline) {
			t.Fatalf("process %d outlived its command", child)
		}
	}
}

// alive reports a process that exists and is not merely waiting to be reaped.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestRunNamesAMissingProgramAndUser(t *testing.T) {
	_, err := Runner{}.Run(t.Context(), agents.Command{Path: "/nonexistent/galera_recovery"})
	if !errors.Is(err, agents.ErrNoProgram) || !strings.Contains(err.Error(), "/nonexistent/galera_recovery") {
		t.Errorf("missing program: %v", err)
	}
	c := sh("true")
	c.User = "no-such-user"
	if _, err := (Runner{}).Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "no-such-user") {
		t.Errorf("missing user: %v", err)
	}
}
