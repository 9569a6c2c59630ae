package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/durable"
)

const (
	backupPrefix = "backup-"
	partial      = ".partial"
)

// backup copies the node's directory and feature flags below DataDir and
// returns the copy's directory. The broker must be down. Only a whole copy that
// is on disk has its final name; without one nothing may be wiped.
func (c *call) backup(ctx context.Context) (string, error) {
	final := filepath.Join(c.req.DataDir, backupPrefix+c.host.Now().UTC().Format("20060102T150405.000"))
	work := final + partial
	if err := c.dropPartials(); err != nil {
		return "", fmt.Errorf("copy the node's data: %w", err)
	}
	if err := os.MkdirAll(work, 0o700); err != nil {
		return "", fmt.Errorf("copy the node's data: %w", err)
	}
	if err := c.room(); err != nil {
		return "", fmt.Errorf("copy the node's data: %w", errors.Join(err, os.RemoveAll(work)))
	}
	copier := copier{ctx: ctx, progress: c.req.Progress}
	err := copier.tree(c.nodeDir(), filepath.Join(work, filepath.Base(c.nodeDir())))
	if err == nil {
		if _, missing := os.Stat(c.flagsFile()); missing == nil {
			err = copier.file(c.flagsFile(), filepath.Join(work, filepath.Base(c.flagsFile())), 0o600)
		}
	}
	for _, dir := range append(copier.dirs, work) {
		if err == nil {
			err = durable.SyncDir(dir)
		}
	}
	if err == nil {
		err = os.Rename(work, final)
	}
	if err == nil {
		err = durable.SyncDir(c.req.DataDir)
	}
	if err != nil {
		return "", fmt.Errorf("copy the node's data: %w", errors.Join(err, os.RemoveAll(work)))
	}
	c.log.Info("the node's data is copied", zap.String("resource", string(c.req.Instance)), zap.String("copy", final), zap.Int64("bytes", copier.done))
	return final, c.prune(final)
}

// room refuses a copy that would fill the disk.
func (c *call) room() error {
	var need int64
	err := filepath.WalkDir(c.nodeDir(), func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			need += info.Size()
		}
		return nil
	})
	if err != nil {
		return err
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(c.req.DataDir, &disk); err != nil {
		return fmt.Errorf("statfs %s: %w", c.req.DataDir, err)
	}
	const spare = 64 << 20
	if free := int64(disk.Bavail) * disk.Bsize; free < need+spare {
		return fmt.Errorf("%s has %d MiB free, the copy needs %d MiB: make room, nothing was wiped", c.req.DataDir, free>>20, (need+spare)>>20)
	}
	return nil
}

func (c *call) dropPartials() error {
	left, err := filepath.Glob(filepath.Join(c.req.DataDir, backupPrefix+"*"+partial))
	if err != nil {
		return err
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// prune removes the oldest copies beyond the number to keep, never the newest.
func (c *call) prune(newest string) error {
	all, err := filepath.Glob(filepath.Join(c.req.DataDir, backupPrefix+"*"))
	if err != nil {
		return err
	}
	slices.Sort(all)
	for _, old := range all[:max(len(all)-c.backups, 0)] {
		if old == newest || strings.HasSuffix(old, partial) {
			continue
		}
		if err := os.RemoveAll(old); err != nil {
			return fmt.Errorf("remove an old copy: %w", err)
		}
	}
	return nil
}

// saveDefinitions adds users, vhosts, queues, policies and the like as JSON to
// a copy. The file holds password hashes: only root reads it.
func (c *call) saveDefinitions(ctx context.Context, from, into string) error {
	ctx, cancel := context.WithTimeout(ctx, c.deepTimeout)
	defer cancel()
	// rabbitmqctl writes as the broker's user, so the file begins where it may.
	scratch := filepath.Join(c.dataDir, ".belay-definitions.json")
	defer func() { _ = os.Remove(c.path(scratch)) }()
	if _, err := c.ctl(ctx, from, "export_definitions", scratch, "--format", "json"); err != nil {
		return fmt.Errorf("save definitions: %w", err)
	}
	copier := copier{ctx: ctx}
	if err := copier.file(c.path(scratch), filepath.Join(into, "definitions.json"), 0o600); err != nil {
		return fmt.Errorf("save definitions: %w", err)
	}
	return nil
}

// wipe removes the node's data. The caller has made a copy.
func (c *call) wipe() error {
	if err := os.RemoveAll(c.nodeDir()); err != nil {
		return fmt.Errorf("wipe the node's data: %w", err)
	}
	if err := os.Remove(c.flagsFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("wipe the node's data: %w", err)
	}
	return nil
}

// copier copies files and syncs each.
type copier struct {
	ctx      context.Context // of the one copy that it lives for
	progress func(agents.Progress)
	done     int64
	dirs     []string // that it has made; their entries are the caller's to sync
}

func (k *copier) tree(from, to string) error {
	return filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = k.ctx.Err()
		}
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		info, err := entry.Info()
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir():
			k.dirs = append(k.dirs, target)
			return os.MkdirAll(target, info.Mode().Perm()|0o700)
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(name)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case !info.Mode().IsRegular():
			return nil // a socket or pipe holds no data
		}
		return k.file(name, target, info.Mode().Perm())
	})
}

// file copies in pieces, so that the context is heard in between.
func (k *copier) file(from, to string, mode fs.FileMode) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	const piece = 8 << 20
	for {
		if err := k.ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(target, source, piece)
		k.done += n
		if k.progress != nil && n > 0 {
			k.progress(agents.Progress{Text: fmt.Sprintf("copying the node's data, %d MiB", k.done>>20), Done: k.done})
		}
		if errors.Is(err, io.EOF) {
			return target.Sync()
		}
		if err != nil {
			return err
		}
	}
}
