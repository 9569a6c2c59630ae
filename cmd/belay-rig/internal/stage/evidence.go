package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// followJournals copies what each host's daemon says into files, from the first
// start on: what a host has not written to its disk is lost with its power. The
// function that it returns ends it.
func (s *Stage) followJournals(ctx context.Context, keep *Keeper) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var hosts sync.WaitGroup
	for _, host := range rig.Hosts() {
		path := filepath.Join(keep.Dir(), "journal-"+host.String()+".txt")
		hosts.Go(func() {
			for ctx.Err() == nil {
				s.followJournal(ctx, host, path)
				sleep(ctx, 500*time.Millisecond)
			}
		})
	}
	return func() {
		cancel()
		hosts.Wait()
	}
}

// followJournal copies a host's journal until the host or ctx ends. A host that
// is off has none.
func (s *Stage) followJournal(ctx context.Context, host rig.Host, path string) {
	command, err := s.rig.Command(ctx, host, "journalctl", "--boot", "--unit=belayd", "--follow", "--lines=all", "--output=short-precise", "--no-pager")
	if err != nil {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) // journals may tell more than others should know
	if err != nil {
		return
	}
	defer file.Close() //nolint:errcheck // only what is added is of use
	fmt.Fprintf(file, "--- %s: a boot of %s\n", time.Now().Format(time.DateTime), host)
	command.Stdout = file
	_ = command.Run() // it ends with the host
}

// keepSeen keeps what the lookout has seen where and when, and when it could not
// look.
func (r *storm) keepSeen() error {
	var all []error
	for _, span := range r.watch.spans() {
		all = append(all, r.Keep.Line("seen.jsonl", span))
	}
	for _, blind := range r.result.Blind {
		all = append(all, r.Keep.Line("blind.jsonl", blind))
	}
	return errors.Join(all...)
}

// keepEvidence keeps what the hosts and the cluster say now.
func (r *storm) keepEvidence(ctx context.Context, what string) {
	var text string
	for _, words := range [][]string{{"status"}, {"fence", "history", "-o", "json"}, {"history"}, {"status", "-o", "json"}} {
		out, err := r.anyHost(ctx, "belayctl", words...)
		text += fmt.Sprintf("===== belayctl %v (error: %v)\n%s\n", words, err, out)
	}
	file, err := r.Keep.Diagnosis(what, text+r.Diagnose(ctx))
	if err != nil {
		r.Say("the evidence cannot be kept: %v", err)
		return
	}
	r.Say("evidence is in %s", file)
}
