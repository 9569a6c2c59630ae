package galera

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/internal/durable"
)

// transfer is what this host remembers, through a power cut, of a member that
// joins. It stands from before mysqld starts to join until the member was synced
// and all that it received is on the disk.
//
// Galera keeps such a word too, zeros in grastate.dat while a state transfer
// runs, but never brings it to the disk: after a power cut the file may still
// name the position from before, with the files of somebody else's copy beside
// it. A member that trusted it would join by incremental transfer on top of
// half a copy, or bootstrap from one.
type transfer struct {
	// Began is when mysqld was last started to join.
	Began time.Time `json:"began"`
	// Boot is the host's boot id then.
	Boot string `json:"boot"`
	// Empty says that the data directory held no data at first: all that is in it
	// was transferred.
	Empty bool `json:"empty,omitempty"`
	// Synced says that the member was synced since, and that only the disk follows.
	Synced bool `json:"synced,omitempty"`
	// Aside is the directory that the data is being moved to, while it is.
	Aside string `json:"aside,omitempty"`
}

// What is left of a transfer, and the words for attrTransfer.
const (
	// transferNone: there was none, or the data is whole.
	transferNone = ""
	// transferHalf: files may be missing, torn or of two states at once.
	transferHalf = "interrupted"
	// transferUnsynced: the member was synced, but its host went down before what it
	// had received was on the disk.
	transferUnsynced = "not on disk"
)

// left says what t has left. boot is the host's present boot id, "" when nobody
// knows; state and condition are grastate.dat's. t nil is no transfer.
func (t *transfer) left(boot string, state grastate, condition string) string {
	if t == nil {
		return transferNone
	}
	sameBoot := boot != "" && boot == t.Boot
	switch {
	case sameBoot && t.Synced:
		return transferNone // what was written is in the page cache at least
	case sameBoot && t.Aside == "" && condition == grastatePresent && state.UUID != zeroUUID:
		// Only mysqld ended. Galera writes zeros before it asks for a state, and the
		// history again when it has the whole: no file was touched yet, or all are there.
		return transferNone
	case t.Synced:
		return transferUnsynced
	}
	return transferHalf
}

func (c *call) transferFile() string { return filepath.Join(c.req.DataDir, "transfer.json") }

// readTransfer returns the record, or nil when there is none. One that cannot be
// understood counts as that of a transfer of which nothing more is known.
func (c *call) readTransfer() (*transfer, error) {
	data, err := os.ReadFile(c.transferFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the record of the last state transfer: %w", err)
	}
	t := &transfer{}
	if err := json.Unmarshal(data, t); err != nil {
		c.log.Warn("the record of the last state transfer is garbled", zap.String("file", c.transferFile()), zap.Error(err))
		return &transfer{}, nil
	}
	return t, nil
}

// writeTransfer returns when the record is on the disk.
func (c *call) writeTransfer(t transfer) error {
	data, err := json.Marshal(t)
	if err == nil {
		err = os.MkdirAll(c.req.DataDir, 0o700)
	}
	if err == nil {
		err = durable.Replace(c.transferFile(), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("record the state transfer: %w", err)
	}
	return nil
}

func (c *call) removeTransfer() error {
	err := os.Remove(c.transferFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = durable.SyncDir(c.req.DataDir)
	}
	if err != nil {
		return fmt.Errorf("forget the state transfer: %w", err)
	}
	return nil
}

// transferLeft returns the record and what the transfer has left. mysqld must be
// down.
func (c *call) transferLeft() (*transfer, string, error) {
	t, err := c.readTransfer()
	if err != nil || t == nil {
		return nil, transferNone, err
	}
	state, condition, _, err := c.grastate()
	if err != nil {
		return nil, "", err
	}
	return t, t.left(c.bootID(), state, condition), nil
}

// bootID tells one boot of the host from the next; "" when it cannot be read.
func (c *call) bootID() string {
	text, _ := os.ReadFile(c.path("/proc/sys/kernel/random/boot_id"))
	return strings.TrimSpace(string(text))
}

// beginTransfer records that this member joins from now on. What is left of an
// earlier transfer stays what it is: only transferred.
func (c *call) beginTransfer() error {
	t, left, err := c.transferLeft()
	if err != nil {
		return err
	}
	names, err := c.dataFiles()
	if err != nil {
		return err
	}
	empty := len(names) == 0 || left == transferHalf && t.Empty
	return c.writeTransfer(transfer{Began: c.host.Now().UTC(), Boot: c.bootID(), Empty: empty})
}

// ownTransfer makes what is here the history that a new cluster begins with,
// whatever a transfer left: so the operator said. Not while a part of it is
// elsewhere.
func (c *call) ownTransfer() error {
	t, err := c.readTransfer()
	if err != nil {
		return err
	}
	if t != nil && t.Aside != "" {
		return fmt.Errorf("a part of this member's data was moved to %s: move it back to %s and remove %s", t.Aside, c.datadir, c.transferFile())
	}
	return c.removeTransfer()
}

// arrived brings what a synced member has received to the disk, within the given
// time, and forgets the transfer. Whatever goes wrong is only logged: the member
// serves, and the monitor tries again.
func (c *call) arrived(ctx context.Context, within time.Duration) {
	t, err := c.readTransfer()
	if err == nil && t != nil && !t.Synced {
		t.Synced = true
		err = c.writeTransfer(*t)
	}
	if c.toDisk(ctx, within) && err == nil && t != nil {
		err = c.removeTransfer()
	}
	if err != nil {
		c.log.Warn("the record of a state transfer stays", zap.String("resource", string(c.req.Instance)), zap.Error(err))
	}
}

// toDisk brings the data directory to the disk and reports whether it is there. A
// whole state transfer writes files that neither rsync nor the server syncs,
// Aria's log for one: a power cut within half a minute leaves a server that does
// not start any more.
func (c *call) toDisk(ctx context.Context, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := c.runSync(ctx)
	if err != nil {
		c.log.Warn("what was transferred may not outlive a power cut yet", zap.String("resource", string(c.req.Instance)), zap.Error(err))
	}
	return err == nil
}
