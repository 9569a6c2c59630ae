// Package amqp is the little of AMQP 0-9-1 that a test of a message broker's
// promises needs: publish a persistent message and wait until the broker has
// confirmed it, and take messages out again.
//
// It starts no goroutine. A Client is for one goroutine at a time.
package amqp

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"time"
)

// answerTime bounds the wait for the broker's answer to one call.
const answerTime = 20 * time.Second

// channel is the one channel in use.
const channel = 1

// persistent is basic's delivery-mode of messages that survive a restart.
const persistent = 2

// flagDeliveryMode marks that property in a content header.
const flagDeliveryMode = 1 << 12

// Client is one connection with one channel, in confirm mode.
type Client struct {
	conn net.Conn
	in   *bufio.Reader
	sent uint64 // messages published
}

// New logs in on a fresh connection, which the Client owns from then on, also
// when New fails.
func New(conn net.Conn, vhost, user, password string) (*Client, error) {
	c := &Client{conn: conn, in: bufio.NewReader(conn)}
	if err := c.open(vhost, user, password); err != nil {
		conn.Close()
		return nil, fmt.Errorf("log in to %s as %s: %w", vhost, user, err)
	}
	return c, nil
}

// Close ends the connection without a word: the broker takes it for a lost one.
func (c *Client) Close() error { return c.conn.Close() }

func (c *Client) open(vhost, user, password string) error {
	if err := c.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	if _, err := c.conn.Write([]byte("AMQP\x00\x00\x09\x01")); err != nil {
		return err
	}
	if _, err := c.expect(connectionStart); err != nil {
		return err
	}
	// An empty table of client properties, then SASL PLAIN.
	login := call(connectionStartOK).long(0).text("PLAIN").longText("\x00" + user + "\x00" + password).text("en_US")
	if err := c.method(0, login); err != nil {
		return err
	}
	if _, err := c.expect(connectionTune); err != nil {
		return fmt.Errorf("the broker refuses the login: %w", err)
	}
	// No heartbeats: every call has a deadline.
	if err := c.method(0, call(connectionTuneOK).short(channel).long(maxFrame).short(0)); err != nil {
		return err
	}
	if _, err := c.ask(0, call(connectionOpen).text(vhost).text("").octet(0), connectionOpenOK); err != nil {
		return err
	}
	if _, err := c.ask(channel, call(channelOpen).text(""), channelOpenOK); err != nil {
		return err
	}
	_, err := c.ask(channel, call(confirmSelect).octet(0), confirmSelectOK)
	return err
}

// Publish sends persistent messages to a queue and returns when the broker has
// confirmed all of them: from then on they must survive.
func (c *Client) Publish(queue string, bodies ...[]byte) error {
	if err := c.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	for _, body := range bodies {
		// Mandatory: a message that no queue takes is sent back.
		publish := call(basicPublish).short(0).text("").text(queue).octet(1)
		header := arguments(nil).short(basicPublish.class).short(0).longlong(uint64(len(body))).short(flagDeliveryMode).octet(persistent)
		err := errors.Join(c.method(channel, publish),
			writeFrame(c.conn, frame{frameHeader, channel, header}), writeFrame(c.conn, frame{frameBody, channel, body}))
		if err != nil {
			return fmt.Errorf("publish to %s: %w", queue, err)
		}
		c.sent++
	}
	return c.confirmed(queue, len(bodies))
}

// confirmed waits for the confirms of the newest messages, which the broker may
// give one by one, together, and in any order.
func (c *Client) confirmed(queue string, count int) error {
	open := map[uint64]bool{}
	for tag := c.sent - uint64(count) + 1; tag <= c.sent; tag++ {
		open[tag] = true
	}
	for len(open) > 0 {
		got, args, err := c.next()
		if err != nil {
			return fmt.Errorf("%d of %d messages to %s are not confirmed: %w", len(open), count, queue, err)
		}
		switch got {
		case basicAck:
			tag, multiple := args.longlong(), args.octet()&1 == 1
			for other := range open {
				if other == tag || multiple && (other <= tag || tag == 0) {
					delete(open, other)
				}
			}
		case basicNack:
			return fmt.Errorf("the broker could not take a message to %s", queue)
		case basicReturn:
			code, text := args.short(), args.text()
			return fmt.Errorf("the broker sent a message to %s back: %d %s", queue, code, text)
		default:
			return fmt.Errorf("want a confirm, got method %d.%d", got.class, got.id)
		}
	}
	return nil
}

// Get takes one message out of a queue; found is false when it is empty.
func (c *Client) Get(queue string) (body []byte, found bool, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return nil, false, err
	}
	const noAck = 1
	if err := c.method(channel, call(basicGet).short(0).text(queue).octet(noAck)); err != nil {
		return nil, false, err
	}
	got, _, err := c.next()
	switch {
	case err != nil:
		return nil, false, fmt.Errorf("get from %s: %w", queue, err)
	case got == basicGetEmpty:
		return nil, false, nil
	case got != basicGetOK:
		return nil, false, fmt.Errorf("get from %s: got method %d.%d", queue, got.class, got.id)
	}
	body, err = c.content()
	return body, err == nil, err
}

// Count returns how many messages a queue holds that can be taken out of it.
func (c *Client) Count(queue string) (int, error) {
	if err := c.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return 0, err
	}
	const passive = 1 // only look: it must be there
	args, err := c.ask(channel, call(queueDeclare).short(0).text(queue).octet(passive).long(0), queueDeclareOK)
	if err != nil {
		return 0, fmt.Errorf("count the messages of %s: %w", queue, err)
	}
	args.text()
	return int(args.long()), nil
}

// content reads the header and the body of a message.
func (c *Client) content() ([]byte, error) {
	header, err := c.frame()
	if err != nil {
		return nil, err
	}
	if header.kind != frameHeader {
		return nil, fmt.Errorf("want a content header, got frame type %d", header.kind)
	}
	fields := reader{header.payload}
	fields.short()
	fields.short()
	size := fields.longlong()
	var body []byte
	for uint64(len(body)) < size {
		part, err := c.frame()
		if err != nil {
			return nil, err
		}
		if part.kind != frameBody {
			return nil, fmt.Errorf("want a body, got frame type %d", part.kind)
		}
		body = append(body, part.payload...)
	}
	return body, nil
}

func (c *Client) method(on uint16, payload arguments) error {
	return writeFrame(c.conn, frame{frameMethod, on, payload})
}

// ask sends a method and waits for its answer.
func (c *Client) ask(on uint16, payload arguments, answer method) (reader, error) {
	if err := c.method(on, payload); err != nil {
		return reader{}, err
	}
	return c.expect(answer)
}

func (c *Client) expect(want method) (reader, error) {
	got, args, err := c.next()
	if err == nil && got != want {
		err = fmt.Errorf("want method %d.%d, got %d.%d", want.class, want.id, got.class, got.id)
	}
	return args, err
}

// next reads the next method. That the broker closes is an error with its
// reason.
func (c *Client) next() (method, reader, error) {
	f, err := c.frame()
	if err != nil {
		return method{}, reader{}, err
	}
	if f.kind != frameMethod {
		return method{}, reader{}, fmt.Errorf("want a method, got frame type %d", f.kind)
	}
	args := reader{f.payload}
	got := method{args.short(), args.short()}
	if got == connectionClose || got == channelClose {
		code, text := args.short(), args.text()
		return got, args, fmt.Errorf("the broker closes: %d %s", code, text)
	}
	return got, args, nil
}

// frame reads the next frame that is not a heartbeat.
func (c *Client) frame() (frame, error) {
	for {
		f, err := readFrame(c.in)
		if err != nil || f.kind != frameHeartbeat {
			return f, err
		}
	}
}
