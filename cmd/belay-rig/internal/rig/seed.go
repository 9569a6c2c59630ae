package rig

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// Seed prepares the disk of a new host, whose root directory is root, while
// the host is off. It may run on any goroutine.
type Seed func(host Host, root string) error

//go:embed all:seed
var seedFiles embed.FS

// seedValues is what the templates under seed/ may use.
type seedValues struct {
	Name, ClusterAddr, OOBAddr, ClusterMAC, OOBMAC string
	ClusterAddrs                                   []string
	Peers                                          []seedPeer
}

type seedPeer struct{ Name, ClusterAddr, OOBAddr, BMCAddr string }

func valuesOf(host Host) seedValues {
	values := seedValues{
		Name:        host.String(),
		ClusterAddr: host.ClusterAddr(), OOBAddr: host.OOBAddr(),
		ClusterMAC: host.clusterMAC(), OOBMAC: host.oobMAC(),
	}
	for _, peer := range Hosts() {
		values.ClusterAddrs = append(values.ClusterAddrs, peer.ClusterAddr())
		values.Peers = append(values.Peers, seedPeer{peer.String(), peer.ClusterAddr(), peer.OOBAddr(), peer.BMCAddr()})
	}
	return values
}

// seedIdentity writes who the host is: name, id, addresses.
func seedIdentity(host Host, root string) error {
	if err := os.WriteFile(filepath.Join(root, "etc/machine-id"), []byte(host.machineID()+"\n"), 0o444); err != nil {
		return err
	}
	return seedTemplates(host, root, "seed/identity")
}

// seedServices writes the configuration that an installer would have written:
// Galera, RabbitMQ, ironic-inspector and its DHCP server. HAProxy's backends
// are missing on purpose, as the cluster manager renders them.
func seedServices(host Host, root string) error {
	if err := seedTemplates(host, root, "seed/services"); err != nil {
		return err
	}
	owned := []struct {
		path, owner string
		mode        os.FileMode
	}{
		{"/etc/ironic-inspector/inspector.conf", "root:ironic-inspector", 0o640},
		// dnsmasq reads below it as its own user.
		{"/var/lib/ironic-inspector", "ironic-inspector:ironic-inspector", 0o755 | fs.ModeDir},
		{"/var/lib/ironic-inspector/dhcp-hostsdir", "ironic-inspector:ironic-inspector", 0o755 | fs.ModeDir},
		{"/var/lib/rabbitmq/.erlang.cookie", "rabbitmq:rabbitmq", 0o400},
	}
	for _, file := range owned {
		path := filepath.Join(root, file.path)
		if file.mode.IsDir() {
			if err := os.MkdirAll(path, 0o755); err != nil {
				return err
			}
		}
		// By chroot, as users have their numbers from the host's own files.
		if err := chroot(root, "chown", file.owner, file.path); err != nil {
			return err
		}
		if err := os.Chmod(path, file.mode.Perm()); err != nil {
			return err
		}
	}
	return nil
}

// seedTemplates renders every file under dir into the same place under root.
func seedTemplates(host Host, root, dir string) error {
	values := valuesOf(host)
	return fs.WalkDir(seedFiles, dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		source, err := seedFiles.ReadFile(path)
		if err != nil {
			return err
		}
		render, err := template.New(path).Funcs(template.FuncMap{"join": strings.Join}).Option("missingkey=error").Parse(string(source))
		if err != nil {
			return fmt.Errorf("parse seed: %w", err)
		}
		var text bytes.Buffer
		if err := render.Execute(&text, values); err != nil {
			return fmt.Errorf("render seed: %w", err)
		}
		target := filepath.Join(root, strings.TrimPrefix(path, dir))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, text.Bytes(), 0o644)
	})
}

// SeedTree returns a Seed that copies dir/common and then dir/<host name>, as
// far as they exist, over the host's root, with modes and links; owner root.
func SeedTree(dir string) Seed {
	return func(host Host, root string) error {
		for _, part := range []string{"common", host.String()} {
			source := filepath.Join(dir, part)
			if _, err := os.Stat(source); os.IsNotExist(err) {
				continue
			}
			if err := copyTree(source, root); err != nil {
				return fmt.Errorf("copy %s: %w", source, err)
			}
		}
		return nil
	}
}
