// Package examine looks at the host that it runs on: clock, memory, disks,
// certificates, units, programs, ports. It judges nothing (cluster/doctor does),
// changes nothing but a small file that it writes and removes to measure a disk,
// and starts no goroutine that outlives a call.
package examine

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/resources"
)

// Options say what to look at.
type Options struct {
	// DataDir is measured; it, or the nearest directory above it, must exist.
	DataDir string
	// TLSDir holds the member's certificates (*.crt); empty for none.
	TLSDir string
	// Ports are tried by listening on them for a moment: only where no member runs.
	Ports []doctor.Port
	// Wants is what is looked for; Simulated leaves units and programs out, because
	// the services are not of this host.
	Wants     doctor.Wants
	Simulated bool
}

// Host looks at everything. What cannot be looked at is told in Unknown. It
// returns when ctx ends, with what it has.
func Host(ctx context.Context, o Options) doctor.Host {
	h := doctor.Host{Root: os.Geteuid() == 0}
	h.Name, _ = os.Hostname() //nolint:errcheck // an empty name says it
	unknown := func(what string, err error) {
		if err != nil {
			h.Unknown = append(h.Unknown, fmt.Sprintf("%s: %v", what, err))
		}
	}
	_, err := os.Stat("/run/systemd/system") // sd_booted(3)
	h.Systemd = err == nil
	h.Clock, err = readClock(ctx)
	unknown("the clock", err)
	h.Memory, err = readMemory()
	unknown("the memory", err)
	if o.DataDir != "" {
		h.Disks = []doctor.Disk{measureDisk(ctx, o.DataDir)}
	}
	if o.TLSDir != "" {
		h.Certificates = readCertificates(o.TLSDir)
	}
	for _, p := range o.Ports {
		h.Ports = append(h.Ports, tryPort(ctx, p))
	}
	if o.Simulated {
		return h
	}
	if h.Systemd {
		h.Units, err = readUnits(ctx, o.Wants.Units)
		unknown("the units", err)
	}
	for _, p := range o.Wants.Programs {
		p.Found = findProgram(p.Path)
		h.Programs = append(h.Programs, p)
	}
	return h
}

// readClock asks the kernel whether anybody disciplines its clock (adjtimex(2)). A
// service that may not touch the clock may not ask either: systemd is asked then.
func readClock(ctx context.Context) (doctor.Clock, error) {
	var t unix.Timex
	status, err := unix.Adjtimex(&t)
	if errors.Is(err, unix.EPERM) {
		return askClock(ctx)
	}
	if err != nil {
		return doctor.Clock{}, fmt.Errorf("adjtimex: %w", err)
	}
	return doctor.Clock{
		Known: true, Synced: status != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0,
		MaxError: resources.Duration(time.Duration(t.Maxerror) * time.Microsecond),
	}, nil
}

// clockLimit bounds the question to systemd.
const clockLimit = 5 * time.Second

func askClock(ctx context.Context) (doctor.Clock, error) {
	ctx, cancel := context.WithTimeout(ctx, clockLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, "timedatectl", "show", "--property=NTPSynchronized", "--value").Output()
	if err != nil {
		return doctor.Clock{}, fmt.Errorf("timedatectl: %w", err)
	}
	return parseClock(string(out))
}

func parseClock(out string) (doctor.Clock, error) {
	switch strings.TrimSpace(out) {
	case "yes":
		return doctor.Clock{Known: true, Synced: true}, nil
	case "no":
		return doctor.Clock{Known: true}, nil
	}
	return doctor.Clock{}, fmt.Errorf("timedatectl says %q", out)
}

// readMemory reads /proc/meminfo (proc_meminfo(5)).
func readMemory() (doctor.Memory, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return doctor.Memory{}, err
	}
	value := map[string]uint64{}
	for line := range strings.Lines(string(text)) {
		var name string
		var kib uint64
		if n, err := fmt.Sscanf(line, "%s %d kB", &name, &kib); n == 2 && err == nil {
			value[strings.TrimSuffix(name, ":")] = kib << 10
		}
	}
	return doctor.Memory{Total: value["MemTotal"], Available: value["MemAvailable"], SwapTotal: value["SwapTotal"], SwapUsed: value["SwapTotal"] - value["SwapFree"]}, nil
}

// readCertificates reads the dates of a member's certificates, never its keys.
func readCertificates(dir string) []doctor.Certificate {
	files, err := filepath.Glob(filepath.Join(dir, "*.crt"))
	if err != nil || len(files) == 0 {
		return []doctor.Certificate{{Name: dir, Error: "there is no certificate"}}
	}
	var list []doctor.Certificate
	for _, file := range files {
		c := doctor.Certificate{Name: filepath.Base(file)}
		if notAfter, err := expiry(file); err != nil {
			c.Error = err.Error()
		} else {
			c.NotAfter = notAfter
		}
		list = append(list, c)
	}
	return list
}

func expiry(file string) (time.Time, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return time.Time{}, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return time.Time{}, fmt.Errorf("%s holds no certificate", file)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", file, err)
	}
	return certificate.NotAfter, nil
}

// tryPort listens on a port for a moment, by TCP and, for gossip, by UDP.
func tryPort(ctx context.Context, p doctor.Port) doctor.Port {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", p.Address)
	if err != nil {
		p.Error = err.Error()
		return p
	}
	listener.Close()
	packets, err := config.ListenPacket(ctx, "udp", p.Address)
	if err != nil {
		p.Error = err.Error()
		return p
	}
	packets.Close()
	return p
}

// findProgram looks for a path, or for a name in the path and in the directories
// of root, which a daemon's path may lack.
func findProgram(name string) bool {
	if _, err := exec.LookPath(name); err == nil {
		return true
	}
	if strings.Contains(name, "/") {
		return false
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}
