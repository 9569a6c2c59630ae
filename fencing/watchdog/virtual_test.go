package watchdog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVirtual(t *testing.T) {
	const iron = "processor\t: 0\nflags\t\t: fpu vme sse2\n"
	for name, c := range map[string]struct {
		files map[string]string
		says  string
	}{
		"iron":                   {files: map[string]string{"proc/cpuinfo": iron, "sys/class/dmi/id/sys_vendor": "Dell Inc.\n", "sys/class/dmi/id/product_name": "PowerEdge R660\n"}},
		"iron of ARM":            {files: map[string]string{"proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd\n"}},
		"a name further on":      {files: map[string]string{"proc/cpuinfo": iron, "sys/class/dmi/id/product_name": "Server for KVM\n"}},
		"nothing to read":        {},
		"a hypervisor flag":      {map[string]string{"proc/cpuinfo": "flags\t\t: fpu hypervisor sse2\n"}, "a hypervisor is there"},
		"OpenStack":              {map[string]string{"proc/cpuinfo": iron, "sys/class/dmi/id/product_name": "OpenStack Nova\n"}, "product_name is OpenStack Nova"},
		"VMware":                 {map[string]string{"sys/class/dmi/id/sys_vendor": "VMware, Inc.\n"}, "sys_vendor is VMware"},
		"Hyper-V":                {map[string]string{"sys/class/dmi/id/product_name": "Virtual Machine\n"}, "Virtual Machine"},
		"Xen":                    {map[string]string{"sys/hypervisor/type": "xen\n"}, "/sys/hypervisor says xen"},
		"KVM on ARM":             {map[string]string{"proc/device-tree/hypervisor/compatible": "linux,kvm\x00"}, "the device tree says linux,kvm"},
		"z/VM":                   {map[string]string{"proc/sysinfo": "VM00 Name: X\nVM00 Control Program: z/VM 7.3.0\n"}, "control program"},
		"Firecracker has no DMI": {map[string]string{"proc/cpuinfo": "flags\t\t: hypervisor\n"}, "a hypervisor is there"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for path, text := range c.files {
				path = filepath.Join(root, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := Virtual(root); (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
				t.Errorf("got %q, want it to say %q", got, c.says)
			}
		})
	}
}
