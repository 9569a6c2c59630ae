package rig

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// copyTree copies directories, files and links of source over target.
func copyTree(source, target string) error {
	return filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		to := filepath.Join(target, relative)
		switch {
		case entry.IsDir():
			return os.MkdirAll(to, info.Mode().Perm())
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			_ = os.Remove(to)
			return os.Symlink(link, to)
		case info.Mode().IsRegular():
			return copyFile(path, to, info.Mode().Perm())
		}
		return fmt.Errorf("copy %s: neither a file, a directory nor a link", path)
	})
}

// copyFile replaces to by a copy of from: a reader of to sees the old file or
// the whole new one, and a program that runs from it goes on.
func copyFile(from, to string, mode os.FileMode) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	part, err := os.CreateTemp(filepath.Dir(to), ".copy-*")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())
	defer part.Close()
	if _, err := io.Copy(part, source); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	if err := part.Chmod(mode); err != nil {
		return err
	}
	if err := part.Close(); err != nil {
		return err
	}
	return os.Rename(part.Name(), to)
}

// chroot runs a short command of the host on its disk.
func chroot(root string, command ...string) error {
	out, err := exec.Command("chroot", append([]string{root}, command...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s in the host's root: %w: %s", strings.Join(command, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// containsMount reports whether mountinfo text names a mount point below dir.
func containsMount(mountinfo, dir string) bool {
	for line := range strings.Lines(mountinfo) {
		field := strings.Fields(line)
		if len(field) > 4 && strings.HasPrefix(field[4], dir+"/") {
			return true
		}
	}
	return false
}
