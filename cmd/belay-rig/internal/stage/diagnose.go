package stage

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// look is one thing to ask a host that something is wrong with.
type look struct{ what, command string }

// looks are what tells why a host or a service did not come back. Each command
// ends within its lookTimeout; NODE is the broker's name.
var looks = []look{
	{"the cluster, as this host sees it", "belayctl status --stale"},
	{"operations in flight", `belayctl status --stale -o json | sed -n '/"actions"/,/"problems"/p'`},
	{"the daemon's journal", "journalctl -u belayd -n 400 --no-pager -o short-precise"},
	{"processes", "ps -eo pid,ppid,etimes,stat,wchan:24,args --forest | cut -c1-220"},
	{"jobs and failed units", "systemctl list-jobs --no-pager; systemctl --failed --no-pager; systemctl status rabbitmq-server mariadb haproxy ironic-inspector --no-pager -n 15"},
	{"sockets", "ss -tanp"},
	{"Erlang's port mapper", "epmd -names"},
	{"the broker's log", "tail -n 300 /var/log/rabbitmq/NODE.log"},
	{"the broker's files", "cd /var/lib/rabbitmq/mnesia && cat NODE/cluster_nodes.config NODE/nodes_running_at_shutdown NODE-feature_flags; find . -size -8k -printf '%10s %TT %p\\n' | head -n 200"},
	{"the broker's cluster", "runuser -u rabbitmq -- rabbitmqctl -q cluster_status --timeout 15"},
	{"Mnesia", "runuser -u rabbitmq -- rabbitmqctl -q eval '" + askMnesia + "'"},
	{"where the broker's processes wait", "runuser -u rabbitmq -- rabbitmqctl -q eval '" + askStacks + "'"},
	{"the database's log", "tail -n 60 /var/log/mysql/error.log || journalctl -u mariadb -n 60 --no-pager"},
}

const (
	askMnesia = `[{nodes, nodes()}, {app, rabbit:is_running()}] ++ [{I, catch mnesia:system_info(I)} || I <- [is_running, db_nodes, running_db_nodes, held_locks, lock_queue, transactions]].`
	askStacks = `[{Name, erlang:process_info(whereis(Name), [status, message_queue_len, current_stacktrace])} || Name <- [application_controller, global_name_server, mnesia_monitor, mnesia_controller, mnesia_recover, mnesia_tm, mnesia_locker, rabbit_node_monitor], is_pid(whereis(Name))] ++ [{P, erlang:process_info(P, [status, current_stacktrace])} || P <- processes(), {_, Q} <- [erlang:process_info(P, message_queue_len)], Q > 0].`
)

// lookTimeout bounds one look: rabbitmqctl hangs with its broker.
const lookTimeout = 25 * time.Second

// Diagnose asks every host that is on about the cluster, the daemon and the
// services, and returns all that was said. It takes a few minutes at most.
func (s *Stage) Diagnose(ctx context.Context) string {
	var wait sync.WaitGroup
	said := make([]string, len(rig.Hosts()))
	for i, host := range rig.Hosts() {
		if on, err := s.rig.Power(ctx, host); err != nil || !on {
			said[i] = fmt.Sprintf("===== %s is off (%v)\n", host, err)
			continue
		}
		wait.Go(func() { said[i] = s.lookAt(ctx, host) })
	}
	wait.Wait()
	return fmt.Sprintf("%s, load %.1f\n%s\n%s", time.Now().Format(time.DateTime), load(), s.describe(), strings.Join(said, "\n"))
}

func (s *Stage) lookAt(ctx context.Context, host rig.Host) string {
	var text strings.Builder
	for _, l := range looks {
		attempt, cancel := context.WithTimeout(ctx, lookTimeout)
		command, err := s.rig.Command(attempt, host, "sh", "-c", strings.ReplaceAll(l.command, "NODE", "rabbit@"+host.String()))
		var out []byte
		if err == nil {
			out, err = command.CombinedOutput()
		}
		cancel()
		fmt.Fprintf(&text, "===== %s: %s (%s, error: %v)\n%s\n", host, l.what, time.Now().Format(time.TimeOnly), err, out)
	}
	return text.String()
}
