package stage

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
	"github.com/belay-ha/belay/resources"
)

// Outage is what a loss of all power came to. Durations count from the moment
// that the power was given back.
type Outage struct {
	Hosts    time.Duration // every host has announced itself
	Address  time.Duration // answers pings
	Database time.Duration // a member is promoted
	Whole    time.Duration // every instance runs
	Load     float64       // of the machine
}

// CutAll cuts all power at once, gives it back and watches until everything
// runs, which nobody helps.
func (s *Stage) CutAll(ctx context.Context) (Outage, error) {
	pings, err := s.Ping(ctx)
	if err != nil {
		return Outage{}, err
	}
	defer pings.Stop()
	for _, host := range rig.Hosts() {
		if err := s.rig.PowerOff(ctx, host); err != nil {
			return Outage{}, err
		}
	}
	s.Say("all three hosts have lost their power")
	given, outage := time.Now(), Outage{Load: load()}
	for _, host := range rig.Hosts() {
		if err := s.rig.PowerOn(ctx, host); err != nil {
			return outage, err
		}
	}
	// Until its hosts have announced themselves, the cluster remembers what ran
	// before the outage.
	steps := []struct {
		what  string
		limit time.Duration
		at    *time.Duration
		holds func(api.Status) bool
	}{
		{"all hosts are back", 2 * time.Minute, &outage.Hosts, func(st api.Status) bool { return bootedSince(st, given) }},
		{"a database serves", 4 * time.Minute, &outage.Database, func(st api.Status) bool { return Active(st, "galera", resources.RolePromoted) > 0 }},
		{"everything is back", 5 * time.Minute, &outage.Whole, Whole},
	}
	for _, step := range steps {
		if _, err := s.Until(ctx, step.limit, step.what, step.holds); err != nil {
			return outage, err
		}
		*step.at = time.Since(given)
	}
	at, answered := pings.FirstAfter(given)
	if !answered {
		return outage, fmt.Errorf("%s never answered a ping", VIP)
	}
	outage.Address = at.Sub(given)
	return outage, nil
}

// Line writes the outage in one line.
func (o Outage) Line() string {
	return fmt.Sprintf("after power-on: address %.1f s, hosts %.1f s, database %.1f s, everything %.1f s; load %.1f",
		o.Address.Seconds(), o.Hosts.Seconds(), o.Database.Seconds(), o.Whole.Seconds(), o.Load)
}

// fullOutage cuts all power at once and gives it back. The row must survive and
// every service return.
func fullOutage(ctx context.Context, s *Stage) error {
	first := rig.Hosts()[0]
	if err := s.run(ctx, first, "mariadb", "-e", "CREATE TABLE IF NOT EXISTS demo.kept (at BIGINT PRIMARY KEY); REPLACE INTO demo.kept VALUES (42)"); err != nil {
		return err
	}
	kept, err := s.keep(ctx)
	if err != nil {
		return err
	}
	outage, err := s.CutAll(ctx)
	if err != nil {
		return err
	}
	s.Say("%s", outage.Line())
	rows, err := s.rig.Run(ctx, first, "mariadb", "-N", "-e", "SELECT COUNT(*) FROM demo.kept WHERE at = 42")
	if err != nil {
		return err
	}
	if strings.TrimSpace(rows) != "1" {
		return fmt.Errorf("the row written before the outage is gone: count %q", rows)
	}
	return kept.check(ctx, s)
}

// outage makes one full outage of a benchmark. An error ends the whole run.
func (r *benchRun) outage(ctx context.Context, n int) error {
	what := fmt.Sprintf("full outage %d of %d", n+1, r.Outages)
	r.Say("%s", what)
	_, err := r.Until(ctx, maxReturn, "before the cut: everything runs", Whole)
	var found Outage
	if err == nil {
		found, err = r.CutAll(ctx)
	}
	if err != nil {
		r.found.FailedOutages++
		return r.mend(ctx, what, err, func(context.Context) error { return nil })
	}
	r.found.Outages = append(r.found.Outages, found)
	r.Say("%s", found.Line())
	return nil
}
