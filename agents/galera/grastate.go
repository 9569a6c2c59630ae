package galera

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// zeroUUID is the history of a member that never had one, or whose data Galera
// marked as not to be trusted.
const zeroUUID = "00000000-0000-0000-0000-000000000000"

// maxStateFile bounds what is read of grastate.dat: 113 bytes in practice.
const maxStateFile = 64 << 10

// maxCopies of grastate.dat and gvwstate.dat that are kept, each.
const maxCopies = 5

// Words for the file's condition.
const (
	grastatePresent = "present"
	grastateAbsent  = "absent"
	grastateGarbled = "garbled"
)

// grastate is the content of grastate.dat (Galera's saved state, version 2.1).
type grastate struct {
	UUID  string
	Seqno int64
	Safe  bool
}

// parseGrastate reads the file strictly: a value that is missing, doubled or
// unreadable makes the whole file untrustworthy, because a garbled seqno that
// read as 0 would lose an election that it should win.
func parseGrastate(text string) (grastate, error) {
	found := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		key = strings.TrimSpace(key)
		if !ok || key == "" {
			return grastate{}, fmt.Errorf("line %.60q is not KEY: VALUE", line)
		}
		if _, twice := found[key]; twice {
			return grastate{}, fmt.Errorf("%s stands twice", key)
		}
		found[key] = strings.TrimSpace(value)
	}
	uuid, err := parseUUID(found["uuid"])
	if err != nil {
		return grastate{}, err
	}
	seqno, err := strconv.ParseInt(found["seqno"], 10, 64)
	if err != nil || seqno < -1 {
		return grastate{}, fmt.Errorf("seqno %.40q is not a number", found["seqno"])
	}
	state := grastate{UUID: uuid, Seqno: seqno}
	switch safe, has := found["safe_to_bootstrap"]; {
	case !has, safe == "0": // version 2.0 did not have it
	case safe == "1":
		state.Safe = true
	default:
		return grastate{}, fmt.Errorf("safe_to_bootstrap %.40q is neither 0 nor 1", safe)
	}
	return state, nil
}

// parseUUID reads the 8-4-4-4-12 form.
func parseUUID(text string) (string, error) {
	bad := fmt.Errorf("uuid %.40q is not a UUID", text)
	if len(text) != 36 {
		return "", bad
	}
	for i, r := range text {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := (r >= '0' && r <= '9') || (r >= 'a' && r <= 'f') || (r >= 'A' && r <= 'F')
		if (dash && r != '-') || (!dash && !hex) {
			return "", bad
		}
	}
	return strings.ToLower(text), nil
}

// path puts the host's root before a path.
func (c *call) path(parts ...string) string {
	return filepath.Join(append([]string{c.host.Root + "/"}, parts...)...)
}

// readStateFile returns a small file's text; one that is too big is an error.
func readStateFile(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if info.Size() > maxStateFile {
		return "", fmt.Errorf("%s is %d bytes long", name, info.Size())
	}
	data, err := os.ReadFile(name)
	return string(data), err
}

// grastate reads this member's file and says in which condition it is; detail
// explains a garbled one. The error is one of reading, not of the content.
func (c *call) grastate() (state grastate, condition, detail string, err error) {
	text, err := readStateFile(c.path(c.datadir, "grastate.dat"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return grastate{UUID: zeroUUID, Seqno: -1}, grastateAbsent, "", nil
	case err != nil:
		return grastate{}, "", "", fmt.Errorf("read grastate.dat: %w", err)
	}
	state, problem := parseGrastate(text)
	if problem != nil {
		return grastate{UUID: zeroUUID, Seqno: -1}, grastateGarbled, problem.Error(), nil
	}
	return state, grastatePresent, "", nil
}

// allowBootstrap sets safe_to_bootstrap to 1 after keeping a copy, so that
// mysqld does not refuse what the cluster has decided. A member that never was
// in a cluster has no file, and mysqld needs none.
func (c *call) allowBootstrap() error {
	name := c.path(c.datadir, "grastate.dat")
	text, err := readStateFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("allow bootstrap: %w", err)
	}
	changed, found := "", false
	for line := range strings.Lines(text) {
		key, _, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == "safe_to_bootstrap" {
			line, found = "safe_to_bootstrap: 1\n", true
		}
		changed += line
	}
	if !found {
		if changed != "" && !strings.HasSuffix(changed, "\n") {
			changed += "\n"
		}
		changed += "safe_to_bootstrap: 1\n"
	}
	if changed == text {
		return nil
	}
	if err := c.keepCopy(name, text); err != nil {
		return fmt.Errorf("allow bootstrap: %w", err)
	}
	// In place: the file keeps its owner, and mysqld has it in no other form.
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return fmt.Errorf("allow bootstrap: %w", err)
	}
	_, err = file.WriteString(changed)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("allow bootstrap: write %s: %w", name, err)
	}
	return nil
}

// dropView moves gvwstate.dat away. With it, a plain start may form a primary
// component by itself (a view of one member always does), beside the one that
// the cluster has chosen.
func (c *call) dropView() error { return c.drop("gvwstate.dat") }

// dropState moves grastate.dat away. Without it a member that joins asks for the
// whole state.
func (c *call) dropState() error { return c.drop("grastate.dat") }

// dropProcessIDs removes what the scripts of a state transfer note of themselves.
// They outlive a script that was killed, and the next transfer, given or taken,
// waits for whatever process has the number by now, then fails, each time anew.
// The unit has no process left.
func (c *call) dropProcessIDs() error {
	var problems []error
	for _, name := range []string{"wsrep_sst.pid", "rsync_sst.pid", "stunnel.pid"} {
		if err := os.Remove(c.path(c.datadir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, fmt.Errorf("remove what an ended state transfer left: %w", err))
		}
	}
	return errors.Join(problems...)
}

// drop removes a state file of which a copy is kept.
func (c *call) drop(base string) error {
	name := c.path(c.datadir, base)
	text, err := readStateFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("set %s aside: %w", base, err)
	}
	if err := c.keepCopy(name, text); err != nil {
		return fmt.Errorf("set %s aside: %w", base, err)
	}
	if err := os.Remove(name); err != nil {
		return fmt.Errorf("set %s aside: %w", base, err)
	}
	return nil
}

// keepCopy saves a state file under the instance's own directory and forgets
// the oldest copies.
func (c *call) keepCopy(name, text string) error {
	base := filepath.Base(name)
	if err := os.MkdirAll(c.req.DataDir, 0o700); err != nil {
		return err
	}
	kept := filepath.Join(c.req.DataDir, base+"."+c.host.Now().UTC().Format("20060102T150405.000000000"))
	if err := os.WriteFile(kept, []byte(text), 0o600); err != nil {
		return err
	}
	copies, err := filepath.Glob(filepath.Join(c.req.DataDir, base+".*"))
	if err != nil {
		return err
	}
	slices.Sort(copies)
	for _, old := range copies[:max(len(copies)-maxCopies, 0)] {
		if err := os.Remove(old); err != nil {
			return err
		}
	}
	return nil
}

// ownDatabases counts the schemas that are not MariaDB's own: what a new
// member's data directory held before.
func (c *call) ownDatabases() (int, error) {
	entries, err := os.ReadDir(c.path(c.datadir))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("data directory %s does not exist: install MariaDB and run mariadb-install-db", c.datadir)
	}
	if err != nil {
		return 0, err
	}
	n := 0
	for _, entry := range entries {
		switch name := entry.Name(); {
		case !entry.IsDir(), strings.HasPrefix(name, "."), strings.HasPrefix(name, "#"):
		case name == "mysql", name == "performance_schema", name == "sys", name == "lost+found":
		default:
			n++
		}
	}
	return n, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
