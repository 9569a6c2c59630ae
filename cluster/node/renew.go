package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/security"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// renewTick is how often a member looks at its certificate. The first look is at
// the start: a cluster that was without power for longer than its certificates
// lived would find no leader otherwise.
const renewTick = time.Minute

// renewer keeps a member's own certificate from running out. Every member has the
// authority's key, so it asks nobody; the log learns which certificate it shows,
// so that its removal takes back that one, too.
type renewer struct {
	node  resources.NodeName
	files security.Files
	ca    *security.CA
	creds *security.Credentials
	state func() *state.State
	tell  func(context.Context, state.Command) error
	log   *zap.Logger

	noGain bool // said already
}

// keepCertificate renews until ctx ends.
func (m *Member) keepCertificate(ctx context.Context) error {
	n := m.node
	r := &renewer{node: n.config.Name, files: m.files, ca: n.config.CA, creds: m.creds, state: n.machine.current.Load, tell: n.tellLeader, log: m.parts.Log}
	ticker := time.NewTicker(renewTick)
	defer ticker.Stop()
	for {
		if err := r.step(ctx, time.Now()); err != nil && ctx.Err() == nil {
			r.log.Warn("renew this member's certificate", zap.Error(err))
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// step renews the certificate when that is due, and tells the log of the one in
// use until it says so.
func (r *renewer) step(ctx context.Context, now time.Time) error {
	if r.creds.DueAt(now) {
		if err := r.renew(now); err != nil {
			return err
		}
	}
	s := r.state()
	self, member := s.Nodes[r.node]
	if serial := r.creds.Identity().Serial; member && self.Serial != serial && s.Version >= state.VersionAdmin {
		return r.tell(ctx, &state.MemberRenewed{Node: r.node, Serial: serial, ExpiresAt: r.creds.NotAfter().UTC()})
	}
	return nil
}

// renew makes a certificate and takes it. Connections that are open go on with
// the old one.
func (r *renewer) renew(now time.Time) error {
	cert, key, err := r.creds.Renew(r.ca, now)
	if errors.Is(err, security.ErrNoGain) {
		if !r.noGain {
			r.noGain = true
			r.log.Error("the certificate cannot be renewed", zap.Time("ends", r.creds.NotAfter()), zap.Error(err))
		}
		return nil
	}
	if err != nil {
		return err
	}
	if err := r.files.SaveNode(cert, key); err != nil {
		return err
	}
	material, err := r.files.LoadNode()
	if err != nil {
		return err
	}
	if err := r.creds.Reload(material); err != nil {
		return fmt.Errorf("take the renewed certificate: %w", err)
	}
	r.log.Info("this member's certificate is renewed", zap.Time("ends", r.creds.NotAfter()))
	return nil
}
