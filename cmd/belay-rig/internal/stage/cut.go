package stage

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
	"github.com/belay-ha/belay/resources"
)

// Cut is what a power cut came to. Durations count from the moment that the
// power was gone; zero means that it was not seen.
type Cut struct {
	Node    resources.NodeName
	Leader  bool          // it led the cluster
	Elected time.Duration // another leads, where it led
	Suspect time.Duration
	Dead    time.Duration
	Asked   time.Duration // fencing
	Off     time.Duration // proven
	Address time.Duration // answers pings again
	Write   time.Duration // the first acknowledged write
	Whole   time.Duration // every instance back
	Load    float64       // of the machine, when the power was cut
	// What clients saw.
	Writes, WriteErrors, Lost int
	WriteGap                  time.Duration
	Calls, CallErrors         int
	CallGap                   time.Duration
}

// CutPower cuts the power of a node that holds the address and watches until
// the whole cloud is back, or fails after limit.
func (s *Stage) CutPower(ctx context.Context, node resources.NodeName, limit time.Duration) (Cut, error) {
	cut := Cut{Node: node}
	host, err := rig.ParseHost(string(node))
	if err != nil {
		return cut, err
	}
	before, err := s.Status(ctx)
	if err != nil {
		return cut, err
	}
	cut.Leader = before.Leader == node
	pings, err := s.Ping(ctx)
	if err != nil {
		return cut, err
	}
	defer pings.Stop()
	writer, err := s.Write(ctx)
	if err != nil {
		return cut, err
	}
	caller := s.Call(ctx)
	defer caller.Stop()
	if err := s.warm(ctx, pings, writer); err != nil {
		return cut, err
	}
	cut.Load = load()
	cutting := time.Now() // the others may notice before the last of it is gone
	if err := s.rig.PowerOff(ctx, host); err != nil {
		return cut, fmt.Errorf("cut the power of %s: %w", node, err)
	}
	gone := time.Now()
	s.Say("power of %s is cut%s", node, map[bool]string{true: ": it held the address and led the cluster", false: ": it held the address"}[cut.Leader])
	after, err := s.Until(ctx, limit, "the address moves and writes go on", func(st api.Status) bool {
		_, answered := pings.FirstAfter(gone)
		_, written := writer.FirstAfter(gone)
		return answered && written && Holder(st, Address) != "" && Holder(st, Address) != node
	})
	if err != nil {
		return s.tally(ctx, cut, cutting, gone, pings, writer, caller, err)
	}
	s.Say("the address is on %s and the database takes writes", Holder(after, Address))
	if _, err = s.Until(ctx, limit, "the fenced node and every instance are back", Whole); err == nil {
		cut.Whole = time.Since(gone)
	}
	return s.tally(ctx, cut, cutting, gone, pings, writer, caller, err)
}

// warm waits until the watchers are being answered.
func (s *Stage) warm(ctx context.Context, pings *Pinger, writer *Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		answers, _ := pings.Count()
		writes, _ := writer.Count()
		if answers >= 10 && writes >= 5 {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("before the cut: %d pings and %d writes were answered in 20 s", answers, writes)
		}
	}
}

// tally takes the times from the watchers and from the cluster's own history.
func (s *Stage) tally(ctx context.Context, cut Cut, cutting, gone time.Time, pings *Pinger, writer *Writer, caller *Caller, earlier error) (Cut, error) {
	if at, answered := pings.FirstAfter(gone); answered {
		cut.Address = at.Sub(gone)
	}
	if at, written := writer.FirstAfter(gone); written {
		cut.Write = at.Sub(gone)
	}
	cut.WriteGap, cut.CallGap = writer.Longest(gone).Length(), caller.Longest(gone).Length()
	_, cut.WriteErrors = writer.Count()
	cut.Calls, cut.CallErrors = caller.Count()
	var err error
	cut.Writes, cut.Lost, err = writer.Stop(ctx)
	current, stateErr := s.State(ctx)
	if stateErr == nil {
		cut.history(current, cutting, gone)
	}
	var electErr error
	if cut.Leader {
		cut.Elected, electErr = s.elected(ctx, cut.Node, gone)
		if cut.Suspect != 0 && cut.Elected > cut.Suspect {
			cut.Elected = 0 // somebody led before that, or there would be no verdict: leadership had moved just before the cut
		}
	}
	return cut, errors.Join(earlier, err, stateErr, electErr)
}

// elected returns how long after a moment one of the other hosts became Raft's
// leader, by what their daemons wrote to their journals. Hosts of a rig share
// one clock.
func (s *Stage) elected(ctx context.Context, lost resources.NodeName, gone time.Time) (time.Duration, error) {
	var first time.Duration
	for _, host := range rig.Hosts() {
		if nodeName(host) == lost {
			continue
		}
		out, err := s.rig.Run(ctx, host, "journalctl", "--unit=belayd", "--output=short-unix", "--no-pager", fmt.Sprintf("--since=@%d", gone.Unix()))
		if err != nil {
			return 0, fmt.Errorf("look for the new leader in the journal of %s: %w", host, err)
		}
		if at, found := becameLeader(out, gone); found && (first == 0 || at.Sub(gone) < first) {
			first = at.Sub(gone)
		}
	}
	return first, nil
}

// becameLeader finds the first moment after gone at which a daemon's journal
// says that it became the leader.
func becameLeader(journal string, gone time.Time) (time.Time, bool) {
	for line := range strings.Lines(journal) {
		if !strings.Contains(line, "raft state changed") || !strings.Contains(line, `"state": "leader"`) {
			continue
		}
		stamp, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		seconds, err := strconv.ParseFloat(stamp, 64)
		if err != nil {
			continue
		}
		if at := time.UnixMicro(int64(seconds * 1e6)); at.After(gone) {
			return at, true
		}
	}
	return time.Time{}, false
}

// history reads the verdicts and the fencing of the node since its power was
// being cut. Hosts of a rig share one clock.
func (c *Cut) history(s *state.State, cutting, gone time.Time) {
	for _, e := range s.Events {
		if e.Node != c.Node || e.Kind != "verdict" || e.At.Before(cutting) {
			continue
		}
		switch {
		case len(e.Text) >= 7 && e.Text[:7] == "suspect" && c.Suspect == 0 && c.Dead == 0:
			c.Suspect = e.At.Sub(gone)
		case len(e.Text) >= 4 && e.Text[:4] == "dead" && c.Dead == 0:
			c.Dead = e.At.Sub(gone)
		}
	}
	for _, f := range s.FenceHistory {
		if f.Node == c.Node && f.RequestedAt.After(cutting) && c.Asked == 0 {
			c.Asked = f.RequestedAt.Sub(gone)
			if !f.OffAt.IsZero() {
				c.Off = f.OffAt.Sub(gone)
			}
		}
	}
}
