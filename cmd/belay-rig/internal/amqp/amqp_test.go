package amqp

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
)

// broker is the other end of a connection, played from a script.
type broker struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// dial returns a client of a broker that plays script after the login.
func dial(t *testing.T, password string, script func(*broker)) (*Client, error) {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer far.Close()
		b := &broker{t, far, bufio.NewReader(far)}
		if b.login() {
			script(b)
		}
	}()
	t.Cleanup(func() {
		near.Close()
		<-done
	})
	return New(near, "kept", "guest", password)
}

func (b *broker) read() frame {
	f, err := readFrame(b.in)
	if err != nil {
		b.t.Errorf("the client broke off: %v", err)
	}
	return f
}

func (b *broker) want(m method) reader {
	args := reader{b.read().payload}
	if got := (method{args.short(), args.short()}); got != m {
		b.t.Errorf("the client sent method %v, want %v", got, m)
	}
	return args
}

func (b *broker) send(on uint16, payload arguments) {
	if err := writeFrame(b.conn, frame{frameMethod, on, payload}); err != nil {
		b.t.Errorf("answer: %v", err)
	}
}

func (b *broker) login() bool {
	greeting := make([]byte, 8)
	if _, err := b.in.Read(greeting); err != nil || string(greeting) != "AMQP\x00\x00\x09\x01" {
		b.t.Errorf("greeting %q: %v", greeting, err)
		return false
	}
	b.send(0, call(connectionStart).octet(0).octet(9).long(0).longText("PLAIN").longText("en_US"))
	login := b.want(connectionStartOK)
	login.take(int(login.long()))
	if mechanism := login.text(); mechanism != "PLAIN" {
		b.t.Errorf("mechanism %q", mechanism)
	}
	if secret := string(login.take(int(login.long()))); secret != "\x00guest\x00right" {
		b.send(0, call(connectionClose).short(403).text("ACCESS_REFUSED").short(0).short(0))
		return false
	}
	b.send(0, call(connectionTune).short(2047).long(131072).short(60))
	b.want(connectionTuneOK)
	if open := b.want(connectionOpen); open.text() != "kept" {
		b.t.Error("the client opened another vhost")
	}
	b.send(0, call(connectionOpenOK).text(""))
	b.want(channelOpen)
	b.send(channel, call(channelOpenOK).long(0))
	b.want(confirmSelect)
	b.send(channel, call(confirmSelectOK))
	return true
}

// message reads one published message and returns its queue and body.
func (b *broker) message() (queue, body string) {
	args := b.want(basicPublish)
	args.short()
	args.text()
	queue = args.text()
	header := reader{b.read().payload}
	header.take(4)
	size, flags, mode := header.longlong(), header.short(), header.octet()
	if flags != flagDeliveryMode || mode != persistent {
		b.t.Errorf("flags %x, delivery mode %d: the message is not persistent", flags, mode)
	}
	text := b.read().payload
	if uint64(len(text)) != size {
		b.t.Errorf("the header says %d bytes, the body has %d", size, len(text))
	}
	return queue, string(text)
}

func TestLoginRefused(t *testing.T) {
	_, err := dial(t, "wrong", func(*broker) {})
	if err == nil || !strings.Contains(err.Error(), "403 ACCESS_REFUSED") {
		t.Errorf("got %v, want the broker's reason", err)
	}
}

func TestPublish(t *testing.T) {
	ack := func(b *broker, tag uint64, multiple byte) {
		b.send(channel, call(basicAck).longlong(tag).octet(multiple))
	}
	cases := []struct {
		name   string
		answer func(*broker)
		fails  string
	}{
		{name: "one by one, in any order", answer: func(b *broker) { ack(b, 3, 0); ack(b, 1, 0); ack(b, 2, 0) }},
		{name: "together", answer: func(b *broker) { ack(b, 3, 1) }},
		{name: "with heartbeats between", answer: func(b *broker) {
			ack(b, 2, 1)
			if err := writeFrame(b.conn, frame{kind: frameHeartbeat}); err != nil {
				b.t.Error(err)
			}
			ack(b, 3, 0)
		}},
		{name: "one is lost with the broker", answer: func(b *broker) { ack(b, 2, 1) }, fails: "1 of 3 messages to q are not confirmed"},
		{name: "refused", answer: func(b *broker) { b.send(channel, call(basicNack).longlong(1).octet(0)) }, fails: "could not take"},
		{name: "no such queue", answer: func(b *broker) {
			b.send(channel, call(basicReturn).short(312).text("NO_ROUTE").text("").text("q"))
		}, fails: "312 NO_ROUTE"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client, err := dial(t, "right", func(b *broker) {
				for i := range 3 {
					if queue, body := b.message(); queue != "q" || body != fmt.Sprint(i) {
						t.Errorf("message %d: %q to %q", i, body, queue)
					}
				}
				c.answer(b)
			})
			if err != nil {
				t.Fatal(err)
			}
			err = client.Publish("q", []byte("0"), []byte("1"), []byte("2"))
			if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("got %v, want %q", err, c.fails)
			}
		})
	}
}

func TestGet(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 10)
	client, err := dial(t, "right", func(b *broker) {
		b.want(basicGet)
		b.send(channel, call(basicGetOK).longlong(1).octet(0).text("").text("q").long(0))
		header := arguments(nil).short(60).short(0).longlong(uint64(len(body))).short(0)
		for _, f := range []frame{{frameHeader, channel, header}, {frameBody, channel, body[:4]}, {frameBody, channel, body[4:]}} {
			if err := writeFrame(b.conn, f); err != nil {
				t.Error(err)
			}
		}
		b.want(basicGet)
		b.send(channel, call(basicGetEmpty).text(""))
	})
	if err != nil {
		t.Fatal(err)
	}
	got, found, err := client.Get("q")
	if err != nil || !found || !bytes.Equal(got, body) {
		t.Errorf("got %q, %v, %v", got, found, err)
	}
	if _, found, err = client.Get("q"); err != nil || found {
		t.Errorf("an empty queue: found %v, %v", found, err)
	}
}

func TestReadFrame(t *testing.T) {
	cases := map[string]string{
		"\x01\x00\x00\x00\x00\x00\x01x\xcd":     "without its end",
		"\x01\x00\x00\xff\xff\xff\xffx\xce":     "bytes, want at most",
		"\x01\x00\x00\x00\x00\x00\x05x\xce":     "EOF",
		"":                                      "EOF",
		"\x01\x00\x00\x00\x00\x00\x01\x00\x00x": "without its end",
	}
	for text, want := range cases {
		if _, err := readFrame(bufio.NewReader(strings.NewReader(text))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestCount(t *testing.T) {
	client, err := dial(t, "right", func(b *broker) {
		args := b.want(queueDeclare)
		args.short()
		if name, flags := args.text(), args.octet(); name != "q" || flags != 1 {
			b.t.Errorf("asked for %q with flags %d, want a passive look at q", name, flags)
		}
		b.send(channel, call(queueDeclareOK).text("q").long(42).long(0))
		b.want(queueDeclare)
		b.send(channel, call(channelClose).short(404).text("NOT_FOUND").short(50).short(10))
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := client.Count("q"); n != 42 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if _, err := client.Count("gone"); err == nil || !strings.Contains(err.Error(), "404 NOT_FOUND") {
		t.Errorf("a queue that is gone: %v", err)
	}
}
