package stage

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/chaos"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
	"github.com/belay-ha/belay/resources"
)

// changes is a client of the cluster itself: each of its writes is a numbered
// attribute in the definition, so each is an entry of every member's log. What was
// acknowledged must stay.
type changes struct {
	*Stage
	ledger *chaos.Ledger
}

// changePrefix begins the names of the attributes, before the number.
const changePrefix = "chaos-"

// patience bounds how long a change is waited for once everything runs again.
const patience = 30 * time.Second

// change makes one change, by any host but one (-1: by any). Hosts that do not
// answer are passed over; asking for the same change twice changes nothing.
func (c changes) change(ctx context.Context, but rig.Host) error {
	number := c.ledger.Next()
	for ctx.Err() == nil {
		for _, host := range rig.Hosts() {
			if host == but || !c.able(ctx, host) {
				continue
			}
			attempt, cancel := context.WithTimeout(ctx, 10*time.Second)
			_, err := c.Ctl(attempt, host, "attribute", "set", rig.Hosts()[0].String(), changePrefix+strconv.FormatInt(number, 10)+"=1")
			cancel()
			if err == nil {
				c.ledger.Acknowledged(number)
				return nil
			}
		}
		sleep(ctx, 200*time.Millisecond)
	}
	c.ledger.Failed()
	return fmt.Errorf("change %d of the definition was not acknowledged: %w", number, ctx.Err())
}

// catchUp bounds how far behind the member that is asked for the state may be:
// whoever answers first is asked, and what the leader has acknowledged may still be
// on its way there.
const catchUp = 10 * time.Second

// check compares what was acknowledged with the definition that the cluster holds,
// and returns both. What is missing is looked for until it must have arrived.
func (c changes) check(ctx context.Context) (account chaos.Account, held *resources.Definition, err error) {
	due := c.ledger.Due()
	for began := time.Now(); ; sleep(ctx, 200*time.Millisecond) {
		current, err := c.State(ctx)
		if err != nil {
			return account, nil, err
		}
		account = c.ledger.Check(due, changesIn(current.Definition))
		if len(account.Lost) == 0 || time.Since(began) > catchUp || ctx.Err() != nil {
			return account, current.Definition, ctx.Err()
		}
	}
}

// changesIn returns the numbers of the changes in a definition.
func changesIn(def *resources.Definition) []int64 {
	var numbers []int64
	for name := range attributesOf(def) {
		if number, err := strconv.ParseInt(strings.TrimPrefix(name, changePrefix), 10, 64); err == nil {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// attributesOf returns the attributes of a definition that are changes.
func attributesOf(def *resources.Definition) map[string]string {
	found := map[string]string{}
	for _, node := range def.Nodes {
		for name, value := range node.Attributes {
			if strings.HasPrefix(name, changePrefix) {
				found[name] = value
			}
		}
	}
	return found
}

// noteChanges puts changes into a definition that is to take another one's place.
func noteChanges(def *resources.Definition, changes map[string]string) {
	for i := range def.Nodes {
		node := &def.Nodes[i]
		if string(node.Name) != rig.Hosts()[0].String() {
			continue
		}
		all := map[string]string{}
		for _, some := range []map[string]string{node.Attributes, changes} {
			for name, value := range some {
				all[name] = value
			}
		}
		if len(all) > 0 {
			node.Attributes = all
		}
	}
}

// fenceBy has nodes fenced by the device that a round wants, from now on.
func (r *storm) fenceBy(ctx context.Context, device chaos.Device) error {
	if device == "" || device == r.device {
		return nil
	}
	account, held, err := r.changes.check(ctx)
	if err == nil && !account.Good() {
		err = fmt.Errorf("%d acknowledged changes of the definition are lost", len(account.Lost))
	}
	if err != nil {
		return err
	}
	r.Say("nodes are fenced by %s from now on", device)
	if err := r.brace(ctx, device, attributesOf(held)); err != nil {
		return fmt.Errorf("fence by %s: %w", device, err)
	}
	r.device = device
	return nil
}
