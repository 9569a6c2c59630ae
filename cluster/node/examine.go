package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

const (
	// examineLimit bounds one member's examination, with the way there and back.
	examineLimit = 20 * time.Second
	// linkLimit bounds one request of it to another member.
	linkLimit = 3 * time.Second
	// smallEchoes is how many small requests time a link: the fastest counts.
	smallEchoes = 3
)

// Doctor examines this member and has every other do the same, side by side. It
// needs no leader.
func (n *Node) Doctor(ctx context.Context) (api.DoctorAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, examineLimit)
	defer cancel()
	s := n.machine.current.Load()
	answer := api.DoctorAnswer{At: time.Now().UTC(), Member: n.config.Name, Examinations: []doctor.Examination{}}
	var mu sync.Mutex
	var work sync.WaitGroup
	for _, name := range s.NodeNames() {
		work.Go(func() {
			found, err := n.examineMember(ctx, s, name)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				answer.Silent = append(answer.Silent, doctor.Silent{Node: name, Error: err.Error()})
				return
			}
			answer.Examinations = append(answer.Examinations, found)
		})
	}
	work.Wait()
	answer.Leader = n.leaderSoon(ctx)
	return answer, nil
}

// leaderSoon returns who leads, after the election that may be under way.
func (n *Node) leaderSoon(ctx context.Context) resources.NodeName {
	ctx, cancel := context.WithTimeout(ctx, linkLimit)
	defer cancel()
	for {
		if leader, _, _ := n.Leader(); leader != "" || !n.Electing() {
			return leader
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ""
		}
	}
}

func (n *Node) examineMember(ctx context.Context, s *state.State, name resources.NodeName) (doctor.Examination, error) {
	if name == n.config.Name {
		return n.Examine(ctx), nil
	}
	return n.client(name, s.Nodes[name].Address).Examine(ctx)
}

// Examine looks at this member, its host and its ways to the others.
func (n *Node) Examine(ctx context.Context) doctor.Examination {
	ctx, cancel := context.WithTimeout(ctx, examineLimit-linkLimit)
	defer cancel()
	s := n.machine.current.Load()
	found := doctor.Examination{Node: n.config.Name, Version: n.config.Version, CommandSet: state.Version}
	var others []*state.Node
	for _, name := range s.NodeNames() {
		if name != n.config.Name {
			others = append(others, s.Nodes[name])
		}
	}
	found.Links = make([]doctor.Link, len(others))
	var work sync.WaitGroup
	for i, other := range others {
		work.Go(func() { found.Links[i] = n.tryLink(ctx, other) })
	}
	work.Wait() // before the disk is busy: it would be timed with the links
	if n.config.Examine != nil {
		found.Host = n.config.Examine(ctx, doctor.WantsOf(s.Definition, n.config.Agents.Specs()))
	}
	found.At = time.Now().UTC()
	return found
}

// tryLink tries every way to another member that the cluster uses.
func (n *Node) tryLink(ctx context.Context, other *state.Node) doctor.Link {
	link := doctor.Link{To: other.Name, Address: other.Address}
	client := n.client(other.Name, other.Address)
	for range smallEchoes {
		began := time.Now()
		answer, err := echo(ctx, client, "")
		if err != nil {
			link.API = err.Error()
			break
		}
		took := time.Since(began)
		if link.Took == 0 || took < link.Took.Std() {
			link.Took, link.Offset = resources.Duration(took), answer.At.Sub(began.Add(took/2))
		}
	}
	if link.API == "" {
		if answer, err := echo(ctx, client, strings.Repeat("=", doctor.LargeRequest)); err != nil {
			link.Large = err.Error()
		} else if len(answer.Padding) != doctor.LargeRequest {
			link.Large = fmt.Sprintf("%d of %d bytes came back", len(answer.Padding), doctor.LargeRequest)
		}
	}
	if seen, known := n.gossip.Observe(string(other.Name)); known {
		link.Gossip = seen.Verdict.String()
	}
	if n.config.Gossip.Transport == nil { // else gossip has no port
		link.GossipTCP = dialGossip(ctx, other.Address)
	}
	link.Interface, link.MTU = interfaceTo(other.Address)
	return link
}

func echo(ctx context.Context, client *api.Client, padding string) (api.EchoAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, linkLimit)
	defer cancel()
	answer, err := client.Echo(ctx, padding)
	var wire *api.Error
	if errors.As(err, &wire) && wire.Code == api.CodeNotFound {
		return answer, errors.New("its release knows no such request: finish the upgrade")
	}
	return answer, err
}

// dialGossip says why the gossip port that belongs to an API address cannot be
// connected to, "" when it can.
func dialGossip(ctx context.Context, address string) string {
	gossip, err := GossipAddress(address)
	if err != nil {
		return err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, linkLimit)
	defer cancel()
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", gossip)
	if err != nil {
		return err.Error()
	}
	connection.Close()
	return ""
}

// interfaceTo returns the interface by which an address is reached, and its MTU in
// bytes. Nothing is sent.
func interfaceTo(address string) (string, int) {
	connection, err := net.Dial("udp", address)
	if err != nil {
		return "", 0
	}
	defer connection.Close()
	local, isUDP := connection.LocalAddr().(*net.UDPAddr)
	interfaces, err := net.Interfaces()
	if err != nil || !isUDP {
		return "", 0
	}
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addresses {
			if prefix, isNet := a.(*net.IPNet); isNet && prefix.IP.Equal(local.IP) {
				return i.Name, i.MTU
			}
		}
	}
	return "", 0
}
