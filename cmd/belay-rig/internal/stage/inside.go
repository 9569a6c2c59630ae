package stage

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// kernelFile reads a file below /proc/net of a host, from the machine: it asks
// no process of the host, so that a frozen one is seen as well. A host that is
// off has none.
func (s *Stage) kernelFile(host rig.Host, name string) (text string, on bool) {
	leader, on := s.rig.Leader(host)
	if !on {
		return "", false
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", leader, name))
	return string(data), err == nil
}

// hasAddress reports whether a host's kernel holds an address.
func (s *Stage) hasAddress(host rig.Host, address string) bool {
	text, _ := s.kernelFile(host, "fib_trie")
	return localAddress(text, address)
}

// localAddress reads /proc/net/fib_trie: an address, and below it that it is
// local.
func localAddress(trie, address string) bool {
	last := ""
	for line := range strings.Lines(trie) {
		line = strings.TrimSpace(line)
		if _, leaf, is := strings.Cut(line, "|-- "); is {
			last = leaf
		} else if last == address && strings.HasSuffix(line, "host LOCAL") {
			return true
		}
	}
	return false
}

// hasDoor reports whether something on a host answers DHCP.
func (s *Stage) hasDoor(host rig.Host) bool {
	text, _ := s.kernelFile(host, "udp")
	return boundTo(text, 67)
}

// boundTo reads /proc/net/udp: whether a socket is bound to a port.
func boundTo(table string, port int) bool {
	want := fmt.Sprintf(":%04X", port)
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) > 1 && strings.HasSuffix(fields[1], want) {
			return true
		}
	}
	return false
}

// exitStatus returns with which status a host's command ended, and false for an
// error of another kind.
func exitStatus(err error) (int, bool) {
	if err == nil {
		return 0, true
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), true
	}
	return 0, false
}
