// Package cgroup gives each host of a rig a control group of its own, so that
// the whole host can be killed, frozen, slowed and counted at once.
//
// It works on a machine with the unified hierarchy alone and on one with the
// hybrid layout, where the unified hierarchy lies beside those of version 1.
// It starts no goroutine.
package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// pollEvery is how often the kernel's view of a group is read while waiting.
const pollEvery = 10 * time.Millisecond

// Tree is one rig's part of the machine's hierarchies.
type Tree struct {
	unified string   // directory of the rig in the unified hierarchy
	legacy  []string // the same in those of version 1: systemd, memory, cpu
	hybrid  bool
}

// Detect finds the hierarchies of this machine for a rig of that name. It
// reads only.
func Detect(name string) (Tree, error) {
	return detect("/sys/fs/cgroup", name, func(path string) bool {
		var fs unix.Statfs_t
		return unix.Statfs(path, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC
	})
}

func detect(root, name string, isUnified func(string) bool) (Tree, error) {
	if isUnified(root) {
		return Tree{unified: filepath.Join(root, name)}, nil
	}
	hybrid := filepath.Join(root, "unified")
	if !isUnified(hybrid) {
		return Tree{}, fmt.Errorf("no unified cgroup hierarchy at %s or %s: boot without systemd.unified_cgroup_hierarchy=0", root, hybrid)
	}
	tree := Tree{unified: filepath.Join(hybrid, name), hybrid: true}
	// systemd: nspawn looks its own group up there. memory, cpu: version 1
	// holds these controllers, so limits must be set there.
	for _, hierarchy := range []string{"systemd", "memory", "cpu"} {
		if _, err := os.Stat(filepath.Join(root, hierarchy, "cgroup.procs")); err == nil {
			tree.legacy = append(tree.legacy, filepath.Join(root, hierarchy, name))
		}
	}
	return tree, nil
}

// Host returns the group of one host. It may not exist yet.
func (t Tree) Host(name string) Group { return Group{tree: t, name: name} }

// Remove removes the rig's groups. Those of hosts must be gone.
func (t Tree) Remove() error {
	var all []error
	for _, dir := range append([]string{t.unified}, t.legacy...) {
		all = append(all, removeTree(dir))
	}
	return errors.Join(all...)
}

// Group is the control group of one host: the supervisor in the group itself,
// nspawn and the host in "ns", commands run from outside in "exec".
type Group struct {
	tree Tree
	name string
}

func (g Group) path(elem ...string) string {
	return filepath.Join(append([]string{g.tree.unified, g.name}, elem...)...)
}

func (g Group) legacyPath(hierarchy string) (string, bool) {
	for _, dir := range g.tree.legacy {
		if filepath.Base(filepath.Dir(dir)) == hierarchy {
			return filepath.Join(dir, g.name), true
		}
	}
	return "", false
}

// Make creates the group, and its part "sub" unless that is empty. It is
// harmless when they exist.
func (g Group) Make(sub string) error {
	for _, dir := range g.dirs(sub) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make cgroup: %w", err)
		}
	}
	if g.tree.hybrid {
		g.tree.weigh()
		return nil
	}
	// Best effort: without these controllers only Slow and Memory fail, and say so.
	for _, dir := range []string{filepath.Dir(g.tree.unified), g.tree.unified} {
		for _, controller := range []string{"+cpu", "+memory"} {
			_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte(controller), 0o644)
		}
	}
	g.tree.weigh() // now that there is a controller
	return nil
}

// weight is how many ordinary processes all hosts of a rig weigh together when
// they want the processor. A group weighs as much as one unless it is told
// otherwise: on a busy machine the hosts would starve, however many processes
// want to run in them.
const weight = 40

// weigh sets the weight, best effort: version 1 counts 1024 for a process,
// version 2 counts 100.
func (t Tree) weigh() {
	dir, name, one := t.processors()
	file := filepath.Join(dir, name)
	if _, err := os.Stat(file); err == nil {
		_ = os.WriteFile(file, []byte(strconv.Itoa(weight*one)), 0o644)
	}
}

// dirs lists the directories of the group's part "sub" in every hierarchy.
func (g Group) dirs(sub string) []string {
	dirs := []string{g.path(sub)}
	for _, dir := range g.tree.legacy {
		// memory and cpu account for the host as a whole.
		if filepath.Base(filepath.Dir(dir)) == "systemd" {
			dirs = append(dirs, filepath.Join(dir, g.name, sub))
		} else {
			dirs = append(dirs, filepath.Join(dir, g.name))
		}
	}
	return dirs
}

// Joins returns the files to which a process writes "0", or its id, to enter
// the group's part "sub" in every hierarchy.
func (g Group) Joins(sub string) []string {
	var files []string
	for _, dir := range g.dirs(sub) {
		files = append(files, filepath.Join(dir, "cgroup.procs"))
	}
	return files
}

// Join moves the calling process into the group's part "sub".
func (g Group) Join(sub string) error {
	for _, file := range g.Joins(sub) {
		if err := os.WriteFile(file, []byte("0"), 0o644); err != nil {
			return fmt.Errorf("join cgroup: %w", err)
		}
	}
	return nil
}

// Leader returns the process id of the host's systemd, PID 1 inside.
func (g Group) Leader() (int, bool) {
	return firstPID(g.path("ns", "payload", "init.scope", "cgroup.procs"))
}

// Supervisor returns the process that holds the host's mounts.
func (g Group) Supervisor() (int, bool) { return firstPID(g.path("cgroup.procs")) }

// firstPID reads the first process of a group. Such files have size 0 to
// stat(2), whatever they hold: only reading tells.
func firstPID(file string) (int, bool) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	line, _, _ := strings.Cut(string(data), "\n")
	pid, err := strconv.Atoi(line)
	return pid, err == nil && pid > 0
}

// Populated reports whether any process of the host lives.
func (g Group) Populated() bool { return g.event("populated") }

// Frozen reports whether every process of the host is stopped by Freeze.
func (g Group) Frozen() bool { return g.event("frozen") }

func (g Group) event(key string) bool {
	data, err := os.ReadFile(g.path("cgroup.events"))
	return err == nil && slices.Contains(strings.Split(string(data), "\n"), key+" 1")
}

// Kill kills every process of the host at once, frozen or not. It does not
// wait: see WaitEmpty.
func (g Group) Kill() error {
	err := os.WriteFile(g.path("cgroup.kill"), []byte("1"), 0o644)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENODEV) { // ENODEV: removed while it was open
		return fmt.Errorf("kill cgroup: %w", err)
	}
	return nil
}

// WaitEmpty waits until no process of the host lives.
func (g Group) WaitEmpty(ctx context.Context) error {
	return poll(ctx, "processes of "+g.name+" to end", func() bool { return !g.Populated() })
}

// Freeze stops every process of the host and waits until they stand. The
// kernel goes on answering for it: ARP, ping, TCP acknowledgements.
func (g Group) Freeze(ctx context.Context) error {
	if err := os.WriteFile(g.path("cgroup.freeze"), []byte("1"), 0o644); err != nil {
		return fmt.Errorf("freeze cgroup: %w", err)
	}
	return poll(ctx, g.name+" to freeze", g.Frozen)
}

// Thaw undoes Freeze.
func (g Group) Thaw() error {
	if err := os.WriteFile(g.path("cgroup.freeze"), []byte("0"), 0o644); err != nil {
		return fmt.Errorf("thaw cgroup: %w", err)
	}
	return nil
}

// LimitCPU bounds the host to that percentage of one core; 0 lifts the bound.
func (g Group) LimitCPU(percent int) error {
	const period = 100_000 // µs, the kernel's default
	file, value := g.path("cpu.max"), fmt.Sprintf("%d %d", percent*period/100, period)
	if percent == 0 {
		value = "max"
	}
	if dir, ok := g.legacyPath("cpu"); ok {
		file, value = filepath.Join(dir, "cpu.cfs_quota_us"), strconv.Itoa(percent*period/100)
		if percent == 0 {
			value = "-1"
		}
	}
	if err := os.WriteFile(file, []byte(value), 0o644); err != nil {
		return fmt.Errorf("limit CPU (does this machine have the cpu controller?): %w", err)
	}
	return nil
}

// Throttled returns in how many periods the group has waited for LimitCPU's
// bound.
func (g Group) Throttled() (int, error) {
	file := g.path("cpu.stat")
	if dir, ok := g.legacyPath("cpu"); ok {
		file = filepath.Join(dir, "cpu.stat")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "nr_throttled "); found {
			return strconv.Atoi(strings.TrimSpace(value))
		}
	}
	return 0, fmt.Errorf("%s names no throttled periods: does this machine have the cpu controller?", file)
}

// Memory returns the bytes charged to the host, page cache included.
func (g Group) Memory() (int64, bool) {
	file := g.path("memory.current")
	if dir, ok := g.legacyPath("memory"); ok {
		file = filepath.Join(dir, "memory.usage_in_bytes")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	bytes, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return bytes, err == nil
}

// Remove removes the host's empty group. A group that is not there is fine.
func (g Group) Remove() error {
	all := []error{removeTree(g.path())}
	for _, dir := range g.tree.legacy {
		all = append(all, removeTree(filepath.Join(dir, g.name)))
	}
	return errors.Join(all...)
}

// removeTree removes a group and those below it, deepest first: only rmdir(2)
// works on them.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove cgroup: %w", err)
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeTree(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove cgroup %s: %w", dir, err)
	}
	return nil
}

func poll(ctx context.Context, what string, done func() bool) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

// Left returns the rig's groups that exist.
func (t Tree) Left() []string {
	var left []string
	for _, dir := range append([]string{t.unified}, t.legacy...) {
		if _, err := os.Stat(dir); err == nil {
			left = append(left, dir)
		}
	}
	return left
}
