package inspector

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// overrideText returns what differs from the common configuration. oslo.config
// lets later files win.
func overrideText(s settings) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by belayd for %s.\n[DEFAULT]\nhost = %s\nlisten_address = %s\nlisten_port = %d\n", s.name, s.host, s.address, s.port)
	fmt.Fprintf(&b, "\n[oslo_concurrency]\nlock_path = /run/%s\n", s.name)
	if s.filter != "keep" {
		fmt.Fprintf(&b, "\n[pxe_filter]\ndriver = %s\n", s.filter)
	}
	if s.filter == "dnsmasq" {
		// The directory is purged at the start, so what is in it is this run's.
		fmt.Fprintf(&b, "\n[dnsmasq_pxe_filter]\ndhcp_hostsdir = %s\npurge_dhcp_hostsdir = True\n", s.hostsdir)
	}
	return b.String()
}

// doorText returns dnsmasq's configuration: DHCP on one interface and nothing
// else.
func doorText(s settings) string {
	lines := []string{
		"# Written by belayd for " + s.name + ".", "port=0", "interface=" + s.iface, "bind-interfaces", "except-interface=lo",
		"dhcp-range=" + s.dhcpRange, "dhcp-sequential-ip", "dhcp-leasefile=" + s.leases,
	}
	if s.filter == "dnsmasq" {
		lines = append(lines, "dhcp-hostsdir="+s.hostsdir)
	}
	return strings.Join(append(lines, s.extra...), "\n") + "\n"
}

// prepare writes the instance's files and makes the directories.
func (a *Agent) prepare(s settings) error {
	if err := os.MkdirAll(a.Dir, 0o755); err != nil {
		return fmt.Errorf("directory for configuration: %w", err)
	}
	if err := replaceFile(a.override(s), overrideText(s)); err != nil {
		return fmt.Errorf("configuration override: %w", err)
	}
	if s.filter != "dnsmasq" {
		return nil
	}
	// dnsmasq reads it as another user.
	if err := os.MkdirAll(s.hostsdir, 0o755); err != nil {
		return fmt.Errorf("directory for the filter: %w", err)
	}
	return give(s.hostsdir, s.user)
}

// give makes a directory the user's.
func give(dir, name string) error {
	who, err := user.Lookup(name)
	if err != nil {
		return fmt.Errorf("directory for the filter: %w", err)
	}
	uid, errU := strconv.Atoi(who.Uid)
	gid, errG := strconv.Atoi(who.Gid)
	if err := errors.Join(errU, errG); err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	if uid == os.Geteuid() {
		return nil
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		return fmt.Errorf("directory for the filter: %w", err)
	}
	return nil
}

// replaceFile writes a file that other users may read, whole or not at all.
func replaceFile(name, text string) error {
	temporary, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = temporary.WriteString(text)
	err = errors.Join(err, temporary.Chmod(0o644), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}
