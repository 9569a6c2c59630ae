package state

import (
	"time"

	"github.com/belay-ha/belay/resources"
)

// Revision is one definition that the cluster has or had, and who set it.
type Revision struct {
	// Index of the entry that set it: its number.
	Index uint64    `json:"index"`
	At    time.Time `json:"at"`
	By    string    `json:"by"`
	// Owner is the set of files that was applied, empty for single commands.
	Owner string `json:"owner,omitempty"`
	// Note is why, for people: "rollback to 12".
	Note       string                `json:"note,omitempty"`
	Definition *resources.Definition `json:"definition"`
}

// Owners says by which set of files each thing of the definition is kept: the
// thing's path, such as resource[vip], to the owner's name. What was made by
// single commands has none.
type Owners map[string]string

// Bounds of the revisions that are kept, the present one among them.
const (
	MaxRevisions = 32
	// MaxRevisionThings bounds nodes, devices, resources, groups, constraints and
	// tags of all revisions together; the present one is kept whatever it holds.
	MaxRevisionThings = 20_000
	MaxOwners         = 20_000
	maxRevisionText   = 256
)

// remember keeps the definition that a command has just set. Members of older
// releases have no revisions, so that none are kept before all understand them.
func (t *tx) remember(c *DefinitionSet) {
	if t.s.Version < VersionMore {
		return
	}
	now := Revision{Index: t.s.Index, At: t.at, By: t.by, Owner: c.Owner, Note: c.Note, Definition: c.Definition}
	t.s.Revisions = appendBounded(t.s.Revisions, now, MaxRevisions)
	total, first := 0, len(t.s.Revisions)-1
	for ; first >= 0; first-- {
		if total += things(t.s.Revisions[first].Definition); total > MaxRevisionThings {
			break
		}
	}
	if drop := min(first+1, len(t.s.Revisions)-1); drop > 0 {
		t.s.Revisions = append([]Revision(nil), t.s.Revisions[drop:]...)
	}
	if c.Owners != nil {
		t.s.Owners = *c.Owners
	}
}

func things(d *resources.Definition) int {
	return 1 + len(d.Nodes) + len(d.Fences) + len(d.Templates) + len(d.Resources) + len(d.Groups) + len(d.Locations) + len(d.Colocations) + len(d.Orders) + len(d.Tickets) + len(d.Tags)
}

// checkRevision refuses what would not fit into the history.
func (c *DefinitionSet) checkRevision() error {
	switch {
	case len(c.Owner) > maxRevisionText || len(c.Note) > maxRevisionText:
		return reject(Invalid, "the owner's name or the note is longer than %d bytes", maxRevisionText)
	case c.Owners != nil && len(*c.Owners) > MaxOwners:
		return rejectFor(Refused, ReasonLimitReached, "more than %d things have owners", MaxOwners)
	}
	return nil
}
