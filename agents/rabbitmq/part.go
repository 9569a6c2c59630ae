package rabbitmq

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"
)

// partTimeout bounds how long a start waits for a member to part from this node's
// earlier life.
const partTimeout = 10 * time.Second

// parting drops the connections of a member, and of those that it sees, to the node
// %[1]s. Each answers within 3 s, or is left. A member that takes it up only after
// %[2]d, in seconds of its own clock, must not part the node's next life.
const parting = `Nodes = [node() | nodes()] -- ['%[1]s'],
InTime = erlang:system_time(second) =< %[2]d,
InTime andalso rpc:multicall(Nodes, erlang, disconnect_node, ['%[1]s'], 3000),
{belay, InTime}.`

// part has the running members drop what they take for a connection to this node,
// whose broker does not run. They notice a cut power by themselves, but only after
// net_ticktime, and not at the same moment. A node that comes back in between meets
// some that have noticed and some that have not, and Erlang's registry of global
// names can then hang between them: the broker does not come up, and RabbitMQ's own
// way around that ("Global hang workaround") does nothing with Erlang 25 and later.
// It is no more than a precaution: a start that hangs all the same is repeated.
func (c *call) part(ctx context.Context, known []string) {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	for _, peer := range others(known, c.name) {
		short, host, _ := strings.Cut(peer, "@")
		if up, err := c.host.Wire.Registered(ctx, host, short); err != nil || !up {
			continue // as after a full outage: nobody has a connection
		}
		_, err := c.ctl(ctx, peer, "eval", fmt.Sprintf(parting, c.name, c.host.Now().Add(partTimeout).Unix()))
		if err == nil {
			return // it has told the others
		}
		c.log.Info("a member was not parted from the node's earlier life", zap.String("resource", string(c.req.Instance)), zap.String("member", peer), zap.Error(err))
	}
}
