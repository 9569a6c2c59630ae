package cib_test

import (
	"bytes"
	"compress/bzip2"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources/cib"
)

// TestProblems shows what is said of each fault, and where it is seen.
func TestProblems(t *testing.T) {
	const head = `<cib><configuration>`
	const tail = `</configuration></cib>`
	cases := []struct{ name, text, want string }{
		{"nothing", "", "x:1:1: there is no element in the file"},
		{"no XML", "{}", "x:1:1: text outside of the root element"},
		{"another root", "<a/>", "x:1:1: the root element is not <cib>: this is no Pacemaker configuration"},
		{"no configuration", "<cib/>", "x:1:1: <cib> has no <configuration>"},
		{"two configurations", "<cib><configuration/>\n<configuration/></cib>", "x:2:1: a second <configuration>"},
		{"two roots", "<cib><configuration/></cib>\n<cib/>", "x:2:1: a second root element"},
		{"unfinished tag", "<cib a=", "x:1:1: the file ends inside a tag"},
		{"unfinished element", head, "x:1:21: the file ends inside <configuration>"},
		{"wrong end", "<cib>\n</bic>", "x:2:1: </bic> stands where </cib> should"},
		{"end of nothing", "</cib>", "x:1:1: </cib> ends nothing"},
		{"no name", "<cib>< a></cib>", "x:1:6: a name should follow <"},
		{"no quotes", "<cib a=1/>", "x:1:6: the value of attribute a has no quotes"},
		{"no value", "<cib a/>", `x:1:6: an attribute is not written name="value"`},
		{"no space", `<cib a="1"b="2"/>`, "x:1:11: white space should stand before an attribute"},
		{"slash", `<cib / >`, "x:1:6: a > should follow /"},
		{"attribute twice", `<cib a="1" a="2"/>`, "x:1:12: attribute a is given twice"},
		{"tag in value", `<cib a="<"/>`, "x:1:6: the value of attribute a contains <"},
		{"document type", `<!DOCTYPE cib [<!ENTITY a "b">]><cib/>`, "x:1:1: document types and entities are refused"},
		{"entity", `<cib><configuration odd="&a;"/></cib>`, "x:1:21: the value of attribute odd contains &a;, which is no character (entities are refused)"},
		{"bare ampersand", `<cib dc-uuid="a & b"/>`, "x:1:6: the value of attribute dc-uuid contains a bare &"},
		{"null character", `<cib dc-uuid="&#0;"/>`, "x:1:6: the value of attribute dc-uuid contains &#0;, which is no character (entities are refused)"},
		{"not UTF-8", "<cib dc-uuid='\xff'/>", "x:1:6: the value of attribute dc-uuid is not valid UTF-8 text"},
		{"encoding", `<?xml version="1.0" encoding="UTF-16"?><cib/>`, `x:1:1: the encoding "utf-16" is not UTF-8`},
		{"unfinished comment", "<cib>\n <!-- ", "x:2:2: a comment or instruction begins here and does not end"},
		{"too deep", strings.Repeat("<cib>", 70), "x:1:321: elements are nested more than 64 deep"},
		{"too many attributes", "<cib" + manyAttributes() + "/>", "an element has more than 256 attributes"},
		{"unknown section", `<cib><odd/><configuration/></cib>`, "x:1:6: <odd> is unknown in <cib>"},
		{"unknown element", head + `<resources><odd/></resources>` + tail, "x:1:32: <odd> is unknown in <resources>"},
		{"unknown attribute", head + `<nodes><node id="1" uname="a" odd="1"/></nodes>` + tail, "x:1:51: attribute odd is unknown in <node>"},
		{"text", head + `<nodes> odd </nodes>` + tail, "x:1:33: <nodes> contains text where only elements belong"},
		{"id twice", head + "<tags>\n<tag id='a'/>\n<tag id='a'/></tags>" + tail, `x:3:6: id "a" is that of the <tag> in line 2, too`},
		{"node twice", head + `<nodes><node id="1" uname="a"/><node id="1" uname="b"/></nodes>` + tail, `x:1:52: node id "1" is given twice`},
		{"reference to nothing", head + `<crm_config><cluster_property_set id-ref="a"/></crm_config>` + tail, `x:1:55: id-ref "a" names no <cluster_property_set>`},
		{"reference to itself", head + `<constraints><rsc_location id="l" rsc="a"><rule id="r" score="1"><rule id-ref="r"/></rule></rsc_location></constraints>` + tail, `x:1:86: rules are nested more than 64 deep`},
		{"no template", head + `<resources><primitive id="p" template="t"/></resources>` + tail, `x:1:50: primitive "p" uses template "t", which does not exist`},
		{"no class", head + `<resources><primitive id="p" type="t"/></resources>` + tail, `x:1:32: <primitive> has no class`},
		{"empty clone", head + `<resources><clone id="c"/></resources>` + tail, `x:1:32: clone "c" has 0 members instead of one`},
		{"empty group", head + `<resources><group id="c"/></resources>` + tail, `x:1:32: group "c" has no members`},
		{"interval", head + `<resources><primitive id="p" class="lsb" type="t"><operations><op id="o" name="monitor" interval="soon"/></operations></primitive></resources>` + tail, `x:1:109: interval: "soon" is not a length of time: write 30s, 5m or PT5M`},
		{"score", head + `<nodes><node id="1" uname="a" score="much"/></nodes>` + tail, `x:1:51: score "much" is neither an integer nor INFINITY or -INFINITY`},
		{"kind", head + `<constraints><rsc_order id="o" first="a" then="b" kind="odd"/></constraints>` + tail, `x:1:71: kind "odd" is none of Mandatory, Optional, Serialize`},
		{"half an order", head + `<constraints><rsc_order id="o" first="a"/></constraints>` + tail, `x:1:34: <rsc_order> has no then`},
		{"instance", head + `<constraints><rsc_colocation id="c" rsc="a" with-rsc="b" rsc-instance="1"/></constraints>` + tail, `x:1:78: attribute rsc-instance is unknown in <rsc_colocation>`},
		{"pattern", head + `<constraints><rsc_location id="l" rsc-pattern="(" node="a" score="1"/></constraints>` + tail, "x:1:55: rsc-pattern: error parsing regexp"},
		{"date", head + `<constraints><rsc_location id="l" rsc="a"><rule id="r" score="1"><date_expression id="d" operation="gt" start="never"/></rule></rsc_location></constraints>` + tail, `x:1:125: start: "never" is not an ISO 8601 date`},
		{"bundle", head + `<resources><bundle id="b"/></resources>` + tail, `x:1:32: bundle "b" has none of docker, podman, rkt`},
		{"too many copies", head + `<rsc_defaults><meta_attributes id="m"><nvpair id="p" name="clone-max" value="1001"/></meta_attributes></rsc_defaults>` + tail, "x:1:59: clone-max is 1001, more than 1000"},
		{"history", `<cib><configuration/><status><node_state id="1"><lrm><lrm_resources><lrm_resource id="a"><lrm_rsc_op id="o" operation="start" rc-code="ok"/></lrm_resource></lrm_resources></lrm></node_state></status></cib>`, `x:1:127: rc-code "ok" is not a whole number`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := cib.Read(strings.NewReader(c.text), "x")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func manyAttributes() string {
	var b strings.Builder
	for i := range 300 {
		b.WriteString(" a" + strings.Repeat("b", i) + "='1'")
	}
	return b.String()
}

// TestAmplification: a short file must not mean a long one.
func TestAmplification(t *testing.T) {
	var b strings.Builder
	b.WriteString(`<cib><configuration><constraints><rsc_location id="l" rsc="a">`)
	for i := range 60 {
		next := string(rune('a'+(i+1)%26)) + strings.Repeat("x", (i+1)/26)
		this := string(rune('a'+i%26)) + strings.Repeat("x", i/26)
		b.WriteString(`<rule id="` + this + `" score="1"><rule id-ref="` + next + `"/><rule id-ref="` + next + `"/></rule>`)
	}
	b.WriteString(`<rule id="ixx" score="1"><expression id="e" attribute="a" operation="defined"/></rule></rsc_location></constraints></configuration></cib>`)
	_, err := cib.Read(strings.NewReader(b.String()), "x")
	if err == nil || !strings.Contains(err.Error(), "stand for more than") {
		t.Errorf("got %v", err)
	}
}

func TestTagTooLong(t *testing.T) {
	text := `<cib><configuration a="` + strings.Repeat("a", cib.MaxTag+1)
	_, err := cib.Read(strings.NewReader(text), "x")
	if err == nil || !strings.Contains(err.Error(), "x:1:6: a tag or comment is longer than 4 MiB") {
		t.Errorf("got %.200v", err)
	}
}

// TestManyProblems: a file that is wrong throughout is not told of throughout.
func TestManyProblems(t *testing.T) {
	text := `<cib><configuration><nodes>` + strings.Repeat("<odd/>", 1000) + `</nodes></configuration></cib>`
	_, err := cib.Read(strings.NewReader(text), "x")
	if err == nil || strings.Count(err.Error(), "\n") != 99 {
		t.Errorf("got %.200v", err)
	}
}

var positioned = regexp.MustCompile(`^x:\d+:\d+: .`)

// FuzzRead: whatever is read, errors say where, and nothing panics; what was
// read without error can be decided about.
func FuzzRead(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 {
			return
		}
		input, err := cib.Read(bytes.NewReader(text), "x")
		if err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				if !positioned.MatchString(line) {
					t.Errorf("an error without a place: %q", line)
				}
			}
			return
		}
		if len(input.Nodes) < 50 && len(input.Resources) < 50 {
			policy.Compute(input)
		}
	})
}

func seeds(f *testing.F) [][]byte {
	var found [][]byte
	big, err := io.ReadAll(bigCluster(2, 3))
	if err != nil {
		f.Fatal(err)
	}
	found = append(found, big)
	names, _ := filepath.Glob("testdata/*.bz2")
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			f.Fatal(err)
		}
		text, err := io.ReadAll(bzip2.NewReader(file))
		file.Close()
		if err != nil {
			f.Fatal(err)
		}
		found = append(found, text)
	}
	return found
}
