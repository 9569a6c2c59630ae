// Package ordinary starts services that are to run as if systemd had started
// them. belayd itself is favoured by its host: it comes first where processors
// and disks are scarce, and is the last to be killed where memory is
// (belayd.service says how). A child inherits all that, and a service that did
// would take from belayd what it was given for, and be spared by the kernel while
// others are killed in its place.
//
// Programs that end with the call which they serve are belayd's own hands and are
// not started through this package: they inherit what it has. One goroutine is
// started for each call of Start, which waits for it.
package ordinary

import (
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// The kernel's defaults: setpriority(2), prctl(2), ioprio_set(2).
const (
	timerSlack = 50_000 // ns
	ioprioSelf = 1      // IOPRIO_WHO_PROCESS, 0: the calling thread
	ioprioNone = 0
)

// Start calls a function that forks, on a thread of ordinary priority: nice value,
// I/O priority and timer slack belong to threads, and a child has those of the
// thread that forks it. The thread ends with the call (the process's first one,
// which cannot, sleeps from then on).
func Start(fork func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread is not used again
		yield()
		done <- fork()
	}()
	return <-done
}

// yield gives up what the thread has. It cannot fail for want of a privilege, and
// for no other reason should a service not be started.
func yield() {
	if value, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil && 20-value < 0 {
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 0)
	}
	_, _, _ = unix.RawSyscall(unix.SYS_IOPRIO_SET, ioprioSelf, 0, ioprioNone)
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, timerSlack, 0, 0, 0)
}

// giveUp is what a shell does before it becomes the service: the score belongs to
// the whole process, so that only the child itself can change it in time, before it
// has children of its own.
const giveUp = `{ echo 0 >/proc/self/oom_score_adj; } 2>/dev/null; exec "$@"`

// Command returns the words to execute for a service of these words, the first of
// them the program's path: the same, or where the kernel's out-of-memory killer is
// told to spare belayd (or to take it first), a shell that gives that up and becomes
// the service, with the same process id. A program that is missing must be found
// out before.
func Command(words []string) []string {
	score, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil || strings.TrimSpace(string(score)) == "0" {
		return words
	}
	return append([]string{"/bin/sh", "-c", giveUp, "sh"}, words...)
}
