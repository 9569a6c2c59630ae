package stage

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/chaos"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// lookEvery is how often the lookout looks at each host.
const lookEvery = 50 * time.Millisecond

// exclusive is something that may be on one host at a time, and how it is seen
// from outside: in the kernel's own tables of the host's network.
type exclusive struct {
	what string
	on   func(rig.Host, kernelTables) bool
}

// kernelTables are files of /proc/net.
type kernelTables struct{ addresses, udp, tcp string }

// provisioningVIP is the second address of the demo's definition; inspectorPort
// is where its inspector's instance 0 listens, and workerPort the worker's of
// the chaos test.
const (
	provisioningVIP = "10.77.0.101"
	inspectorPort   = 5050
	workerPort      = 7999
)

// exclusives are the demo's exclusive resources, and the chaos test's own.
func exclusives() []exclusive {
	all := []exclusive{
		{"address " + VIP, func(_ rig.Host, t kernelTables) bool { return localAddress(t.addresses, VIP) }},
		{"address " + provisioningVIP, func(_ rig.Host, t kernelTables) bool { return localAddress(t.addresses, provisioningVIP) }},
		{"DHCP door", func(_ rig.Host, t kernelTables) bool { return boundTo(t.udp, 67) }},
		{"worker", func(_ rig.Host, t kernelTables) bool { return listensOn(t.tcp, "0.0.0.0", workerPort) }},
	}
	for n := range rig.Hosts() {
		all = append(all, exclusive{fmt.Sprintf("inspector:%d", n), func(h rig.Host, t kernelTables) bool {
			return listensOn(t.tcp, h.ClusterAddr(), inspectorPort+n)
		}})
	}
	return all
}

// lookout looks at all hosts again and again, and asks none of their processes:
// one that is frozen or cut off is seen like any other. It owns a goroutine for
// each host, until stop.
type lookout struct {
	stage  *Stage
	things []exclusive
	cancel context.CancelFunc
	hosts  sync.WaitGroup

	mu    sync.Mutex
	watch *chaos.Watch // guarded by mu
}

func (s *Stage) lookOut(ctx context.Context) *lookout {
	ctx, cancel := context.WithCancel(ctx)
	l := &lookout{stage: s, things: exclusives(), cancel: cancel, watch: chaos.NewWatch()}
	for _, host := range rig.Hosts() {
		l.hosts.Go(func() {
			ticker := time.NewTicker(lookEvery)
			defer ticker.Stop()
			for {
				seen := l.look(host)
				l.mu.Lock()
				l.watch.Add(seen)
				l.mu.Unlock()
				select {
				case <-ticker.C:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	return l
}

// look looks once at a host. Its boot is the process id of its systemd: if that
// has changed during the look, nothing was seen for certain.
func (l *lookout) look(host rig.Host) chaos.Look {
	look := chaos.Look{Host: int(host), Began: time.Now()}
	boot, on := l.stage.rig.Leader(host)
	if on {
		var tables kernelTables
		tables.addresses, _ = l.stage.kernelFile(host, "fib_trie")
		tables.udp, _ = l.stage.kernelFile(host, "udp")
		tables.tcp, _ = l.stage.kernelFile(host, "tcp")
		var seen []string
		for _, thing := range l.things {
			if thing.on(host, tables) {
				seen = append(seen, thing.what)
			}
		}
		if again, still := l.stage.rig.Leader(host); still && again == boot {
			look.Boot, look.Seen = boot, seen
		}
	}
	look.Ended = time.Now()
	return look
}

// stop ends the lookout.
func (l *lookout) stop() {
	l.cancel()
	l.hosts.Wait()
}

// boots returns which start of each host runs; 0 is off.
func (l *lookout) boots() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	var boots []int
	for _, host := range rig.Hosts() {
		boots = append(boots, l.watch.Boot(int(host)))
	}
	return boots
}

// doubles returns what was in two places at once, and what may have been.
func (l *lookout) doubles() (proven, undecided []chaos.Double) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.watch.Doubles()
}

// spans returns what was where, and when.
func (l *lookout) spans() []chaos.Span {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.watch.Spans()
}

// names returns what is looked for.
func (l *lookout) names() []string {
	var names []string
	for _, thing := range l.things {
		names = append(names, thing.what)
	}
	return names
}

// tcpListen is TCP_LISTEN of the kernel, as its tables write it.
const tcpListen = "0A"

// listensOn reads /proc/net/tcp, in which sockets that listen come first:
// whether one does, at an IPv4 address and a port.
func listensOn(table, address string, port int) bool {
	var a, b, c, d int
	if _, err := fmt.Sscanf(address, "%d.%d.%d.%d", &a, &b, &c, &d); err != nil {
		return false
	}
	// The kernel writes the address as one number in the machine's byte order.
	want := fmt.Sprintf("%02X%02X%02X%02X:%04X", d, c, b, a, port)
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] == "sl" {
			continue
		}
		if fields[3] != tcpListen {
			return false
		}
		if fields[1] == want {
			return true
		}
	}
	return false
}
