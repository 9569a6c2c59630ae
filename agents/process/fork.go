package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/internal/ordinary"
)

// forkHost runs a program in a session of its own. What ran is written to a
// file, so that the next daemon finds it.
//
// A process that leaves the session on purpose escapes; under systemd the
// cgroup holds it.
type forkHost struct {
	dir string
	log *zap.Logger
}

// record names a session for ever: a process id is used again, but not with
// the same start time in the same boot of the kernel.
type record struct {
	Boot  string `json:"boot"`
	PID   int    `json:"pid"`   // 0: it was about to be started
	Start uint64 `json:"start"` // in clock ticks since the boot
}

const marker = "BELAY_PROCESS="

func (h forkHost) file() string { return filepath.Join(h.dir, "process.json") }
func (h forkHost) out() string  { return filepath.Join(h.dir, "output.log") }

func (h forkHost) recorded() (record, bool, error) {
	data, err := os.ReadFile(h.file())
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, false, nil
	}
	var r record
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		return record{}, false, &processError{fmt.Sprintf("what ran is unknown: %s: %v; end it by hand and remove the file", h.file(), err)}
	}
	boot, err := bootID()
	if err != nil || r.Boot != boot {
		return record{}, false, err
	}
	if r.PID == 0 {
		return h.find(r)
	}
	return r, true, nil
}

// find looks for the program of a start of which the daemon did not live to record
// the end: its mark is in its environment, and in that of whatever it has started.
func (h forkHost) find(r record) (record, bool, error) {
	table, err := processes()
	if err != nil {
		return record{}, false, err
	}
	found := entry{}
	for _, e := range table {
		if !e.zombie && (found.pid == 0 || e.start < found.start) && h.marked(e.pid) {
			found = e
		}
	}
	if found.pid == 0 {
		return record{}, false, nil
	}
	r.PID, r.Start = found.session, found.start
	return r, true, h.write(r)
}

// write records what runs, whole or not at all.
func (h forkHost) write(r record) error {
	data, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(h.file()+".new", data, 0o600)
	}
	if err == nil {
		err = os.Rename(h.file()+".new", h.file())
	}
	if err != nil {
		return fmt.Errorf("record the process: %w", err)
	}
	return nil
}

func bootID() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(data)), err
}

// members returns the live processes of the session, and those that may belong
// to it but cannot be told from the session of a reused id.
func (h forkHost) members(r record) (ours, unsure []entry, err error) {
	table, err := processes()
	if err != nil {
		return nil, nil, err
	}
	ours, unsure = h.among(table, r)
	return ours, unsure, nil
}

// among picks the session's processes out of a process table. A program that the
// table shows to have ended counts as gone and is looked at no more, so its exit
// is collected here: before the table was read it may still have run.
func (h forkHost) among(table []entry, r record) (ours, unsure []entry) {
	leader := slices.IndexFunc(table, func(e entry) bool { return e.pid == r.PID })
	if leader >= 0 && table[leader].start != r.Start {
		return nil, nil // the id was used again, so the session had ended
	}
	if leader >= 0 && table[leader].zombie {
		reap(r)
	}
	for _, e := range table {
		if e.session != r.PID || e.zombie || e.start < r.Start {
			continue
		}
		// The kernel keeps the id while a session has members, but this session
		// may have ended and another one, without its leader, may bear the id.
		if leader < 0 && !h.marked(e.pid) {
			unsure = append(unsure, e)
			continue
		}
		ours = append(ours, e)
	}
	return ours, unsure
}

// marked reports whether a process was started with our mark.
func (h forkHost) marked(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && slices.Contains(strings.Split(string(data), "\x00"), marker+h.dir)
}

func (h forkHost) look(ctx context.Context) (status, error) {
	if err := ctx.Err(); err != nil {
		return status{}, err
	}
	r, valid, err := h.recorded()
	if err != nil {
		return status{}, err
	}
	if !valid {
		return status{text: "it does not run"}, nil
	}
	ours, unsure, err := h.members(r)
	if err != nil {
		return status{}, err
	}
	switch {
	case slices.ContainsFunc(ours, func(e entry) bool { return e.pid == r.PID }):
		return status{running: true, text: fmt.Sprintf("process %d runs", r.PID)}, nil
	case len(ours)+len(unsure) > 0:
		return status{leftover: true, text: fmt.Sprintf("process %d has ended, but of its session %v are left", r.PID, pids(append(ours, unsure...)))}, nil
	}
	return status{text: fmt.Sprintf("process %d has ended", r.PID)}, nil
}

func (h forkHost) start(ctx context.Context, s settings) error {
	if err := errors.Join(ctx.Err(), installed(s.command[0])); err != nil {
		return err
	}
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		return err
	}
	boot, err := bootID()
	if err != nil {
		return err
	}
	attr, err := h.attributes(s)
	if err != nil {
		return err
	}
	defer func() {
		for _, f := range attr.Files {
			_ = f.Close() // our copies; the program has its own
		}
	}()
	// The daemon may be killed before it has recorded the process: then the next one
	// knows by this that it has to look for it.
	r := record{Boot: boot}
	if err := h.write(r); err != nil {
		return fmt.Errorf("start %s: %w", s.command[0], err)
	}
	words := ordinary.Command(s.command)
	var p *os.Process
	err = ordinary.Start(func() (err error) {
		p, err = os.StartProcess(words[0], words, attr)
		return err
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", s.command[0], err)
	}
	started, found := entryOf(p.Pid)
	if !found {
		return errors.Join(&processError{fmt.Sprintf("start %s: process %d is not in /proc", s.command[0], p.Pid)}, p.Kill())
	}
	r.PID, r.Start = p.Pid, started.start
	if err := h.write(r); err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", s.command[0], err), p.Kill())
	}
	return p.Release()
}

func (h forkHost) attributes(s settings) (*os.ProcAttr, error) {
	sys := &syscall.SysProcAttr{Setsid: true}
	if s.user != "" {
		who, err := user.Lookup(s.user)
		if err != nil {
			return nil, fmt.Errorf("user: %w", err)
		}
		uid, errU := strconv.ParseUint(who.Uid, 10, 32)
		gid, errG := strconv.ParseUint(who.Gid, 10, 32)
		if err := errors.Join(errU, errG); err != nil {
			return nil, fmt.Errorf("user %s: %w", s.user, err)
		}
		if os.Getuid() != int(uid) {
			sys.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", marker + h.dir}
	for name, value := range s.env {
		env = append(env, name+"="+value)
	}
	in, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	// Each start begins a new file, so that a program cannot fill the disk over
	// many restarts.
	out, err := os.OpenFile(h.out(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	dir := s.directory
	if dir == "" {
		dir = "/"
	}
	return &os.ProcAttr{Dir: dir, Env: env, Files: []*os.File{in, out, out}, Sys: sys}, nil
}

// end signals every process of the session, with SIGKILL after the grace, until
// none is left.
func (h forkHost) end(ctx context.Context, s settings) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, valid, err := h.recorded()
	if err != nil {
		return err
	}
	if !valid {
		return nil
	}
	grace := time.NewTimer(s.grace)
	defer grace.Stop()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	signal, asked := unix.SignalNum(s.signal), false
	for {
		ours, unsure, err := h.members(r)
		switch {
		case err != nil:
			return err
		case len(ours) == 0 && len(unsure) > 0:
			return &processError{fmt.Sprintf("processes %v bear the session id of process %d and may belong to it: look, and end them by hand", pids(unsure), r.PID)}
		case len(ours) == 0:
			if err := os.Remove(h.file()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		}
		if !asked || signal == unix.SIGKILL {
			asked = true
			if err := send(ours, signal); err != nil {
				return &processError{err.Error()}
			}
		}
		select {
		case <-again.C:
		case <-grace.C:
			h.log.Warn("process did not stop in time, killing it", zap.Int("process", r.PID), zap.Duration("grace", s.grace))
			signal = unix.SIGKILL
		case <-ctx.Done():
			return &processError{fmt.Sprintf("processes %v are left", pids(ours))}
		}
	}
}

// send signals processes through their pidfds, so that none of them can be
// another process that took the id in the meantime.
func send(to []entry, signal syscall.Signal) error {
	for _, e := range to {
		fd, err := unix.PidfdOpen(e.pid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err == nil {
			if now, found := entryOf(e.pid); found && now.start == e.start {
				err = unix.PidfdSendSignal(fd, signal, nil, 0)
			}
			err = errors.Join(err, unix.Close(fd))
		}
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("signal process %d: %w", e.pid, err)
		}
	}
	return nil
}

// words returns the end of what the program wrote.
func (h forkHost) words(context.Context) string {
	f, err := os.Open(h.out())
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 4096 {
		if _, err := f.Seek(-4096, io.SeekEnd); err != nil {
			return ""
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(data), "?"))
}
