package galera

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

const (
	uuidA = "a9dac37a-e561-11f1-aff6-fabb50478c11"
	uuidB = "b0000000-e561-11f1-aff6-fabb50478c11"
)

// outage builds a Situation; nodes are n1, n2, … in the order they are added.
type outage struct{ s agents.Situation }

func anOutage() *outage {
	return &outage{agents.Situation{
		Resource: "galera", Params: resources.Params{"enable_creation": "false"},
		View: agents.View{Nodes: map[resources.NodeName]agents.NodeView{}, Peers: map[resources.ResourceID][]agents.Peer{}},
	}}
}

func (o *outage) next() resources.NodeName {
	return resources.NodeName("n" + strconv.Itoa(len(o.s.View.Nodes)+1))
}

func (o *outage) peer(role resources.Role, attributes map[string]string) *outage {
	node := o.next()
	o.s.View.Nodes[node] = agents.NodeView{Address: "192.0.2.1", Alive: true, Expected: true}
	o.s.View.Peers["galera"] = append(o.s.View.Peers["galera"], agents.Peer{Instance: "galera", Node: node, Role: role, Attributes: attributes})
	return o
}

func (o *outage) last() *agents.Peer {
	peers := o.s.View.Peers["galera"]
	return &peers[len(peers)-1]
}

// at adds a started member with a whole grastate.dat.
func (o *outage) at(uuid string, seqno int64, safe bool) *outage {
	return o.peer(resources.RoleStarted, position{UUID: uuid, Seqno: seqno, Safe: safe, Grastate: grastatePresent, RecoveredBy: "grastate", At: "2026-01-01T00:00:00Z"}.attributes())
}

func (o *outage) with(change func(attributes map[string]string)) *outage {
	change(o.last().Attributes)
	return o
}

func (o *outage) blank() *outage {
	return o.peer(resources.RoleStarted, position{UUID: zeroUUID, Seqno: -1, Grastate: grastateAbsent, Recovered: zeroUUID + ":-1", RecoveredBy: "galera_recovery"}.attributes())
}

// broken adds a member with what a state transfer has left.
func (o *outage) broken(left string) *outage {
	return o.peer(resources.RoleStarted, noUsableData(left, 1, time.Time{}).attributes())
}

func (o *outage) down() *outage {
	node := o.next()
	o.s.View.Nodes[node] = agents.NodeView{Expected: true}
	return o
}

func (o *outage) live(state string, cached int64) *outage {
	return o.peer(resources.RolePromoted, Status{UUID: uuidA, Seqno: 500, Comment: state, ClusterStatus: primary, Size: 1, CachedDownTo: cached}.attributes())
}

func (o *outage) nonPrimary() *outage {
	return o.peer(resources.RolePromoted, Status{UUID: uuidA, Seqno: 500, Comment: "Initialized", ClusterStatus: "non-Primary", Size: 1}.attributes())
}

func (o *outage) creating() *outage {
	o.s.Params["enable_creation"] = "true"
	return o
}

func (o *outage) override(words map[string]string) *outage {
	o.s.Override = words
	return o
}

func (o *outage) advise() agents.Advice { return New(Host{}, zap.NewNop()).Advise(o.s) }

func TestAdviseWithoutAPrimary(t *testing.T) {
	garble := func(a map[string]string) {
		a[attrGrastate], a[attrDetail] = grastateGarbled, "seqno \"9x\" is not a number"
	}
	tests := []struct {
		name      string
		outage    *outage
		bootstrap resources.NodeName
		blocked   bool
		reason    string
	}{
		{"highest seqno wins", anOutage().at(uuidA, 100, false).at(uuidA, 102, false).at(uuidA, 101, false), "n2", false, "seqno 102, next is n3 at 101"},
		{"the flag does not beat a higher seqno", anOutage().at(uuidA, 100, true).at(uuidA, 101, false), "n2", false, "newest data"},
		{"two flags, different seqnos: the higher one", anOutage().at(uuidA, 100, true).at(uuidA, 105, true).at(uuidA, 101, false), "n2", false, "newest data"},
		{"the flag breaks a tie", anOutage().at(uuidA, 100, false).at(uuidA, 100, true), "n2", false, "last to stop"},
		{"the name breaks a tie of ties", anOutage().at(uuidA, 100, false).at(uuidA, 100, false), "n1", false, "first by name"},
		{"a flag with a zero UUID never wins", anOutage().at(zeroUUID, -1, true).at(uuidA, 7, false), "n2", false, "only member with a history"},
		{"different histories are the operator's to choose", anOutage().at(uuidA, 10, false).at(uuidB, 5, false), "", true, "belayctl galera bootstrap --from NODE"},
		{"an old history with the higher seqno does not win", anOutage().at(uuidA, 10, true).at(uuidB, 90000, false), "", true, "different histories"},
		{"garbled grastate blocks", anOutage().at(uuidA, 10, false).at(uuidA, 12, true).with(garble), "", true, "n2: grastate.dat is garbled (seqno \"9x\" is not a number)"},
		{"garbled grastate: the best of the others is named", anOutage().at(uuidA, 10, false).at(uuidA, 12, true).with(garble), "", true, "belayctl galera bootstrap --from n1"},
		{"a seqno that is no number blocks and is not 0", anOutage().at(uuidA, 10, false).at(uuidA, 12, false).with(func(a map[string]string) { a[attrSeqno] = "12x" }), "", true, "not a number"},
		{"an unreadable uuid blocks", anOutage().at(uuidA, 10, false).at("A", 12, false), "", true, "not a UUID"},
		{"a position that was not recovered blocks", anOutage().at(uuidA, 10, false).at(uuidA, -1, false), "", true, "could not be recovered"},
		{"one replica permanently gone", anOutage().at(uuidA, 10, false).at(uuidA, 12, false).down(), "", true, "belayctl galera bootstrap --from n2"},
		{"a live member has not reported yet", anOutage().at(uuidA, 10, false).peer(resources.RoleStopped, nil), "", false, "waiting for the position of n2"},
		{"no member has reported", anOutage().down().down(), "", true, "--from NODE"},
		{"an empty grastate.dat beside an equal history", anOutage().at(uuidA, 10, false).at(uuidA, 10, false).with(func(a map[string]string) { a[attrGrastate] = grastateAbsent }), "n1", false, ""},
		{"missing grastate with newer tables is the operator's", anOutage().at(uuidA, 10, false).at(uuidA, 12, false).with(func(a map[string]string) { a[attrGrastate] = grastateAbsent }), "", true, "beyond n1 at 10"},
		{"missing grastate with older tables loses", anOutage().at(uuidA, 10, false).at(uuidA, 9, false).with(func(a map[string]string) { a[attrGrastate] = grastateAbsent }), "n1", false, "a history and a grastate.dat"},
		{"missing grastate everywhere is the operator's", anOutage().at(uuidA, 10, false).with(func(a map[string]string) { a[attrGrastate] = grastateAbsent }), "", true, "no member that has data has a grastate.dat"},
		{"fresh cluster", anOutage().creating().blank().blank().blank(), "n1", false, "first by name"},
		{"fresh cluster without leave to create", anOutage().blank().blank(), "", true, "enable_creation = true"},
		{"fresh cluster, one has databases", anOutage().creating().blank().blank().with(func(a map[string]string) { a[attrDatabases] = "2" }), "n2", false, "only one with databases"},
		{"fresh cluster, two have databases", anOutage().creating().blank().with(func(a map[string]string) { a[attrDatabases] = "1" }).blank().with(func(a map[string]string) { a[attrDatabases] = "2" }), "", true, "all but one would be overwritten"},
		{"fresh cluster waits for all", anOutage().creating().blank().blank().peer(resources.RoleStopped, nil), "", false, "waiting for the position of n3"},
		{"all marked as not to be trusted is no fresh cluster", anOutage().creating().at(zeroUUID, -1, false).with(func(a map[string]string) { a[attrRecovered] = uuidA + ":44" }).blank(), "", true, "not to be trusted"},
		{"a member without a primary is stopped first", anOutage().at(uuidA, 100, false).nonPrimary(), "", false, "n2 runs, or did, outside a primary component"},
		{"the operator's word wins", anOutage().at(uuidA, 10, false).at(uuidB, 90, false).override(map[string]string{"bootstrap": "n1"}), "n1", false, "the operator chose n1"},
		{"the operator's word wins over a missing member", anOutage().at(uuidA, 10, false).down().override(map[string]string{"bootstrap": "n1"}), "n1", false, "the operator chose n1"},
		{"the operator's word waits for that node", anOutage().at(uuidA, 10, false).down().override(map[string]string{"bootstrap": "n2"}), "", true, "has not reported"},
		{"the operator's word for a stranger", anOutage().at(uuidA, 10, false).override(map[string]string{"bootstrap": "n9"}), "", true, "may not run this resource"},
		{"a node in standby is not waited for", func() *outage {
			o := anOutage().at(uuidA, 10, false).down()
			o.s.View.Nodes["n2"] = agents.NodeView{Alive: true}
			return o
		}(), "n1", false, "only member"},
		{"half a copy never wins", anOutage().at(uuidA, 10, false).broken(transferHalf), "n1", false, "only member with a history"},
		{"half a copy does not hide a comparison", anOutage().broken(transferHalf).at(uuidA, 10, false).at(uuidA, 12, false), "n3", false, "next is n2 at 10"},
		{"half a copy has no position, whatever it reports", anOutage().at(uuidA, 10, false).broken(transferHalf).with(func(a map[string]string) {
			a[attrUUID], a[attrSeqno], a[attrGrastate], a[attrSafe], a[attrRecovered] = uuidA, "900", grastatePresent, "1", uuidA+":900"
		}), "n1", false, "only member with a history"},
		{"half a copy and a member that is down", anOutage().broken(transferHalf).at(uuidA, 10, false).down(), "", true, "belayctl galera bootstrap --from n2"},
		{"half a copy beside empty members is no fresh cluster", anOutage().creating().blank().broken(transferHalf), "", true, "a state transfer to n2 broke off"},
		{"half a copy with databases is no owner", anOutage().creating().broken(transferHalf).with(func(a map[string]string) { a[attrDatabases] = "2" }).blank(), "", true, "no member has its data"},
		{"half a copy everywhere", anOutage().creating().broken(transferHalf).broken(transferHalf), "", true, "n1, n2"},
		{"half a copy as an older release reads it", anOutage().at(uuidA, 10, false).broken(transferHalf).with(func(a map[string]string) { delete(a, attrTransfer) }), "", true, "a state transfer to this member broke off"},
		{"a copy that may not be on the disk is the operator's", anOutage().at(uuidA, 10, false).broken(transferUnsynced), "", true, "n2: the host went down before"},
		{"the operator's word for half a copy", anOutage().at(uuidA, 10, false).broken(transferHalf).override(map[string]string{"bootstrap": "n2"}), "n2", false, "tables may be missing or damaged"},
		{"a failed promote leaves no position to count on", anOutage().at(uuidA, 10, false).peer(resources.RoleStarted, map[string]string{}), "", false, "waiting for the position of n2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			advice := test.outage.advise()
			chosen := resources.NodeName("")
			for node, words := range advice.Instances {
				if words[adviceMode] == modeBootstrap {
					if chosen != "" {
						t.Fatalf("both %s and %s bootstrap", chosen, node)
					}
					chosen = node
				}
			}
			if chosen != test.bootstrap {
				t.Errorf("bootstrap %q, want %q (%s)", chosen, test.bootstrap, advice.Reason)
			}
			if advice.Blocked != test.blocked {
				t.Errorf("blocked %t, want %t (%s)", advice.Blocked, test.blocked, advice.Reason)
			}
			if !strings.Contains(advice.Reason, test.reason) {
				t.Errorf("reason %q does not say %q", advice.Reason, test.reason)
			}
			want := map[resources.NodeName]resources.Score{}
			if test.bootstrap != "" {
				want[test.bootstrap] = scoreBootstrap
			}
			got := advice.Promotion
			if got == nil {
				got = map[resources.NodeName]resources.Score{}
			}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("promotion (-got +want):\n%s", diff)
			}
			if len(advice.Table) < 2 || len(advice.Table[0]) != len(advice.Table[1]) {
				t.Errorf("table %v", advice.Table)
			}
		})
	}
}

func TestAdviseShowsTheWholeComparison(t *testing.T) {
	advice := anOutage().at(uuidA, 100, true).at(uuidA, 102, false).with(func(a map[string]string) { a[attrGvwstate] = grastatePresent }).down().override(map[string]string{"bootstrap": "n2"}).advise()
	want := [][]string{
		{"node", "status", "uuid", "seqno", "safe_to_bootstrap", "grastate", "gvwstate", "recovered", "databases", "verdict"},
		{"n1", "reported", uuidA, "100", "1", "present", "absent", "-", "0", ""},
		{"n2", "reported", uuidA, "102", "0", "present", "present", "-", "0", "bootstrap"},
		{"n3", "node is down", "-", "-", "-", "-", "-", "-", "-", ""},
	}
	if diff := cmp.Diff(advice.Table, want); diff != "" {
		t.Errorf("table (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(advice.Instances["n2"], map[string]string{"mode": "bootstrap", "uuid": uuidA, "seqno": "102", "override": "true"}); diff != "" {
		t.Errorf("words (-got +want):\n%s", diff)
	}
}

func TestAdviseShowsHalfATransfer(t *testing.T) {
	advice := anOutage().at(uuidA, 100, true).broken(transferHalf).advise()
	want := []string{"n2", "no usable data: a state transfer to it broke off", "-", "-", "-", "-", "-", "-", "1", ""}
	if diff := cmp.Diff(advice.Table[2], want); diff != "" {
		t.Errorf("row (-got +want):\n%s", diff)
	}
}

func TestAdviseWithAPrimary(t *testing.T) {
	tests := []struct {
		name   string
		outage *outage
		scores map[resources.NodeName]resources.Score
	}{
		{"others join", anOutage().live("Synced", 1).at(uuidA, 400, false).at(uuidA, 300, false), map[resources.NodeName]resources.Score{"n1": 1000, "n2": 100, "n3": 100}},
		{"a donor is a primary, too", anOutage().live("Donor/Desynced", 1).at(uuidA, 400, false), map[resources.NodeName]resources.Score{"n1": 1000, "n2": 100}},
		{"one whole copy at a time per donor", anOutage().live("Synced", 450).at(uuidA, 400, false).blank(), map[resources.NodeName]resources.Score{"n1": 1000, "n2": 50}},
		{"two donors, two copies", anOutage().live("Synced", 450).live("Synced", 450).blank().blank(), map[resources.NodeName]resources.Score{"n1": 1000, "n2": 1000, "n3": 50, "n4": 50}},
		{"incremental transfers come first", anOutage().live("Synced", 350).blank().at(uuidA, 400, false), map[resources.NodeName]resources.Score{"n1": 1000, "n3": 100}},
		{"another history needs a whole copy", anOutage().live("Synced", 1).at(uuidB, 9000, true), map[resources.NodeName]resources.Score{"n1": 1000, "n2": 50}},
		{"garbled needs a whole copy and blocks nobody", anOutage().live("Synced", 1).at(uuidA, 1, false).with(func(a map[string]string) { a[attrGrastate] = grastateGarbled }), map[resources.NodeName]resources.Score{"n1": 1000, "n2": 50}},
		{"half a copy needs a whole one and blocks nobody", anOutage().live("Synced", 1).broken(transferHalf), map[resources.NodeName]resources.Score{"n1": 1000, "n2": 50}},
		{"a copy that may not be on the disk is transferred again", anOutage().live("Synced", 1).broken(transferUnsynced), map[resources.NodeName]resources.Score{"n1": 1000, "n2": 50}},
		{"a missing member blocks nobody", anOutage().live("Synced", 1).down(), map[resources.NodeName]resources.Score{"n1": 1000, "n2": 50}},
		{"a missing member holds no donor", anOutage().live("Synced", 450).down().blank(), map[resources.NodeName]resources.Score{"n1": 1000, "n3": 50}},
		{"a lost monitor does not take the primary away", func() *outage {
			o := anOutage().live("Synced", 1)
			o.last().Failed = true
			return o.live("Synced", 1)
		}(), map[resources.NodeName]resources.Score{"n1": 1000, "n2": 1000}},
		{"a transfer under way keeps its donor", func() *outage {
			o := anOutage().live("Donor/Desynced", 450).blank().blank()
			o.last().Busy = true
			return o
		}(), map[resources.NodeName]resources.Score{"n1": 1000, "n3": 50}},
		{"a member that failed comes after the others", func() *outage {
			o := anOutage().live("Synced", 450).blank()
			o.last().Failed = true
			return o.blank()
		}(), map[resources.NodeName]resources.Score{"n1": 1000, "n3": 50}},
		{"a member that lost the primary joins again", anOutage().live("Synced", 1).nonPrimary(), map[resources.NodeName]resources.Score{"n1": 1000, "n2": 50}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			advice := test.outage.advise()
			if diff := cmp.Diff(advice.Promotion, test.scores); diff != "" {
				t.Errorf("promotion (-got +want):\n%s", diff)
			}
			for node := range test.outage.s.View.Nodes {
				mode := modeWait
				if _, scored := test.scores[node]; scored {
					mode = modeJoin
				}
				if got := advice.Instances[node][adviceMode]; got != mode {
					t.Errorf("%s: mode %q, want %q", node, got, mode)
				}
			}
			if advice.Blocked {
				t.Errorf("blocked: %s", advice.Reason)
			}
		})
	}
}

// An override must decide one outage, not every later one.
func TestAdviseFollowsAnOverrideOnce(t *testing.T) {
	words := map[string]string{"bootstrap": "n1", "at": "2026-01-01T00:00:00Z"}
	first := anOutage().at(uuidA, 10, false).at(uuidB, 90, false).override(words).advise()
	if first.Instances["n1"][adviceMode] != modeBootstrap {
		t.Fatalf("first outage: %s", first.Reason)
	}
	formed := anOutage().live("Synced", 1).at(uuidB, 90, false).override(words)
	formed.s.Current = first
	joined := formed.advise()
	later := anOutage().at(uuidA, 10, false).at(uuidA, 90, false).override(words)
	later.s.Current = joined
	if got := later.advise(); got.Instances["n2"][adviceMode] != modeBootstrap {
		t.Errorf("a spent override decided: %s", got.Reason)
	}
	again := anOutage().at(uuidA, 10, false).at(uuidA, 90, false).override(map[string]string{"bootstrap": "n1", "at": "2026-02-01T00:00:00Z"})
	again.s.Current = joined
	if got := again.advise(); got.Instances["n1"][adviceMode] != modeBootstrap {
		t.Errorf("a new override was not followed: %s", got.Reason)
	}
}

func TestAdviseIgnoresABootstrapBesideAPrimary(t *testing.T) {
	advice := anOutage().live("Synced", 1).at(uuidB, 90, false).override(map[string]string{"bootstrap": "n2"}).advise()
	if advice.Instances["n2"][adviceMode] == modeBootstrap || !strings.Contains(advice.Reason, "is ignored") {
		t.Errorf("advice %v: %s", advice.Instances, advice.Reason)
	}
}
