package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// reportTimeout bounds one member's report.
const reportTimeout = time.Minute

func (a *app) bundleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "bundle [FILE.tar.gz]", Short: "Write a support archive: what the cluster knows and its daemons' journals, without secrets", Args: arguments(0, 1),
		Long: fmt.Sprintf(`Writes an archive for whoever shall find out what has happened: status, definition,
history, fencings, the replicated state, what the doctor finds, and of each member its
settings, its journal (2 MiB at most) and what its daemon does. MANIFEST.txt in it says
what is there and what could not be had. It needs no leader: it says what the member that
is asked knows.

The members take every secret that they know out of all texts before they send them, and
whatever stands openly in the definition where a secret belongs. Names, addresses and
accounts stay: look through it before you give it away. The archive is at most %d MiB
before it is packed, and readable for you alone.`, maxBundle>>20),
		Example: "  belayctl bundle\n  belayctl bundle case-4711.tar.gz\n  belayctl bundle case-4712.tar.gz -o json",
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.cluster()
		if err != nil {
			return err
		}
		return a.bundle(cmd.Context(), c, args)
	}
	return cmd
}

// bundleAnswer says what was written.
type bundleAnswer struct {
	File    string   `json:"file"`
	Bytes   int      `json:"bytes"` // of the file
	Files   []string `json:"files"`
	Missing []string `json:"missing"`
}

func (a *app) bundle(ctx context.Context, c Cluster, args []string) error {
	if len(args) > 0 {
		if _, err := os.Lstat(args[0]); err == nil {
			return usage("%s exists: give another name", args[0])
		}
	}
	a.step("the cluster, as the member that is asked knows it")
	first, err := a.report(ctx, c, "", true)
	if err != nil {
		return err
	}
	b := &archive{made: a.now().UTC().Truncate(time.Second)} // tar would round it up
	var members []resources.NodeName
	for _, file := range first.Files {
		switch file.Name {
		case api.ReportState:
			b.add("cluster/"+file.Name, file.Text)
			members = a.bundleState(b, file.Text)
		case api.ReportAudit:
			b.add("cluster/"+file.Name, file.Text)
		case api.ReportStatus:
			b.add("cluster/"+file.Name, file.Text)
			a.bundleStatus(b, file.Text)
		}
	}
	a.bundleDoctor(b, first)
	b.member(first, a)
	for _, name := range members {
		if name == first.Node {
			continue
		}
		a.step("member " + string(name))
		report, err := a.report(ctx, c, name, false)
		if err != nil {
			b.lack("%s: %v", name, err)
			continue
		}
		b.member(report, a)
	}
	name := fmt.Sprintf("belay-%s.tar.gz", b.made.Format("20060102-150405"))
	if len(args) > 0 {
		name = args[0]
	}
	size, err := b.write(name)
	if err != nil {
		return err
	}
	answer := bundleAnswer{File: name, Bytes: size, Files: b.names(), Missing: orEmpty(b.missing)}
	return a.print(answer, func(w io.Writer) {
		for _, what := range answer.Missing {
			fmt.Fprintf(w, "%s %s\n", a.paint(yellow, "not had:"), what)
		}
		fmt.Fprintf(w, "%s: %d files, %d KiB; names and addresses are in it: look through it before you give it away\n", name, len(answer.Files), (size+1023)>>10)
	})
}

// step tells what is gathered now.
func (a *app) step(what string) { fmt.Fprintln(a.errOut, "gathering "+what) }

func (a *app) report(ctx context.Context, c Cluster, node resources.NodeName, whole bool) (api.MemberReport, error) {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	return c.Report(ctx, node, whole)
}

// bundleState adds what can be read off the state, as people read it, and returns
// the members.
func (a *app) bundleState(b *archive, text string) []resources.NodeName {
	s, err := state.ReadSnapshot(strings.NewReader(text))
	if err != nil {
		b.lack("the state cannot be read: %v", err)
		return nil
	}
	b.add("cluster/definition.toml", string(definition.Encode(s.Definition)))
	plain := *a // no colours in files
	plain.terminal = false
	var out bytes.Buffer
	plain.newTimeline(&out, b.made).write(tell(api.HistoryAfter(s, 0)))
	b.add("cluster/history.txt", out.String())
	out.Reset()
	all := slices.Clone(s.FenceHistory)
	for _, name := range s.NodeNames() {
		if f, open := s.Fencing[name]; open {
			all = append(all, f)
		}
	}
	for _, f := range all {
		plain.printFencing(&out, f, true)
	}
	b.add("cluster/fence-history.txt", out.String())
	return s.NodeNames()
}

func (a *app) bundleStatus(b *archive, text string) {
	var status api.Status
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		b.lack("the status cannot be read: %v", err)
		return
	}
	plain := *a
	plain.terminal = false
	var out bytes.Buffer
	plain.printStatus(&out, status, true)
	b.add("cluster/status.txt", out.String())
}

// bundleDoctor judges what the members have found; fence devices are left alone.
func (a *app) bundleDoctor(b *archive, first api.MemberReport) {
	in := doctor.Input{FencesUnasked: "not for an archive"}
	for _, file := range first.Files {
		switch file.Name {
		case api.ReportDoctor:
			var answer api.DoctorAnswer
			if err := json.Unmarshal([]byte(file.Text), &answer); err != nil {
				b.lack("what the doctor has found cannot be read: %v", err)
				return
			}
			b.add("cluster/"+file.Name, file.Text)
			in.Now, in.Leader, in.Examinations, in.Silent = answer.At, answer.Leader, answer.Examinations, answer.Silent
		case api.ReportState:
			s, err := state.ReadSnapshot(strings.NewReader(file.Text))
			if err != nil {
				return // told already
			}
			in.State = s
		}
	}
	if in.State == nil || in.Now.IsZero() {
		return
	}
	plain := *a
	plain.terminal = false
	var out bytes.Buffer
	plain.printDiagnosis(&out, doctor.Judge(in), "cluster "+in.State.Cluster.Name)
	b.add("cluster/doctor.txt", out.String())
}
