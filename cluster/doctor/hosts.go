package doctor

import (
	"fmt"
	"strings"
	"time"
)

// Bounds of disks. Raft's heartbeat is 300 ms by default, and a leader whose log
// stands still steps down; etcd asks for 10 ms at the 99th percentile.
const (
	syncWarning  = 20 * time.Millisecond // typical
	syncWorst    = 250 * time.Millisecond
	syncCritical = time.Second
	freeWarning  = 1 << 30   // bytes
	freeCritical = 128 << 20 // bytes; belayd ends itself at less than 16 MiB
)

// disks: there is room, and synced writes are quick.
func (j *judge) disks() string {
	worst := time.Duration(0)
	for _, e := range j.in.Examinations {
		for _, d := range e.Host.Disks {
			worst = max(worst, d.Worst.Std())
			switch {
			case d.Error != "":
				j.find("disk_error", Critical, e.Node, on(e.Node, "ls -ld "+d.Path+"; dmesg | tail"), "%s cannot be written: %s", d.Path, d.Error)
				continue
			case d.Free < freeCritical:
				j.find("disk_full", Critical, e.Node, on(e.Node, "df -h "+d.Path+"; make room"), "%s has %s left: without room the log cannot grow and belayd ends itself", d.Path, size(d.Free))
			case d.Free < freeWarning && d.Free < d.Size/10:
				j.find("disk_full", Warning, e.Node, on(e.Node, "df -h "+d.Path+"; make room"), "%s has %s left of %s", d.Path, size(d.Free), size(d.Size))
			}
			switch {
			case d.Worst.Std() >= syncCritical:
				j.find("disk_slow", Critical, e.Node, on(e.Node, "iostat -x 1; move "+d.Path+" to a quicker disk"), "a synced write to %s took %s: every change waits for that", d.Path, ms(d.Worst.Std()))
			case d.Typical.Std() > syncWarning || d.Worst.Std() > syncWorst:
				j.find("disk_slow", Warning, e.Node, on(e.Node, "iostat -x 1; move "+d.Path+" to a quicker disk"), "a synced write to %s takes %s, %s at worst", d.Path, ms(d.Typical.Std()), ms(d.Worst.Std()))
			}
		}
	}
	return fmt.Sprintf("slowest synced write %s", ms(worst))
}

func ms(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }

// size writes bytes for people.
func size(bytes uint64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	default:
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
}

// memory: a daemon that is swapped out misses its leases.
func (j *judge) memory() string {
	least := ^uint64(0)
	for _, e := range j.in.Examinations {
		m := e.Host.Memory
		if m.Total == 0 {
			continue
		}
		least = min(least, m.Available)
		if m.Available < m.Total/50 {
			j.find("memory", Warning, e.Node, on(e.Node, "ps aux --sort=-rss | head"), "%s of %s memory are left", size(m.Available), size(m.Total))
		}
		switch {
		case m.SwapUsed > 64<<20:
			j.find("swap", Warning, e.Node, on(e.Node, "swapoff -a, or add memory"), "%s are swapped out: what is swapped out answers late, and late members are fenced", size(m.SwapUsed))
		case m.SwapTotal > 0:
			j.find("swap", Note, e.Node, on(e.Node, "swapoff -a, and take it out of /etc/fstab"), "it has %s of swap: a host that swaps answers late", size(m.SwapTotal))
		}
	}
	if least == ^uint64(0) {
		return "not known"
	}
	return fmt.Sprintf("at least %s available", size(least))
}

// Bounds of certificates.
const (
	expiresWarning  = 60 * 24 * time.Hour
	expiresCritical = 7 * 24 * time.Hour
)

// certificates: none runs out soon. A member without one is out of the cluster.
func (j *judge) certificates() string {
	first := time.Time{}
	for _, e := range j.in.Examinations {
		for _, c := range e.Host.Certificates {
			if c.Error != "" {
				j.find("certificate", Critical, e.Node, on(e.Node, "ls -l /var/lib/belay/tls"), "%s cannot be read: %s", c.Name, c.Error)
				continue
			}
			if first.IsZero() || c.NotAfter.Before(first) {
				first = c.NotAfter
			}
			left := c.NotAfter.Sub(j.in.Now)
			severity := Warning
			if left <= expiresCritical {
				severity = Critical
			}
			if left > expiresWarning {
				continue
			}
			j.find("certificate", severity, e.Node, renewal(c.Name, string(e.Node)), "%s runs out on %s: then nobody talks to it", c.Name, c.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	if first.IsZero() {
		return "none was read"
	}
	return "the first runs out on " + first.UTC().Format(time.DateOnly)
}

// renewal is how a certificate is replaced: belayd renews its own long before, so
// something keeps it from that. The authority's outlives its hosts.
func renewal(name, node string) string {
	if strings.HasPrefix(name, "ca") {
		return "found the cluster anew before then: belayctl export, belayctl cluster init, belayctl apply"
	}
	return fmt.Sprintf("belayd renews it by itself: see why it did not, on %s: journalctl -u belayd | grep certificate; systemctl restart belayd tries at once", node)
}

// host: systemd and root are there for what needs them.
func (j *judge) host() string {
	for _, e := range j.in.Examinations {
		for _, what := range e.Host.Unknown {
			j.find("not_examined", Note, e.Node, "look by hand", "%s", what)
		}
		if j.in.State == nil && !e.Host.Root {
			j.find("not_root", Warning, e.Node, "sudo belayctl doctor --local", "this is not root: some things could not be looked at, and a member needs root")
		}
		if j.in.State == nil && !e.Host.Systemd {
			j.find("no_systemd", Warning, e.Node, "run belayd on hosts with systemd", "systemd does not run here: nothing starts belayd again, and agents of units cannot work")
		}
	}
	return count(len(j.in.Examinations), "host")
}
