package state

import (
	"slices"
	"time"

	"github.com/belay-ha/belay/resources"
)

// maxEarlier bounds the certificates that are remembered of a member. It renews
// the newest after two thirds of its life, so no more than two are valid at once;
// the rest is for daemons that ended between making one and telling of it.
const maxEarlier = 8

// MemberRenewed says which certificate a member shows from now on. Removing the
// member takes back that one and those before it.
type MemberRenewed struct {
	Node      resources.NodeName `json:"node"`
	Serial    string             `json:"serial"` // in hex
	ExpiresAt time.Time          `json:"expires_at"`
}

func (*MemberRenewed) name() string { return "member.renewed/1" }

func (c *MemberRenewed) apply(t *tx) error {
	n, err := t.node(c.Node)
	switch {
	case err != nil:
		return err
	case c.Serial == "":
		return reject(Refused, "node %s names no certificate", c.Node)
	case c.Serial == n.Serial:
		return nil
	}
	if n.Serial != "" {
		n.Earlier = append(slices.Clone(n.Earlier), n.Serial)
		n.Earlier = n.Earlier[max(0, len(n.Earlier)-maxEarlier):]
	}
	n.Serial = c.Serial
	t.detail("member", c.Node, "", "its certificate is renewed, good until %s", c.ExpiresAt.UTC().Format(time.RFC3339))
	return nil
}
