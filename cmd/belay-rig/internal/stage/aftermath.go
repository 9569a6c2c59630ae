package stage

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/chaos"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// readBack ends the clients and reads everything that they wrote: the rows from
// each member of the database by itself, the messages out of their queues.
func (r *storm) readBack(ctx context.Context) error {
	r.writer.cancel()
	<-r.writer.done
	for _, p := range r.brokers {
		p.stop()
	}
	for n, host := range rig.Hosts() {
		rows, err := r.rowsOf(ctx, host)
		if err != nil {
			return err
		}
		ledger := r.writer.ledger
		r.account("rows through the address, read on "+host.String(), n > 0, ledger, ledger.Check(ledger.Due(), rows))
	}
	for _, p := range r.brokers {
		account, err := p.drain(ctx)
		if err != nil {
			return fmt.Errorf("drain queue %s: %w", p.queue, err)
		}
		r.account("messages in a "+p.queue+" queue", false, p.ledger, account)
	}
	account, _, err := r.changes.check(ctx)
	if err != nil {
		return fmt.Errorf("read the changes of the definition: %w", err)
	}
	r.account("changes of the definition", false, r.changes.ledger, account)
	return nil
}

func (r *storm) account(name string, again bool, ledger *chaos.Ledger, account chaos.Account) {
	_, failed := ledger.Count()
	r.result.Accounts = append(r.result.Accounts, chaos.NamedAccount{Name: name, Again: again, Failed: failed, Account: account})
	r.Say("%s: %d acknowledged, %d lost", name, account.Due, len(account.Lost))
}

// rowsOf reads the written rows from one host's own database.
func (r *storm) rowsOf(ctx context.Context, host rig.Host) ([]int64, error) {
	out, err := r.rig.Run(ctx, host, "mariadb", "-N", "-e", "SELECT seq FROM demo.writes")
	if err != nil {
		return nil, fmt.Errorf("read the rows of %s: %w", host, err)
	}
	var rows []int64
	for line := range strings.Lines(out) {
		number, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read the rows of %s: %w", host, err)
		}
		rows = append(rows, number)
	}
	return rows, nil
}

// tally takes over what the lookout has seen.
func (r *storm) tally() {
	r.watch.stop()
	r.result.Lasted = time.Since(r.result.Began)
	r.result.Watched = r.watch.names()
	r.result.Doubles, r.result.Undecided = r.watch.doubles()
	r.watch.mu.Lock()
	defer r.watch.mu.Unlock()
	r.result.Looks, r.result.Gap, r.result.Blind = r.watch.watch.Looks()
}

// fencesSince lists the fencings that were asked for since a moment. Hosts of a
// rig share one clock.
func fencesSince(s *state.State, moment time.Time) []chaos.Fence {
	all := slices.Clone(s.FenceHistory)
	for _, f := range s.Fencing {
		all = append(all, f)
	}
	var fences []chaos.Fence
	for _, f := range all {
		host, err := rig.ParseHost(string(f.Node))
		if err != nil || f.RequestedAt.Before(moment) {
			continue
		}
		fences = append(fences, chaos.Fence{Host: int(host), Action: fmt.Sprint(f.Action), Phase: fmt.Sprint(f.Phase), Reason: f.Reason, Requested: f.RequestedAt, Off: f.OffAt})
	}
	return fences
}

func fencedHosts(fences []chaos.Fence) []int {
	hosts := []int{}
	for _, f := range fences {
		hosts = append(hosts, f.Host)
	}
	return hosts
}
