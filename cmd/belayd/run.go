package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/cluster/examine"
	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/fencing/watchdog"
)

func runCommand() *cobra.Command {
	var configFile string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Take part in the cluster (systemd runs this)",
		Long: `run takes part in the cluster until it is told to stop. Stopping or restarting it
stops no service: what runs goes on, and is looked at when it returns.`,
		Example: "  belayd run\n  belayd run --config /etc/belay/belayd.toml",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), configFile) },
	}
	cmd.Flags().StringVar(&configFile, "config", defaultConfigFile, "the host's own settings")
	return cmd
}

// endOrphans ends what a killed run of belayd has left under way, before anything
// here is looked at: the port says that there is no other belayd.
func endOrphans(host node.Host, log *zap.Logger) {
	killed, err := catalog.EndOrphans(host.RunDir)
	if len(killed) > 0 {
		log.Warn("ended the programs that the last belayd has left under way", zap.Ints("pids", killed))
	}
	if err != nil {
		log.Error("programs of the last belayd may still run", zap.Error(err))
	}
}

func run(ctx context.Context, configFile string) error {
	host, err := readConfig(configFile)
	if err != nil {
		return err
	}
	boundProcessors()
	log, err := newLogger(host.LogLevel)
	if err != nil {
		return err
	}
	defer log.Sync() //nolint:errcheck // stderr cannot always be synced
	if err := makeDirs(host); err != nil {
		return err
	}
	boot, err := bootID()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", host.Address)
	if err != nil {
		return fmt.Errorf("open the member's port: %w: is another belayd running, or is %s not an address of this host?", err, host.Address)
	}
	endOrphans(host, log)
	member, err := node.Assemble(node.Parts{
		Host: host, BootID: boot, Agents: catalog.HostAgents(log, host.RunDir), Fences: catalog.Fences(), Listener: listener, Log: log,
		Fault:   func(err error) { endFaulty(listener, log, err) },
		Suicide: func() { endHost(log) },
		OpenWatchdog: func(device string, timeout time.Duration) (node.Watchdog, error) {
			timer, err := watchdog.Open(device, timeout)
			if err != nil {
				return nil, err
			}
			return timer, nil
		},
		Virtual: watchdog.Virtual("/"),
		Units:   catalog.UnitFiles(log),
		Version: version,
		Journal: examine.Journal,
		Examine: func(ctx context.Context, wants doctor.Wants) doctor.Host {
			return examine.Host(ctx, examine.Options{DataDir: host.DataDir, TLSDir: filepath.Join(host.DataDir, node.TLSDir), Wants: wants})
		},
	})
	if err != nil {
		listener.Close()
		return err
	}
	go notify(ctx, member.Node(), log)
	log.Info("starting", zap.String("version", version), zap.String("node", string(host.Node)), zap.String("address", host.Address))
	err = member.Run(ctx)
	daemon.SdNotify(false, daemon.SdNotifyStopping) //nolint:errcheck // without systemd there is nobody to tell
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// processors is how many the daemon uses at once. Its work is short and mostly
// waits: with a second one, whatever wakes the daemon also wakes a thread that looks
// for more to do, and finds none. With one, work that takes long (a plan of a large
// cluster) has the rest wait for 10 ms at a time, until the runtime interrupts it,
// and so has a write that waits for the disk; nothing here has less than 50 ms.
const processors = 1

// boundProcessors obeys GOMAXPROCS in the environment, as the runtime does.
func boundProcessors() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(processors)
	}
}

// notify tells systemd that the daemon has started, and again and again that it
// is not stuck.
func notify(ctx context.Context, n *node.Node, log *zap.Logger) {
	if sent, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil || !sent {
		log.Debug("systemd is not told", zap.Bool("sent", sent), zap.Error(err))
	}
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return
	}
	ticker := time.NewTicker(interval / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if n.Responsive(interval / 3) {
			daemon.SdNotify(false, daemon.SdNotifyWatchdog) //nolint:errcheck // the next one may do
		}
	}
}

// endHost restarts the host at once, without asking anybody: this member can
// neither reach the cluster nor prove that it stopped its services.
func endHost(log *zap.Logger) {
	log.Error("restarting this host")
	log.Sync()                                          //nolint:errcheck // no time to care
	unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)          //nolint:errcheck // what follows tries again
	os.WriteFile("/proc/sysrq-trigger", []byte("b"), 0) //nolint:errcheck // nothing is left to try
}

func newLogger(level string) (*zap.Logger, error) {
	parsed, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("log_level: %w", err)
	}
	config := zap.NewProductionConfig()
	config.Level = zap.NewAtomicLevelAt(parsed)
	config.Encoding = "console"
	config.Sampling = nil
	config.DisableStacktrace = true
	config.EncoderConfig = zap.NewDevelopmentEncoderConfig()
	if os.Getenv("JOURNAL_STREAM") != "" {
		config.EncoderConfig.TimeKey = "" // the journal has it
	}
	return config.Build()
}
