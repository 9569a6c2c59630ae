package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belay-ha/belay/resources/definition"
)

// fullDisk takes so many bytes and no more.
type fullDisk struct{ left int }

func (f *fullDisk) Write(p []byte) (int, error) {
	if len(p) > f.left {
		return f.left, errors.New("no space left on device")
	}
	f.left -= len(p)
	return len(p), nil
}

// TestAnAnswerThatIsCutOffIsAnError: an export that filled the disk must not look
// whole to a script.
func TestAnAnswerThatIsCutOffIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(path, []byte("[cluster]\nname = \"x\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"export"}, {"status"}, {"validate", path}, {"schema", "definition"}, {"audit", "list"}, {"config", "history"}, {"version"}, {"simulate"}, {"status", "-o", "json"}} {
		c := newConsole(t)
		c.app.out = &fullDisk{3}
		if code := c.run(t, args...); code != exitError || !strings.Contains(c.err.String(), "no space left on device") {
			t.Errorf("belayctl %s: exit %d: %s", strings.Join(args, " "), code, c.err.String())
		}
	}
}

// TestEndlessInputIsBounded: a device has no end, and no size that could be asked.
func TestEndlessInputIsBounded(t *testing.T) {
	for _, args := range [][]string{{"validate", "/dev/zero"}, {"convert", "pcs", "/dev/zero"}, {"simulate", "--state", "/dev/zero"}, {"simulate", "--cib", "/dev/zero"}} {
		c := newConsole(t)
		if code := c.run(t, args...); code != exitInput || !strings.Contains(c.err.String(), "/dev/zero") {
			t.Errorf("belayctl %s: exit %d: %s", strings.Join(args, " "), code, c.err.String())
		}
	}
	c := newConsole(t)
	if _, text, err := c.app.readUpTo("/dev/zero", definition.MaxSize); !errors.Is(err, errTooLong) || len(text) != definition.MaxSize+1 {
		t.Errorf("read %d bytes: %v", len(text), err)
	}
}

// TestProblemsDriveNoTerminal: what a file calls its things is told, not obeyed.
func TestProblemsDriveNoTerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(path, []byte("[cluster]\nname = \"x\"\n[[node]]\nname = \"a\\u001b[2J\\u202eb\\nc\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newConsole(t)
	if code := c.run(t, "validate", path); code != exitInput {
		t.Fatalf("exit %d", code)
	}
	if text := c.err.String(); strings.ContainsAny(text, "\x1b\u202e") || !strings.Contains(text, `a\x1b[2J\u202eb\nc`) || strings.Count(text, "\n") != 3 {
		t.Errorf("told: %q", text)
	}
}

// TestInterruptEndsWhatReads: who is asked for a password, or gave the wrong pipe,
// must be able to get out.
func TestInterruptEndsWhatReads(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe.toml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "belayctl")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(binary, "validate", pipe)
	var told strings.Builder
	cmd.Stderr = &told
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill() //nolint:errcheck // it has ended, if all is well
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var reads bool // a pipe can be opened for writing once somebody opens it for reading
	for deadline := time.Now().Add(time.Minute); !reads && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		w, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if reads = err == nil; reads {
			defer w.Close()
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); !reads || err != nil {
		t.Fatalf("it reads: %v, interrupted: %v", reads, err)
	}
	select {
	case <-ended:
		if code := cmd.ProcessState.ExitCode(); code != exitError || !strings.Contains(told.String(), "[interrupted]") {
			t.Errorf("exit %d: %s", code, told.String())
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
}
