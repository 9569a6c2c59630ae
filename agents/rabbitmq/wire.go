package rabbitmq

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// wireTimeout bounds one look at a socket.
const wireTimeout = 3 * time.Second

// epmdPort is where Erlang's port mapper listens.
const epmdPort = "4369"

// maxNames bounds what is read of the port mapper's answer, in bytes.
const maxNames = 64 << 10

// TCP is the Wire over real sockets. The zero value is ready.
type TCP struct{}

func open(ctx context.Context, address string) (net.Conn, error) {
	deadline := time.Now().Add(wireTimeout)
	if at, has := ctx.Deadline(); has && at.Before(deadline) {
		deadline = at
	}
	dialer := net.Dialer{Deadline: deadline}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// Registered sends NAMES_REQ (Erlang Distribution Protocol, "Get all registered
// names from EPMD") and looks for the name.
func (TCP) Registered(ctx context.Context, host, name string) (found bool, err error) {
	conn, err := open(ctx, net.JoinHostPort(host, epmdPort))
	if err != nil {
		return false, fmt.Errorf("ask epmd: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte{0, 1, 'n'}); err != nil {
		return false, fmt.Errorf("ask epmd: %w", err)
	}
	reply := bufio.NewReader(io.LimitReader(conn, maxNames))
	if _, err := io.CopyN(io.Discard, reply, 4); err != nil { // its own port
		return false, fmt.Errorf("ask epmd: %w", err)
	}
	text, err := io.ReadAll(reply)
	if err != nil {
		return false, fmt.Errorf("ask epmd: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "name "+name+" at port ") {
			return true, nil
		}
	}
	return false, nil
}

// Greets sends the protocol header and waits for Connection.Start (AMQP 0-9-1,
// 2.2.4 and 4.2.2): a broker whose application is stopped or paused has no
// listener, and one that hangs does not answer.
func (TCP) Greets(ctx context.Context, address string) error {
	conn, err := open(ctx, address)
	if err != nil {
		return fmt.Errorf("greet AMQP: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("AMQP\x00\x00\x09\x01")); err != nil {
		return fmt.Errorf("greet AMQP at %s: %w", address, err)
	}
	var head [11]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return fmt.Errorf("greet AMQP at %s: %w", address, err)
	}
	const methodFrame, connectionStart = 1, 10<<16 | 10
	if head[0] != methodFrame || binary.BigEndian.Uint32(head[7:]) != connectionStart {
		return fmt.Errorf("greet AMQP at %s: it answered %q", address, head[:])
	}
	return nil
}
