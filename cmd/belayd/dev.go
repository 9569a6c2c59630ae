package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/cluster/dev"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

type devOptions struct {
	dataDir string
	nodes   int
	level   string
	empty   bool
	demo    bool
}

func devCommand() *cobra.Command {
	var o devOptions
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a whole cluster in one process, with simulated services",
		Long: `dev runs a cluster of several members in this process: real log, gossip, TLS,
leader loop and scheduler on loopback, emulated BMCs, simulated services. It
needs no root and runs on any Linux. The sockets are under the data directory.`,
		Example: `  belayd dev --data-dir /tmp/belay
  BELAY_ADDR=unix:///tmp/belay/belayd.sock belayctl status
  belayd dev --demo                       # form, cut the power of one, recover, end`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDev(cmd.Context(), cmd, o) },
	}
	cmd.Flags().StringVar(&o.dataDir, "data-dir", "", "where sockets and state live (default: a temporary directory)")
	cmd.Flags().IntVar(&o.nodes, "nodes", 3, "how many members, 1 to 7")
	cmd.Flags().StringVar(&o.level, "log-level", "error", "debug, info, warn or error")
	cmd.Flags().BoolVar(&o.empty, "empty", false, "start without a definition")
	cmd.Flags().BoolVar(&o.demo, "demo", false, "show a power cut and its recovery, then end")
	return cmd
}

func runDev(ctx context.Context, cmd *cobra.Command, o devOptions) error {
	log, err := newLogger(o.level)
	if err != nil {
		return &usageError{err}
	}
	if o.dataDir == "" {
		if o.dataDir, err = os.MkdirTemp("", "belay-dev-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.dataDir) //nolint:errcheck // a leftover in the temporary directory
	}
	if o.dataDir, err = filepath.Abs(o.dataDir); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dataDir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	cluster, err := dev.New(dev.Config{
		DataDir: o.dataDir, Nodes: o.nodes, Specs: simulatedSpecs(), Fences: catalog.Fences(), ActionTime: 300 * time.Millisecond, Log: log,
	})
	if err != nil {
		return &usageError{err}
	}
	out := cmd.OutOrStdout()
	ctx, end := context.WithCancel(ctx)
	defer end()
	fmt.Fprintf(out, "forming a cluster of %d members under %s\n", o.nodes, o.dataDir)
	var demoErr error
	err = cluster.Run(ctx, func() {
		if err := defineDev(ctx, cluster, o.empty); err != nil {
			log.Error("apply the development definition", zap.Error(err))
		}
		fmt.Fprintf(out, "ready: export BELAY_ADDR=unix://%s\n", filepath.Join(o.dataDir, "belayd.sock"))
		if o.demo {
			demoErr = devDemo(ctx, out, cluster)
			end()
		}
	})
	if demoErr != nil {
		return demoErr
	}
	return err
}

// simulatedSpecs are the real agents' specs: a definition for the development
// cluster is one for a real cluster.
func simulatedSpecs() []agents.Spec { return catalog.Agents(zap.NewNop()).Specs() }

// defineDev applies a small definition, unless the cluster has one from an
// earlier run; the BMCs of this run replace those of the last.
func defineDev(ctx context.Context, cluster *dev.Cluster, empty bool) error {
	client := cluster.Client()
	if !empty {
		if err := client.SetSecret(ctx, api.SecretRequest{Secret: "bmc", Value: dev.BMCPassword}); err != nil {
			return err
		}
	}
	answer, err := client.Definition(ctx)
	if err != nil {
		return err
	}
	var nodes []resources.Node
	for _, h := range cluster.Hosts() {
		nodes = append(nodes, resources.Node{Name: h.Name(), Attributes: map[string]string{"osprole": "controller"}})
	}
	definition := devDefinition(answer.Definition, nodes, cluster.Fences(), empty)
	_, err = client.Command(ctx, &state.DefinitionSet{Base: answer.Revision, Definition: definition})
	return err
}

// devDefinition is what a development cluster begins with. It has no name before a
// file gives it one: files are written for other clusters, and tried here.
func devDefinition(present *resources.Definition, nodes []resources.Node, fences []resources.FenceDevice, empty bool) *resources.Definition {
	definition := present.Clone()
	fresh := len(definition.Resources) == 0
	if fresh && len(definition.Nodes) == 0 {
		definition.Name = ""
	}
	if empty {
		return definition
	}
	definition.Fences = fences
	if !fresh {
		return definition
	}
	definition.Nodes = nodes
	definition.Resources = []resources.Resource{
		{ID: "haproxy", Agent: "haproxy", Clone: &resources.Clone{Interleave: true}},
		{ID: "vip", Agent: "vip", Params: resources.Params{"address": "192.0.2.201/24"}},
		{ID: "keystone", Agent: "systemd:keystone", Clone: &resources.Clone{Interleave: true}},
	}
	definition.Colocations = []resources.Colocation{{ID: "vip-with-haproxy", Resource: "vip", With: "haproxy", Score: resources.Infinity}}
	definition.Orders = []resources.Order{{ID: "haproxy-then-vip", First: "haproxy", Then: "vip", Kind: resources.OrderOptional}}
	return definition
}
