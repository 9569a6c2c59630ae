// Package ordinarytest runs tests in a process that its host favours, as systemd
// lets belayd be favoured. It starts the test's own program anew, and waits for it.
package ordinarytest

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What the process has, and what Of tells of a child that inherited it.
const (
	nice       = -5
	oomScore   = 500       // the other way: a container without CAP_SYS_RESOURCE may not spare a process
	timerSlack = 5_000_000 // ns
	ioprio     = 2 << 13   // best-effort, 0: the highest (ioprio_set(2))
)

// Ordinary and Inherited are what Of returns of a process with the kernel's
// defaults, and of one with all that the favoured process has.
var (
	Ordinary  = traits(0, 0, 50_000, 0)
	Inherited = traits(nice, oomScore, timerSlack, ioprio)
)

func traits(nice, oom, slack, io int) string {
	return fmt.Sprintf("nice %d, oom_score_adj %d, timer slack %d ns, I/O priority %#x", nice, oom, slack, io)
}

const mark = "BELAY_TEST_FAVOURED"

// Run runs the body in a favoured process, which is this test started anew. It
// skips the test where nobody may favour a process: without root.
func Run(t *testing.T, body func()) {
	t.Helper()
	if os.Getenv(mark) != "" {
		body()
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: nobody else may favour a process; continuous integration is root")
	}
	cmd := exec.Command("/bin/sh", "-c", fmt.Sprintf(`echo %d >/proc/self/oom_score_adj; exec "$@"`, oomScore), "sh",
		os.Args[0], "-test.run=^"+regexp.QuoteMeta(t.Name())+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), mark+"=1")
	var out []byte
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread ends with the goroutine, and what it has
		err = favour()
		if err == nil {
			out, err = cmd.CombinedOutput()
		}
	}()
	<-done
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("%v\n%s", err, out)
	}
}

func favour() error {
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, nice); err != nil {
		return err
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_IOPRIO_SET, 1, 0, ioprio); errno != 0 {
		return errno
	}
	return unix.Prctl(unix.PR_SET_TIMERSLACK, timerSlack, 0, 0, 0)
}

// Of tells what a process has of all this.
func Of(t *testing.T, pid int) string {
	t.Helper()
	number := func(file string) int {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	raised, err := unix.Getpriority(unix.PRIO_PROCESS, pid)
	if err != nil {
		t.Fatal(err)
	}
	io, _, errno := unix.RawSyscall(unix.SYS_IOPRIO_GET, 1, uintptr(pid), 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	if io>>13 == 0 || io == 2<<13|4 { // none, which newer kernels tell as its effect
		io = 0
	}
	return traits(20-raised, number("oom_score_adj"), number("timerslack_ns"), int(io))
}
