package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// favoured is how many hosts the process that called Favour weighs.
const favoured = 8

// Favour moves this process into a group beside the hosts that outweighs them
// where processors are scarce: who watches must not wait for what is watched.
// The hosts' own weight, see weigh, would starve it. leave undoes it; it must be
// called before the rig's groups are removed.
func (t Tree) Favour() (leave func() error, err error) {
	rig, file, one := t.processors()
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	before, err := groupOf(string(text), rig != t.unified)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(rig, "watch")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make cgroup: %w", err)
	}
	_ = os.WriteFile(filepath.Join(dir, file), []byte(strconv.Itoa(favoured*one)), 0o644) // absent without the controller
	if err := enter(dir); err != nil {
		return nil, err
	}
	return func() error { return errors.Join(enter(filepath.Join(filepath.Dir(rig), before)), removeTree(dir)) }, nil
}

// enter moves this process, with all its threads, into a group.
func enter(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		return fmt.Errorf("join cgroup: %w", err)
	}
	return nil
}

// processors returns the rig's group in the hierarchy that divides processors,
// the file there that holds a group's weight, and what one process weighs.
func (t Tree) processors() (dir, file string, one int) {
	for _, dir := range t.legacy {
		if filepath.Base(filepath.Dir(dir)) == "cpu" {
			return dir, "cpu.shares", 1024
		}
	}
	return t.unified, "cpu.weight", 100
}

// groupOf reads /proc/PID/cgroup: the process's group in the hierarchy of
// version 1 that divides processors, or in the unified one.
func groupOf(text string, legacy bool) (string, error) {
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3) // number, controllers, path
		if len(fields) != 3 {
			continue
		}
		if legacy && slices.Contains(strings.Split(fields[1], ","), "cpu") || !legacy && fields[0] == "0" {
			return fields[2], nil
		}
	}
	return "", fmt.Errorf("this process is in no control group that divides processors: %q", text)
}
