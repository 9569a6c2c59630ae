// Package catalog is the one list of what this build of Belay can run and fence
// with. The daemon builds working agents from it; the CLI reads the same list to
// check definitions offline.
package catalog

import (
	"path/filepath"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/command"
	"github.com/belay-ha/belay/agents/galera"
	"github.com/belay-ha/belay/agents/haproxy"
	"github.com/belay-ha/belay/agents/inspector"
	"github.com/belay-ha/belay/agents/ocf"
	"github.com/belay-ha/belay/agents/podman"
	"github.com/belay-ha/belay/agents/process"
	"github.com/belay-ha/belay/agents/rabbitmq"
	"github.com/belay-ha/belay/agents/systemd"
	"github.com/belay-ha/belay/agents/vip"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/fenceagent"
	"github.com/belay-ha/belay/fencing/ipmi"
	"github.com/belay-ha/belay/fencing/kdump"
	"github.com/belay-ha/belay/fencing/manual"
	"github.com/belay-ha/belay/fencing/redfish"
	"github.com/belay-ha/belay/fencing/watchdog"
)

// Agents returns every agent of this build. It does no I/O: agents connect to
// systemd and to their services when they are first used.
func Agents(log *zap.Logger) agents.Registry { return HostAgents(log, "") }

// HostAgents are Agents whose programs are on record below runDir while they run, so
// that the daemon's next run can end what a killed one has left (EndOrphans).
func HostAgents(log *zap.Logger, runDir string) agents.Registry {
	units := systemd.NewManager(log.Named("systemd"))
	run := command.Runner{Records: records(runDir)}
	return agents.NewRegistry(
		galera.New(galera.Host{Units: units, Run: run}, log.Named("galera")),
		haproxy.New(units, run, log.Named("haproxy")),
		inspector.New(inspector.Host{Units: units}, log.Named("inspector")),
		ocf.New(ocf.Host{Run: run}),
		podman.New(podman.Host{Run: run}, log.Named("podman")),
		process.New(units, run, log.Named("process")),
		rabbitmq.New(rabbitmq.Host{Units: units, Run: run}, log.Named("rabbitmq")),
		systemd.New(units, log.Named("systemd")),
		vip.New(log.Named("vip")),
	)
}

// UnitFiles returns what decides whether systemd starts units by itself. It does no
// I/O.
func UnitFiles(log *zap.Logger) *systemd.Manager { return systemd.NewManager(log.Named("units")) }

// EndOrphans ends the programs of agents that an earlier run of the daemon has left
// below runDir, and returns their process ids. It is called before any agent.
func EndOrphans(runDir string) ([]int, error) { return command.EndOrphans(records(runDir)) }

func records(runDir string) string {
	if runDir == "" {
		return ""
	}
	return filepath.Join(runDir, "programs")
}

// Fences returns every kind of fence device of this build.
func Fences() fencing.Registry {
	return fencing.NewRegistry([]fencing.Spec{redfish.Spec(), ipmi.Spec(nil), kdump.Spec(new(kdump.Hub)), watchdog.Spec(), manual.Spec()}, fenceagent.Pattern())
}
