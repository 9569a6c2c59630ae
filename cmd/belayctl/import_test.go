package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

func TestImportCIB(t *testing.T) {
	c := simulating(t)
	text := c.must(t, "import", "cib", "cluster.xml")
	def, err := definition.Decode(resources.AgentTable{}, resources.FenceTable{}, definition.File{Name: "out", Text: []byte(text)})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if len(def.Nodes) != 2 || len(def.Resources) != 1 || def.Resources[0].Agent != "ocf:pacemaker:Dummy" {
		t.Errorf("%+v", def)
	}
	if notes := c.err.String(); !strings.Contains(notes, "note: cluster.xml:8:7: ") || !strings.Contains(notes, "ocf:pacemaker:Dummy runs as it is") {
		t.Errorf("notes: %s", notes)
	}
}

// TestImportedSimulates plays an import on paper: its agents need not be there.
func TestImportedSimulates(t *testing.T) {
	c := simulating(t)
	if err := os.WriteFile("web.toml", []byte(c.must(t, "import", "cib", "cluster.xml")), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := c.must(t, "simulate", "-f", "web.toml"); !strings.Contains(text, "start web") {
		t.Errorf("simulated: %s", text)
	}
	if code := c.run(t, "validate", "web.toml"); code != exitInput || !strings.Contains(c.err.String(), "ocf:pacemaker:Dummy") {
		t.Errorf("validate: exit %d: %s", code, c.err.String())
	}
}

// TestImportSetup tells the commands that no definition holds, and takes a fence
// plugin along.
func TestImportSetup(t *testing.T) {
	c := simulating(t)
	text, err := os.ReadFile("cluster.xml")
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "<primitive ", `<primitive id="sh" class="stonith" type="external/ssh"/><primitive `, 1)
	node := regexp.MustCompile(`<node id="([^"]*)" uname="([^"]*)"/>`).FindStringSubmatch(changed)
	changed = strings.Replace(changed, node[0], node[0][:len(node[0])-2]+`><instance_attributes id="sb"><nvpair id="sb1" name="standby" value="on"/></instance_attributes></node>`, 1)
	if err := os.WriteFile("more.xml", []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	written := c.must(t, "import", "cib", "more.xml")
	command := "belayctl node standby " + node[2]
	if !strings.Contains(written, "#   "+command) || !strings.Contains(c.err.String(), "then run: "+command) {
		t.Errorf("no command in\n%s\n%s", written, c.err.String())
	}
	if err := os.WriteFile("more.toml", []byte(written), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := c.must(t, "simulate", "-f", "more.toml", "--standby", node[2]); strings.Contains(text, "start web@"+node[2]) {
		t.Errorf("simulated: %s", text)
	}
	if code := c.run(t, "validate", "more.toml"); code != exitInput || !strings.Contains(c.err.String(), "stonith:external/ssh") {
		t.Errorf("validate: exit %d: %s", code, c.err.String())
	}
}

func TestImportCIBRefuses(t *testing.T) {
	c := simulating(t)
	refused := `<constraints><rsc_location id="dc" rsc="web" role="Stopped" node="node-1" score="5"/><rsc_location id="dates" rsc="web"><rule id="r" score="5">` +
		`<date_expression id="d" operation="date_spec"><date_spec id="ds"/></date_expression></rule></rsc_location></constraints>`
	if err := os.WriteFile("more.xml", []byte(strings.Replace(baseCIB, "<constraints/>", refused, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := c.run(t, "import", "cib", "more.xml"); code != exitInput {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{`location "dc" for role Stopped`, `date expression "d"`, "2 things", "--lossy"} {
		if !strings.Contains(c.err.String(), want) {
			t.Errorf("no %q in %s", want, c.err.String())
		}
	}
	if c.out.Len() > 0 {
		t.Errorf("it wrote %s", c.out.String())
	}
	text := c.must(t, "import", "cib", "more.xml", "--lossy")
	if !strings.Contains(text, `id = "web"`) || !strings.Contains(c.err.String(), `location "dc" for role Stopped`) {
		t.Errorf("lossy: %s\n%s", text, c.err.String())
	}
	if code := c.run(t, "import", "cib", "none.xml"); code != exitInput {
		t.Errorf("a file that is not there: exit %d", code)
	}
}
