package stage

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
	"github.com/belay-ha/belay/resources"
)

// The guest of the system test: an OCF resource that can be moved live. guest.py is
// its agent, and what runs.
const (
	guest     resources.ResourceID = "guest"
	guestPort                      = 7998
	guestFile                      = "/usr/lib/ocf/resource.d/belay/guest"
	guestRoom                      = "/run/belay-guest/refuse" // a host with this file takes none in
	guestDoor                      = "guest-door"              // the unit by which memory arrives
)

//go:embed guest.py
var guestAgent []byte

// guestMemory is what the guest tells who asks it.
type guestMemory struct {
	Born  string   `json:"born"`
	Count int      `json:"count"`
	Homes []string `json:"homes"`
}

// movesLive moves a guest by hand and by a standby, and then to a host on which it
// cannot arrive.
func movesLive(ctx context.Context, s *Stage) (err error) {
	defer func() { err = errors.Join(err, s.removeGuest(ctx)) }()
	if err := s.bringGuest(ctx); err != nil {
		return err
	}
	guests := Count(ctx, 20*time.Millisecond, s.hasGuest)
	defer func() { err = errors.Join(err, guests.Stop("the guest")) }()
	source, err := s.guestHost(ctx, "the guest runs", func(rig.Host) bool { return true })
	if err != nil {
		return err
	}
	first := rig.Hosts()[(int(source)+1)%len(rig.Hosts())]
	arrived, err := s.guestMoves(ctx, "resource move", source, func() error { return s.sendGuest(ctx, first) })
	if err != nil {
		return err
	}
	if arrived != first {
		return fmt.Errorf("the guest was moved to %s, and is on %s", first, arrived)
	}
	last, err := s.standsAside(ctx, first)
	if err != nil {
		return err
	}
	for _, host := range rig.Hosts() {
		if host != last && host != first { // which was in standby a moment ago
			return s.cannotArrive(ctx, last, host)
		}
	}
	panic("stage: there are three hosts")
}

// bringGuest installs the agent and lets the guest run.
func (s *Stage) bringGuest(ctx context.Context) error {
	const install = `mkdir -p "$(dirname "$1")"; cat >"$1"; chmod 755 "$1"; systemd-run --quiet --unit="$2" "$1" door`
	for _, host := range rig.Hosts() {
		command, err := s.rig.Command(ctx, host, "sh", "-ec", install, "sh", guestFile, guestDoor)
		if err != nil {
			return err
		}
		command.Stdin = bytes.NewReader(guestAgent)
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("install the guest on %s: %w: %s", host, err, out)
		}
	}
	_, err := s.anyHost(ctx, "belayctl", "resource", "create", string(guest), "ocf:belay:guest", "meta", "allow-migrate=true")
	return err
}

// removeGuest undoes bringGuest, however far that came.
func (s *Stage) removeGuest(ctx context.Context) error {
	status, err := s.Status(ctx)
	if err == nil && slices.ContainsFunc(status.Defined, func(r api.ResourceSummary) bool { return r.ID == guest }) {
		_, err = s.Ctl(ctx, rig.Hosts()[0], "resource", "delete", string(guest), "--wait=60s")
		err = errors.Join(err, await(ctx, 10*time.Second, "the guest has ended", func() bool { return len(where(s.hasGuest)) == 0 }))
	}
	for _, host := range rig.Hosts() {
		err = errors.Join(err, s.run(ctx, host, "sh", "-c", `systemctl stop "$1" 2>&-; rm -rf "$2" /run/belay-guest`, "sh", guestDoor, guestFile))
	}
	if err != nil {
		return fmt.Errorf("remove the guest: %w", err)
	}
	_, err = s.Until(ctx, 2*time.Minute, "everything runs", Whole)
	return err
}

// hasGuest reports whether the guest runs on a host, by the host's kernel.
func (s *Stage) hasGuest(host rig.Host) bool {
	text, _ := s.kernelFile(host, "tcp")
	return listensOn(text, "0.0.0.0", guestPort)
}

// askGuest asks the guest on a host for its memory.
func (s *Stage) askGuest(ctx context.Context, host rig.Host) (guestMemory, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var memory guestMemory
	connection, err := s.rig.DialContext(ctx, "tcp", net.JoinHostPort(host.ClusterAddr(), strconv.Itoa(guestPort)))
	if err != nil {
		return memory, fmt.Errorf("ask the guest: %w", err)
	}
	defer connection.Close()
	if deadline, set := ctx.Deadline(); set {
		if err := connection.SetDeadline(deadline); err != nil {
			return memory, err
		}
	}
	text, err := io.ReadAll(connection)
	if err != nil {
		return memory, fmt.Errorf("ask the guest: %w", err)
	}
	return memory, json.Unmarshal(text, &memory)
}

// guestHost waits until the guest is settled on a host that suits.
func (s *Stage) guestHost(ctx context.Context, what string, suits func(rig.Host) bool) (rig.Host, error) {
	status, err := s.Until(ctx, time.Minute, what, func(st api.Status) bool {
		host, err := rig.ParseHost(string(Holder(st, guest)))
		return err == nil && suits(host) && !slices.ContainsFunc(st.Actions, func(a api.ActionStatus) bool { return strings.Contains(a.Key, string(guest)) })
	})
	if err != nil {
		return 0, err
	}
	return rig.ParseHost(string(Holder(status, guest)))
}

// sendGuest asks for a move that binds it until endSending.
func (s *Stage) sendGuest(ctx context.Context, to rig.Host) error {
	_, err := s.anyHost(ctx, "belayctl", "resource", "move", string(guest), to.String())
	return err
}

func (s *Stage) endSending(ctx context.Context) error {
	_, err := s.anyHost(ctx, "belayctl", "resource", "move", string(guest), "--end")
	return err
}

// guestMoves has the guest leave a host, and holds that where it has arrived it is
// the same one, and that nothing but a migration has brought it there.
func (s *Stage) guestMoves(ctx context.Context, what string, from rig.Host, move func() error) (rig.Host, error) {
	before, err := s.askGuest(ctx, from)
	if err != nil {
		return 0, err
	}
	mark, err := s.State(ctx)
	if err != nil {
		return 0, err
	}
	if err := move(); err != nil {
		return 0, err
	}
	to, err := s.guestHost(ctx, "the guest has left "+from.String(), func(host rig.Host) bool { return host != from })
	if err != nil {
		return 0, err
	}
	after, err := s.askGuest(ctx, to)
	if err != nil {
		return 0, err
	}
	if after.Born != before.Born || after.Count <= before.Count || !slices.Equal(after.Homes, append(before.Homes, to.String())) {
		return 0, fmt.Errorf("%s: the guest was %+v, and is %+v", what, before, after)
	}
	steps, err := s.guestSteps(ctx, mark.Index)
	if err != nil {
		return 0, err
	}
	want := []string{"migrate_to ok on " + from.String(), "migrate_from ok on " + to.String(), "stop ok on " + from.String()}
	if !slices.Equal(steps, want) {
		return 0, fmt.Errorf("%s: the history has %q, want %q", what, steps, want)
	}
	s.Say("%s: the guest went on counting, from %d to %d: %s", what, before.Count, after.Count, strings.Join(steps, ", "))
	return to, nil
}

// guestSteps lists what was done to the guest since an entry of the log.
func (s *Stage) guestSteps(ctx context.Context, since uint64) ([]string, error) {
	out, err := s.anyHost(ctx, "belayctl", "history", "--resource", string(guest), "--kind", "operation", "-o", "json")
	if err != nil {
		return nil, err
	}
	var events []state.Event
	if err := json.Unmarshal([]byte(out), &events); err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	var steps []string
	for _, e := range events {
		if e.Index > since && e.Outcome != nil {
			steps = append(steps, fmt.Sprintf("%s %s on %s", e.Op, e.Outcome, e.Node))
		}
	}
	return steps, nil
}

// standsAside puts the guest's host in standby: what can migrate leaves it live,
// while everything else there stops.
func (s *Stage) standsAside(ctx context.Context, from rig.Host) (to rig.Host, err error) {
	if err := s.endSending(ctx); err != nil {
		return 0, err
	}
	defer func() {
		_, back := s.anyHost(ctx, "belayctl", "node", "unstandby", from.String())
		err = errors.Join(err, back)
	}()
	return s.guestMoves(ctx, "node standby", from, func() error {
		_, err := s.anyHost(ctx, "belayctl", "node", "standby", from.String())
		return err
	})
}

// cannotArrive moves the guest to a host that takes none in: both hosts are looked
// at, and it is started there anew, once.
func (s *Stage) cannotArrive(ctx context.Context, from, to rig.Host) error {
	before, err := s.askGuest(ctx, from)
	if err != nil {
		return err
	}
	mark, err := s.State(ctx)
	if err != nil {
		return err
	}
	if err := s.run(ctx, to, "sh", "-ec", `mkdir -p "$(dirname "$1")"; touch "$1"`, "sh", guestRoom); err != nil {
		return err
	}
	if err := s.sendGuest(ctx, to); err != nil {
		return err
	}
	if _, err := s.guestHost(ctx, "the guest runs where it could not arrive", func(host rig.Host) bool { return host == to }); err != nil {
		return err
	}
	after, err := s.askGuest(ctx, to)
	if err != nil {
		return err
	}
	if after.Born == before.Born || !slices.Equal(after.Homes, []string{to.String()}) {
		return fmt.Errorf("the guest was %+v, and is %+v: it was to be started anew on %s", before, after, to)
	}
	steps, err := s.guestSteps(ctx, mark.Index)
	if err != nil {
		return err
	}
	began := []string{"migrate_to ok on " + from.String(), "migrate_from failed on " + to.String()}
	starts := slices.DeleteFunc(slices.Clone(steps), func(step string) bool { return !strings.HasPrefix(step, "start ") })
	if len(steps) < 3 || !slices.Equal(steps[:2], began) || !slices.Equal(starts, []string{"start ok on " + to.String()}) || strings.Contains(strings.Join(steps[2:], " "), "migrate") {
		return fmt.Errorf("the history has %q, want %q and one start on %s", steps, began, to)
	}
	s.Say("a migration that fails where it was to arrive: %s", strings.Join(steps, ", "))
	return nil
}
