package command

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/ordinary/ordinarytest"
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

// What a program leaves behind is a service as any other; a program that ends with
// its call is the daemon's own hand, and has what the daemon has.
func TestServicesAreOrdinary(t *testing.T) {
	ordinarytest.Run(t, func() {
		for leaves, want := range map[bool]string{true: ordinarytest.Ordinary, false: ordinarytest.Inherited} {
			c := sh("sleep 60 >/dev/null 2>&1 & echo $!")
			c.Leaves = leaves
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			var pid int
			if leaves {
				exit, err := Runner{}.Run(ctx, c)
				if err != nil {
					t.Fatal(err)
				}
				pid, err = strconv.Atoi(strings.TrimSpace(exit.Stdout))
				if err != nil {
					t.Fatal(err)
				}
				close(ended)
			} else {
				file := filepath.Join(t.TempDir(), "pid")
				c.Args[1] = "echo $$ >" + file + ".new; mv " + file + ".new " + file + "; sleep 60"
				go func() {
					defer close(ended)
					_, _ = Runner{}.Run(ctx, c)
				}()
				pid = wrote(t, file)
			}
			if got := ordinarytest.Of(t, pid); got != want {
				t.Errorf("leaves %v: %s, want %s", leaves, got, want)
			}
			if leaves {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			cancel()
			<-ended
		}
	})
}

// wrote waits for a number in a file.
func wrote(t *testing.T, file string) int {
	t.Helper()
	for range 1000 {
		if text, err := os.ReadFile(file); err == nil {
			n, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("nobody wrote %s", file)
	return 0
}

// A program that is not there is found out before a shell is asked for it.
func TestMissingServiceIsNoProgram(t *testing.T) {
	ordinarytest.Run(t, func() {
		_, err := Runner{}.Run(t.Context(), agents.Command{Path: "/nonexistent/program", Leaves: true})
		if !errors.Is(err, agents.ErrNoProgram) {
			t.Errorf("error %v", err)
		}
	})
}
