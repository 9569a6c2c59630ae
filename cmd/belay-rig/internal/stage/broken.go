package stage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// missingProgram takes away a balancer's program and kills it.
func missingProgram(ctx context.Context, s *Stage) error {
	const program, aside = "/usr/sbin/haproxy", "/usr/sbin/haproxy.aside"
	return s.brokenBalancer(ctx, program, func(host rig.Host) error {
		return errors.Join(s.run(ctx, host, "mv", program, aside), s.killBalancer(ctx, host))
	}, func(host rig.Host) error { return s.run(ctx, host, "mv", aside, program) })
}

// squatter holds the balancer's port as soon as it is free. It needs no address:
// IP_FREEBIND is 15. The file says that it is about to try.
const squatter = `import socket, time
s = socket.socket()
s.setsockopt(socket.SOL_IP, 15, 1)
open("/run/squatter", "w").close()
while True:
    try:
        s.bind(("` + VIP + `", 3306))
        break
    except OSError:
        time.sleep(0.005)
s.listen()
time.sleep(3600)
`

// takenPort has something else take a balancer's port when it is killed.
func takenPort(ctx context.Context, s *Stage) error {
	return s.brokenBalancer(ctx, VIP+":3306", func(host rig.Host) error {
		// On a busy machine the balancer could be back before the other has started.
		const ready = "until test -e /run/squatter; do sleep 0.02; done"
		if err := errors.Join(s.run(ctx, host, "systemd-run", "--quiet", "--unit=squatter", "python3", "-c", squatter),
			s.run(ctx, host, "timeout", "30", "sh", "-c", ready)); err != nil {
			return err
		}
		return s.killBalancer(ctx, host)
	}, func(host rig.Host) error { return s.run(ctx, host, "systemctl", "stop", "squatter") })
}

func (s *Stage) killBalancer(ctx context.Context, host rig.Host) error {
	return s.run(ctx, host, "systemctl", "kill", "--signal=KILL", "haproxy")
}

// brokenBalancer breaks the balancer of a host without the address, so that it
// cannot start again: the status must say so, with the thing that is wrong and
// the next step, and nothing else may be touched. Mended and tried again, it
// runs.
func (s *Stage) brokenBalancer(ctx context.Context, thing string, damage, mend func(rig.Host) error) error {
	host, err := s.other(ctx)
	if err != nil {
		return err
	}
	fenced, err := s.fencings(ctx)
	if err != nil {
		return err
	}
	before, err := s.others(ctx, host)
	if err != nil {
		return err
	}
	if err := damage(host); err != nil {
		return errors.Join(err, mend(host))
	}
	status, err := s.Until(ctx, time.Minute, "the status says what is wrong and what to do", func(st api.Status) bool {
		p, told := problemOf(st, nodeName(host), "haproxy")
		return told && p.Resource == "haproxy" && strings.HasPrefix(p.Next, "belayctl resource retry haproxy") && len(st.Actions) == 0
	})
	shown := s.describe()
	if err := errors.Join(err, mend(host)); err != nil {
		return err
	}
	for _, p := range status.Problems {
		s.Say("status: %s; next: %s", p.Text, p.Next)
	}
	if !strings.Contains(shown, thing) {
		return fmt.Errorf("belayctl status does not name %s:\n%s", thing, shown)
	}
	if _, err := s.anyHost(ctx, "belayctl", "resource", "retry", "haproxy", host.String()); err != nil {
		return err
	}
	if _, err := s.Until(ctx, time.Minute, "the balancer runs again", Whole); err != nil {
		return err
	}
	after, err := s.others(ctx, host)
	if err != nil {
		return err
	}
	if after != before {
		return fmt.Errorf("other processes were restarted: before\n%s\nafter\n%s", before, after)
	}
	return s.noFencingSince(ctx, fenced)
}

// others lists the services' processes of all hosts, without the balancer of
// one.
func (s *Stage) others(ctx context.Context, broken rig.Host) (string, error) {
	var list strings.Builder
	for _, host := range rig.Hosts() {
		out, err := s.rig.Run(ctx, host, "systemctl", "show", "*.service", "--property=Id", "--property=MainPID")
		if err != nil {
			return "", err
		}
		for _, unit := range mainProcesses(out) {
			if host != broken || !strings.HasPrefix(unit, "haproxy") {
				fmt.Fprintf(&list, "%s: %s\n", host, unit)
			}
		}
	}
	return list.String(), nil
}

// ours are words in the names of the units that the cluster runs, and of its
// daemon.
var ours = []string{"mariadb", "rabbitmq", "haproxy", "inspector", "dnsmasq", "belay"}

// mainProcesses reads what systemctl show says of units: the running ones of the
// cluster, each with its main process.
func mainProcesses(shown string) []string {
	var units []string
	for block := range strings.SplitSeq(shown, "\n\n") {
		var id, pid string
		for line := range strings.Lines(block) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch key {
			case "Id":
				id = value
			case "MainPID":
				pid = value
			}
		}
		if pid != "" && pid != "0" && slices.ContainsFunc(ours, func(word string) bool { return strings.Contains(id, word) }) {
			units = append(units, id+" "+pid)
		}
	}
	slices.Sort(units)
	return units
}
