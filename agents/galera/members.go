package galera

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// member is what the Advisor knows of one node that may run the resource.
type member struct {
	node  resources.NodeName
	alive bool
	// peer is nil where nobody has looked yet.
	peer *agents.Peer
	// reported says that the node gave the position of its data.
	reported bool
	position
	// half says that a state transfer to the member broke off: its data counts for
	// nothing while others have theirs.
	half bool
	// problem says why a report cannot be used.
	problem string
	// state, clusterStatus and cached describe a running mysqld.
	state, clusterStatus string
	cached               int64
}

// members collects the expected nodes and their reports, by name. A node that
// the definition no longer names but that still runs counts too.
func members(s agents.Situation) []member {
	peers := map[resources.NodeName]*agents.Peer{}
	for i := range s.View.Peers[s.Resource] {
		peer := &s.View.Peers[s.Resource][i]
		peers[peer.Node] = peer
	}
	var all []member
	for _, node := range slices.Sorted(maps.Keys(s.View.Nodes)) {
		view, peer := s.View.Nodes[node], peers[node]
		if !view.Expected && (peer == nil || !peer.Role.Active()) {
			continue
		}
		m := member{node: node, alive: view.Alive, peer: peer}
		if peer != nil {
			m.read(peer.Attributes)
		}
		all = append(all, m)
	}
	return all
}

// read takes the attributes of a member's last report. A value that cannot be
// read makes the report garbled, never zero.
func (m *member) read(a map[string]string) {
	m.state, m.clusterStatus = a[attrState], a[attrCluster]
	m.cached, _ = strconv.ParseInt(a[attrCached], 10, 64)
	if m.state != "" || m.clusterStatus != "" {
		m.UUID = a[attrUUID]
		m.Seqno, _ = strconv.ParseInt(a[attrSeqno], 10, 64)
		return // it runs: where it stands is for itself to say
	}
	if m.peer.Role != resources.RoleStarted || a[attrUUID] == "" {
		return
	}
	m.reported = true
	m.Grastate, m.Detail, m.Recovered = a[attrGrastate], a[attrDetail], a[attrRecovered]
	m.Safe, m.Gvwstate = a[attrSafe] == "1", a[attrGvwstate] == grastatePresent
	m.Databases, _ = strconv.Atoi(a[attrDatabases])
	if m.Transfer = a[attrTransfer]; m.Transfer == transferHalf {
		m.half, m.UUID, m.Seqno, m.Safe = true, zeroUUID, -1, false
		return
	}
	var err error
	if m.UUID, err = parseUUID(a[attrUUID]); err != nil {
		m.problem = err.Error()
	}
	if m.Seqno, err = strconv.ParseInt(a[attrSeqno], 10, 64); err != nil || m.Seqno < -1 {
		m.problem, m.Seqno = fmt.Sprintf("seqno %.40q is not a number", a[attrSeqno]), -1
	}
	switch m.Grastate {
	case grastatePresent, grastateAbsent:
	case grastateGarbled:
		m.problem = "grastate.dat is garbled"
		if m.Detail != "" {
			m.problem += " (" + m.Detail + ")"
		}
		if m.Transfer != transferNone {
			m.problem = m.Detail
		}
	default:
		m.problem = fmt.Sprintf("grastate %.40q is no known word", m.Grastate)
	}
	if m.problem == "" && m.UUID != zeroUUID && m.Seqno < 0 {
		m.problem = "its position could not be recovered"
	}
}

// live reports whether the member is part of a primary component, by its last
// word. A monitor that got no answer leaves that word in place, so one slow
// monitor does not take the cluster's primary away.
func (m *member) live() bool {
	return m.clusterStatus == primary && m.peer.Role.Active()
}

// running reports whether a mysqld runs or may run there without being live.
func (m *member) running() bool {
	return !m.live() && m.peer != nil && (m.peer.Role == resources.RolePromoted || m.state != "" || m.clusterStatus != "")
}

// hasHistory reports whether the member was ever part of a cluster, as far as
// its data can be trusted.
func (m *member) hasHistory() bool { return m.UUID != "" && m.UUID != zeroUUID }

// tables reports whether the tables hold a position although grastate.dat says
// that there is none.
func (m *member) tables() bool {
	return m.Recovered != "" && !strings.HasPrefix(m.Recovered, zeroUUID)
}

// table shows the whole comparison.
func table(all []member, verdict map[resources.NodeName]string) [][]string {
	rows := [][]string{{"node", "status", "uuid", "seqno", "safe_to_bootstrap", "grastate", "gvwstate", "recovered", "databases", "verdict"}}
	for _, m := range all {
		row := []string{string(m.node), m.status(), "-", "-", "-", "-", "-", "-", "-", verdict[m.node]}
		switch {
		case m.half:
			row[8] = strconv.Itoa(m.Databases)
		case m.reported:
			row[2], row[3], row[4], row[5] = m.UUID, strconv.FormatInt(m.Seqno, 10), "0", m.Grastate
			if m.Safe {
				row[4] = "1"
			}
			row[6] = grastateAbsent
			if m.Gvwstate {
				row[6] = grastatePresent
			}
			if m.Recovered != "" {
				row[7] = m.Recovered
			}
			row[8] = strconv.Itoa(m.Databases)
		case m.UUID != "":
			row[2], row[3] = m.UUID, strconv.FormatInt(m.Seqno, 10)
		}
		rows = append(rows, row)
	}
	return rows
}

func (m *member) status() string {
	switch {
	case m.peer != nil && m.live():
		return "runs, " + m.clusterStatus + ", " + m.state
	case m.running() && m.state == "" && m.clusterStatus == "":
		return "its position is not read yet"
	case m.running():
		return strings.TrimSuffix("runs, not in a primary component, "+m.state, ", ")
	case m.half:
		return "no usable data: a state transfer to it broke off"
	case m.reported && m.problem != "":
		return m.problem
	case m.reported:
		return "reported"
	case !m.alive:
		return "node is down"
	}
	return "no report yet"
}

func names(all []member) string {
	text := make([]string, len(all))
	for i, m := range all {
		text[i] = string(m.node)
	}
	return strings.Join(text, ", ")
}

func filter(all []member, keep func(*member) bool) []member {
	var kept []member
	for i := range all {
		if keep(&all[i]) {
			kept = append(kept, all[i])
		}
	}
	return kept
}
