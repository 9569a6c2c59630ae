package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/chaos"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// Storm says what a chaos test is.
type Storm struct {
	// Seed draws the rounds, unless Plan names them.
	Seed uint64
	Plan []chaos.Round
	// Length is how long new rounds begin. The last one is waited for.
	Length time.Duration
	// From is the number of the first round, Rounds how many there are at most; 0
	// is as many as there is time for.
	From, Rounds int
	// Settle bounds how long a round may take after its last fault.
	Settle time.Duration
	// Keep gets each round as soon as it is over, the hosts' journals, and the
	// evidence of a failure.
	Keep *Keeper
}

// calm is how long everything must run, without anybody being fenced, for a
// round to be over: longer than it takes to declare a node dead.
const calm = 4 * time.Second

// storm is a chaos test under way.
type storm struct {
	*Stage
	Storm
	watch   *lookout
	writer  *Writer
	brokers []*Publisher
	changes changes
	device  chaos.Device // that nodes are fenced by
	result  chaos.Result
}

// Storm breaks the cloud round after round, as a seed draws it, while clients
// write to it and a lookout watches the hosts from outside. The result tells
// what was found wrong; the error says that the test itself could not go on.
func (s *Stage) Storm(ctx context.Context, plan Storm) (result chaos.Result, err error) {
	r := &storm{Stage: s, Storm: plan, changes: changes{s, chaos.NewLedger()}, device: chaos.Redfish}
	r.result = chaos.Result{Seed: plan.Seed, CPUs: runtime.NumCPU()}
	leave, err := s.rig.Favour()
	if err != nil {
		return r.result, fmt.Errorf("let the watchers go first: %w", err)
	}
	defer func() { err = errors.Join(err, leave()) }()
	journals := s.followJournals(ctx, plan.Keep)
	defer journals()
	if err := r.begin(ctx); err != nil {
		return r.result, err
	}
	defer r.stop()
	r.result.Began = time.Now()
	problem := r.rounds(ctx)
	r.result.StoppedBy = problem != nil
	if problem == nil {
		problem = r.readBack(ctx)
	}
	r.tally()
	if problem != nil && ctx.Err() == nil {
		r.result.Failure = problem.Error()
	}
	if len(r.result.Problems()) > 0 && ctx.Err() == nil {
		r.keepEvidence(ctx, "the end") // while everything is as it was found
	}
	return r.result, errors.Join(r.keepSeen(), ctx.Err())
}

// begin starts the clients and the lookout, and waits until all are answered.
func (r *storm) begin(ctx context.Context) (err error) {
	if err := r.furnish(ctx); err != nil {
		return err
	}
	if r.writer, err = r.Write(ctx); err != nil {
		return err
	}
	for _, queue := range keptQueues {
		if _, err := r.empty(ctx, queue); err != nil { // of what an earlier run has left
			r.stop()
			return err
		}
		r.brokers = append(r.brokers, r.publish(ctx, queue))
	}
	r.watch = r.lookOut(ctx)
	began := time.Now()
	err = await(ctx, time.Minute, "clients are answered", func() bool { return r.answered(began) })
	if err != nil {
		r.stop()
	}
	return err
}

// answered reports whether every client was answered what it asked since a
// moment.
func (r *storm) answered(since time.Time) bool {
	_, all := r.writer.FirstAfter(since)
	for _, p := range r.brokers {
		_, confirmed := p.FirstAfter(since)
		all = all && confirmed
	}
	return all
}

// stop ends the clients and the lookout; a second time it does nothing.
func (r *storm) stop() {
	if r.watch != nil {
		r.watch.stop()
	}
	if r.writer != nil {
		r.writer.cancel()
		<-r.writer.done
		r.writer.db.Close() //nolint:errcheck // nothing is open
	}
	for _, p := range r.brokers {
		p.stop()
	}
}

// rounds runs rounds until the time is up. What is wrong with one that only
// concerns itself is counted, and the next one follows; an error ends the run.
func (r *storm) rounds(ctx context.Context) error {
	end := time.Now().Add(r.Length)
	for n := r.From; ctx.Err() == nil && time.Now().Before(end) && (r.Rounds == 0 || n < r.From+r.Rounds); n++ {
		outcome, err := r.round(ctx, r.draw(n))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.result.Outcomes = append(r.result.Outcomes, outcome)
		err = errors.Join(err, r.Keep.Line("rounds.jsonl", outcome), r.unharmed(ctx, outcome))
		for _, problem := range outcome.Problems() {
			r.Say("round %d: WRONG: %s", n, problem)
		}
		if err == nil && outcome.Settled.IsZero() {
			err = fmt.Errorf("round %d has not settled", n)
		}
		if err != nil {
			return fmt.Errorf("round %d: %w", n, err)
		}
		if wrong := outcome.Problems(); len(wrong) > 0 {
			r.keepEvidence(ctx, fmt.Sprintf("round %d", n))
		}
	}
	return ctx.Err()
}

// draw returns a round.
func (r *storm) draw(number int) chaos.Round {
	if r.Plan != nil {
		return r.Plan[number%len(r.Plan)]
	}
	return chaos.Draw(r.Seed, number)
}

// unharmed is an error if something was in two places or an acknowledged write
// is gone: going on would only hide it.
func (r *storm) unharmed(ctx context.Context, outcome chaos.Outcome) error {
	if proven, _ := r.watch.doubles(); len(proven) > 0 {
		return errors.New(proven[0].String())
	}
	if outcome.Settled.IsZero() {
		return nil // nobody can be asked, and that it did not settle is told
	}
	account, err := r.writer.check(ctx)
	if err == nil && !account.Good() {
		err = fmt.Errorf("database: %d of %d acknowledged writes are lost, %d rows were never written", len(account.Lost), account.Due, len(account.Strange))
	}
	for _, p := range r.brokers {
		missing, countErr := p.missing(ctx)
		if countErr == nil && missing > 0 {
			countErr = fmt.Errorf("queue %s: %d confirmed messages are lost", p.queue, missing)
		}
		err = errors.Join(err, countErr)
	}
	return errors.Join(err, r.unchanged(ctx))
}

// unchanged is an error if the cluster takes no change now that everything runs, or
// has lost an acknowledged one.
func (r *storm) unchanged(ctx context.Context) error {
	attempt, cancel := context.WithTimeout(ctx, patience)
	err := r.changes.change(attempt, -1)
	cancel()
	if err != nil {
		return err
	}
	account, _, err := r.changes.check(ctx)
	if err == nil && !account.Good() {
		err = fmt.Errorf("%d of %d acknowledged changes of the definition are lost, %d were never made", len(account.Lost), account.Due, len(account.Strange))
	}
	return err
}

// round breaks what a round says, waits until all is mended and settled, and
// tells what came of it.
func (r *storm) round(ctx context.Context, round chaos.Round) (chaos.Outcome, error) {
	outcome := chaos.Outcome{Round: round, Load: load()}
	if err := r.fenceBy(ctx, round.Device); err != nil {
		return outcome, err
	}
	status, err := r.Until(ctx, r.Settle, "before the round: everything runs", Whole)
	if err != nil {
		return outcome, err
	}
	breaks, err := r.aim(round, status, &outcome)
	if err != nil {
		return outcome, err
	}
	boots := r.watch.boots()
	r.Say("round %d: %s (address on %s, leader %s)", round.Number, round, Holder(status, Address), status.Leader)
	outcome.Began = time.Now()
	if err := r.play(ctx, breaks, &outcome); err != nil {
		return outcome, err
	}
	outcome.Mended = time.Now()
	outcome.Settled, err = r.settled(ctx, outcome)
	outcome.WriteGap = r.writer.Longest(outcome.Began).Length()
	for host, boot := range r.watch.boots() {
		if boot != boots[host] {
			outcome.Restarted = append(outcome.Restarted, host)
		}
	}
	if err != nil {
		r.Say("round %d: not settled: %v", round.Number, err)
	}
	current, err := r.State(ctx)
	if err != nil {
		return outcome, err
	}
	outcome.Fences = fencesSince(current, outcome.Began)
	if !outcome.Settled.IsZero() {
		r.Say("round %d: settled after %.1f s, fenced %v%s", round.Number, outcome.Took().Seconds(), fencedHosts(outcome.Fences), notes(outcome))
	}
	return outcome, nil
}

// aim says which hosts a round's faults concern.
func (r *storm) aim(round chaos.Round, status api.Status, outcome *chaos.Outcome) ([]breakage, error) {
	holder, err := rig.ParseHost(string(Holder(status, Address)))
	if err != nil {
		return nil, err
	}
	leader, err := rig.ParseHost(string(status.Leader))
	if err != nil {
		return nil, err
	}
	var breaks []breakage
	for _, fault := range round.Faults {
		host, peer := fault.Aim(int(holder), int(leader), len(rig.Hosts()))
		breaks = append(breaks, breakage{r.Stage, fault, rig.Host(host), rig.Host(peer), new(heldDelay)})
		for _, h := range []int{host, peer} {
			if h >= 0 {
				outcome.Touched = append(outcome.Touched, h)
			}
		}
		if fault.Kind == chaos.Outage {
			outcome.Touched = append(outcome.Touched, 0, 1, 2)
		}
	}
	slices.Sort(outcome.Touched)
	outcome.Touched = slices.Compact(outcome.Touched)
	return breaks, nil
}

// play begins and ends the faults in their time. It returns when the last one is
// mended, and mends also when ctx ends.
func (r *storm) play(ctx context.Context, breaks []breakage, outcome *chaos.Outcome) error {
	var wait sync.WaitGroup
	var mu sync.Mutex // guards outcome and all
	var all []error
	for _, b := range breaks {
		wait.Go(func() {
			sleep(ctx, b.fault.After)
			began := time.Now()
			err := b.begin(ctx)
			mu.Lock()
			switch {
			case errors.Is(err, errOff):
				outcome.Notes = append(outcome.Notes, fmt.Sprintf("%s: %v", b.fault, err))
				err = nil
			case err == nil && b.fault.Kind == chaos.PowerCut:
				outcome.Cut = append(outcome.Cut, int(b.host))
			}
			all = append(all, err)
			mu.Unlock()
			missed := r.changeMeanwhile(ctx, b, began)
			sleep(ctx, b.fault.Lasts-time.Since(began))
			vain := cmp.Or(b.vain(ctx), missed)
			err = b.end(ctx)
			mu.Lock()
			if all = append(all, err); vain != "" {
				outcome.Notes = append(outcome.Notes, fmt.Sprintf("%s: %s", b.fault, vain))
			}
			outcome.Overran = outcome.Overran || b.fault.Overran(time.Since(began))
			mu.Unlock()
		})
	}
	wait.Wait()
	return errors.Join(all...)
}

// changeMeanwhile has the cluster change something while a host's disk stalls, so that
// a write of its log waits. It returns what to note when that was not acknowledged in
// time: the other two hosts are enough for it, but a leader's fall takes a moment.
func (r *storm) changeMeanwhile(ctx context.Context, b breakage, began time.Time) (missed string) {
	if !b.fault.Kind.Stalls() || b.isOff(ctx) {
		return ""
	}
	ctx, cancel := context.WithDeadline(ctx, began.Add(b.fault.Lasts-500*time.Millisecond))
	defer cancel()
	if r.changes.change(ctx, b.host) != nil {
		return "a change was asked for, and not acknowledged before its end"
	}
	return ""
}

// sleep waits for a time, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// settled waits until everything runs, clients are answered, nobody is being
// fenced, and it stays so. It returns since when.
func (r *storm) settled(ctx context.Context, outcome chaos.Outcome) (time.Time, error) {
	var since time.Time
	_, err := r.Until(ctx, r.Settle, "settled", func(st api.Status) bool {
		if !Whole(st) || len(st.Fencing) > 0 || !r.answered(outcome.Mended) || !backFrom(st, outcome) {
			since = time.Time{}
			return false
		}
		if since.IsZero() {
			since = time.Now()
		}
		return time.Since(since) >= calm
	})
	if err != nil {
		return time.Time{}, err
	}
	return since, nil
}

// backFrom reports whether the hosts that have lost their power have announced
// themselves since.
func backFrom(st api.Status, outcome chaos.Outcome) bool {
	for _, host := range outcome.Cut {
		if !bootedAfter(st, nodeName(rig.Host(host)), outcome.Began) {
			return false
		}
	}
	all := slices.ContainsFunc(outcome.Round.Faults, func(f chaos.Fault) bool { return f.Kind == chaos.Outage })
	return !all || bootedSince(st, outcome.Began)
}

func notes(outcome chaos.Outcome) string {
	if len(outcome.Notes) == 0 {
		return ""
	}
	return " (" + strings.Join(outcome.Notes, "; ") + ")"
}
