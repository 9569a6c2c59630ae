// Package base builds the root file system that all hosts of a rig share.
//
// It owns <dir>/base-<version>, a Debian tree that the hosts mount read-only
// as the lower layer of an overlay, and <dir>/cache, the downloaded packages.
// It installs missing packages on the machine, and nothing else outside <dir>.
// It starts no goroutine.
package base

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Builder makes the base. The zero Log discards progress.
type Builder struct {
	// Dir is where bases and the package cache live, /var/lib/belay-rig.
	Dir string
	// Log receives one line per step, with the time since the start.
	Log io.Writer

	started time.Time
}

// Path returns the directory of the base that this program's recipe makes.
// Whether it exists is another question: see Ready.
func (b *Builder) Path() string { return filepath.Join(b.Dir, "base-"+Version()) }

// Ready reports whether the base of this program's recipe is there, complete.
func (b *Builder) Ready() bool {
	// The directory gets this name only by the rename that ends a build.
	_, err := os.Stat(filepath.Join(b.Path(), "etc/os-release"))
	return err == nil
}

// Build makes the base unless it is there, and returns its path. It holds a
// file lock, so a second Build waits for the first and then finds its result.
// A build that is interrupted leaves only a temporary tree, which the next one
// removes. Needs root; takes some minutes and about 1.2 GB.
func (b *Builder) Build(ctx context.Context) (string, error) {
	b.started = time.Now()
	if os.Geteuid() != 0 {
		return "", errors.New("build the base: needs root, as it makes mounts and a Debian tree")
	}
	if err := os.MkdirAll(b.Dir, 0o755); err != nil {
		return "", fmt.Errorf("build the base: %w", err)
	}
	unlock, err := lockFile(filepath.Join(b.Dir, "build.lock"))
	if err != nil {
		return "", fmt.Errorf("build the base: %w", err)
	}
	defer unlock()
	if err := b.installMachinePackages(ctx); err != nil {
		return "", err
	}
	if b.Ready() {
		b.step("base %s is there: %s", Version(), b.Path())
		return b.Path(), nil
	}
	if err := b.build(ctx); err != nil {
		return "", err
	}
	b.removeOld()
	b.step("base ready: %s", b.Path())
	return b.Path(), nil
}

func (b *Builder) build(ctx context.Context) error {
	if err := b.removeTemporary(); err != nil {
		return err
	}
	tree := b.Path() + ".new"
	logPath := filepath.Join(b.Dir, "build.log")
	log, err := os.Create(logPath)
	if err != nil {
		return fmt.Errorf("build the base: %w", err)
	}
	defer log.Close()
	b.step("building base %s, log in %s", Version(), logPath)

	sources, err := machineSources(ctx)
	if err != nil {
		return err
	}
	b.step("debootstrap of %s from %s", suite, sources.mirror)
	if err := b.bootstrap(ctx, tree, sources, log); err != nil {
		return fmt.Errorf("build the base: debootstrap (see %s): %w", logPath, err)
	}
	if err := writeRecipe(tree, sources); err != nil {
		return fmt.Errorf("build the base: %w", err)
	}
	b.step("installing services")
	if err := b.provision(ctx, tree, sources, log); err != nil {
		return fmt.Errorf("build the base: provision (see %s): %w", logPath, err)
	}
	if err := os.Rename(tree, b.Path()); err != nil {
		return fmt.Errorf("build the base: %w", err)
	}
	return nil
}

func (b *Builder) bootstrap(ctx context.Context, tree string, from sources, log io.Writer) error {
	cache := filepath.Join(b.Dir, "cache")
	if err := os.MkdirAll(filepath.Join(cache, "partial"), 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "debootstrap", "--variant=minbase", "--cache-dir="+cache,
		"--include="+strings.Join(bootstrapPackages, ","), suite, tree, from.mirror)
	cmd.Env = append(os.Environ(), from.environment...)
	cmd.Stdout, cmd.Stderr = log, log
	return runInOwnPIDs(cmd)
}

// provision runs the recipe's script in the tree. Its mounts live in a mount
// namespace of their own, and a daemon that a package starts dies with the PID
// namespace: neither can outlast the build.
func (b *Builder) provision(ctx context.Context, tree string, from sources, log io.Writer) error {
	const enter = `set -e
mount -t proc proc "$1/proc"; mount -t sysfs -o ro sys "$1/sys"; mount -t tmpfs tmpfs "$1/run"
mount --rbind /dev "$1/dev"; mount --bind "$2" "$1/var/cache/apt/archives"
exec chroot "$1" /bin/sh -s`
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", enter, "sh", tree, filepath.Join(b.Dir, "cache"))
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}, from.environment...)
	cmd.Stdin = bytes.NewReader(recipeFile("provision.sh"))
	lines := &stepWriter{next: log, step: func(s string) { b.step("  %s", s) }}
	cmd.Stdout, cmd.Stderr = lines, log
	return runInOwnPIDs(cmd)
}

// runInOwnPIDs runs cmd as the first process of a PID and mount namespace:
// when it ends or is killed, all that it started ends too.
func runInOwnPIDs(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &unix.SysProcAttr{
		Cloneflags:   unix.CLONE_NEWPID,
		Unshareflags: unix.CLONE_NEWNS,
		Pdeathsig:    unix.SIGKILL,
	}
	return cmd.Run()
}

func writeRecipe(tree string, from sources) error {
	unit := string(recipeFile("belay-rig-net.service"))
	files := []struct {
		path, text string
		mode       os.FileMode
	}{
		{"belay-rig-packages", string(recipeFile("packages")), 0o644},
		{"etc/apt/sources.list", from.list, 0o644},
		{"etc/apt/apt.conf.d/00belay-rig", "APT::Install-Recommends \"false\";\nAPT::Install-Suggests \"false\";\n", 0o644},
		{"etc/apt/apt.conf.d/01belay-rig-build", "APT::Keep-Downloaded-Packages \"true\";\nBinary::apt-get::APT::Keep-Downloaded-Packages \"true\";\nAPT::Sandbox::User \"root\";\n", 0o644},
		{"etc/dpkg/dpkg.cfg.d/belay-rig", "force-unsafe-io\npath-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\npath-exclude=/usr/share/locale/*\npath-exclude=/usr/share/info/*\n", 0o644},
		// No service starts while it is being installed.
		{"usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755},
		{"etc/systemd/system/belay-rig-net.service", unit, 0o644},
		{"etc/mysql/mariadb.conf.d/59-belay-rig-small.cnf", string(recipeFile("mariadb-small.cnf")), 0o644},
	}
	for _, file := range files {
		path := filepath.Join(tree, file.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(file.text), file.mode); err != nil {
			return err
		}
	}
	resolv, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(tree, "etc/resolv.conf"), resolv, 0o644)
}

// removeTemporary removes what an interrupted build left.
func (b *Builder) removeTemporary() error {
	left, err := filepath.Glob(filepath.Join(b.Dir, "base-*.new"))
	if err != nil {
		return fmt.Errorf("look for unfinished builds: %w", err)
	}
	for _, tree := range left {
		if err := os.RemoveAll(tree); err != nil {
			return fmt.Errorf("remove unfinished build: %w", err)
		}
	}
	return nil
}

// removeOld removes bases of other recipes that no host's disk names. A disk
// is only good over the base that it was created on.
func (b *Builder) removeOld() {
	named := make(map[string]bool)
	var marks []string
	for _, place := range []string{"hosts/*", "golden/*/*", "rigs/*/hosts/*", "rigs/*/golden/*/*"} {
		found, _ := filepath.Glob(filepath.Join(b.Dir, place, "base")) // fails only on a bad pattern
		marks = append(marks, found...)
	}
	for _, mark := range marks {
		if text, err := os.ReadFile(mark); err == nil {
			named["base-"+strings.TrimSpace(string(text))] = true
		}
	}
	all, _ := filepath.Glob(filepath.Join(b.Dir, "base-*"))
	for _, tree := range all {
		if tree == b.Path() || named[filepath.Base(tree)] {
			continue
		}
		b.step("removing outdated %s", tree)
		if err := os.RemoveAll(tree); err != nil {
			b.step("could not remove %s: %v", tree, err)
		}
	}
}

func (b *Builder) step(format string, args ...any) {
	if b.Log == nil {
		return
	}
	fmt.Fprintf(b.Log, "%7.1fs  %s\n", time.Since(b.started).Seconds(), fmt.Sprintf(format, args...))
}

func lockFile(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}

// stepWriter passes everything on and reports lines that begin with "## ".
type stepWriter struct {
	next io.Writer
	step func(string)
	line []byte
}

func (w *stepWriter) Write(p []byte) (int, error) {
	for _, c := range p {
		if c != '\n' {
			if len(w.line) < 200 {
				w.line = append(w.line, c)
			}
			continue
		}
		if text, ok := strings.CutPrefix(string(w.line), "## "); ok {
			w.step(text)
		}
		w.line = w.line[:0]
	}
	return w.next.Write(p)
}
