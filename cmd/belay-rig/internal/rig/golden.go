package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func (r *Rig) goldenDir(name string) (string, error) {
	if name == "" || strings.ContainsAny(name, "/.") {
		return "", fmt.Errorf("golden disks %q: want a plain name", name)
	}
	return r.stateDir("golden", name), nil
}

// Save copies the disks of all hosts, which must be off, under a name. Golden
// disks of that name are replaced, all at once.
func (r *Rig) Save(ctx context.Context, name string) error {
	dir, err := r.goldenDir(name)
	if err != nil {
		return err
	}
	part := dir + ".new"
	if err := os.RemoveAll(part); err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	for _, host := range Hosts() {
		if err := r.saveHost(ctx, host, filepath.Join(part, host.String())); err != nil {
			return fmt.Errorf("save %s: %w", name, err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	return os.Rename(part, dir)
}

func (r *Rig) saveHost(ctx context.Context, host Host, dir string) error {
	unlock, err := r.lock(ctx, host.String())
	if err != nil {
		return err
	}
	defer unlock()
	if on, err := r.power(host); err != nil || on {
		return errors.Join(err, fmt.Errorf("%s is on: switch all hosts off first", host))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return copyDisk(ctx, r.hostDir(host), dir)
}

// Restore cuts the power of all hosts and puts the golden disks of that name
// in place of theirs. The hosts stay off.
func (r *Rig) Restore(ctx context.Context, name string) error {
	dir, err := r.goldenDir(name)
	if err != nil {
		return err
	}
	for _, host := range Hosts() {
		if err := r.checkBase(filepath.Join(dir, host.String())); err != nil {
			return fmt.Errorf("restore %s: %w", name, err)
		}
	}
	for _, host := range Hosts() {
		if err := r.PowerOff(ctx, host); err != nil {
			return fmt.Errorf("restore %s: %w", name, err)
		}
		if err := r.restoreHost(ctx, host, filepath.Join(dir, host.String())); err != nil {
			return fmt.Errorf("restore %s: %w", name, err)
		}
	}
	return nil
}

func (r *Rig) restoreHost(ctx context.Context, host Host, from string) error {
	unlock, err := r.lock(ctx, host.String())
	if err != nil {
		return err
	}
	defer unlock()
	if on, err := r.power(host); err != nil || on {
		return errors.Join(err, fmt.Errorf("%s was switched on meanwhile", host))
	}
	for _, dir := range []string{"disk", "root"} {
		if err := os.MkdirAll(r.hostDir(host, dir), 0o755); err != nil {
			return err
		}
	}
	return copyDisk(ctx, from, r.hostDir(host))
}

// Saved returns whether golden disks of that name exist and fit this program's
// base.
func (r *Rig) Saved(name string) bool {
	dir, err := r.goldenDir(name)
	if err != nil {
		return false
	}
	for _, host := range Hosts() {
		if r.checkBase(filepath.Join(dir, host.String())) != nil {
			return false
		}
	}
	return true
}

// copyDisk copies a disk and the mark that says which base it belongs to.
func copyDisk(ctx context.Context, from, to string) error {
	part := filepath.Join(to, "disk.part")
	if err := runCommand(ctx, "cp", "--sparse=always", "--reflink=auto", filepath.Join(from, "disk.img"), part); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(from, "base"), filepath.Join(to, "base"), 0o644); err != nil {
		return err
	}
	return os.Rename(part, filepath.Join(to, "disk.img"))
}
