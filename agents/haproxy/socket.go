package haproxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// socketTimeout bounds one command on HAProxy's admin socket.
const socketTimeout = 3 * time.Second

// maxReply bounds what is read of an answer: about 200 bytes a server.
const maxReply = 4 << 20

// ask sends one command to HAProxy's admin socket and returns its answer. The
// socket takes one command a connection. Errors of HAProxy come as text.
func ask(ctx context.Context, socket, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, socketTimeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return "", fmt.Errorf("haproxy's socket: %w", err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", fmt.Errorf("haproxy's socket: %w", err)
	}
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return "", fmt.Errorf("haproxy's socket: %s: %w", command, err)
	}
	answer, err := io.ReadAll(io.LimitReader(conn, maxReply))
	if err != nil {
		return "", fmt.Errorf("haproxy's socket: %s: %w", command, err)
	}
	return strings.TrimSpace(string(answer)), nil
}

// pid returns the worker that answers on the socket.
func pid(ctx context.Context, socket string) (int, error) {
	answer, err := ask(ctx, socket, "show info")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(answer) {
		if value, found := strings.CutPrefix(line, "Pid: "); found {
			return strconv.Atoi(strings.TrimSpace(value))
		}
	}
	return 0, errors.New("haproxy's socket: show info: no process id in the answer")
}

// actual is a server's state in the running HAProxy.
type actual struct {
	want want
	up   bool
}

// Bits of srv_admin_state (HAProxy Management Guide, "show servers state").
const (
	forcedMaint = 0x01
	forcedDrain = 0x08
)

// actuals reads every server's state, by "PROXY/SERVER".
func actuals(ctx context.Context, socket string) (map[string]actual, error) {
	answer, err := ask(ctx, socket, "show servers state")
	if err != nil {
		return nil, err
	}
	states := map[string]actual{}
	for lines := bufio.NewScanner(strings.NewReader(answer)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 7 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		op, errOp := strconv.Atoi(fields[5])
		admin, errAdmin := strconv.Atoi(fields[6])
		if errOp != nil || errAdmin != nil {
			return nil, fmt.Errorf("haproxy's socket: show servers state: cannot read %q", lines.Text())
		}
		state := actual{want: ready, up: op == 2}
		switch {
		case admin&forcedMaint != 0:
			state.want = maint
		case admin&forcedDrain != 0:
			state.want = drain
		}
		states[fields[1]+"/"+fields[3]] = state
	}
	return states, nil
}

// steer brings the servers of the running HAProxy to what they should be doing
// and returns how many it changed. Servers that it does not know yet are left
// to the reload. Those that must go, go first.
func steer(ctx context.Context, socket string, wanted map[string]want) (int, error) {
	present, err := actuals(ctx, socket)
	if err != nil {
		return 0, err
	}
	changed := 0
	for _, round := range [][]want{{maint, drain}, {ready}} {
		for _, to := range round {
			for name, state := range present {
				if w, known := wanted[name]; !known || w != to || state.want == to {
					continue
				}
				if err := setState(ctx, socket, name, to); err != nil {
					return changed, err
				}
				changed++
			}
		}
	}
	return changed, nil
}

func setState(ctx context.Context, socket, name string, to want) error {
	command := fmt.Sprintf("set server %s state %s", name, to)
	answer, err := ask(ctx, socket, command)
	if err == nil && answer != "" {
		err = fmt.Errorf("haproxy's socket: %s: %s", command, answer)
	}
	if err != nil || to != maint {
		return err
	}
	// Clients of a server out of service must find another one now.
	if answer, err = ask(ctx, socket, "shutdown sessions server "+name); err == nil && answer != "" {
		err = fmt.Errorf("haproxy's socket: shutdown sessions server %s: %s", name, answer)
	}
	return err
}
