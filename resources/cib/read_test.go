package cib_test

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/cib"
)

// in wraps sections of a configuration, and a status, in a CIB.
func in(sections, status string) string {
	return `<cib validate-with="pacemaker-3.9" have-quorum="1" dc-uuid="2"><configuration>` + sections + `</configuration><status>` + status + `</status></cib>`
}

func read(t *testing.T, text string) *policy.Input {
	t.Helper()
	input, err := cib.Read(strings.NewReader(text), "test.xml")
	if err != nil {
		t.Fatal(err)
	}
	return input
}

func diff(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func TestRoot(t *testing.T) {
	input := read(t, `<?xml version="1.0" encoding="UTF-8"?><!-- saved --><cib have-quorum="true" dc-uuid="2" execution-date="1700000000" no-quorum-panic="1"><configuration/></cib>`)
	if !input.Quorum || !input.QuorumPanic || input.DC != "2" || !input.Now.Equal(time.Unix(1700000000, 0)) {
		t.Errorf("read %+v", input)
	}
}

func TestPairs(t *testing.T) {
	input := read(t, in(`<crm_config>
		<cluster_property_set id="a" score="-INFINITY"><nvpair id="a1" name="x" value="1 &amp;&#x20;2"/><nvpair id="a2" name="none"/></cluster_property_set>
		<cluster_property_set id="b"><nvpair id-ref="a1" name="y"/><nvpair id-ref="a1"/></cluster_property_set>
		<cluster_property_set id-ref="a"/></crm_config>`, ""))
	a := policy.AttributeSet{ID: "a", Score: -resources.Infinity, Pairs: []policy.Pair{{Name: "x", Value: "1 & 2"}}}
	b := policy.AttributeSet{ID: "b", Pairs: []policy.Pair{{Name: "y", Value: "1 & 2"}, {Name: "x", Value: "1 & 2"}}}
	diff(t, "options", input.Options, []policy.AttributeSet{a, b, a})
}

func TestTemplate(t *testing.T) {
	input := read(t, in(`<resources>
		<template id="vm" class="ocf" provider="heartbeat" type="Xen">
			<meta_attributes id="vm-meta"><nvpair id="vm-m" name="allow-migrate" value="true"/></meta_attributes>
			<operations><op id="vm-start" name="start" interval="0" timeout="60s"/><op id="vm-mon" name="monitor" interval="10s"/></operations>
		</template>
		<primitive id="vm1" template="vm">
			<meta_attributes id="vm1-meta"><nvpair id="vm1-m" name="allow-migrate" value="false"/></meta_attributes>
			<operations><op id="vm1-mon" name="monitor" interval="20s"/></operations>
		</primitive></resources>`, ""))
	r := input.Resources[0]
	if len(input.Resources) != 1 || r.ID != "vm1" || r.Class != "ocf" || r.Provider != "heartbeat" || r.Type != "Xen" {
		t.Fatalf("read %+v", input.Resources)
	}
	var ids []string
	for _, m := range r.Meta {
		ids = append(ids, m.ID)
	}
	for _, op := range r.Ops {
		ids = append(ids, op.ID, op.Interval.String())
	}
	diff(t, "parts", ids, []string{"vm-meta", "vm1-meta", "vm1-mon", "20s", "vm-start", "0s"})
}

func TestAliases(t *testing.T) {
	const list = `<resources><template id="tp" class="lsb" type="x"/><primitive id="a" class="lsb" type="x"/><group id="g"><primitive id="b" template="tp"/><primitive id="c" template="tp"/></group></resources>
		<tags><tag id="tag"><obj_ref id="a"/><obj_ref id="g"/></tag></tags><constraints>%s</constraints>`
	no := false
	set := func(id, role, action string, members ...string) policy.Set {
		return policy.Set{ID: id, Resources: members, Sequential: &no, Role: role, Action: action}
	}
	input := read(t, in(fmt.Sprintf(list, `
		<rsc_location id="l" rsc="tag" node="n" score="5" role="Master"/>
		<rsc_colocation id="c1" rsc="tp" with-rsc="a" rsc-role="Slave" score="INFINITY"/>
		<rsc_colocation id="c2" rsc="unknown" with-rsc="a" score="INFINITY"/>
		<rsc_order id="o" first="a" then="tag" then-action="stop"/>
		<rsc_order id="o2"><resource_set id="s"><resource_ref id="tp"/><resource_ref id="a"/></resource_set></rsc_order>
		<rsc_ticket id="t" ticket="x" rsc="tag"/>`), ""))
	diff(t, "location", input.Locations[0], policy.LocationConfig{ID: "l", Node: "n", Score: "5", Sets: []policy.Set{set("tag", "Promoted", "", "a", "g")}})
	diff(t, "colocations", input.Colocations, []policy.ColocationConfig{
		{ID: "c1", Score: "INFINITY", Sets: []policy.Set{set("tp", "Unpromoted", "", "b", "c"), set("a", "", "", "a")}},
		{ID: "c2", Score: "INFINITY", Dependent: "unknown", Primary: "a"},
	})
	diff(t, "orders", input.Orders, []policy.OrderConfig{
		{ID: "o", Sets: []policy.Set{set("a", "", "", "a"), set("tag", "", "stop", "a", "g")}},
		{ID: "o2", Sets: []policy.Set{{ID: "s", Resources: []string{"b", "c", "a"}}}},
	})
	diff(t, "ticket", input.TicketUses[0].Sets, []policy.Set{set("tag", "", "", "a", "g")})
}

func TestRules(t *testing.T) {
	input := read(t, in(`<constraints><rsc_location id="l" rsc-pattern="!db-(.*)">
		<rule id="r1" boolean-op="or" score-attribute="pingd" role="Promoted">
			<expression id="e1" attribute="site-%1" operation="lte" value="5" type="number" value-source="param"/>
			<date_expression id="d1" operation="in_range" start="2026-02-03"><duration id="d1d" months="2" hours="3"/></date_expression>
			<rule id="r2" score="0"><date_expression id="d2" operation="date_spec"><date_spec id="d2s" hours="9-16" weekdays="1-5"/></date_expression></rule>
		</rule><rule id-ref="r1"/></rsc_location></constraints>`, ""))
	l := input.Locations[0]
	if !l.Negated || l.Pattern != "db-(.*)" || len(l.Rules) != 2 {
		t.Fatalf("read %+v", l)
	}
	want := policy.LocationRule{ScoreAttribute: "pingd", Role: "Promoted", Rule: &policy.Rule{ID: "r1", Or: true, Parts: []policy.Condition{
		{Attribute: &policy.AttributeExpression{ID: "e1", Attribute: "site-%1", Operation: "lte", Value: "5", Type: "number", Source: "param"}},
		{Date: &policy.DateExpression{ID: "d1", Operation: "in_range", Start: time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC), Duration: &policy.DateParts{Months: 2, Hours: 3}}},
		{Rule: &policy.Rule{ID: "r2", Parts: []policy.Condition{
			{Date: &policy.DateExpression{ID: "d2", Operation: "date_spec", Spec: &policy.DateSpec{Hours: "9-16", Weekdays: "1-5"}}},
		}}},
	}}}
	diff(t, "rule", l.Rules[0], want)
	diff(t, "rule by reference", l.Rules[1], want)
}

func TestStatus(t *testing.T) {
	input := read(t, in("", `<node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member" odd="1">
		<transient_attributes id="1"><instance_attributes id="s"><nvpair id="p" name="pingd" value="10"/></instance_attributes></transient_attributes>
		<lrm id="1"><lrm_resources><lrm_resource id="db" class="ocf" provider="x" type="y" container="box" shutdown-lock="1700000001">
			<lrm_rsc_op id="db_last_0" operation="start" interval="0" call-id="7" rc-code="0" op-status="0" transition-key="4:5:0:u" transition-magic="0:0;4:5:0:u" last-rc-change="1700000000" last-run="1700000002" op-digest="d" op-force-restart=" a " op-restart-digest="e" on_node="n1" exit-reason="it&apos;s"/>
			<lrm_rsc_op id="db_monitor_9" operation="monitor" interval="9000" transition-magic="4:1;6:5:8:u"/>
		</lrm_resource></lrm_resources></lrm></node_state>
		<node_state id="r" remote_node="true" node_fenced="1" node_in_maintenance="0"/>
		<tickets><ticket_state id="t" granted="true" standby="off"/></tickets><unknown><x/></unknown>`))
	want := policy.NodeStatus{
		ID: "1", Name: "n1", InMembership: "true", Peer: "online", Join: "member", Expected: "member",
		Attributes: []policy.AttributeSet{{ID: "s", Pairs: []policy.Pair{{Name: "pingd", Value: "10"}}}},
		History: []policy.ResourceHistory{{
			Resource: "db", Class: "ocf", Provider: "x", Type: "y", Container: "box", ShutdownLock: time.Unix(1700000001, 0).UTC(),
			Ops: []policy.HistoryOp{{
				ID: "db_last_0", Op: "start", CallID: 7, Transition: 5, Controller: "u", OnNode: "n1",
				Changed: time.Unix(1700000000, 0).UTC(),
				Digest:  "d", RestartDigest: "e", RestartParams: " a ",
			}, {
				ID: "db_monitor_9", Op: "monitor", Interval: 9 * time.Second, CallID: -1, Status: policy.ExecError, RC: 1, Expected: 8,
				Transition: 5, Controller: "u",
			}},
		}},
	}
	diff(t, "member", input.Status[0], want)
	diff(t, "remote", input.Status[1], policy.NodeStatus{ID: "r", Remote: true, RemoteFenced: true})
	diff(t, "tickets", input.Tickets, []policy.TicketState{{ID: "t", Granted: true}})
}

func TestBundle(t *testing.T) {
	input := read(t, in(`<resources><bundle id="b"><podman image="i" replicas="3" masters="1" options="-v x"/>
		<network ip-range-start="192.0.2.1" control-port="99"><port-mapping id="p" port="80"/></network>
		<storage><storage-mapping id="s" source-dir="/a" target-dir="/b" options="rw"/></storage>
		<primitive id="in" class="ocf" provider="x" type="y"/></bundle></resources>`, ""))
	diff(t, "bundle", *input.Resources[0].Bundle, policy.BundleConfig{
		Launcher: "podman", Image: "i", Replicas: "3", PromotedMax: "1", Options: "-v x", HasNetwork: true, IPRangeStart: "192.0.2.1", ControlPort: "99",
		Ports:   []policy.PortMapping{{ID: "p", Port: "80"}},
		Storage: []policy.StorageMapping{{ID: "s", SourceDir: "/a", TargetDir: "/b", Options: "rw"}},
	})
}

func TestOldSchemas(t *testing.T) {
	input := read(t, `<cib validate-with="pacemaker-0.6" have_quorum="true"><configuration>
		<crm_config><cluster_property_set id="o"><attributes><nvpair id="o1" name="default_resource_stickiness" value="7"/><nvpair id="o2" name="no_quorum_policy" value="ignore"/></attributes></cluster_property_set></crm_config>
		<resources><master_slave id="ms" ordered="true"><primitive id="a" class="ocf" provider="x" type="y" restart_type="restart">
			<instance_attributes id="ia"><attributes><nvpair id="ia1" name="target_role" value="started"/></attributes></instance_attributes>
			<operations><op id="op" name="start" interval="0" prereq="fencing"/></operations></primitive></master_slave><primitive id="b" class="lsb" type="y"/></resources>
		<constraints><rsc_order id="ro" from="a" type="after" to="b" action="promote"/><rsc_colocation id="rc" from="a" to="b" score="INFINITY"/></constraints>
		</configuration></cib>`)
	if !input.Quorum || input.Options[0].Pairs[1] != (policy.Pair{Name: "no-quorum-policy", Value: "ignore"}) {
		t.Errorf("options: %+v", input.Options)
	}
	diff(t, "defaults", input.ResourceDefaults[0].Pairs, []policy.Pair{{Name: "resource-stickiness", Value: "7"}})
	ms := input.Resources[0]
	diff(t, "clone", ms.Meta, []policy.AttributeSet{
		{Pairs: []policy.Pair{{Name: "ordered", Value: "true"}}},
		{ID: "ms-promotable", Score: resources.Infinity, Pairs: []policy.Pair{{Name: "promotable", Value: "true"}}},
	})
	var meta []policy.Pair
	for _, m := range ms.Members[0].Meta {
		meta = append(meta, m.Pairs...)
	}
	diff(t, "meta", meta, []policy.Pair{{Name: "requires", Value: "fencing"}, {Name: "restart-type", Value: "restart"}, {Name: "target-role", Value: "started"}})
	diff(t, "order", input.Orders[0], policy.OrderConfig{ID: "ro", First: "b", Then: "a", ThenAction: "promote"})
	diff(t, "colocation", input.Colocations[0], policy.ColocationConfig{ID: "rc", Dependent: "a", Primary: "b", Score: "INFINITY"})
}

func TestDroppedResources(t *testing.T) {
	input := read(t, in(`<resources><primitive id="u" class="upstart" type="x"/><group id="g"><primitive id="n" class="nagios" type="x"/></group><primitive id="k" class="lsb" type="x"/></resources>
		<constraints><rsc_order id="o1" first="u" then="k"/><rsc_order id="o2"><resource_set id="s"><resource_ref id="g"/><resource_ref id="k"/></resource_set></rsc_order></constraints>`, ""))
	if len(input.Resources) != 1 || len(input.Orders) != 1 || len(input.Orders[0].Sets[0].Resources) != 1 {
		t.Errorf("kept %+v and %+v", input.Resources, input.Orders)
	}
}

func TestUnvalidated(t *testing.T) {
	input := read(t, `<cib validate-with="none"><configuration odd="1"><odd/><constraints><rsc_order id="o" first="a" then="b" kind="odd"/></constraints></configuration></cib>`)
	if len(input.Orders) != 1 || input.Orders[0].Kind != "odd" {
		t.Errorf("read %+v", input.Orders)
	}
}

func TestCompressed(t *testing.T) {
	f, err := os.Open("testdata/small.xml.bz2")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	input, err := cib.Read(f, "small.xml.bz2")
	if err != nil || len(input.Nodes) != 1 {
		t.Errorf("read %+v, %v", input, err)
	}
}

func TestBrokenSource(t *testing.T) {
	fault := errors.New("the disk is gone")
	_, err := cib.Read(&broken{text: "<cib>\n <configuration>", err: fault}, "x.xml")
	if want := "x.xml:2:17: the disk is gone"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

type broken struct {
	text string
	err  error
}

func (b *broken) Read(p []byte) (int, error) {
	if b.text == "" {
		return 0, b.err
	}
	n := copy(p, b.text[:1]) // a byte at a time
	b.text = b.text[n:]
	return n, nil
}
