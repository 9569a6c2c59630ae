package galera

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ha/belay/agents"
)

// printDefaults shows what my.cnf gives mysqld. Its output holds the password
// of the state transfer: it is parsed and never shown.
const printDefaults = "/usr/bin/my_print_defaults"

// checkConfig refuses a configuration with which a plain start would not join
// the cluster: an empty gcomm:// starts a second one.
func (c *call) checkConfig(ctx context.Context) error {
	options, err := c.serverOptions(ctx)
	if err != nil {
		return err
	}
	return c.judgeConfig(options)
}

// serverOptions returns what my.cnf gives mysqld, by names with underscores.
func (c *call) serverOptions(ctx context.Context) (map[string]string, error) {
	command := agents.Command{Path: printDefaults, Args: []string{"--mysqld"}, Env: recoverEnv, MaxOutput: 256 << 10}
	exit, err := c.host.Run.Run(ctx, command)
	if err != nil {
		return nil, fmt.Errorf("read my.cnf: %w", err)
	}
	if exit.Code != 0 {
		return nil, fmt.Errorf("read my.cnf: %s: exit status %d", command.Path, exit.Code)
	}
	return options(exit.Stdout), nil
}

// options reads my_print_defaults' lines; later ones win, as in mysqld.
func options(output string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(output) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "--"), "=")
		name = strings.TrimPrefix(strings.ReplaceAll(name, "-", "_"), "loose_")
		found[name] = value
	}
	return found
}

// errConfig marks a my.cnf on this host that no retry mends.
var errConfig = errors.New("my.cnf")

func (c *call) judgeConfig(options map[string]string) error {
	var problems []error
	on, present := options["wsrep_on"]
	if !present || !slices.Contains([]string{"", "1", "ON", "TRUE"}, strings.ToUpper(on)) {
		problems = append(problems, fmt.Errorf("%w: wsrep_on is not ON", errConfig))
	}
	address := options["wsrep_cluster_address"]
	hosts, err := clusterHosts(address)
	switch {
	case err != nil:
		problems = append(problems, fmt.Errorf("%w: wsrep_cluster_address: %w", errConfig, err))
	case len(hosts) == 0:
		problems = append(problems, fmt.Errorf("%w: wsrep_cluster_address %q names no member, so every start would form a cluster of its own: list all members, as in gcomm://192.0.2.1,192.0.2.2,192.0.2.3", errConfig, address))
	}
	if c.address != "" {
		wanted, err := clusterHosts(c.address)
		if err != nil || !slices.Equal(wanted, hosts) {
			problems = append(problems, fmt.Errorf("%w: wsrep_cluster_address is %q, the definition says %q", errConfig, address, c.address))
		}
	}
	if datadir := options["datadir"]; datadir != "" && filepath.Clean(datadir) != filepath.Clean(c.datadir) {
		problems = append(problems, fmt.Errorf("%w: datadir is %s, the definition says %s", errConfig, datadir, c.datadir))
	}
	return errors.Join(problems...)
}

// clusterHosts returns the members of a gcomm:// address, sorted.
func clusterHosts(address string) ([]string, error) {
	rest, ok := strings.CutPrefix(strings.Trim(address, `"' `), "gcomm://")
	if !ok {
		return nil, fmt.Errorf("%.80q does not begin with gcomm://", address)
	}
	rest, _, _ = strings.Cut(rest, "?")
	var hosts []string
	for host := range strings.SplitSeq(rest, ",") {
		if host = strings.TrimSpace(host); host != "" {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return hosts, nil
}
