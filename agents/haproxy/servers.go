package haproxy

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// want is what a server should be doing.
type want string

// The administrative states of a server (HAProxy Management Guide, "set server").
const (
	ready want = "ready"
	drain want = "drain" // finish what there is, take nothing new
	maint want = "maint" // out of service at once
)

// server is one instance of a backend.
type server struct {
	name    string
	address string // HOST:PORT
	want    want
}

// serversOf returns the listen's servers in order of their names. It depends on
// the view alone, so that every HAProxy of the cluster comes to the same
// answer. The set changes only when nodes or numbered instances come, go or
// move; what happens to an instance changes no more than its want, because a
// want can be changed without a reload.
//
// With one_active HAProxy uses the first of them that is ready: the lowest node
// name among the instances in the right role that are neither failed, stopping
// nor on a lost or suspect node. The rule keeps no memory, so two HAProxys can
// never hold different opinions for longer than the view takes to arrive; the
// price is that the traffic returns when that node returns.
func serversOf(l listen, view agents.View) []server {
	peers := view.Peers[l.backend]
	numbered := l.step > 0 || slices.ContainsFunc(peers, func(p agents.Peer) bool { return strings.Contains(string(p.Instance), ":") })
	chosen := map[string]agents.Peer{}
	if !numbered {
		for name, node := range view.Nodes {
			if node.Expected {
				chosen[string(name)] = agents.Peer{Node: name, Role: resources.RoleStopped}
			}
		}
	}
	for _, p := range peers {
		key := string(p.Node)
		if numbered {
			key = strings.ReplaceAll(string(p.Instance), ":", "-")
		}
		present, found := chosen[key]
		if !found || better(p, present, view) {
			chosen[key] = p
		}
	}
	servers := make([]server, 0, len(chosen))
	for name, p := range chosen {
		address := view.Nodes[p.Node].Address
		if address == "" || !namePattern.MatchString(name) {
			continue
		}
		servers = append(servers, server{name: name, address: net.JoinHostPort(address, strconv.Itoa(l.portOf(p))), want: wantOf(l, p, view)})
	}
	slices.SortFunc(servers, func(a, b server) int { return natural(a.name, b.name) })
	return spareSuspects(l, view, servers, chosen)
}

// better reports whether p stands for its server rather than present: a
// numbered instance may have stopped copies on other nodes.
func better(p, present agents.Peer, view agents.View) bool {
	alive := func(q agents.Peer) int {
		if view.Nodes[q.Node].Alive {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(alive(p)*int(p.Role), alive(present)*int(present.Role)), cmp.Compare(p.Role, present.Role), cmp.Compare(present.Node, p.Node)) > 0
}

func (l listen) portOf(p agents.Peer) int {
	port := l.port
	if l.portParam != "" {
		if n, err := strconv.Atoi(p.Params[l.portParam]); err == nil && n > 0 {
			port = n
		}
	}
	return port + l.step*p.Instance.Index()
}

// serves reports whether the instance may get traffic but for its node being
// suspect.
func (l listen) serves(p agents.Peer, view agents.View) bool {
	role := p.Role == resources.RolePromoted || p.Role == resources.RoleStarted && !l.promoted
	return role && view.Nodes[p.Node].Alive && !p.Failed && !p.Stopping
}

func wantOf(l listen, p agents.Peer, view agents.View) want {
	switch {
	case l.serves(p, view) && !view.Nodes[p.Node].Suspect:
		return ready
	case p.Stopping && !p.Failed && view.Nodes[p.Node].Alive && l.policy != oneActive && p.Role.Active():
		// Pooled database connections would never drain: one_active moves them.
		return drain
	}
	return maint
}

// spareSuspects puts servers on suspect nodes back when nothing else is left:
// a suspicion is no proof, and no traffic at all serves nobody.
func spareSuspects(l listen, view agents.View, servers []server, chosen map[string]agents.Peer) []server {
	if slices.ContainsFunc(servers, func(s server) bool { return s.want == ready }) {
		return servers
	}
	for i, s := range servers {
		if l.serves(chosen[s.name], view) {
			servers[i].want = ready
		}
	}
	return servers
}

// natural orders names with numbers by their value: node-2 before node-10.
func natural(a, b string) int {
	for a != "" && b != "" {
		headA, restA := run(a)
		headB, restB := run(b)
		numA, errA := strconv.Atoi(headA)
		numB, errB := strconv.Atoi(headB)
		order := cmp.Compare(headA, headB)
		if errA == nil && errB == nil {
			order = cmp.Or(cmp.Compare(numA, numB), order)
		}
		if order != 0 {
			return order
		}
		a, b = restA, restB
	}
	return cmp.Compare(len(a), len(b))
}

// run cuts the leading digits, or the leading other characters.
func run(text string) (string, string) {
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	i := 1
	for i < len(text) && digit(text[i]) == digit(text[0]) {
		i++
	}
	return text[:i], text[i:]
}
