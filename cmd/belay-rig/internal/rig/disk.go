package rig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/base"
)

// A host's directory under <state directory>/hosts holds:
//
//	disk.img     sparse ext4 image: what the host writes
//	base         version of the base that the disk belongs to
//	disk, root   mount points of the image and of the overlay; both are
//	             mounted only inside the mount namespace of whoever uses them
//	console.log  what the host prints
func (r *Rig) hostDir(host Host, elem ...string) string {
	return r.stateDir(append([]string{"hosts", host.String()}, elem...)...)
}

// Create makes a new disk for each of the hosts and seeds it. A host that has
// a disk keeps it.
func (r *Rig) Create(ctx context.Context, hosts ...Host) error {
	for _, host := range hosts {
		if err := r.create(ctx, host); err != nil {
			return fmt.Errorf("create %s: %w", host, err)
		}
	}
	return nil
}

// Created reports whether the host has a disk.
func (r *Rig) Created(host Host) bool {
	_, err := os.Stat(r.hostDir(host, "disk.img"))
	return err == nil
}

func (r *Rig) create(ctx context.Context, host Host) error {
	if err := r.Ready(); err != nil {
		return err
	}
	unlock, err := r.lock(ctx, host.String())
	if err != nil {
		return err
	}
	defer unlock()
	if r.Created(host) {
		return r.checkBase(r.hostDir(host))
	}
	for _, dir := range []string{"disk", "root"} {
		if err := os.MkdirAll(r.hostDir(host, dir), 0o755); err != nil {
			return err
		}
	}
	image := r.hostDir(host, "disk.new")
	if err := makeImage(ctx, image, r.options.DiskBytes); err != nil {
		return err
	}
	if err := os.WriteFile(r.hostDir(host, "base"), []byte(base.Version()+"\n"), 0o644); err != nil {
		return err
	}
	err = r.mounted(ctx, host, image, func(root string) error {
		for _, seed := range append([]Seed{seedIdentity, seedServices}, r.options.Seeds...) {
			if err := seed(host, root); err != nil {
				return fmt.Errorf("seed: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// Only a seeded disk gets the name by which it counts as created.
	return os.Rename(image, r.hostDir(host, "disk.img"))
}

func makeImage(ctx context.Context, path string, size int64) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	err = errors.Join(file.Truncate(size), file.Close())
	if err != nil {
		return err
	}
	return runCommand(ctx, "mkfs.ext4", "-q", "-m0", "-E", "lazy_itable_init=1,lazy_journal_init=1", path)
}

// checkBase fails if the disk in dir belongs to another base than the one that
// this program would put under it.
func (r *Rig) checkBase(dir string) error {
	version, err := os.ReadFile(filepath.Join(dir, "base"))
	if err != nil {
		return fmt.Errorf("which base does the disk belong to: %w", err)
	}
	if got := strings.TrimSpace(string(version)); got != base.Version() {
		return fmt.Errorf("the disk in %s belongs to base %s, this program builds %s: run `belay-rig destroy`, then create it again", dir, got, base.Version())
	}
	return nil
}

// Edit runs fn on the root directory of a host that is off. The path is valid
// for every thread and child process until fn returns; fn must leave nothing
// open or running in it.
func (r *Rig) Edit(ctx context.Context, host Host, fn func(root string) error) error {
	return r.edit(ctx, host, r.mountHost, "root", fn)
}

// Rescue is Edit for a disk that is too full for its host to come up: fn sees
// only what the host has written.
func (r *Rig) Rescue(ctx context.Context, host Host, fn func(written string) error) error {
	return r.edit(ctx, host, r.mountDisk, filepath.Join("disk", "upper"), fn)
}

// mounter mounts what a host's disk holds in the calling thread's namespace.
type mounter func(ctx context.Context, host Host, image string) error

func (r *Rig) edit(ctx context.Context, host Host, mount mounter, at string, fn func(root string) error) error {
	unlock, err := r.lock(ctx, host.String())
	if err != nil {
		return err
	}
	defer unlock()
	if on, err := r.power(host); err != nil || on {
		return errors.Join(err, fmt.Errorf("edit the disk of %s: the host is on", host))
	}
	if err := r.checkBase(r.hostDir(host)); err != nil {
		return err
	}
	if err := r.mountedAt(ctx, host, r.hostDir(host, "disk.img"), mount, at, fn); err != nil {
		return fmt.Errorf("edit the disk of %s: %w", host, err)
	}
	return nil
}

// mounted mounts the image and the overlay in a mount namespace that lives as
// long as fn. A mount made in the machine's namespace would be copied into
// that of every host started later, and stay pinned there.
func (r *Rig) mounted(ctx context.Context, host Host, image string, fn func(root string) error) error {
	return r.mountedAt(ctx, host, image, r.mountHost, "root", fn)
}

func (r *Rig) mountedAt(ctx context.Context, host Host, image string, mount mounter, at string, fn func(root string) error) error {
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread and its namespace end with the goroutine.
		runtime.LockOSThread()
		done <- r.mountedHere(ctx, host, image, mount, at, fn)
	}()
	if err := <-done; err != nil {
		return err
	}
	return r.waitLoopFree(ctx, image)
}

func (r *Rig) mountedHere(ctx context.Context, host Host, image string, mount mounter, at string, fn func(root string) error) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := mount(ctx, host, image); err != nil {
		return err
	}
	err := r.callOn(r.hostDir(host, at), fn)
	if at == "root" {
		err = errors.Join(err, unmount(r.hostDir(host, "root")))
	}
	return errors.Join(err, unmount(r.hostDir(host, "disk")))
}

// callOn gives fn a path through a descriptor, which leads into this thread's
// mount namespace from every other one.
func (r *Rig) callOn(root string, fn func(root string) error) error {
	dir, err := os.Open(root)
	if err != nil {
		return err
	}
	defer dir.Close()
	return fn(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), dir.Fd()))
}

// mountHost mounts the host's disk and its root in the mount namespace of the
// calling thread, which must be private.
func (r *Rig) mountHost(ctx context.Context, host Host, image string) error {
	disk, root := r.hostDir(host, "disk"), r.hostDir(host, "root")
	if err := r.mountDisk(ctx, host, image); err != nil {
		return err
	}
	upper, work := filepath.Join(disk, "upper"), filepath.Join(disk, "work")
	for _, dir := range []string{upper, work} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	lower := r.builder().Path()
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work)
	if err := unix.Mount("overlay", root, "overlay", 0, options); err != nil {
		return fmt.Errorf("mount %s over %s: %w", upper, lower, err)
	}
	return nil
}

// mountDisk mounts the host's disk alone.
func (r *Rig) mountDisk(ctx context.Context, host Host, image string) error {
	return runCommand(ctx, "mount", "-t", "ext4", "-o", "loop", image, r.hostDir(host, "disk"))
}

func unmount(path string) error {
	if err := unix.Unmount(path, 0); err != nil {
		return fmt.Errorf("unmount %s (is something still open in it?): %w", path, err)
	}
	return nil
}

// waitLoopFree waits until the kernel has let go of the loop device of an
// image that is no longer mounted.
func (r *Rig) waitLoopFree(ctx context.Context, image string) error {
	ctx, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	return poll(ctx, "loop device of "+image, func() (bool, error) {
		used, err := loopDevices(image)
		return len(used) == 0, err
	})
}

// loopDevices lists the loop devices over an image.
func loopDevices(image string) ([]string, error) {
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return nil, err
	}
	var devices []string
	for _, file := range files {
		// A device that is let go meanwhile has no file to read any more.
		if text, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(text)) == image {
			devices = append(devices, filepath.Join("/dev", filepath.Base(filepath.Dir(filepath.Dir(file)))))
		}
	}
	return devices, nil
}

func runCommand(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
