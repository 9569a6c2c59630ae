// Package stage puts a Belay cluster on a rig, breaks it and watches it from
// outside, as a client would: the ground of the demo, the system test and the
// failover benchmark.
//
// Watchers own one goroutine each and end in their Stop.
package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/bmc"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
	"github.com/belay-ha/belay/resources"
)

// VIP is the address of the cloud's entry points.
const VIP = "10.77.0.100"

// Address is the resource that holds VIP in the demo's definition.
const Address resources.ResourceID = "vip-internal"

// Stage is a rig with a cluster on it.
type Stage struct {
	rig *rig.Rig
	// bin holds belayd and belayctl; unit is belayd's systemd unit.
	bin, unit string
	out       io.Writer
	began     time.Time
	// definition is the file that Deploy applied.
	definition string
	// bootDelay is what Up gave the hosts.
	bootDelay time.Duration
	// aside are hosts that a check has made unable to answer: none is asked. Only
	// the goroutine of the check uses it.
	aside map[rig.Host]bool
}

// New returns a stage on the rig. bin is the directory of the built programs,
// unit the path of belayd.service; progress goes to out.
func New(r *rig.Rig, bin, unit string, out io.Writer) *Stage {
	return &Stage{rig: r, bin: bin, unit: unit, out: out, began: time.Now(), aside: map[rig.Host]bool{}}
}

// Say prints one line of progress with the time since the stage was made.
func (s *Stage) Say(format string, args ...any) {
	fmt.Fprintf(s.out, "%6.1f s  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// Up starts three new hosts with Belay installed and their BMCs. bootDelay is
// how long a host takes to start after its BMC was told to: real machines take
// minutes, the rig's would be back before anybody noticed.
func (s *Stage) Up(ctx context.Context, bootDelay time.Duration) error {
	s.bootDelay = bootDelay
	for _, name := range []string{"belayd", "belayctl"} {
		if _, err := os.Stat(filepath.Join(s.bin, name)); err != nil {
			return fmt.Errorf("%w: run `make build` first", err)
		}
	}
	if err := s.rig.Destroy(ctx); err != nil {
		return fmt.Errorf("clear the rig: %w", err)
	}
	if err := errors.Join(s.rig.Build(ctx), s.rig.Up(ctx), s.rig.Create(ctx, rig.Hosts()...)); err != nil {
		return fmt.Errorf("start the rig: %w", err)
	}
	for _, host := range rig.Hosts() {
		if err := s.rig.PowerOn(ctx, host); err != nil {
			return fmt.Errorf("switch %s on: %w", host, err)
		}
	}
	for _, host := range rig.Hosts() {
		if err := s.rig.WaitBooted(ctx, host); err != nil {
			return fmt.Errorf("start %s: %w", host, err)
		}
		if err := s.rig.SetBMCBehaviour(ctx, host, bmc.Behaviour{BootDelay: bootDelay}); err != nil {
			return err
		}
		if err := s.install(ctx, host); err != nil {
			return fmt.Errorf("install Belay on %s: %w", host, err)
		}
	}
	s.Say("three hosts run, with Belay installed")
	return nil
}

func (s *Stage) install(ctx context.Context, host rig.Host) error {
	for _, name := range []string{"belayd", "belayctl"} {
		if err := s.rig.Push(ctx, host, filepath.Join(s.bin, name), "/usr/local/bin/"+name, 0o755); err != nil {
			return err
		}
	}
	if err := s.rig.Push(ctx, host, s.unit, "/etc/systemd/system/belayd.service", 0o644); err != nil {
		return err
	}
	return s.run(ctx, host, "systemctl", "daemon-reload")
}

func (s *Stage) run(ctx context.Context, host rig.Host, name string, args ...string) error {
	_, err := s.rig.Run(ctx, host, name, args...)
	return err
}

// Ctl runs belayctl on a host and returns what it printed.
func (s *Stage) Ctl(ctx context.Context, host rig.Host, args ...string) (string, error) {
	out, err := s.rig.Run(ctx, host, "belayctl", args...)
	if err != nil {
		return out, fmt.Errorf("belayctl %s on %s: %w", strings.Join(args, " "), host, err)
	}
	return out, nil
}

// ctlInput runs belayctl with something on its standard input, such as a secret
// that must not be seen in the process list.
func (s *Stage) ctlInput(ctx context.Context, host rig.Host, input string, args ...string) error {
	command, err := s.rig.Command(ctx, host, "belayctl", args...)
	if err != nil {
		return err
	}
	command.Stdin = strings.NewReader(input)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("belayctl %s on %s: %w: %s", strings.Join(args, " "), host, err, out)
	}
	return nil
}

// Form founds the cluster on the first host and joins the others.
func (s *Stage) Form(ctx context.Context) error {
	first := rig.Hosts()[0]
	for _, host := range rig.Hosts() {
		identity := []string{"--node", host.String(), "--address", host.ClusterAddr()}
		if host == first {
			if _, err := s.Ctl(ctx, host, append([]string{"cluster", "init", "--name", "overcloud"}, identity...)...); err != nil {
				return err
			}
		} else {
			token, err := s.Ctl(ctx, first, "cluster", "token", "create", "--quiet")
			if err != nil {
				return err
			}
			if err := s.ctlInput(ctx, host, token, append([]string{"cluster", "join", first.ClusterAddr()}, identity...)...); err != nil {
				return err
			}
		}
		if err := s.run(ctx, host, "systemctl", "enable", "--quiet", "--now", "belayd"); err != nil {
			return fmt.Errorf("start belayd on %s: %w", host, err)
		}
		if _, err := s.Until(ctx, 30*time.Second, "the cluster answers", func(st api.Status) bool { return st.Leader != "" }); err != nil {
			return err
		}
	}
	if _, err := s.Until(ctx, time.Minute, "three voters are alive", func(st api.Status) bool {
		voters := 0
		for _, n := range st.Nodes {
			if n.State == "alive" && n.Voter {
				voters++
			}
		}
		return voters == 3
	}); err != nil {
		return err
	}
	s.Say("the cluster is formed: three voters, mTLS, encrypted gossip")
	return nil
}

// Status asks any host that is on.
func (s *Stage) Status(ctx context.Context) (api.Status, error) {
	var status api.Status
	out, err := s.anyHost(ctx, "belayctl", "status", "-o", "json")
	if err != nil {
		return status, err
	}
	return status, json.Unmarshal([]byte(out), &status)
}

// State returns the whole committed state, with its history.
func (s *Stage) State(ctx context.Context) (*state.State, error) {
	out, err := s.anyHost(ctx, "curl", "-sS", "--max-time", "5", "--unix-socket", "/run/belay/belayd.sock", "http://local/v1/state")
	if err != nil {
		return nil, err
	}
	current := state.New()
	return current, json.Unmarshal([]byte(out), current)
}

func (s *Stage) anyHost(ctx context.Context, name string, args ...string) (string, error) {
	var errs []error
	for _, host := range rig.Hosts() {
		if !s.able(ctx, host) {
			continue
		}
		attempt, cancel := context.WithTimeout(ctx, 10*time.Second)
		out, err := s.rig.Run(attempt, host, name, args...)
		cancel()
		if err == nil {
			return out, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", host, err))
	}
	return "", errors.Join(errs...)
}

// able reports whether a host is on and no check has made it unable to answer.
func (s *Stage) able(ctx context.Context, host rig.Host) bool {
	on, err := s.rig.Power(ctx, host)
	return err == nil && on && !s.aside[host]
}

// Until waits until the status is as wanted. Errors on the way are patience:
// hosts come and go.
func (s *Stage) Until(ctx context.Context, limit time.Duration, what string, holds func(api.Status) bool) (api.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last api.Status
	for {
		status, err := s.Status(ctx)
		if err == nil {
			last = status
			if holds(status) {
				return status, nil
			}
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return last, fmt.Errorf("%s: not within %s (last error: %v)\n%s", what, limit, err, s.describe())
		}
	}
}

// describe is the status as a person sees it, for error messages.
func (s *Stage) describe() string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := s.anyHost(ctx, "belayctl", "status")
	if err != nil {
		return err.Error()
	}
	return out
}

// Journals writes the end of every reachable host's belayd journal, for a failed
// check.
func (s *Stage) Journals(ctx context.Context) {
	for _, host := range rig.Hosts() {
		attempt, cancel := context.WithTimeout(ctx, 10*time.Second)
		out, err := s.rig.Run(attempt, host, "journalctl", "-u", "belayd", "-n", "60", "--no-pager", "-o", "short-precise")
		cancel()
		fmt.Fprintf(s.out, "--- %s (%v)\n%s\n", host, err, out)
	}
}

// Active counts the settled instances of a resource in a role or above.
func Active(status api.Status, id resources.ResourceID, role resources.Role) int {
	n := 0
	for _, r := range status.Resources {
		if r.Resource == id && r.Role >= role && r.Role.Active() && !r.Failed && r.Op == "" {
			n++
		}
	}
	return n
}

// Holder returns where a primitive runs.
func Holder(status api.Status, id resources.ResourceID) resources.NodeName {
	for _, r := range status.Resources {
		if r.Resource == id && r.Role.Active() && r.Op == "" && !r.Failed {
			return r.Node
		}
	}
	return ""
}

// LeaderOf returns the leader.
func LeaderOf(status api.Status) resources.NodeName { return status.Leader }
