package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// entry is one line of the process table.
type entry struct {
	pid, session int
	start        uint64 // in clock ticks since the boot
	zombie       bool
}

// processes reads the process table. Processes that end meanwhile are left out.
func processes() ([]entry, error) {
	names, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("process table: %w", err)
	}
	var table []entry
	for _, name := range names {
		pid, err := strconv.Atoi(name.Name())
		if err != nil {
			continue
		}
		if e, found := entryOf(pid); found {
			table = append(table, e)
		}
	}
	return table, nil
}

// entryOf reads /proc/PID/stat (proc(5)).
func entryOf(pid int) (entry, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return entry{}, false
	}
	// The name may hold spaces and parentheses; it ends at the last one.
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return entry{}, false
	}
	session, errS := strconv.Atoi(fields[3])
	start, errT := strconv.ParseUint(fields[19], 10, 64)
	if errors.Join(errS, errT) != nil {
		return entry{}, false
	}
	return entry{pid: pid, session: session, start: start, zombie: fields[0] == "Z" || fields[0] == "X"}, true
}

// reap collects the exit of a program that this daemon started. Nothing else
// may be collected: another child may have taken the id.
func reap(r record) {
	if e, found := entryOf(r.PID); !found || !e.zombie || e.start != r.Start {
		return
	}
	var status unix.WaitStatus
	// ECHILD: another daemon started it, and init reaps it.
	_, _ = unix.Wait4(r.PID, &status, unix.WNOHANG, nil)
}

func pids(entries []entry) []int {
	list := make([]int, 0, len(entries))
	for _, e := range entries {
		list = append(list, e.pid)
	}
	return list
}
