package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/membership"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// look asks everybody about a member at once.
func (n *Node) look(ctx context.Context, asked leader.Look) leader.Looked {
	ctx, cancel := context.WithTimeout(ctx, leader.LookTimeout)
	defer cancel()
	var mu sync.Mutex
	found := leader.Looked{ID: asked.ID}
	var work sync.WaitGroup
	add := func(reachable, hostAlive bool, evidence []state.Evidence) {
		mu.Lock()
		defer mu.Unlock()
		found.Reachable = found.Reachable || reachable
		found.HostAlive = found.HostAlive || hostAlive
		found.Evidence = append(found.Evidence, evidence...)
	}
	work.Go(func() {
		answer := n.Check(ctx, asked.Node)
		add(answer.Reachable, false, answer.Evidence)
	})
	work.Go(func() {
		refused, text := n.config.DialHost(ctx, asked.Address)
		add(false, refused, n.evidence("tcp", text))
	})
	work.Go(func() {
		if text, answered := n.askDaemon(ctx, asked); answered {
			add(true, false, n.evidence("api", text))
		}
	})
	for _, witness := range asked.Witnesses {
		work.Go(func() {
			answer, err := n.client(witness.Name, witness.Address).Check(ctx, asked.Node)
			if err != nil {
				answer.Evidence = n.evidence("tcp", fmt.Sprintf("witness %s did not answer: %v", witness.Name, err))
			}
			add(answer.Reachable, false, answer.Evidence)
		})
	}
	work.Wait()
	return found
}

// askDaemon asks a member's daemon for an answer. One that has just started again
// accepts connections, as the kernel of a frozen host does, before gossip knows of
// it; but a frozen one does not answer. Any answer counts, that of an older release
// that does not know the question, too: only the member itself can give one.
func (n *Node) askDaemon(ctx context.Context, asked leader.Look) (text string, answered bool) {
	began := time.Now()
	var refusal *api.Error
	if _, err := n.client(asked.Node, asked.Address).Echo(ctx, ""); err != nil && !errors.As(err, &refusal) {
		return "", false
	}
	return fmt.Sprintf("its daemon answered within %s", time.Since(began).Round(time.Millisecond)), true
}

// dialHost tells a host without a daemon from a host that is gone: the first
// refuses the connection at once.
func dialHost(ctx context.Context, address string) (refused bool, text string) {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	switch {
	case err == nil:
		connection.Close()
		return false, address + " accepts connections"
	case errors.Is(err, syscall.ECONNREFUSED):
		return true, address + " refuses connections: the host lives, its daemon does not"
	default:
		return false, fmt.Sprintf("%s: %v", address, err)
	}
}

// Check looks at another member now and says what this one sees.
func (n *Node) Check(ctx context.Context, name resources.NodeName) api.CheckAnswer {
	seen, err := n.gossip.Confirm(ctx, string(name))
	if err != nil {
		return api.CheckAnswer{Evidence: n.evidence("gossip", err.Error())}
	}
	return api.CheckAnswer{Reachable: seen.Verdict == membership.Alive, Evidence: n.evidence(string(seen.Evidence.Source), seen.Evidence.Text)}
}

// evidence is what this member sees now.
func (n *Node) evidence(source, text string) []state.Evidence {
	return []state.Evidence{{At: time.Now().UTC(), Observer: n.config.Name, Source: source, Text: text}}
}
