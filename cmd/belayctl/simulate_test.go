package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/policy/simulate"
	belay "github.com/belay-ha/belay/cluster/simulate"
	"github.com/belay-ha/belay/resources"
)

// baseCIB is a cluster of two nodes: web runs on the first.
const baseCIB = `<cib crm_feature_set="3.19.0" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0" have-quorum="1" dc-uuid="1">
  <configuration>
    <crm_config>
      <cluster_property_set id="options"><nvpair id="fencing" name="stonith-enabled" value="false"/></cluster_property_set>
    </crm_config>
    <nodes><node id="1" uname="node-1"/><node id="2" uname="node-2"/></nodes>
    <resources>
      <primitive id="web" class="ocf" provider="pacemaker" type="Dummy">
        <operations><op id="web-monitor" name="monitor" interval="10s" timeout="20s"/></operations>
      </primitive>
    </resources>
    <constraints/>
  </configuration>
  <status>
    <node_state id="1" uname="node-1" in_ccm="true" crmd="online" join="member" expected="member">
      <lrm id="1"><lrm_resources><lrm_resource id="web" class="ocf" provider="pacemaker" type="Dummy">
        <lrm_rsc_op id="web_last_0" operation="start" call-id="2" rc-code="0" op-status="0" interval="0" transition-key="1:1:0:x" transition-magic="0:0;1:1:0:x" op-digest="f2317cad3d54cec5d7d7aa7d0bf35cf8"/>
      </lrm_resource></lrm_resources></lrm>
    </node_state>
    <node_state id="2" uname="node-2" in_ccm="true" crmd="online" join="member" expected="member">
      <lrm id="2"><lrm_resources><lrm_resource id="web" class="ocf" provider="pacemaker" type="Dummy">
        <lrm_rsc_op id="web_last_0" operation="monitor" call-id="1" rc-code="7" op-status="0" interval="0" transition-key="1:1:7:x" transition-magic="0:7;1:1:7:x" op-digest="f2317cad3d54cec5d7d7aa7d0bf35cf8"/>
      </lrm_resource></lrm_resources></lrm>
    </node_state>
  </status>
</cib>
`

func simulating(t *testing.T) *console {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("cluster.xml", []byte(baseCIB), 0o600); err != nil {
		t.Fatal(err)
	}
	return newConsole(t)
}

func TestSimulate(t *testing.T) {
	c := simulating(t)
	cases := []struct {
		name  string
		args  string
		where string // of web, "" for nowhere
	}{
		{"as it is", "", "node-1"},
		{"a node leaves", "--node-down node-1", "node-2"},
		{"a node in standby", "--standby node-1", "node-2"},
		{"no node is left", "--node-down node-1 --node-down node-2", ""},
		{"the start fails", "--standby node-1 --op-fail web:start:node-2", "node-2"},
		{"no quorum", "--quorum lost", ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			args := append([]string{"simulate", "--cib", "cluster.xml", "-o", "json"}, strings.Fields(tc.args)...)
			var form simulate.Form
			if err := json.Unmarshal([]byte(c.must(t, args...)), &form); err != nil {
				t.Fatal(err)
			}
			where := ""
			for _, at := range form.Final["web"] {
				if at.Node != nil {
					where = *at.Node
				}
			}
			if where != tc.where {
				t.Errorf("web is on %q, want %q: %+v", where, tc.where, form)
			}
			if fails := strings.Contains(tc.args, "op-fail"); fails != (len(form.Failures) == 1) || fails == form.Complete {
				t.Errorf("failures %v, complete %v", form.Failures, form.Complete)
			}
		})
	}
}

func TestSimulateOutputs(t *testing.T) {
	c := simulating(t)
	text := c.must(t, "simulate", "--cib", "cluster.xml", "--standby", "node-1", "--save", "r.json", "--save", "r.dot", "--save", "r.txt")
	for _, want := range []string{"1 change is due", "node-1 -> node-2", "start web node-2", "node-1: online, standby", "└─ web Started"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for name, want := range map[string]string{"r.json": `"final"`, "r.dot": "digraph transition", "r.txt": "then"} {
		got, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: %v, %s", name, err, got)
		}
	}
	if dot := c.must(t, "simulate", "--cib", "cluster.xml", "-o", "dot"); !strings.HasPrefix(dot, "digraph") {
		t.Errorf("dot output:\n%s", dot)
	}
}

// TestSimulateTickets: what needs a ticket runs only where one is supposed to be
// granted, of a definition and of a CIB.
func TestSimulateTickets(t *testing.T) {
	c := simulating(t)
	cib := strings.Replace(baseCIB, "<constraints/>", `<constraints><rsc_ticket id="web-geo" rsc="web" ticket="geo"/></constraints>`, 1)
	definition := "[cluster]\nname = \"test\"\n[cluster.properties]\nfencing_enabled = false\n[[node]]\nname = \"node-1\"\n" +
		"[[resource]]\nid = \"web\"\nagent = \"systemd:web\"\n[[ticket]]\nticket = \"geo\"\nresource = \"web\"\n"
	for name, text := range map[string]string{"geo.xml": cib, "geo.toml": definition} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, source := range []string{"--cib geo.xml", "-f geo.toml"} {
		if code := c.run(t, append([]string{"simulate", "--ticket-grant", "gea"}, strings.Fields(source)...)...); code != exitInput || !strings.Contains(c.err.String(), `did you mean "geo"?`) {
			t.Errorf("%s: exit code %d for an unknown ticket: %s", source, code, c.err.String())
		}
		for flags, runs := range map[string]bool{
			"": false, "--ticket-grant geo": true, "--ticket-grant geo --ticket-standby geo": false, "--ticket-revoke geo": false,
			"--ticket-grant geo --ticket-activate geo": true,
		} {
			text := c.must(t, append([]string{"simulate", "-o", "json"}, strings.Fields(source+" "+flags)...)...)
			var answer struct {
				Final map[string][]struct{ Node string }
			}
			if err := json.Unmarshal([]byte(text), &answer); err != nil {
				t.Fatal(err)
			}
			got := false
			for _, at := range answer.Final["web"] {
				got = got || at.Node != ""
			}
			if got != runs {
				t.Errorf("%s %s: web runs: %v, want %v\n%s", source, flags, got, runs, text)
			}
		}
	}
}

func TestSimulateRefuses(t *testing.T) {
	c := simulating(t)
	if err := os.WriteFile("bad.xml", []byte("<cib>\n  <configuration>\n    <oops></wrong>\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"--cib cluster.xml --state s.json":    "one cluster at a time",
		"--cib none.xml":                      "none.xml",
		"--cib bad.xml":                       "bad.xml:3:",
		"--cib cluster.xml --node-down nod-1": `did you mean "node-1"?`,
		"--cib cluster.xml --op-fail web":     "RESOURCE:OPERATION:NODE",
		"--cib cluster.xml --quorum maybe":    "write lost or ok",
		"--cib cluster.xml --at noon":         `time "noon"`,
		"--cib cluster.xml --save result.pdf": "ends in .json, .dot or .txt",
		"--cib cluster.xml -o yaml":           "write text, json, dot",
	} {
		if code := c.run(t, append([]string{"simulate"}, strings.Fields(args)...)...); code != exitInput || !strings.Contains(c.err.String(), want) {
			t.Errorf("%s: exit %d: %s; want %q", args, code, c.err.String(), want)
		}
	}
}

func TestSimulateCompletes(t *testing.T) {
	c := simulating(t)
	for args, want := range map[string]string{
		"--node-down ":         "node-2\n",
		"--op-fail w":          "web:\n",
		"--op-fail web:st":     "web:start:\n",
		"--op-fail web:start:": "web:start:node-1\n",
		"--quorum ":            "lost\n",
	} {
		flag, value, _ := strings.Cut(args, " ")
		if got := c.must(t, "__complete", "simulate", "--cib", "cluster.xml", flag, value); !strings.Contains(got, want) {
			t.Errorf("%s completes to %q, want %q", args, got, want)
		}
	}
}

// TestSimulateBelay simulates Belay's own clusters: the running one, a saved one,
// and one that a definition makes.
func TestSimulateBelay(t *testing.T) {
	c := simulating(t)
	c.fake.runs("controller-0", "vip", resources.RoleStarted)
	if err := os.WriteFile("cluster.toml", []byte(baseFile), 0o600); err != nil {
		t.Fatal(err)
	}
	c.fake.state.Secrets = map[string]string{"bmc": "sealed-words"}
	if got := c.must(t, "state", "save", "saved.json"); !strings.Contains(got, "saved.json: state of cluster overcloud at index 7") {
		t.Errorf("state save says %q", got)
	}
	saved, err := os.ReadFile("saved.json")
	if err != nil || strings.Contains(string(saved), "sealed-words") || c.fake.state.Secrets["bmc"] == "" {
		t.Errorf("a secret was saved, or lost: %v\n%s", err, saved)
	}
	for _, source := range []string{"", "--state saved.json", "-f cluster.toml"} {
		for lost, where := range map[string]string{"": "controller-0", "--standby controller-0": "", "--node-fail controller-0": ""} {
			var form belay.Form
			args := append([]string{"simulate", "-o", "json"}, strings.Fields(source+" "+lost)...)
			if err := json.Unmarshal([]byte(c.must(t, args...)), &form); err != nil {
				t.Fatal(err)
			}
			at := form.Final["vip"]
			if len(at) != 1 || !form.Settled || (lost == "" && source != "-f cluster.toml" && string(at[0].Node) != where) || (lost != "" && at[0].Node == "controller-0") {
				t.Errorf("%v: vip is at %+v", args, at)
			}
		}
	}
	if text := c.must(t, "simulate", "--state", "saved.json", "--node-fail", "controller-0", "--save", "r.dot"); !strings.Contains(text, "fence controller-0") {
		t.Errorf("nobody is fenced:\n%s", text)
	}
	if dot, err := os.ReadFile("r.dot"); err != nil || !strings.Contains(string(dot), `label="fence controller-0"`) {
		t.Errorf("dot: %v, %s", err, dot)
	}
	if got := c.must(t, "__complete", "simulate", "--state", "saved.json", "--node-down", ""); !strings.Contains(got, "controller-2\n") {
		t.Errorf("nodes complete to %q", got)
	}
	if got := c.must(t, "__complete", "simulate", "--op-fail", "vip:sta"); !strings.Contains(got, "vip:start:\n") {
		t.Errorf("failures complete to %q", got)
	}
	for name, text := range map[string]string{"torn.json": string(saved[:len(saved)/2]), "null.json": strings.Replace(string(saved), `"controller-1":{`, `"controller-1":null,"x":{`, 1), "foreign.json": "{}"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code := c.run(t, "simulate", "--state", name); code != exitInput || !strings.Contains(c.err.String(), name) {
			t.Errorf("%s: exit %d, %s", name, code, c.err.String())
		}
	}
	for args, want := range map[string]string{
		"--scores":                "belayctl explain",
		"--node-down controler-0": `did you mean "controller-0"?`,
		"--op-fail vip:go:n":      `no operation "go"`,
		"--quorum maybe":          "write lost or ok",
		"-f none.toml":            "none.toml",
		"-f cluster.toml --cib x": "one cluster at a time",
		"--op-fail vip:start:n=7": "return code",
	} {
		if code := c.run(t, append([]string{"simulate"}, strings.Fields(args)...)...); code != exitInput || !strings.Contains(c.err.String(), want) {
			t.Errorf("%s: exit %d: %s; want %q", args, code, c.err.String(), want)
		}
	}
}
