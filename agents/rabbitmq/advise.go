package rabbitmq

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Keys and words of Request.Advice.
const (
	adviceMode    = "mode"       // start, seed, join or wait
	adviceTargets = "targets"    // with join: members to join, best first
	adviceForce   = "force_boot" // with start: "true" when an operator said so
	adviceForget  = "forget"     // removed members that this node is to forget
	adviceSeed    = "seed"       // on every node while the cluster is formed: who begins it
	adviceName    = "node_name"  // the node's name, kept while it is away
	adviceSpent   = "spent_override"

	modeStart = "start"
	modeSeed  = "seed"
	modeJoin  = "join"
	modeWait  = "wait"

	// Keys of Situation.Override.
	overrideSeed  = "seed"
	overrideForce = "force_boot"
	overrideAt    = "at"
)

// node is what the Advisor knows of one node that may run the resource.
type node struct {
	name  resources.NodeName
	alive bool
	peer  *agents.Peer
	// rabbit is the Erlang name, "" when nobody knows it.
	rabbit           string
	data             string // "" without a report
	queues           bool
	members, running []string
}

// healthy reports whether the node's broker runs, by its last report.
func (n *node) healthy() bool {
	return n.peer != nil && n.peer.Role.Active() && !n.peer.Failed && len(n.running) > 0
}

// holds reports whether the node is part of a cluster, or may be.
func (n *node) holds() bool { return n.data == dataCluster || n.data == dataUnknown }

// Advise decides who forms the cluster and who joins whom. A node that has data
// starts whatever the advice says; the words here are for those that have
// nothing to lose, and for clusters of one. It is pure.
func (a *Agent) Advise(s agents.Situation) agents.Advice {
	all := nodes(s)
	d := &decision{s: s, all: all, advice: agents.Advice{Instances: map[resources.NodeName]map[string]string{}}, verdict: map[resources.NodeName]string{}}
	for _, n := range all {
		d.advice.Instances[n.name] = map[string]string{adviceMode: modeWait}
		if n.rabbit != "" {
			d.advice.Instances[n.name][adviceName] = n.rabbit
		}
	}
	d.decide()
	d.force()
	d.advice.Table = d.table()
	return d.advice
}

// nodes collects the expected nodes and those that still run, by name.
func nodes(s agents.Situation) []node {
	peers := map[resources.NodeName]*agents.Peer{}
	for i := range s.View.Peers[s.Resource] {
		peers[s.View.Peers[s.Resource][i].Node] = &s.View.Peers[s.Resource][i]
	}
	var all []node
	for _, name := range slices.Sorted(maps.Keys(s.View.Nodes)) {
		view, peer := s.View.Nodes[name], peers[name]
		if !view.Expected && (peer == nil || !peer.Role.Active()) {
			continue
		}
		n := node{name: name, alive: view.Alive, peer: peer, rabbit: s.Current.Instances[name][adviceName]}
		if peer != nil {
			attributes := peer.Attributes
			if attributes[attrName] != "" {
				n.rabbit = attributes[attrName]
			}
			n.data, n.queues = attributes[attrData], attributes[attrQueues] == "true"
			n.members, n.running = split(attributes[attrMembers]), split(attributes[attrRunning])
		}
		all = append(all, n)
	}
	return all
}

// decision is one run of the Advisor.
type decision struct {
	s       agents.Situation
	all     []node
	advice  agents.Advice
	verdict map[resources.NodeName]string
}

func (d *decision) filter(keep func(*node) bool) []node {
	var kept []node
	for i := range d.all {
		if keep(&d.all[i]) {
			kept = append(kept, d.all[i])
		}
	}
	return kept
}

func (d *decision) set(n node, mode, verdict string) {
	d.advice.Instances[n.name][adviceMode], d.verdict[n.name] = mode, verdict
}

func (d *decision) decide() {
	if len(d.all) == 0 {
		d.advice.Reason = "no node may run this resource"
		return
	}
	if healthy := d.filter((*node).healthy); len(healthy) > 0 {
		d.follow(healthy)
		return
	}
	if holders := d.filter((*node).holds); len(holders) > 0 {
		d.advice.Reason = fmt.Sprintf("%s have the cluster's data and start with it, all at once; who has none joins them", list(holders))
		for _, n := range holders {
			d.set(n, modeStart, "starts with its data")
		}
		d.join(holders, nil)
		return
	}
	d.form()
}

// follow lets everybody join the cluster that runs. Brokers that run apart from
// each other are a split that only an operator can judge.
func (d *decision) follow(healthy []node) {
	slices.SortStableFunc(healthy, func(a, b node) int { return len(b.running) - len(a.running) })
	core := d.preferred(healthy)
	apart := d.filter(func(n *node) bool { return n.healthy() && !slices.Contains(core.running, n.rabbit) })
	together := slices.DeleteFunc(slices.Clone(healthy), func(n node) bool { return !slices.Contains(core.running, n.rabbit) })
	d.advice.Reason = fmt.Sprintf("%s run; the others start with their data or join", list(together))
	for _, n := range together {
		d.set(n, modeStart, "runs")
	}
	for _, n := range apart {
		if n.data == dataSingle && !n.queues {
			d.advice.Reason += fmt.Sprintf("; %s runs alone and joins, after a copy of its data, when it is restarted", n.name)
			continue
		}
		d.advice.Blocked = true
		d.advice.Reason += fmt.Sprintf("; %s runs apart from them and has data of its own: save what matters, then run `rabbitmqctl stop_app`, `rabbitmqctl reset` there, and restart it with `belayctl resource restart %s`", n.name, d.s.Resource)
		d.set(n, modeStart, "runs apart from the others")
	}
	d.join(together, apart)
	d.forgetRemoved(together)
}

// preferred chooses the cluster to follow: the biggest, then the one that was
// chosen as the seed, then one that has queues.
func (d *decision) preferred(healthy []node) node {
	best := healthy[0]
	for _, n := range healthy {
		switch {
		case len(n.running) < len(best.running):
		case n.name == d.seed() && best.name != d.seed():
			best = n
		case n.queues && !best.queues && best.name != d.seed():
			best = n
		}
	}
	return best
}

// join sends every node that may have nothing to the targets. A node that turns
// out to hold a cluster's data starts with it instead.
func (d *decision) join(targets, apart []node) {
	var names []string
	for _, n := range targets {
		if n.rabbit != "" {
			names = append(names, n.rabbit)
		}
	}
	for _, n := range d.all {
		same := func(other node) bool { return other.name == n.name }
		if slices.ContainsFunc(targets, same) || (slices.ContainsFunc(apart, same) && d.verdict[n.name] != "") {
			continue
		}
		switch {
		case n.holds():
			d.set(n, modeStart, "starts with its data")
			continue
		case n.data == "":
			d.set(n, modeJoin, "no report; joins if it has no data")
		case n.data == dataSingle:
			d.set(n, modeJoin, "joins, after a copy of its data")
		default:
			d.set(n, modeJoin, "joins")
		}
		d.advice.Instances[n.name][adviceTargets] = strings.Join(names, ",")
	}
}

// seed returns the node that was chosen to form the cluster, or "".
func (d *decision) seed() resources.NodeName {
	for _, words := range d.s.Current.Instances {
		if words[adviceSeed] != "" {
			return resources.NodeName(words[adviceSeed])
		}
	}
	return ""
}

// form chooses the node that begins a new cluster. The first time it waits for
// every node's report, because one that is down may hold the old cluster; once
// all have said that they hold nothing, only the seed's own loss changes it.
func (d *decision) form() {
	seed := d.seed()
	silent := d.filter(func(n *node) bool { return n.data == "" })
	if chosen := d.s.Override[overrideSeed]; chosen != "" && !d.spent(overrideSeed) {
		if !slices.ContainsFunc(d.all, func(n node) bool { return string(n.name) == chosen && n.data != "" }) {
			d.stop(true, fmt.Sprintf("the operator chose %s to form the cluster, which has not reported", chosen))
			return
		}
		d.begin(resources.NodeName(chosen), "the operator chose it")
		return
	}
	if seed == "" && len(silent) > 0 {
		down := slices.DeleteFunc(slices.Clone(silent), func(n node) bool { return n.alive })
		why := fmt.Sprintf("waiting for the report of %s before a new cluster is formed", list(silent))
		if len(down) > 0 {
			why += fmt.Sprintf("; %s may hold the old one: bring it back, or if it is lost for good override with seed = NODE", list(down))
		}
		d.stop(len(down) > 0, why)
		return
	}
	usable := d.filter(func(n *node) bool { return n.alive && (n.data == dataNone || n.data == dataSingle || n.name == seed) })
	if slices.ContainsFunc(usable, func(n node) bool { return n.name == seed }) {
		d.begin(seed, "it was chosen to form the cluster")
		return
	}
	full := slices.DeleteFunc(slices.Clone(usable), func(n node) bool { return n.data != dataSingle || !n.queues })
	single := slices.DeleteFunc(slices.Clone(usable), func(n node) bool { return n.data != dataSingle })
	switch {
	case len(full) > 1:
		d.stop(true, fmt.Sprintf("%s each have queues of their own, and all but one would be reset (after a copy): override with seed = NODE", list(full)))
	case len(full) == 1:
		d.begin(full[0].name, "it is the only one that has queues")
	case len(single) > 0:
		d.begin(single[0].name, "it has run before and is the first by name")
	case len(usable) > 0:
		d.begin(usable[0].name, "no node has data, and it is the first by name")
	default:
		d.stop(false, fmt.Sprintf("waiting for the report of %s", list(silent)))
	}
}

// begin lets one node form the cluster and the others join it.
func (d *decision) begin(seed resources.NodeName, why string) {
	d.advice.Reason = fmt.Sprintf("%s forms the cluster: %s; the others join it", seed, why)
	var chosen []node
	for _, n := range d.all {
		d.advice.Instances[n.name][adviceSeed] = string(seed)
		if n.name == seed {
			chosen = append(chosen, n)
			d.set(n, modeSeed, "forms the cluster")
		}
	}
	d.join(chosen, nil)
}

func (d *decision) stop(blocked bool, why string) {
	d.advice.Blocked, d.advice.Reason = blocked, why
}

// spent reports whether an override was followed already, and keeps that in
// mind: an operator's word is for one outage. It is spent once brokers run.
func (d *decision) spent(key string) bool {
	token := key + "=" + d.s.Override[key] + "@" + d.s.Override[overrideAt]
	spent := false
	for _, words := range d.s.Current.Instances {
		spent = spent || slices.Contains(split(words[adviceSpent]), token)
	}
	return spent
}

// force passes on an operator's force_boot, to the node that it names, while no
// broker runs.
func (d *decision) force() {
	running := len(d.filter((*node).healthy)) > 0
	var spent []string
	for _, key := range []string{overrideSeed, overrideForce} {
		if d.s.Override[key] != "" && (running || d.spent(key)) {
			spent = append(spent, key+"="+d.s.Override[key]+"@"+d.s.Override[overrideAt])
		}
	}
	if len(spent) > 0 {
		for _, words := range d.advice.Instances {
			words[adviceSpent] = strings.Join(spent, ",")
		}
	}
	chosen := d.s.Override[overrideForce]
	words, known := d.advice.Instances[resources.NodeName(chosen)]
	if chosen == "" || running || d.spent(overrideForce) || !known {
		return
	}
	words[adviceForce] = "true"
	d.advice.Reason += fmt.Sprintf("; %s starts without waiting for the others, as the operator said", chosen)
}

// forgetRemoved names the members that no node of the definition accounts for.
// While any node's name is unknown nothing is forgotten: it might be that one.
func (d *decision) forgetRemoved(running []node) {
	expected := map[string]bool{}
	for _, n := range d.all {
		if n.rabbit == "" {
			return
		}
		expected[n.rabbit] = true
	}
	var gone []string
	for _, n := range running {
		for _, member := range n.members {
			if !expected[member] && !slices.Contains(n.running, member) && !slices.Contains(gone, member) {
				gone = append(gone, member)
			}
		}
	}
	if len(gone) == 0 {
		return
	}
	slices.Sort(gone)
	slices.SortFunc(running, func(a, b node) int { return strings.Compare(string(a.name), string(b.name)) })
	d.advice.Instances[running[0].name][adviceForget] = strings.Join(gone, ",")
	d.advice.Reason += fmt.Sprintf("; %s forgets the removed %s", running[0].name, strings.Join(gone, ", "))
}

func (d *decision) table() [][]string {
	rows := [][]string{{"node", "name", "status", "data", "members", "running", "verdict"}}
	dash := func(text string) string {
		if text == "" {
			return "-"
		}
		return text
	}
	for _, n := range d.all {
		status := "no report"
		switch {
		case n.healthy():
			status = "runs"
		case !n.alive:
			status = "node is down"
		case n.peer != nil && n.peer.Busy:
			status = "busy"
		case n.peer != nil && n.peer.Failed:
			status = "failed"
		case n.data != "":
			status = "reported"
		}
		rows = append(rows, []string{string(n.name), dash(n.rabbit), status, dash(n.data), dash(strings.Join(n.members, ", ")), dash(strings.Join(n.running, ", ")), d.verdict[n.name]})
	}
	return rows
}

func list(all []node) string {
	names := make([]string, len(all))
	for i, n := range all {
		names[i] = string(n.name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
