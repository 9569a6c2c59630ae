package ocf

import (
	"context"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// The actions of live migration. The API describes them as optional; their order
// and the two variables are Pacemaker's (Pacemaker Explained, "Migrating Resources").
const (
	migrateTo   = string(resources.OpMigrateTo)
	migrateFrom = string(resources.OpMigrateFrom)
)

// MigrateTo calls the script's migrate_to, which moves the instance away. It is not
// called where the metadata does not offer both actions, or cannot be read: the
// instance then runs on as it did, and is moved by a stop and a start.
func (a *Agent) MigrateTo(ctx context.Context, req agents.Request) agents.Result {
	s, refused := a.open(ctx, req)
	if refused != nil {
		return *refused
	}
	if refused := a.checkMigrates(ctx, s); refused != nil {
		return *refused
	}
	return a.result(ctx, s, migrateTo, moves(req.Node, req.Peer))
}

// MigrateFrom calls the script's migrate_from, by which the instance arrives. By then
// it has left its node: nothing is checked that could refuse it.
func (a *Agent) MigrateFrom(ctx context.Context, req agents.Request) agents.Result {
	s, refused := a.open(ctx, req)
	if refused != nil {
		return *refused
	}
	return a.result(ctx, s, migrateFrom, moves(req.Peer, req.Node))
}

// moves says from where to where, in the names that scripts read.
func moves(source, target resources.NodeName) map[string]string {
	return map[string]string{"migrate_source": string(source), "migrate_target": string(target)}
}

// checkMigrates refuses to move what does not say that it can be moved. That is no
// fault of the node, which goes on running it: the outcome is never a hard one.
func (a *Agent) checkMigrates(ctx context.Context, s script) *agents.Result {
	m, refused := a.describe(ctx, s)
	switch {
	case refused != nil:
		return refused
	case m == nil:
		return refuse(agents.OutcomeFailed, "%s on %s cannot be moved live: its metadata cannot be read", s.name(), s.req.Node)
	case !m.offers(migrateTo) || !m.offers(migrateFrom):
		return refuse(agents.OutcomeFailed, "%s on %s cannot be moved live: its metadata offers no migrate_to and migrate_from; leave allow_migrate out", s.name(), s.req.Node)
	}
	return nil
}
