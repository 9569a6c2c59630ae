package watchdog

import (
	"os"
	"path/filepath"
	"strings"
)

// hypervisors begin the names that virtual machines have in place of a vendor's or
// product's (those that systemd-detect-virt knows). Some hardware of a cloud, rented
// whole, is taken for virtual by them: that errs on the safe side.
var hypervisors = []string{
	"KVM", "KubeVirt", "OpenStack", "Amazon EC2", "QEMU", "VMware", "VMW", "innotek GmbH", "VirtualBox", "Xen", "Bochs", "Parallels", "BHYVE",
	"Hyper-V", "Virtual Machine", "Apple Virtualization", "Google Compute Engine", "oVirt", "RHEV Hypervisor", "Nutanix AHV", "Alibaba Cloud ECS",
}

// Virtual says how it shows that this host is a virtual machine, "" when nothing
// shows it: a machine whose clocks, watchdog included, stop when its hypervisor
// pauses it. root is "/" but in tests. It does what systemd-detect-virt does, but
// for containers: they share the machine's watchdog.
func Virtual(root string) string {
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join(root, path)) //nolint:gosec // paths of this table
		if err != nil {
			return ""
		}
		return strings.TrimSpace(strings.ReplaceAll(string(text), "\x00", " "))
	}
	if kind := read("sys/hypervisor/type"); kind != "" {
		return "/sys/hypervisor says " + kind
	}
	for _, name := range []string{"product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version"} {
		text := read("sys/class/dmi/id/" + name)
		for _, known := range hypervisors {
			if strings.HasPrefix(text, known) {
				return name + " is " + text
			}
		}
	}
	if kind := read("proc/device-tree/hypervisor/compatible"); kind != "" {
		return "the device tree says " + kind
	}
	if strings.Contains(read("proc/sysinfo"), "VM00 Control Program") { // IBM Z
		return "/proc/sysinfo names a control program"
	}
	for line := range strings.Lines(read("proc/cpuinfo")) {
		name, flags, _ := strings.Cut(line, ":")
		if strings.TrimSpace(name) == "flags" {
			for _, flag := range strings.Fields(flags) {
				if flag == "hypervisor" {
					return "its processor says that a hypervisor is there"
				}
			}
			return ""
		}
	}
	return ""
}
