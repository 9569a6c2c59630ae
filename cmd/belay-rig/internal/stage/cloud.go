package stage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
	"github.com/belay-ha/belay/resources"
)

// schema is what an operator's deployment tool would do once the database is
// there: the inspector's database and user, and a table for the demo's writer.
const schema = `CREATE DATABASE IF NOT EXISTS inspector CHARACTER SET utf8;
CREATE USER IF NOT EXISTS 'inspector'@'%' IDENTIFIED BY 'insp3ct';
GRANT ALL ON inspector.* TO 'inspector'@'%';
CREATE DATABASE IF NOT EXISTS demo;
CREATE TABLE IF NOT EXISTS demo.writes (seq BIGINT PRIMARY KEY, at TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP(3));
CREATE USER IF NOT EXISTS 'demo'@'%' IDENTIFIED BY 'demo';
GRANT ALL ON demo.* TO 'demo'@'%';`

// Deploy applies the definition, makes the schema, and waits until every
// service runs. definition is a TOML file.
func (s *Stage) Deploy(ctx context.Context, definition string) error {
	s.definition = definition
	first := rig.Hosts()[0]
	path := "/root/" + filepath.Base(definition)
	if err := s.rig.Push(ctx, first, definition, path, 0o600); err != nil {
		return err
	}
	for _, host := range rig.Hosts() {
		if err := s.secret(ctx, "bmc-"+host.String(), rig.BMCPassword); err != nil {
			return err
		}
	}
	if _, err := s.Ctl(ctx, first, "apply", "--yes", "-f", path); err != nil {
		return err
	}
	// The inspector needs its schema, which needs the database.
	if _, err := s.Ctl(ctx, first, "resource", "disable", "inspector"); err != nil {
		return err
	}
	s.Say("the definition is applied")
	if _, err := s.Until(ctx, 4*time.Minute, "one database serves", func(st api.Status) bool { return Active(st, "galera", resources.RolePromoted) >= 1 }); err != nil {
		return err
	}
	s.Say("galera: the first member is bootstrapped and primary")
	status, err := s.Until(ctx, 4*time.Minute, "database, address and load balancer serve", func(st api.Status) bool {
		return Active(st, "galera", resources.RolePromoted) == 3 && Active(st, "haproxy", resources.RoleStarted) == 3 && Holder(st, Address) != ""
	})
	if err != nil {
		return err
	}
	s.Say("galera: three members synced; haproxy on three hosts; the address on %s", Holder(status, Address))
	if err := s.run(ctx, first, "mariadb", "-e", schema); err != nil {
		return fmt.Errorf("make the schema: %w", err)
	}
	if err := s.leadsTo(ctx, first); err != nil {
		return err
	}
	if err := s.run(ctx, first, "runuser", "-u", "ironic-inspector", "--", "ironic-inspector-dbsync", "--config-file", "/etc/ironic-inspector/inspector.conf", "upgrade"); err != nil {
		return fmt.Errorf("make the inspector's tables: %w", err)
	}
	if _, err := s.Ctl(ctx, first, "resource", "enable", "inspector"); err != nil {
		return err
	}
	if _, err := s.Until(ctx, 5*time.Minute, "everything runs", Whole); err != nil {
		return err
	}
	s.Say("everything runs: galera, rabbitmq, haproxy, ironic-inspector on three hosts, one DHCP door")
	return nil
}

// leadsTo waits until new connections to the address end at the database of a
// host. The balancer prefers the first of those that serve, and when that one
// comes after others it cuts their clients: who works through the address
// before that is rightly interrupted.
func (s *Stage) leadsTo(ctx context.Context, host rig.Host) error {
	db, err := s.database()
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxIdleConns(0) // each question by a new connection
	return await(ctx, time.Minute, fmt.Sprintf("the address leads to the database of %s", host), func() bool {
		var name string
		err := db.QueryRowContext(ctx, "SELECT @@hostname").Scan(&name)
		return err == nil && name == host.String()
	})
}

// Reuse waits until a cloud that was deployed before from the definition runs.
func (s *Stage) Reuse(ctx context.Context, definition string) error {
	s.definition = definition
	_, err := s.Until(ctx, 2*time.Minute, "everything runs", Whole)
	return err
}

// Whole reports whether the whole cloud runs and nothing is left to do.
func Whole(st api.Status) bool {
	for _, n := range st.Nodes {
		if n.State != "alive" {
			return false
		}
	}
	for _, r := range st.Defined {
		switch {
		case r.TargetRole == resources.RoleStopped:
		case !r.Clone:
			if Holder(st, r.ID) == "" {
				return false
			}
		case Active(st, r.ID, resources.RoleStarted) < len(st.Nodes):
			return false
		case r.Promotable && Active(st, r.ID, resources.RolePromoted) == 0:
			return false
		}
	}
	return len(st.Actions) == 0 && len(st.Defined) > 0
}

// secret stores a secret without showing it to the process list. Any host that
// can answer serves.
func (s *Stage) secret(ctx context.Context, name, value string) error {
	err := errors.New("no host is on")
	for _, host := range rig.Hosts() {
		if !s.able(ctx, host) {
			continue
		}
		if err = s.ctlInput(ctx, host, value, "secret", "set", name); err == nil {
			return nil
		}
	}
	return err
}
