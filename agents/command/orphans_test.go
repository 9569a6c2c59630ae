package command

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// recordsOf, in the environment, makes the test binary the daemon that
// TestOrphansAreEnded kills.
const recordsOf = "BELAY_TEST_RECORDS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(recordsOf); dir != "" {
		daemon(dir)
		return
	}
	m.Run()
}

// daemon runs a program, until it is killed.
func daemon(dir string) {
	c := sh(`echo "$$" > ` + filepath.Join(dir, "../leader") + `; sleep 600 & sleep 600`)
	c.Leaves = true
	_, _ = Runner{Records: dir}.Run(context.Background(), c)
}

// A program whose daemon was killed is ended with its group before the next run of
// the daemon looks at anything.
func TestOrphansAreEnded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "programs")
	daemon := exec.Command(os.Args[0])
	daemon.Env = append(os.Environ(), recordsOf+"="+dir)
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	leader := waitFor(t, filepath.Join(dir, "../leader"))
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it is on no record")
		}
	}
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = daemon.Wait()
	if _, group, err := statOf(leader); err != nil || group != leader {
		t.Fatalf("the orphan does not run: %v", err)
	}
	killed, err := EndOrphans(dir)
	if err != nil || len(killed) != 1 || killed[0] != leader {
		t.Fatalf("killed %v, %v", killed, err)
	}
	for end := time.Now().Add(time.Minute); groupRuns(t, leader); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("something of its group is left")
		}
	}
	if left := list(t, dir); len(left) != 0 {
		t.Errorf("records are left: %v", left)
	}
	if killed, err := EndOrphans(dir); err != nil || len(killed) != 0 {
		t.Errorf("again: %v, %v", killed, err)
	}
}

// What has ended is on no record; a record of a process id that is another's by now
// kills nobody.
func TestOthersAreSpared(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "programs")
	if killed, err := EndOrphans(dir); err != nil || killed != nil {
		t.Errorf("of the first run: %v, %v", killed, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := (Runner{Records: dir}).Run(ctx, sh("sleep 600")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if _, err := (Runner{Records: dir}).Run(t.Context(), sh("exit 3")); err != nil {
		t.Fatal(err)
	}
	if left := list(t, dir); len(left) != 0 {
		t.Errorf("records are left: %v", left)
	}
	other := exec.Command("/bin/sleep", "600")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	for _, name := range []string{strconv.Itoa(other.Process.Pid) + "-1", "1-1", "0-0", "-1-5", "junk"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if killed, err := EndOrphans(dir); err != nil || len(killed) != 0 {
		t.Errorf("killed %v, %v", killed, err)
	}
	if _, _, err := statOf(other.Process.Pid); err != nil {
		t.Error("another process was ended")
	}
}

func waitFor(t *testing.T, path string) int {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if data, err := os.ReadFile(path); err == nil && strings.HasSuffix(string(data), "\n") {
			pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatalf("%s: never", path)
	return 0
}

func list(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// groupRuns reports whether any process of a group runs.
func groupRuns(t *testing.T, group int) bool {
	t.Helper()
	for _, entry := range list(t, "/proc") {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			if _, of, err := statOf(pid); err == nil && of == group {
				return true
			}
		}
	}
	return false
}
