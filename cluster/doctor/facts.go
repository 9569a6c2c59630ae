// Package doctor judges whether hosts and members are fit for what is asked of
// them: clocks, networks, disks, certificates, units, fencing, quorum. It looks at
// facts that others have gathered (cluster/examine, cluster/node) and says, for
// each that somebody should care about, what it is and what cures it.
//
// The package is pure: it has no clock and does no I/O.
package doctor

import (
	"time"

	"github.com/belay-ha/belay/resources"
)

// Examination is what one member found when it looked at itself and at its ways
// to the others. Fields are only ever added: members of two releases read each
// other's.
type Examination struct {
	Node resources.NodeName `json:"node"`
	At   time.Time          `json:"at"` // its own clock
	// Version is its release, CommandSet the newest that it understands.
	Version    string `json:"version"`
	CommandSet int    `json:"command_set"`
	Host       Host   `json:"host"`
	Links      []Link `json:"links,omitempty"`
}

// Host is what a host says of itself. What could not be looked at is in Unknown,
// and missing elsewhere.
type Host struct {
	Name         string        `json:"name"`
	Clock        Clock         `json:"clock"`
	Memory       Memory        `json:"memory"`
	Disks        []Disk        `json:"disks,omitempty"`
	Certificates []Certificate `json:"certificates,omitempty"`
	Units        []Unit        `json:"units,omitempty"`
	Programs     []Program     `json:"programs,omitempty"`
	Ports        []Port        `json:"ports,omitempty"`
	Root         bool          `json:"root"`
	Systemd      bool          `json:"systemd"`
	Unknown      []string      `json:"unknown,omitempty"`
}

// Clock is the kernel's own view of its clock (adjtimex(2)).
type Clock struct {
	Known  bool `json:"known"`
	Synced bool `json:"synced"`
	// MaxError is the kernel's bound of its error; it grows while nobody disciplines it.
	MaxError resources.Duration `json:"max_error,omitempty"`
}

// Memory is in bytes.
type Memory struct {
	Total     uint64 `json:"total"`
	Available uint64 `json:"available"`
	SwapTotal uint64 `json:"swap_total"`
	SwapUsed  uint64 `json:"swap_used"`
}

// Disk is the file system of one directory.
type Disk struct {
	Path string `json:"path"`
	Size uint64 `json:"size"` // bytes
	Free uint64 `json:"free"` // bytes, for root
	// Typical and Worst are how long a small synced write takes; zero when none
	// was tried.
	Typical resources.Duration `json:"sync_typical,omitempty"`
	Worst   resources.Duration `json:"sync_worst,omitempty"`
	Error   string             `json:"error,omitempty"`
}

// Certificate is one of the member's own.
type Certificate struct {
	Name     string    `json:"name"` // its file
	NotAfter time.Time `json:"not_after"`
	Error    string    `json:"error,omitempty"`
}

// Unit is a systemd unit that a resource manages.
type Unit struct {
	Name     string               `json:"name"`
	Resource resources.ResourceID `json:"resource"`
	Load     string               `json:"load"`   // loaded, not-found, masked, ...
	File     string               `json:"file"`   // enabled, disabled, static, ...
	Active   string               `json:"active"` // active, inactive, failed, ...
}

// Program is one that a resource or a fence device calls.
type Program struct {
	Path string `json:"path"` // or its name, to be found in the usual places
	// For is the resource or the device; Fence says that it is a device.
	For   string `json:"for"`
	Fence bool   `json:"fence,omitempty"`
	Found bool   `json:"found"`
}

// Port is one that a member needs for itself, before there is a member.
type Port struct {
	Address string `json:"address"`
	Use     string `json:"use"`
	// Error is why it cannot be had; empty when it can.
	Error string `json:"error,omitempty"`
}

// Link is the way from one member to another.
type Link struct {
	To      resources.NodeName `json:"to"`
	Address string             `json:"address"`
	// API is why a small request over its port failed, Large why one of
	// LargeRequest bytes did, GossipTCP why the gossip port did; empty when it went
	// well.
	API       string `json:"api_error,omitempty"`
	Large     string `json:"large_error,omitempty"`
	GossipTCP string `json:"gossip_tcp_error,omitempty"`
	// Gossip is what the failure detector says of it: alive, suspect, dead; empty
	// when it does not know it.
	Gossip string `json:"gossip,omitempty"`
	// Took is the fastest small request, there and back; Offset the other's clock
	// less this one's in it, uncertain by half of Took.
	Took   resources.Duration `json:"took,omitempty"`
	Offset time.Duration      `json:"offset_ns,omitempty"`
	// Interface and MTU (bytes) of this side.
	Interface string `json:"interface,omitempty"`
	MTU       int    `json:"mtu,omitempty"`
}

// LargeRequest is larger than any packet: it does not arrive where large packets
// vanish.
const LargeRequest = 64 << 10 // bytes
