package dev

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/security"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// keysOf are the data keys on a host's disk, by their ids.
func keysOf(t *testing.T, h *Host) []string {
	t.Helper()
	ring, err := security.Files{Dir: filepath.Join(h.Settings.DataDir, node.TLSDir)}.LoadKeyring()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, key := range ring.Keys() {
		ids = append(ids, key.ID())
	}
	return ids
}

// TestDataKeyIsReplaced while a member is away, which fetches the new key when it
// is back; the old one is forgotten everywhere, and the new one is in no log.
func TestDataKeyIsReplaced(t *testing.T) {
	dir := t.TempDir()
	c, stop := startAndStop(t, func(config *Config) { config.DataDir = dir })
	running := true
	defer func() {
		if running {
			stop()
		}
	}()
	untilVersion(t, c, state.VersionDataKey)
	client, hosts := c.Client(), c.Hosts()
	old := keysOf(t, hosts[0])
	insist(t, "a secret is set", func() error {
		return client.SetSecret(t.Context(), api.SecretRequest{Secret: "bmc", Value: BMCPassword})
	})
	if _, err := client.CreateToken(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	hosts[2].CutPower()
	var first api.DataKeyAnswer
	insist(t, "the key is replaced", func() (err error) { first, err = client.RotateKey(t.Context()); return err })
	if first.Secrets != 1 || first.Tokens < 1 || !slices.Equal(first.Away, []resources.NodeName{hosts[2].Name()}) || len(first.Holders) != 2 || slices.Contains(old, first.Key) {
		t.Errorf("answered %+v", first)
	}
	alone := func(h *Host, key string) func() bool {
		return func() bool { return slices.Equal(keysOf(t, h), []string{key}) }
	}
	for _, h := range hosts[:2] {
		eventually(t, "the old key is forgotten", time.Minute, alone(h, first.Key))
	}
	if got := keysOf(t, hosts[2]); !slices.Equal(got, old) {
		t.Errorf("the member that is away has %v", got)
	}
	hosts[2].PowerOn()
	eventually(t, "the member that was away fetches the key", time.Minute, alone(hosts[2], first.Key))

	// Again with all there; then every daemon begins with what is on its disk.
	var second api.DataKeyAnswer
	insist(t, "the key is replaced again", func() (err error) { second, err = client.RotateKey(t.Context()); return err })
	for _, h := range hosts {
		eventually(t, "the key before is forgotten", time.Minute, alone(h, second.Key))
	}
	for _, h := range hosts {
		if err := h.RestartDaemon(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	until(t, c, "all daemons are back", time.Minute, func(s api.Status) bool {
		return s.Leader != "" && !slices.ContainsFunc(s.Nodes, func(n api.NodeStatus) bool { return !n.Online })
	})
	define(t, c, func(*resources.Definition) {})
	var devices []string
	for _, f := range c.Fences() {
		devices = append(devices, f.ID)
	}
	insist(t, "members open the secret", func() error {
		checks, err := client.CheckFences(t.Context(), api.FenceCheckRequest{Devices: devices})
		if err == nil && (len(checks.Checks) < 3 || slices.ContainsFunc(checks.Checks, func(check api.FenceCheckResult) bool { return check.Failure != "" })) {
			t.Errorf("checks: %+v", checks.Checks)
		}
		return err
	})
	secret, err := os.ReadFile(filepath.Join(hosts[0].Settings.DataDir, node.TLSDir, "data.keys"))
	if err != nil {
		t.Fatal(err)
	}
	secret, _, _ = bytes.Cut(bytes.TrimSpace(secret), []byte(" ")) // its id follows
	stop()
	running = false
	if err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.HasSuffix(path, "data.keys") {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, secret) {
			t.Errorf("%s holds the data key", path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
