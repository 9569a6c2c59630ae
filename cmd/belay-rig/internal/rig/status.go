package rig

import (
	"context"
	"os"

	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/bmc"
)

// HostStatus is what one host does now.
type HostStatus struct {
	Host Host
	// Power is "none" without a disk, else "off", "on", or "frozen".
	Power                      string
	ClusterPlugged, OOBPlugged bool
	// Redfish and IPMI are the faults of its BMC; empty if the rig is not up.
	Redfish, IPMI bmc.Fault
	// MemoryBytes includes the host's page cache. DiskBytes is what its sparse
	// disk takes up.
	MemoryBytes, DiskBytes int64
}

// Status returns the state of all hosts.
func (r *Rig) Status(ctx context.Context) ([]HostStatus, error) {
	bmcs, err := r.BMCs(ctx)
	if err != nil {
		bmcs = nil // the rig is down, or its BMC server died: shown as empty
	}
	var all []HostStatus
	for _, host := range Hosts() {
		group, err := r.group(host)
		if err != nil {
			return nil, err
		}
		s := HostStatus{
			Host: host, Power: "off",
			ClusterPlugged: !r.unplugged(host, clusterBridge), OOBPlugged: !r.unplugged(host, oobBridge),
		}
		switch {
		case group.Frozen():
			s.Power = "frozen"
		case group.Populated():
			s.Power = "on"
		case !r.Created(host):
			s.Power = "none"
		}
		if s.Power != "off" && s.Power != "none" {
			s.MemoryBytes, _ = group.Memory()
		}
		s.DiskBytes = allocated(r.hostDir(host, "disk.img"))
		for _, b := range bmcs {
			if b.Host == host {
				s.Redfish, s.IPMI = b.Redfish, b.IPMI
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// allocated returns how much of the machine's disk a sparse file takes.
func allocated(path string) int64 {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0
	}
	const blockUnit = 512 // stat(2) counts so, whatever the file system does
	return st.Blocks * blockUnit
}

// ConsolePath is the file that holds what the host prints.
func (r *Rig) ConsolePath(host Host) string { return r.hostDir(host, "console.log") }

// Mounted reports whether any of the rig's mounts is visible to this process.
// None ever should be.
func (r *Rig) Mounted() (bool, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false, err
	}
	return containsMount(string(text), StateDir), nil
}
