package galera

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/belay-ha/belay/resources"
)

// marker is what this host remembers of its instance until it restarts: the
// role that it was brought to, and its position while mysqld is down. It is the
// only trace of a started instance, which runs no process.
type marker struct {
	Role resources.Role `json:"role"`
	// Position is nil when nobody has read it since mysqld last ran.
	Position *position `json:"position,omitempty"`
	// Seqno and CachedDownTo as last reported, and when, for a member that runs:
	// a report that differs each time would be a log entry each time.
	Seqno        int64     `json:"seqno,omitempty"`
	CachedDownTo int64     `json:"cached_downto,omitempty"`
	ReportedAt   time.Time `json:"reported_at,omitzero"`
}

// seqnoInterval is how often a running member reports its advancing seqno.
const seqnoInterval = time.Minute

func (c *call) markerFile() string { return filepath.Join(c.req.RunDir, "galera.json") }

// readMarker returns the marker, and whether there is one. An unreadable marker
// counts as an error: to take it for "not started" would hide the instance.
func (c *call) readMarker() (marker, bool, error) {
	data, err := os.ReadFile(c.markerFile())
	if errors.Is(err, fs.ErrNotExist) {
		return marker{}, false, nil
	}
	var m marker
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		return marker{}, false, fmt.Errorf("read the instance's marker %s: %w", c.markerFile(), err)
	}
	return m, true, nil
}

func (c *call) writeMarker(m marker) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.req.RunDir, 0o700); err != nil {
		return fmt.Errorf("write the instance's marker: %w", err)
	}
	// A whole file or none: the daemon may be killed at any moment.
	temporary := c.markerFile() + ".new"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return fmt.Errorf("write the instance's marker: %w", err)
	}
	if err := os.Rename(temporary, c.markerFile()); err != nil {
		return fmt.Errorf("write the instance's marker: %w", err)
	}
	return nil
}

func (c *call) removeMarker() error {
	if err := os.Remove(c.markerFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the instance's marker: %w", err)
	}
	return nil
}

// steady returns the running member's attributes with a seqno that changes at
// most once in seqnoInterval.
func (c *call) steady(s Status) map[string]string {
	m, has, err := c.readMarker()
	if err == nil && has {
		now := c.host.Now()
		if since := now.Sub(m.ReportedAt); since >= 0 && since < seqnoInterval && m.Seqno > 0 {
			s.Seqno, s.CachedDownTo = m.Seqno, m.CachedDownTo
		} else {
			m.Seqno, m.CachedDownTo, m.ReportedAt = s.Seqno, s.CachedDownTo, now
			_ = c.writeMarker(m) // only saves reports
		}
	}
	attributes := s.attributes()
	if from, err := filepath.EvalSymlinks(c.path(c.datadir)); err == nil {
		if dirs, err := asides(from); err == nil && len(dirs) > 0 {
			attributes[attrSetAside] = strings.Join(dirs, ", ")
		}
	}
	return attributes
}
