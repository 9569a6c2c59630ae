package kdump_test

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/kdump"
)

// sender is what a crash kernel runs, as Debian's fence-agents install it.
const sender = "/usr/libexec/fence-agents/fence_kdump_send"

// TestRealSender: the program that crash kernels run is understood, by IPv4 and by
// IPv6, which the socket takes as well.
func TestRealSender(t *testing.T) {
	if _, err := os.Stat(sender); err != nil {
		t.Skip("fence_kdump_send is not installed (Debian package fence-agents): not tested with it")
	}
	families := map[string]string{"ipv4": "127.0.0.1"}
	if conn, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback}); err == nil { // not everywhere
		families["ipv6"] = "::1"
		_ = conn.Close()
	}
	for family, address := range families {
		t.Run(family, func(t *testing.T) {
			port := freePort(t)
			cmd := exec.CommandContext(t.Context(), sender, "-p", strconv.Itoa(port), "-f", family, "-i", "1", "-c", "60", address)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
			outcome, evidence, err := fencing.Crashed(t.Context(), newDevice(t, new(kdump.Hub), port, address, "60s"), fencing.Options{})
			if outcome != fencing.OutcomeConfirmed {
				t.Errorf("%s: %v\n%+v", outcome, err, evidence)
			}
		})
	}
}
