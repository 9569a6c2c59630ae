package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/metrics"
	"github.com/belay-ha/belay/internal/durable"
)

func (a *app) metricsCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "metrics", Short: "Print the member's numbers for Prometheus", Args: arguments(0, 0),
		Long: `Prints how the member and, by what it knows, the cluster are, in Prometheus' text
format: the same as GET /metrics of its API. It needs no leader.

With --file it writes them for node_exporter's textfile collector: the file is replaced
as a whole. Where the daemon does not answer, the file says belay_up 0.`,
		Example: "  belayctl metrics\n  belayctl metrics --file belay.prom",
	}
	cmd.Flags().StringVar(&file, "file", "", "write this file instead of the standard output")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if a.output != "text" {
			return usage("metrics have a format of their own: leave -o out")
		}
		text, err := a.readMetrics(cmd.Context())
		if file == "" {
			if err == nil {
				_, err = io.WriteString(a.out, text)
			}
			return err
		}
		if err != nil {
			text = metrics.Write(metrics.Down())
		}
		// Who reads it at any time sees the old one or the new one, whole.
		if failed := durable.Replace(file, []byte(text), 0o644); failed != nil {
			return failed
		}
		return err
	}
	return cmd
}

func (a *app) readMetrics(ctx context.Context) (string, error) {
	c, err := a.cluster()
	if err != nil {
		return "", err
	}
	return call(ctx, c.Metrics)
}
