package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/belay-ha/belay/cluster/node"
)

// defaultConfigFile is where `belayctl cluster init` and `join` write it.
const defaultConfigFile = "/etc/belay/belayd.toml"

// readConfig reads the host's own settings.
func readConfig(path string) (node.Host, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return node.Host{}, fmt.Errorf("%w: found a cluster with `belayctl cluster init`, or join one with `belayctl cluster join`", err)
	}
	var host node.Host
	meta, err := toml.Decode(string(data), &host)
	if err != nil {
		return node.Host{}, fmt.Errorf("%s: %w", path, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		names := make([]string, len(unknown))
		for i, key := range unknown {
			names[i] = key.String()
		}
		return node.Host{}, fmt.Errorf("%s: unknown settings: %s", path, strings.Join(names, ", "))
	}
	if host.Node == "" || host.Address == "" {
		return node.Host{}, fmt.Errorf("%s: node and address are required", path)
	}
	return host.WithDefaults(), nil
}

// bootID names this start of the host (proc(5), /proc/sys/kernel/random).
func bootID() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the host's boot id: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

func makeDirs(host node.Host) error {
	for _, dir := range []string{host.DataDir, host.RunDir, filepath.Dir(host.Socket)} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return fmt.Errorf("make %s: %w", dir, err)
		}
	}
	return nil
}
