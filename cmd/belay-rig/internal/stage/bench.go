package stage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// Series is one row of the failover benchmark: power cuts of one kind.
type Series struct {
	Device string // redfish or ipmi
	Leader bool
	Cuts   []Cut
}

// Name says what the series is of.
func (s Series) Name() string {
	who := "follower"
	if s.Leader {
		who = "leader"
	}
	return who + ", " + s.Device
}

// Bench cuts the power of the address's holder again and again: of followers
// and of the leader, fenced by Redfish and by IPMI.
func (s *Stage) Bench(ctx context.Context, definitionFile string, cuts int) ([]Series, error) {
	var all []Series
	for _, device := range []string{"redfish", "ipmi"} {
		if err := s.fenceBy(ctx, definitionFile, device); err != nil {
			return all, err
		}
		for _, leader := range []bool{false, true} {
			series := Series{Device: device, Leader: leader}
			for n := range cuts {
				s.Say("%s: cut %d of %d", series.Name(), n+1, cuts)
				if err := s.Forgive(ctx); err != nil {
					return append(all, series), err
				}
				cut, err := s.cutHolder(ctx, leader)
				if err != nil {
					return append(all, series), fmt.Errorf("%s, cut %d: %w", series.Name(), n+1, err)
				}
				series.Cuts = append(series.Cuts, cut)
			}
			all = append(all, series)
		}
	}
	return all, nil
}

// cutHolder moves the address to the leader or to a follower and cuts its power.
func (s *Stage) cutHolder(ctx context.Context, leader bool) (Cut, error) {
	status, err := s.Until(ctx, 5*time.Minute, "everything runs", Whole)
	if err != nil {
		return Cut{}, err
	}
	holder := Holder(status, Address)
	if (holder == status.Leader) != leader {
		to := status.Leader
		if !leader {
			i := slices.IndexFunc(status.Nodes, func(n api.NodeStatus) bool { return n.Name != status.Leader })
			to = status.Nodes[i].Name
		}
		if _, err := s.anyHost(ctx, "belayctl", "resource", "move", string(Address), string(to), "--wait=60"); err != nil {
			return Cut{}, err
		}
		if status, err = s.Until(ctx, time.Minute, "the address has moved", func(st api.Status) bool { return Holder(st, Address) == to && Whole(st) }); err != nil {
			return Cut{}, err
		}
		// The wish has done its work: it must not pull the address back later.
		if _, err := s.anyHost(ctx, "belayctl", "resource", "move", string(Address), "--end"); err != nil {
			return Cut{}, err
		}
	}
	return s.CutPower(ctx, Holder(status, Address), 5*time.Minute)
}

// manyFences is a fence budget that a run of tests does not spend: the storm
// guard would rightly stop whoever loses a node every half minute.
const manyFences = 1000

// fenceBy applies the definition with its fence devices replaced by those of
// one kind.
func (s *Stage) fenceBy(ctx context.Context, file, device string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	agents := definition.Agents(catalog.Agents(zap.NewNop()).Specs())
	fences := definition.Fences(catalog.Fences())
	def, err := definition.Decode(agents, fences, definition.File{Name: file, Text: text})
	if err != nil {
		return err
	}
	for i := range def.Fences {
		f := &def.Fences[i]
		host, err := rig.ParseHost(string(f.Targets[0]))
		if err != nil {
			return err
		}
		params := resources.Params{"username": rig.BMCUser, "password": "secret://bmc-" + host.String()}
		switch device {
		case "redfish":
			params["endpoint"], params["system"], params["verify_tls"] = "https://"+host.BMCAddr(), "/redfish/v1/Systems/1", "false"
		case "ipmi":
			// Debian's ipmi_sim speaks suite 3 only.
			params["address"], params["cipher_suite"] = host.BMCAddr(), "3"
		}
		f.Agent, f.Params = device, params
	}
	def.Properties.FenceBudget, def.Properties.FenceLimit = manyFences, manyFences
	dir, err := os.MkdirTemp("", "belay-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover in the temporary directory
	path := filepath.Join(dir, device+".toml")
	if err := os.WriteFile(path, definition.Encode(def), 0o600); err != nil {
		return err
	}
	first := rig.Hosts()[0]
	if err := s.rig.Push(ctx, first, path, "/root/"+device+".toml", 0o600); err != nil {
		return err
	}
	_, err = s.Ctl(ctx, first, "apply", "-f", "/root/"+device+".toml", "--wait=60")
	return err
}

// Report writes the series as a Markdown table: median, 99th percentile (the
// maximum below 100 cuts) and maximum, in seconds.
func Report(all []Series) string {
	columns := []struct {
		name string
		of   func(Cut) time.Duration
	}{
		{"new leader", func(c Cut) time.Duration { return c.Elected }},
		{"suspect", func(c Cut) time.Duration { return c.Suspect }},
		{"dead", func(c Cut) time.Duration { return c.Dead }},
		{"fence asked", func(c Cut) time.Duration { return c.Asked }},
		{"off proven", func(c Cut) time.Duration { return c.Off }},
		{"address answers", func(c Cut) time.Duration { return c.Address }},
		{"write through it", func(c Cut) time.Duration { return c.Write }},
		{"everything back", func(c Cut) time.Duration { return c.Whole }},
	}
	var text strings.Builder
	text.WriteString("| series | cuts |")
	for _, c := range columns {
		fmt.Fprintf(&text, " %s |", c.name)
	}
	text.WriteString(" writes acknowledged / lost |\n|---|---|" + strings.Repeat("---|", len(columns)+1) + "\n")
	for _, series := range all {
		fmt.Fprintf(&text, "| %s | %d |", series.Name(), len(series.Cuts))
		for _, c := range columns {
			var values []time.Duration
			for _, cut := range series.Cuts {
				if value := c.of(cut); value != 0 {
					values = append(values, value)
				}
			}
			fmt.Fprintf(&text, " %s |", spread(values))
		}
		acknowledged, lost := 0, 0
		for _, cut := range series.Cuts {
			acknowledged, lost = acknowledged+cut.Writes, lost+cut.Lost
		}
		fmt.Fprintf(&text, " %d / %d |\n", acknowledged, lost)
	}
	return text.String()
}

// spread writes the median, the 99th percentile and the maximum.
func spread(values []time.Duration) string {
	if len(values) == 0 {
		return "-"
	}
	slices.Sort(values)
	at := func(share float64) float64 { return values[int(share*float64(len(values)-1)+0.5)].Seconds() }
	return fmt.Sprintf("%.2f / %.2f / %.2f", at(0.5), at(0.99), at(1))
}
