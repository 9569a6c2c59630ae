package galera

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/durable"
	"github.com/belay-ha/belay/resources"
)

// asideInfix is in the name of a directory with what a transfer has left, beside
// the data directory: mysql.half-transfer-20260102T030405Z. Below a data directory
// that is a file system of its own the name begins with it.
const asideInfix = ".half-transfer-"

// asideNote, in such a directory, says what it holds.
const asideNote = "belay.json"

// clearRemains makes sure that a member which joins after a transfer that broke
// off receives the whole state, and that mysqld starts: what it cannot read is
// moved aside. It needs a member that serves elsewhere, so what is here is never
// the last copy. It returns what there is to tell, or "".
func (c *call) clearRemains(ctx context.Context) (string, error) {
	t, left, err := c.transferLeft()
	if err != nil || left == transferNone {
		return "", err
	}
	if !c.servedElsewhere() {
		return "", fmt.Errorf("a state transfer to this member broke off (%s), and no member serves elsewhere: its data is left as it is", left)
	}
	if err := c.dropState(); err != nil {
		return "", err
	}
	if t.Aside == "" {
		_, _, _, err := c.recover(ctx)
		if err == nil {
			c.log.Info("a state transfer broke off; the whole state is transferred again", zap.String("resource", string(c.req.Instance)), zap.String("left", left))
			return "a state transfer had broken off: the whole state is transferred", nil
		}
		if !errors.Is(err, errUnreadable) || hostsFault(err) {
			return "", err
		}
		c.log.Warn("the server cannot read what a state transfer left", zap.String("resource", string(c.req.Instance)), zap.Error(err))
	}
	to, err := c.setAside(ctx, *t)
	if err != nil {
		return "", fmt.Errorf("set aside what a state transfer left in %s: %w; move the files away by hand, then `belayctl resource retry %s %s`: it joins by state transfer",
			c.datadir, err, c.req.Instance.Resource(), c.req.Node)
	}
	c.log.Warn("what a state transfer left is set aside", zap.String("resource", string(c.req.Instance)), zap.String("directory", to))
	return "a state transfer had broken off, what it left is in " + to, nil
}

// servedElsewhere reports whether another node's member serves in a primary
// component, by its last word.
func (c *call) servedElsewhere() bool {
	return slices.ContainsFunc(c.req.View.Peers[c.req.Instance.Resource()], func(p agents.Peer) bool {
		return p.Node != c.req.Node && p.Role == resources.RolePromoted && !p.Failed &&
			p.Attributes[attrCluster] == primary && c.req.View.Nodes[p.Node].Alive
	})
}

// hostsFault reports whether a recovery failed for a reason that other data would
// not mend.
func hostsFault(err error) bool {
	return slices.ContainsFunc([]string{"No space left", "Unable to lock", "Permission denied", "Read-only file system", "Too many open files", "Cannot allocate memory", "unknown variable", "unknown option"},
		func(text string) bool { return strings.Contains(err.Error(), text) })
}

// dataFiles lists what in the data directory belongs to the data. Certificates
// that some keep there, packages' flags and the file system's own stay where they
// are.
func (c *call) dataFiles() ([]string, error) {
	entries, err := os.ReadDir(c.path(c.datadir))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		name := entry.Name()
		if name != "lost+found" && !strings.HasSuffix(name, ".pem") && !strings.HasSuffix(name, ".flag") && !strings.HasPrefix(name, asideInfix) {
			names = append(names, name)
		}
	}
	return names, nil
}

// note is what asideNote holds.
type note struct {
	Text string `json:"text"`
	// Empty as in transfer: the directory holds nothing but pieces of a copy.
	Empty bool `json:"empty"`
}

// setAside moves the data to a directory beside the data directory, by renaming
// alone, and returns it. A daemon that is killed meanwhile goes on where it was.
//
// A data directory that is a file system of its own has nothing beside it that could
// take its files. They go to a directory below it then, where the transfer's own
// scripts clear them away, as they do with all that they find.
func (c *call) setAside(ctx context.Context, t transfer) (string, error) {
	from, err := filepath.EvalSymlinks(c.path(c.datadir))
	if err != nil {
		return "", err
	}
	if err := c.mayMove(ctx); err != nil {
		return "", err
	}
	if t.Aside == "" {
		name := asideInfix + c.host.Now().UTC().Format("20060102T150405Z")
		if c.host.Leaves(from) {
			if err := c.makeRoom(from, t); err != nil {
				return "", err
			}
			t.Aside = from + name
		} else {
			t.Aside = filepath.Join(from, name)
		}
		if err := c.writeTransfer(t); err != nil {
			return "", err
		}
	}
	if err := c.makeAside(from, t); err != nil {
		return "", err
	}
	names, err := c.dataFiles()
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if err := moveTree(filepath.Join(from, name), filepath.Join(t.Aside, name)); err != nil {
			return "", err
		}
	}
	return t.Aside, errors.Join(durable.SyncDir(from), durable.SyncDir(t.Aside), durable.SyncDir(filepath.Dir(from)))
}

// makeAside makes the directory that the data is moved to. Beside the data
// directory it is root's alone, so that what is written there is safe from mysqld's
// user; below it the transfer's scripts must be able to clear it away.
func (c *call) makeAside(from string, t transfer) error {
	if filepath.Dir(t.Aside) == from {
		return mkdirLike(t.Aside, from)
	}
	if err := mkdir(t.Aside); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	said, err := json.Marshal(note{Text: "what a Galera state transfer that broke off left in " + c.datadir + "; may be deleted", Empty: t.Empty})
	if err != nil {
		return err
	}
	return durable.Replace(filepath.Join(t.Aside, asideNote), said, 0o600)
}

// leaves reports whether a file of a directory can be renamed to beside it. Only a
// try tells for certain: bind mounts and subvolumes have the same device.
func leaves(from string) bool {
	probe, err := os.CreateTemp(from, ".belay-probe-")
	if err != nil {
		return false
	}
	_ = probe.Close()
	to := filepath.Join(filepath.Dir(from), filepath.Base(probe.Name()))
	if err := os.Rename(probe.Name(), to); err != nil {
		_ = os.Remove(probe.Name())
		return false
	}
	return os.Remove(to) == nil
}

// mayMove refuses data that is not all below the data directory.
func (c *call) mayMove(ctx context.Context) error {
	options, err := c.serverOptions(ctx)
	if err != nil {
		return err
	}
	for _, name := range []string{"innodb_data_home_dir", "innodb_log_group_home_dir", "innodb_undo_directory", "aria_log_dir_path"} {
		dir := options[name]
		if filepath.IsAbs(dir) && filepath.Clean(dir) != filepath.Clean(c.datadir) {
			return fmt.Errorf("%s is %s, outside the data directory", name, dir)
		}
	}
	return nil
}

// makeRoom sees to it that what is kept stays bounded. Of directories that hold
// nothing but pieces of a copy only the last is kept. One that may hold data of
// the member's own is never deleted: a second one needs as much free space as it
// takes, for the copy that comes in its place.
func (c *call) makeRoom(from string, t transfer) error {
	older, err := asides(from)
	if err != nil {
		return err
	}
	kept := ""
	for _, dir := range older {
		if !onlyPieces(dir) {
			kept = dir
			continue
		}
		c.log.Info("pieces of an earlier state transfer are deleted", zap.String("directory", dir))
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if kept == "" || t.Empty {
		return nil
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(from, &disk); err != nil {
		return err
	}
	return roomBeside(kept, usage(from), int64(disk.Bavail)*disk.Bsize)
}

// roomBeside refuses a second directory of need bytes where too few are free.
func roomBeside(kept string, need, free int64) error {
	if need > free {
		return fmt.Errorf("%s is kept already, and %d MiB free are too few for the %d MiB that a new copy may need: delete what is not needed", kept, free>>20, need>>20)
	}
	return nil
}

// asides lists what was set aside from a data directory: beside it, oldest first,
// and below it.
func asides(from string) ([]string, error) {
	var dirs []string
	for _, place := range []struct{ dir, prefix string }{{filepath.Dir(from), filepath.Base(from) + asideInfix}, {from, asideInfix}} {
		entries, err := os.ReadDir(place.dir)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if entry.IsDir() && strings.HasPrefix(entry.Name(), place.prefix) {
				dirs = append(dirs, filepath.Join(place.dir, entry.Name()))
			}
		}
	}
	return dirs, nil
}

// onlyPieces reports whether a directory says of itself that it holds nothing but
// pieces of a copy.
func onlyPieces(dir string) bool {
	text, err := readStateFile(filepath.Join(dir, asideNote))
	var n note
	return err == nil && json.Unmarshal([]byte(text), &n) == nil && n.Empty
}

// usage returns how many bytes a directory takes on the disk, of at most maxWalk
// files.
func usage(dir string) int64 {
	bytes, files := int64(0), 0
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if files++; files > maxWalk {
			return fs.SkipAll
		}
		if err != nil {
			return nil // it only bounds what is kept
		}
		if info, err := entry.Info(); err == nil {
			bytes += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	})
	return bytes
}

// mkdirLike makes a directory with another's owner and mode; one that is there
// already stays as it is.
func mkdirLike(name, like string) error {
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	if err := mkdir(name); errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	return errors.Join(os.Chmod(name, info.Mode().Perm()), os.Lchown(name, int(owner.Uid), int(owner.Gid)))
}

// mkdir makes a directory that only its owner reaches. One that is there already is
// fs.ErrExist; anything else of that name, a link too, is another error.
func mkdir(name string) error {
	err := os.Mkdir(name, 0o700)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if info, statErr := os.Lstat(name); statErr != nil || !info.IsDir() {
		return fmt.Errorf("%s is no directory", name)
	}
	return err
}

// moveTree renames a file or directory, and replaces nothing. An overlay file
// system may refuse to rename a directory of its lower layer: then what is in it
// is renamed.
func moveTree(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err == nil {
		return nil
	}
	err = &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	if !errors.Is(err, unix.EXDEV) && !errors.Is(err, fs.ErrExist) {
		return err
	}
	entries, readErr := os.ReadDir(from)
	if readErr != nil {
		return err // no directory
	}
	if err := mkdirLike(to, from); err != nil {
		return err
	}
	for _, entry := range entries {
		if err := moveTree(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
			return err
		}
	}
	return os.Remove(from)
}
