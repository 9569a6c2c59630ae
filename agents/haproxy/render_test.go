package haproxy

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// cluster3 is a view of three nodes with Galera promoted on each.
func cluster3() agents.View {
	view := agents.View{Nodes: map[resources.NodeName]agents.NodeView{}, Peers: map[resources.ResourceID][]agents.Peer{}}
	for i, name := range []resources.NodeName{"c1", "c2", "c3"} {
		view.Nodes[name] = agents.NodeView{Address: []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}[i], Alive: true, Expected: true}
		view.Peers["galera"] = append(view.Peers["galera"], agents.Peer{Instance: "galera", Node: name, Role: resources.RolePromoted})
		view.Peers["api"] = append(view.Peers["api"], agents.Peer{Instance: "api", Node: name, Role: resources.RoleStarted})
	}
	return view
}

func request(params resources.Params, view agents.View) agents.Request {
	return agents.Request{Op: resources.OpStart, Instance: "haproxy", Node: "c1", Agent: "haproxy", Params: params, View: view, RunDir: "/run/belay/haproxy", Progress: func(agents.Progress) {}}
}

func TestConfiguration(t *testing.T) {
	params := resources.Params{
		"listen.galera.bind": "192.0.2.201:3306 127.0.0.1:3307", "listen.galera.backend": "galera", "listen.galera.policy": "one_active",
		"listen.api.bind": "[2001:db8::1]:5000", "listen.api.backend": "api", "listen.api.mode": "http", "listen.api.check": "http:/v3",
		"listen.api.policy": "leastconn", "listen.api.extra": "option http-server-close; maxconn 100", "stats_bind": "127.0.0.1:8404",
	}
	view := cluster3()
	view.Peers["api"][1].Failed = true
	s, err := parse(request(params, view))
	if err != nil {
		t.Fatal(err)
	}
	want := head + `global
    log /dev/log local0
    stats socket /run/belay/haproxy/admin.sock mode 600 level admin expose-fd listeners
    user haproxy
    group haproxy
    maxconn 8000
    hard-stop-after 1800000ms

defaults
    log global
    option dontlognull
    option redispatch
    retries 3
    timeout connect 3000ms
    timeout check 3000ms
    timeout queue 60000ms

listen belay-statistics
    mode http
    bind 127.0.0.1:8404
    timeout client 10s
    timeout server 10s
    stats enable
    stats uri /

listen api
    mode http
    bind [2001:db8::1]:5000 transparent
    option httplog
    option forwardfor
    timeout client 120000ms
    timeout server 120000ms
    balance leastconn
    option httpchk
    http-check send meth GET uri /v3
    option http-server-close
    maxconn 100
    default-server inter 1000ms fall 2 rise 2 on-marked-down shutdown-sessions
    server c1 127.0.0.1:5000 check
    server c2 127.0.0.2:5000 check disabled
    server c3 127.0.0.3:5000 check

listen galera
    mode tcp
    bind 192.0.2.201:3306 transparent
    bind 127.0.0.1:3307
    option tcplog
    option clitcpka
    option srvtcpka
    timeout client 5400000ms
    timeout server 5400000ms
    default-server inter 1000ms fall 2 rise 2 on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions
    server c1 127.0.0.1:3306 check
    server c2 127.0.0.2:3306 check backup
    server c3 127.0.0.3:3306 check backup
`
	if diff := cmp.Diff(want, render(s, view)); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

// wantsOf returns "name=want …" of the servers.
func wantsOf(l listen, view agents.View) string {
	var words []string
	for _, s := range serversOf(l, view) {
		words = append(words, s.name+"="+string(s.want))
	}
	return strings.Join(words, " ")
}

func TestWhoServes(t *testing.T) {
	galera := listen{name: "galera", backend: "galera", port: 3306, policy: oneActive, promoted: true}
	api := listen{name: "api", backend: "api", port: 5000, policy: roundRobin}
	peer := func(id resources.ResourceID, i int, change func(*agents.Peer)) func(*agents.View) {
		return func(v *agents.View) { change(&v.Peers[id][i]) }
	}
	node := func(name resources.NodeName, change func(*agents.NodeView)) func(*agents.View) {
		return func(v *agents.View) { n := v.Nodes[name]; change(&n); v.Nodes[name] = n }
	}
	suspect := func(n *agents.NodeView) { n.Suspect = true }
	cases := []struct {
		name   string
		l      listen
		change []func(*agents.View)
		want   string
	}{
		{"all well", galera, nil, "c1=ready c2=ready c3=ready"},
		{"suspect", galera, []func(*agents.View){node("c1", suspect)}, "c1=maint c2=ready c3=ready"},
		{"dead", galera, []func(*agents.View){node("c1", func(n *agents.NodeView) { n.Alive = false })}, "c1=maint c2=ready c3=ready"},
		{"not promoted", galera, []func(*agents.View){peer("galera", 0, func(p *agents.Peer) { p.Role = resources.RoleStarted })}, "c1=maint c2=ready c3=ready"},
		{"monitor failed", galera, []func(*agents.View){peer("galera", 1, func(p *agents.Peer) { p.Failed = true })}, "c1=ready c2=maint c3=ready"},
		{"database about to stop moves at once", galera, []func(*agents.View){peer("galera", 0, func(p *agents.Peer) { p.Stopping = true })}, "c1=maint c2=ready c3=ready"},
		{"API about to stop drains", api, []func(*agents.View){peer("api", 0, func(p *agents.Peer) { p.Stopping = true })}, "c1=drain c2=ready c3=ready"},
		{"API starting elsewhere is busy", api, []func(*agents.View){peer("api", 0, func(p *agents.Peer) { p.Busy = true })}, "c1=ready c2=ready c3=ready"},
		{"started is not enough", galera, []func(*agents.View){func(v *agents.View) {
			for i := range v.Peers["galera"] {
				v.Peers["galera"][i].Role = resources.RoleStarted
			}
		}}, "c1=maint c2=maint c3=maint"},
		{"only suspects are left", galera, []func(*agents.View){node("c1", suspect), node("c2", suspect), node("c3", suspect)}, "c1=ready c2=ready c3=ready"},
		{"only a suspect and failed ones", galera, []func(*agents.View){
			peer("galera", 0, func(p *agents.Peer) { p.Failed = true }), node("c2", suspect),
			peer("galera", 2, func(p *agents.Peer) { p.Role = resources.RoleStopped }),
		}, "c1=maint c2=ready c3=maint"},
		{"no instance anywhere yet", api, []func(*agents.View){func(v *agents.View) { v.Peers = nil }}, "c1=maint c2=maint c3=maint"},
		{"a node that may not run it", api, []func(*agents.View){
			node("c3", func(n *agents.NodeView) { n.Expected = false }), func(v *agents.View) { v.Peers["api"] = v.Peers["api"][:2] },
		}, "c1=ready c2=ready"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			view := cluster3()
			for _, change := range c.change {
				change(&view)
			}
			if got := wantsOf(c.l, view); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestNumberedInstancesHavePortsOfTheirOwn(t *testing.T) {
	view := cluster3()
	view.Peers["inspector"] = []agents.Peer{
		{Instance: "inspector:0", Node: "c1", Role: resources.RoleStarted},
		{Instance: "inspector:1", Node: "c1", Role: resources.RoleStopped},
		{Instance: "inspector:1", Node: "c2", Role: resources.RolePromoted},
		{Instance: "inspector:10", Node: "c2", Role: resources.RoleStarted},
		{Instance: "inspector:2", Node: "c3", Role: resources.RoleStarted, Params: resources.Params{"base_port": "7000"}},
	}
	l := listen{name: "inspector", backend: "inspector", port: 5050, step: 1, portParam: "base_port", policy: leastConn}
	want := []server{
		{"inspector-0", "127.0.0.1:5050", ready}, {"inspector-1", "127.0.0.2:5051", ready},
		{"inspector-2", "127.0.0.3:7002", ready}, {"inspector-10", "127.0.0.2:5060", ready},
	}
	if got := serversOf(l, view); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestEveryHAProxyAgrees checks that the order of the view's lists, which may
// differ between nodes, does not matter, and that one_active has one server
// that is no backup.
func TestEveryHAProxyAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		view := cluster3()
		for i := range view.Peers["galera"] {
			p := &view.Peers["galera"][i]
			p.Role = rapid.SampledFrom([]resources.Role{resources.RoleStopped, resources.RoleStarted, resources.RolePromoted}).Draw(t, "role")
			p.Failed, p.Stopping = rapid.Bool().Draw(t, "failed"), rapid.Bool().Draw(t, "stopping")
			n := view.Nodes[p.Node]
			n.Suspect, n.Alive = rapid.Bool().Draw(t, "suspect"), rapid.Bool().Draw(t, "alive")
			view.Nodes[p.Node] = n
		}
		params := resources.Params{"listen.g.bind": "127.0.0.1:1", "listen.g.backend": "galera", "listen.g.policy": "one_active"}
		s, err := parse(request(params, view))
		if err != nil {
			t.Fatal(err)
		}
		text := render(s, view)
		view.Peers["galera"] = rapid.Permutation(view.Peers["galera"]).Draw(t, "order")
		if other := render(s, view); other != text {
			t.Fatalf("two HAProxys differ:\n%s\n%s", text, other)
		}
		lines := strings.Count(text, "\n    server ")
		if backups := strings.Count(text, " check backup"); lines != 3 || backups != 2 {
			t.Fatalf("%d servers, %d backups:\n%s", lines, backups, text)
		}
		for _, one := range serversOf(s.listens[0], view) {
			i := slices.IndexFunc(view.Peers["galera"], func(p agents.Peer) bool { return string(p.Node) == one.name })
			if p := view.Peers["galera"][i]; one.want == ready && (p.Role != resources.RolePromoted || p.Failed || p.Stopping || !view.Nodes[p.Node].Alive) {
				t.Fatalf("%s serves as %+v", one.name, p)
			}
		}
	})
}

func TestStructureIgnoresWhatTheSocketCanChange(t *testing.T) {
	params := resources.Params{"listen.api.bind": "127.0.0.1:5000", "listen.api.backend": "api"}
	s, err := parse(request(params, cluster3()))
	if err != nil {
		t.Fatal(err)
	}
	view := cluster3()
	before := render(s, view)
	view.Peers["api"][0].Failed = true
	if after := render(s, view); after == before || structure(after) != structure(before) {
		t.Errorf("a failed peer must change the text and not the structure:\n%s", after)
	}
	delete(view.Nodes, "c3")
	if after := render(s, view); structure(after) == structure(before) {
		t.Error("a node that left must change the structure")
	}
}

func TestBadParametersAreAllReported(t *testing.T) {
	params := resources.Params{
		"listen.a.bind": "nowhere", "listen.a.policy": "first", "listen.a.check": "ping", "listen.b b.bind": "127.0.0.1:1",
		"listen.c.bind": "127.0.0.1:2", "listen.c.backend": "x", "listen.c.timeout": "soon", "maxconn": "-1", "user": "a\nb",
	}
	_, err := parse(request(params, agents.View{}))
	if err == nil {
		t.Fatal("taken")
	}
	for _, says := range []string{"listen.a.bind", "listen.a.policy", "listen.a.check", "listen.a.backend", "b b", "listen.c.timeout", "maxconn", "user"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q does not mention %s", err, says)
		}
	}
	if _, err := parse(request(nil, agents.View{})); err == nil {
		t.Error("nothing to listen on was taken")
	}
}

func TestNaturalOrder(t *testing.T) {
	names := []string{"node-10", "node-2", "a", "node-1", "node", "b-1"}
	slices.SortFunc(names, natural)
	if want := []string{"a", "b-1", "node", "node-1", "node-2", "node-10"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}
