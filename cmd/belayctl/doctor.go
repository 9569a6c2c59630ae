package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/cluster/examine"
	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// doctorFlags are what somebody wants to have looked at.
type doctorFlags struct {
	local, quick     bool
	files            []string
	dataDir, address string
}

func (a *app) doctorCommand() *cobra.Command {
	var flags doctorFlags
	cmd := &cobra.Command{
		Use: "doctor", Short: "Examine every member and its host: what is not fit, and what cures it", Args: arguments(0, 0),
		Long: `Has every member examine itself and its ways to the others, and judges what they
found: quorum, releases, clocks, both ports between all members, packet sizes, disks
(room, and how long a synced write takes), memory and swap, certificates, fence
devices, watchdogs, systemd units that resources manage, programs. It needs no leader.
Nothing is changed; a small file is written and removed to measure each disk.

With --local it examines this host alone, before it is a member: see that its ports are
free and, with -f, that it has the units and programs of a definition.

Exit code 0: nothing to cure, though there may be notes. 4: there are findings.`,
		Example: "  belayctl doctor\n  belayctl doctor --quick -o json\n  belayctl doctor --local\n  belayctl doctor --local -f cluster.toml --address 192.0.2.10:7450",
	}
	f := cmd.Flags()
	f.BoolVar(&flags.quick, "quick", false, "do not ask the fence devices: that takes longest")
	f.BoolVar(&flags.local, "local", false, "this host alone, without a cluster")
	f.StringArrayVarP(&flags.files, "file", "f", nil, "with --local: the definition that the host shall serve")
	f.StringVar(&flags.dataDir, "data-dir", node.DefaultDataDir, "with --local: where the daemon will keep its data")
	f.StringVar(&flags.address, "address", net.JoinHostPort("", node.DefaultPort), "with --local: what the member will listen on")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, name := range []string{"file", "data-dir", "address"} {
			if f.Changed(name) && !flags.local {
				return usage("--%s is for --local", name)
			}
		}
		if flags.local {
			return a.doctorLocal(cmd.Context(), &flags)
		}
		return a.doctorCluster(cmd.Context(), &flags)
	}
	return cmd
}

func (a *app) doctorCluster(ctx context.Context, flags *doctorFlags) error {
	c, err := a.cluster()
	if err != nil {
		return err
	}
	in, err := a.examineCluster(ctx, c, flags.quick)
	if err != nil {
		return err
	}
	return a.showDiagnosis(doctor.Judge(in), fmt.Sprintf("cluster %s", in.State.Cluster.Name))
}

// examineCluster gathers what there is to judge of a cluster.
func (a *app) examineCluster(ctx context.Context, c Cluster, quick bool) (doctor.Input, error) {
	answer, err := call(ctx, c.Doctor)
	if err != nil {
		return doctor.Input{}, err
	}
	s, err := call(ctx, func(ctx context.Context) (*state.State, error) { return c.State(ctx, true) })
	if err != nil {
		return doctor.Input{}, err
	}
	in := doctor.Input{Now: answer.At, State: s, Leader: answer.Leader, Examinations: answer.Examinations, Silent: answer.Silent}
	in.Fences, in.FencesUnasked = a.askFences(ctx, c, s, answer.Leader, quick)
	return in, nil
}

// askFences asks every fence device, or says why not.
func (a *app) askFences(ctx context.Context, c Cluster, s *state.State, leader resources.NodeName, quick bool) ([]doctor.Fence, string) {
	var devices []string
	for _, f := range s.Definition.Fences {
		devices = append(devices, f.ID)
	}
	switch {
	case len(devices) == 0:
		return nil, ""
	case quick:
		return nil, "--quick leaves them out"
	case leader == "":
		return nil, "there is no leader"
	}
	results, err := askDevices(ctx, c, devices)
	if err != nil {
		return nil, err.Error()
	}
	var fences []doctor.Fence
	for _, r := range results {
		f := doctor.Fence{Device: r.Device, Target: r.Target, By: r.By, Failure: r.Failure}
		switch {
		case r.Unasked:
			f.Failure = cmp.Or(r.Text, "nobody could ask it")
		case r.Failure != "" && r.Text != "":
			f.Failure = r.Failure + ": " + r.Text
		}
		fences = append(fences, f)
	}
	return fences, ""
}

// localLimit bounds the examination of this host.
const localLimit = 20 * time.Second

func (a *app) doctorLocal(ctx context.Context, flags *doctorFlags) error {
	gossip, err := node.GossipAddress(flags.address)
	if err != nil {
		return usage("%v", err)
	}
	options := examine.Options{DataDir: flags.dataDir, Ports: []doctor.Port{{Address: flags.address, Use: "the API and the log"}, {Address: gossip, Use: "gossip"}}}
	if len(flags.files) > 0 {
		def, err := a.decode(flags.files)
		if err != nil {
			return err
		}
		options.Wants = doctor.WantsOf(def, a.agents.Specs())
	}
	ctx, cancel := context.WithTimeout(ctx, localLimit)
	defer cancel()
	host := a.examine(ctx, options)
	in := doctor.Input{Now: a.now(), Examinations: []doctor.Examination{{Node: resources.NodeName(host.Name), At: a.now(), Version: version, CommandSet: state.Version, Host: host}}}
	return a.showDiagnosis(doctor.Judge(in), "host "+host.Name)
}

func (a *app) showDiagnosis(d doctor.Diagnosis, of string) error {
	if err := a.print(d, func(w io.Writer) { a.printDiagnosis(w, d, of) }); err != nil || d.Fine() {
		return err
	}
	return findingsError(d.Findings)
}

// findingsError: something is to be cured. Its text is short: the findings are
// shown already.
type findingsError []doctor.Finding

func (e findingsError) code() failureCode { return codeDoctorFindings }

func (e findingsError) Error() string {
	count := map[doctor.Severity]int{}
	for _, f := range e {
		count[f.Severity]++
	}
	return fmt.Sprintf("%d critical and %d other findings", count[doctor.Critical], count[doctor.Warning])
}

func (a *app) printDiagnosis(w io.Writer, d doctor.Diagnosis, of string) {
	word := a.paint(green, "nothing to cure")
	if !d.Fine() {
		word = a.paint(red, findingsError(d.Findings).Error())
	}
	fmt.Fprintf(w, "%s: %s\n", a.paint(bold, of), word)
	codes := map[doctor.Severity]string{doctor.Critical: red, doctor.Warning: yellow, doctor.Note: dim}
	for _, f := range d.Findings {
		text := f.Found
		if f.Node != "" {
			text = a.paint(bold, string(f.Node)) + ": " + text
		}
		fmt.Fprintf(w, "\n%s  %s\n          cure: %s\n", a.paint(codes[f.Severity], fmt.Sprintf("%-8s", f.Severity)), text, f.Cure)
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range d.Checks {
		result := "ok"
		if c.Findings > 0 {
			result = strconv.Itoa(c.Findings) + " found"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\n", c.Name, result, c.Said)
	}
	table.Flush()
}
