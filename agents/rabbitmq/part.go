package rabbitmq

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"
)

// How long a start waits for a member to part from this node's earlier life: until
// rabbitmqctl has got there, and until that member and the others have done it.
// After both together nobody does it any more, because it would part the node's next
// life.
const (
	partBegin   = 10 * time.Second
	partEnd     = 4 * time.Second
	partTimeout = partBegin + partEnd
)

// parting drops the connections of a member, and of those that it sees, to the node
// %[1]s. A member that takes it up only after %[2]d, in seconds of its own clock, does
// nothing. Each of the others is asked for its clock first, and may then do it for 2 s
// by that clock: one that was frozen, or cut off, finds the order out of date when it
// comes back. The order goes to them as an expression, not as a fun, which only a
// member with the same Erlang could read.
const parting = `InTime = erlang:system_time(second) =< %[2]d,
{ok, Words, _} = erl_scan:string("erlang:monotonic_time(millisecond) =< Until andalso erlang:disconnect_node('%[1]s')."),
{ok, Order} = erl_parse:parse_exprs(Words),
Part = fun(Node) ->
  case rpc:call(Node, erlang, monotonic_time, [millisecond], 1000) of
    Now when is_integer(Now) -> rpc:call(Node, erl_eval, exprs, [Order, [{'Until', Now + 2000}]], 2000);
    Silent -> Silent
  end
end,
Keys = [rpc:async_call(node(), erlang, apply, [Part, [Node]]) || Node <- [node() | nodes()] -- ['%[1]s'], InTime],
_ = [rpc:yield(Key) || Key <- Keys],
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
		said, err := c.ctl(ctx, peer, "eval", fmt.Sprintf(parting, c.name, c.host.Now().Add(partBegin).Unix()))
		if err == nil && strings.Contains(said, "{belay,true}") {
			return // it has told the others
		}
		if err == nil {
			err = fmt.Errorf("it took the order up too late, or the clocks of the two hosts are more than %s apart", partBegin)
		}
		c.log.Info("a member was not parted from the node's earlier life", zap.String("resource", string(c.req.Instance)), zap.String("member", peer), zap.Error(err))
	}
}
