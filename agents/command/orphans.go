package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A program goes on when the daemon is killed that called it: services live in the
// daemon's control group, so systemd ends nothing there. It could start something, or
// move it to another host, after the next run of the daemon has looked and found
// nothing. So each call leaves a record, an empty file PID-STARTTIME, for as long as it
// lasts, and the next run ends what it finds before it looks at anything.

// record notes that a program runs; the function that it returns takes that back. Of
// what cannot be noted an orphan is not found.
func record(dir string, pid int) (forget func()) {
	if dir == "" {
		return func() {}
	}
	began, _, err := statOf(pid)
	if err != nil {
		return func() {}
	}
	path := filepath.Join(dir, fmt.Sprintf("%d-%s", pid, began))
	if err := os.WriteFile(path, nil, 0o600); errors.Is(err, fs.ErrNotExist) {
		_ = os.MkdirAll(dir, 0o700)
		_ = os.WriteFile(path, nil, 0o600)
	}
	return func() { _ = os.Remove(path) }
}

// orphanDies bounds how long a killed orphan is waited for.
const orphanDies = 5 * time.Second

// EndOrphans kills the programs that an earlier run of the daemon has left, each with
// its process group, and waits for their end. What a program had left on purpose
// when it ended, a service, is not touched. It returns the process ids of what it has
// killed. Call it once, before the first call of an agent; dir is Runner.Records.
func EndOrphans(dir string) (killed []int, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var failed []error
	for _, entry := range entries {
		first, began, _ := strings.Cut(entry.Name(), "-")
		pid, bad := strconv.Atoi(first)
		if bad == nil && pid > 1 && leads(pid, began) {
			if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil {
				failed = append(failed, fmt.Errorf("end process group %d, which the last belayd has left: %w", pid, err))
				continue
			}
			killed = append(killed, pid)
			for end := time.Now().Add(orphanDies); leads(pid, began); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					failed = append(failed, fmt.Errorf("process group %d, which the last belayd has left, does not end", pid))
					break
				}
			}
		}
		_ = os.Remove(filepath.Join(dir, entry.Name()))
	}
	return killed, errors.Join(append(failed, err)...)
}

// leads reports whether the process still runs that began then, and leads its group.
func leads(pid int, began string) bool {
	now, group, err := statOf(pid)
	return err == nil && now == began && group == pid
}

// statOf returns when a process began, in ticks since the host's start, and its
// group. A zombie is an error: it runs no more.
func statOf(pid int) (began string, group int, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, err
	}
	// The name, in parentheses, may hold anything; fields 3, 5 and 22 of proc(5).
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return "", 0, fmt.Errorf("process %d does not run", pid)
	}
	group, err = strconv.Atoi(fields[2])
	return fields[19], group, err
}
