package stage

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/amqp"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// The broker's things that an outage must not take.
const (
	keptName     = "kept" // of the vhost, the user and the policy
	keptMessages = 50     // in each queue
	keptPassword = "k3pt"
)

// brokerPatience bounds each answer of the broker to a check.
const brokerPatience = 20 * time.Second

// keptQueues are one of each durable kind: classic lives on one node, quorum on
// a majority.
var keptQueues = []string{"classic", "quorum"}

// broker is what RabbitMQ was given, to be checked later.
type broker struct{ bodies map[string][]string }

// furnish gives the broker a vhost, a user, a policy and durable queues.
func (s *Stage) furnish(ctx context.Context) error {
	definitions, err := json.Marshal(brokerDefinitions())
	if err != nil {
		return err
	}
	// rabbitmqctl reads the file as the broker's own user.
	const load = `file=$(mktemp); trap 'rm -f "$file"' EXIT; cat >"$file"; chmod 644 "$file"; rabbitmqctl --quiet import_definitions "$file"`
	command, err := s.rig.Command(ctx, rig.Hosts()[0], "sh", "-ec", load)
	if err != nil {
		return err
	}
	command.Stdin = strings.NewReader(string(definitions))
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("give the broker its definitions: %w: %s", err, out)
	}
	return s.settleBroker(ctx)
}

// keep furnishes the broker and publishes messages until each is confirmed.
func (s *Stage) keep(ctx context.Context) (*broker, error) {
	if err := s.furnish(ctx); err != nil {
		return nil, err
	}
	client, err := s.amqp(ctx, rig.Hosts()[0])
	if err != nil {
		return nil, err
	}
	defer client.Close()
	kept := &broker{bodies: map[string][]string{}}
	for _, queue := range keptQueues {
		var bodies [][]byte
		for n := range keptMessages {
			text := fmt.Sprintf("%s message %d", queue, n)
			kept.bodies[queue] = append(kept.bodies[queue], text)
			bodies = append(bodies, []byte(text))
		}
		if err := client.Publish(queue, bodies...); err != nil {
			return nil, err
		}
	}
	s.Say("rabbitmq: a vhost, a user, a policy, and %d confirmed messages in a classic and a quorum queue", len(keptQueues)*keptMessages)
	return kept, nil
}

// brokerWrites is how long RabbitMQ keeps what it notes about new queues in its
// own memory (dets writes after 3 s).
const brokerWrites = 5 * time.Second

// settleBroker brings what is known of the new queues to the disks: RabbitMQ
// does not, and promises to keep confirmed messages only.
func (s *Stage) settleBroker(ctx context.Context) error {
	select {
	case <-time.After(brokerWrites):
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, host := range rig.Hosts() {
		if err := s.run(ctx, host, "sync"); err != nil {
			return err
		}
	}
	return nil
}

// check looks for all of it. Logging in proves the user, its password, its
// permissions and the vhost.
func (b *broker) check(ctx context.Context, s *Stage) error {
	policies, err := s.rig.Run(ctx, rig.Hosts()[1], "rabbitmqctl", "--quiet", "list_policies", "--vhost", keptName)
	if err != nil {
		return err
	}
	if !lineWith(policies, keptName, "max-length") {
		return fmt.Errorf("the broker's policy is gone: %q", policies)
	}
	client, err := s.amqp(ctx, rig.Hosts()[2])
	if err != nil {
		return err
	}
	defer client.Close()
	for _, queue := range keptQueues {
		var left []string
		for {
			body, found, err := client.Get(queue)
			if err != nil {
				return err
			}
			if !found {
				break
			}
			left = append(left, string(body))
		}
		if !slices.Equal(left, b.bodies[queue]) {
			return fmt.Errorf("queue %s: %d of %d confirmed messages are left, or in another order", queue, len(left), len(b.bodies[queue]))
		}
	}
	s.Say("rabbitmq: vhost, user, policy and all %d messages are there, in order", len(keptQueues)*keptMessages)
	return nil
}

func (s *Stage) amqp(ctx context.Context, host rig.Host) (*amqp.Client, error) {
	return s.amqpWithin(ctx, host, brokerPatience)
}

// brokerDefinitions is what `rabbitmqctl import_definitions` reads.
func brokerDefinitions() map[string]any {
	type object = map[string]any
	queues := []object{}
	for _, kind := range keptQueues {
		queues = append(queues, object{"name": kind, "vhost": keptName, "durable": true, "auto_delete": false, "arguments": object{"x-queue-type": kind}})
	}
	return object{
		"vhosts":      []object{{"name": keptName}},
		"users":       []object{{"name": keptName, "password_hash": passwordHash(keptPassword), "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ""}},
		"permissions": []object{{"user": keptName, "vhost": keptName, "configure": ".*", "write": ".*", "read": ".*"}},
		"policies":    []object{{"vhost": keptName, "name": keptName, "pattern": ".*", "apply-to": "queues", "priority": 0, "definition": object{"max-length": 100000}}},
		"queues":      queues,
	}
}

// passwordHash is RabbitMQ's: base64 of a salt of 4 bytes and the SHA-256 of
// salt and password.
func passwordHash(password string) string {
	salt := make([]byte, 4)
	rand.Read(salt) // never fails
	sum := sha256.Sum256(append(slices.Clone(salt), password...))
	return base64.StdEncoding.EncodeToString(append(salt, sum[:]...))
}
