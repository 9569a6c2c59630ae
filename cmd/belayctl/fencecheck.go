package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
)

func (a *app) fenceCheckCommand() *cobra.Command {
	var every bool
	cmd := &cobra.Command{
		Use: "check [DEVICE...]", Short: "Ask fence devices now whether they would do their work", Args: arguments(0, -1),
		Long: `Has two members read the power of each target of the devices, or, with --all, of
every device, and shows what each was answered and how long it took. Nothing is
switched. The cluster does the same by itself every fence_check_interval and
shows what would fail in belayctl status; this asks at once, also a device that
is left alone because it refused a login.

The exit code is 4 when a device would fail: it cannot be reached, refuses the
login or the certificate, does not know the system, or reads off although its
target is alive.`,
		Example: "  belayctl fence check --all\n  belayctl fence check bmc-compute-0 pdu\n  belayctl fence check --all -o json",
	}
	cmd.Flags().BoolVar(&every, "all", false, "every fence device")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if every == (len(args) > 0) {
			return usage("name the fence devices, or give --all: belayctl fence check --all")
		}
		return a.checkFences(cmd.Context(), args)
	}
	return cmd
}

func (a *app) checkFences(ctx context.Context, devices []string) error {
	c, err := a.cluster()
	if err != nil {
		return err
	}
	answer, err := call(ctx, c.Definition)
	if err != nil {
		return err
	}
	var known []string
	for _, f := range answer.Definition.Fences {
		known = append(known, f.ID)
	}
	for _, id := range devices {
		if !slices.Contains(known, id) {
			return unknownName("fence device", id, known)
		}
	}
	if len(devices) == 0 {
		devices = known
	}
	results, err := askDevices(ctx, c, devices)
	if err != nil {
		return err
	}
	err = a.print(orEmpty(results), func(w io.Writer) { a.printChecks(w, results) })
	if failing := failingDevices(results); err == nil && len(failing) > 0 {
		return &devicesFailError{failing: failing, of: len(devices)}
	}
	return err
}

// checkTimeout bounds one request: a device is given 45 s, and two members ask
// one after the other.
const checkTimeout = 5 * time.Minute

// askDevices asks for a few devices at a time, two requests side by side.
func askDevices(ctx context.Context, c Cluster, devices []string) ([]api.FenceCheckResult, error) {
	chunks := slices.Collect(slices.Chunk(devices, api.MaxCheckedDevices))
	results, errs := make([][]api.FenceCheckResult, len(chunks)), make([]error, len(chunks))
	slots := make(chan struct{}, 2)
	var work sync.WaitGroup
	for i, chunk := range chunks {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, checkTimeout)
			defer cancel()
			answer, err := c.CheckFences(ctx, api.FenceCheckRequest{Devices: chunk})
			results[i], errs[i] = answer.Checks, err
		})
	}
	work.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return slices.Concat(results...), nil
}

func (a *app) printChecks(w io.Writer, results []api.FenceCheckResult) {
	if len(results) == 0 {
		fmt.Fprintln(w, "no fence device is defined")
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer table.Flush()
	fmt.Fprintln(table, "DEVICE\tTARGET\tFROM\tTOOK\tRESULT")
	for _, r := range results {
		said := "ok, power " + r.Power
		switch {
		case r.Unasked:
			said = "not asked: " + r.Text
		case r.Failure != "":
			said = r.Failure + ": " + r.Text
		}
		code := green
		if r.Unasked || r.Failure != "" {
			code = red
		}
		took := "-"
		if r.Took > 0 {
			took = r.Took.Std().Round(time.Millisecond).String()
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.Device, r.Target, orDash(string(r.By)), took, a.paint(code, said))
	}
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// failingDevices lists the devices that somebody was answered badly by, or that
// nobody could ask.
func failingDevices(results []api.FenceCheckResult) []string {
	asked, failing := map[string]bool{}, map[string]bool{}
	var order []string
	for _, r := range results {
		key := r.Device + " " + string(r.Target)
		asked[key] = asked[key] || !r.Unasked
		if !slices.Contains(order, r.Device) {
			order = append(order, r.Device)
		}
	}
	for _, r := range results {
		if r.Failure != "" || !asked[r.Device+" "+string(r.Target)] {
			failing[r.Device] = true
		}
	}
	return slices.DeleteFunc(order, func(device string) bool { return !failing[device] })
}
