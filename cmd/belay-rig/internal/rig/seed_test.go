package rig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSeedTemplates(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"seed/identity", "seed/services"} {
		if err := seedTemplates(1, root, dir); err != nil {
			t.Fatal(err)
		}
	}
	for file, want := range map[string]string{
		"etc/hostname":                           "controller-1\n",
		"etc/hosts":                              "10.77.0.13 controller-2\n10.78.0.13 controller-2.oob\n10.78.0.103 controller-2.bmc\n",
		"etc/belay-rig/net.sh":                   "ip address replace 10.77.0.12/24 dev host0\n",
		"etc/mysql/mariadb.conf.d/70-galera.cnf": "gcomm://10.77.0.11,10.77.0.12,10.77.0.13\n",
		"etc/rabbitmq/rabbitmq-env.conf":         "NODENAME=rabbit@controller-1\n",
		"etc/rabbitmq/rabbitmq.conf":             "net_ticktime = 10\n",
		"etc/ironic-inspector/inspector.conf":    "listen_address = 10.77.0.12\n",
	} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v\n%s\nwant %q", file, err, text, want)
		}
	}
	// The cluster manager renders what is behind HAProxy.
	text, err := os.ReadFile(filepath.Join(root, "etc/haproxy/haproxy.cfg"))
	if err != nil || strings.Contains(string(text), "listen ") || strings.Contains(string(text), "backend ") {
		t.Errorf("haproxy.cfg: %v\n%s", err, text)
	}
}

func TestSeedTree(t *testing.T) {
	source, root := t.TempDir(), t.TempDir()
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		path = filepath.Join(source, path)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), mode))
	}
	write("common/usr/bin/tool", "tool", 0o755)
	write("common/etc/name", "common", 0o644)
	write("controller-1/etc/name", "one", 0o600)
	must(t, os.Symlink("tool", filepath.Join(source, "common/usr/bin/alias")))
	must(t, SeedTree(source)(1, root))
	for path, want := range map[string]string{"usr/bin/tool": "tool", "usr/bin/alias": "tool", "etc/name": "one"} {
		if text, err := os.ReadFile(filepath.Join(root, path)); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	if info, err := os.Stat(filepath.Join(root, "etc/name")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: %v, %v", info, err)
	}
	must(t, SeedTree(source)(2, t.TempDir())) // a host without files of its own
}

func TestParseHost(t *testing.T) {
	for text, want := range map[string]Host{"0": 0, "controller-2": 2} {
		if host, err := ParseHost(text); err != nil || host != want {
			t.Errorf("%q: %v, %v", text, host, err)
		}
	}
	for _, text := range []string{"", "3", "-1", "controller", "controller-9"} {
		if host, err := ParseHost(text); err == nil {
			t.Errorf("%q was read as %v", text, host)
		}
	}
}

func TestContainsMount(t *testing.T) {
	const info = "36 35 98:0 / /var/lib/belay-rig/hosts/c/disk rw - ext4 /dev/loop0 rw\n37 35 0:1 / /run rw - tmpfs t rw\n"
	if !containsMount(info, "/var/lib/belay-rig") || containsMount(info, "/var/lib/belay") || containsMount(info, "/run") {
		t.Error("mount points are told apart wrongly")
	}
}

func TestGoldenName(t *testing.T) {
	r := New(Options{})
	for _, name := range []string{"", "../x", "a/b", "a.new"} {
		if _, err := r.goldenDir(name); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}
