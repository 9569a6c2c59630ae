package stage

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/amqp"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/chaos"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// Publisher publishes numbered messages to a queue, one after another, by
// whatever host takes them, and remembers which the broker confirmed. It owns
// one goroutine, until stop.
type Publisher struct {
	record
	stage  *Stage
	queue  string
	ledger *chaos.Ledger
	cancel context.CancelFunc
	done   chan struct{}
}

const (
	publishInterval = 150 * time.Millisecond
	publishTimeout  = 5 * time.Second
)

// publish starts a Publisher to one of the broker's queues: see furnish.
func (s *Stage) publish(ctx context.Context, queue string) *Publisher {
	ctx, cancel := context.WithCancel(ctx)
	p := &Publisher{stage: s, queue: queue, ledger: chaos.NewLedger(), cancel: cancel, done: make(chan struct{})}
	go p.run(ctx)
	return p
}

func (p *Publisher) run(ctx context.Context) {
	defer close(p.done)
	var client *amqp.Client
	defer func() {
		if client != nil {
			client.Close()
		}
	}()
	for next := 0; ctx.Err() == nil; {
		asked, number := time.Now(), p.ledger.Next()
		var err error
		if client == nil {
			client, err = p.stage.amqpWithin(ctx, rig.Hosts()[next%len(rig.Hosts())], publishTimeout)
		}
		if err == nil {
			err = client.Publish(p.queue, []byte(strconv.FormatInt(number, 10)))
		}
		if err == nil {
			p.ledger.Acknowledged(number)
			p.good(asked, time.Now())
		} else if ctx.Err() == nil {
			p.ledger.Failed()
			p.bad()
			next++
			if client != nil {
				client.Close()
				client = nil
			}
		}
		select {
		case <-time.After(publishInterval):
		case <-ctx.Done():
		}
	}
}

// stop ends the publisher.
func (p *Publisher) stop() {
	p.cancel()
	<-p.done
}

// missing returns how many confirmed messages are not in the queue by its own
// count. Nobody takes any out before drain.
func (p *Publisher) missing(ctx context.Context) (int, error) {
	due := len(p.ledger.Due())
	client, err := p.stage.amqpAny(ctx)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	there, err := client.Count(p.queue)
	return max(0, due-there), err
}

// drain takes out everything that is in the queue and compares. Only after stop,
// and once.
func (p *Publisher) drain(ctx context.Context) (chaos.Account, error) {
	bodies, err := p.stage.empty(ctx, p.queue)
	if err != nil {
		return chaos.Account{}, err
	}
	var read []int64
	for _, body := range bodies {
		number, err := strconv.ParseInt(string(body), 10, 64)
		if err != nil {
			return chaos.Account{}, fmt.Errorf("queue %s holds a message that nobody wrote: %q", p.queue, body)
		}
		read = append(read, number)
	}
	return p.ledger.Check(p.ledger.Due(), read), nil
}

// empty takes everything out of a queue.
func (s *Stage) empty(ctx context.Context, queue string) ([][]byte, error) {
	client, err := s.amqpAny(ctx)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var bodies [][]byte
	for ctx.Err() == nil {
		body, found, err := client.Get(queue)
		if err != nil || !found {
			return bodies, err
		}
		bodies = append(bodies, body)
	}
	return bodies, ctx.Err()
}

// amqpAny logs in to the broker of any host.
func (s *Stage) amqpAny(ctx context.Context) (*amqp.Client, error) {
	var last error
	for _, host := range slices.Backward(rig.Hosts()) {
		client, err := s.amqp(ctx, host)
		if err == nil {
			return client, nil
		}
		last = err
	}
	return nil, last
}

// amqpWithin is amqp with less patience for the broker's answers.
func (s *Stage) amqpWithin(ctx context.Context, host rig.Host, limit time.Duration) (*amqp.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := s.rig.DialContext(ctx, "tcp", net.JoinHostPort(host.ClusterAddr(), "5672"))
	if err != nil {
		return nil, err
	}
	return amqp.New(hasty{conn, limit}, keptName, keptName, keptPassword)
}

// hasty is a connection whose deadlines are never further away than a limit.
type hasty struct {
	net.Conn
	limit time.Duration
}

// SetDeadline sets the deadline, or the limit if that comes earlier.
func (h hasty) SetDeadline(t time.Time) error {
	if soon := time.Now().Add(h.limit); t.IsZero() || t.After(soon) {
		t = soon
	}
	return h.Conn.SetDeadline(t)
}
