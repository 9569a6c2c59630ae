package cib_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/belay-ha/belay/resources/cib"
)

var (
	anyTag    = regexp.MustCompile(`<[a-z_]+(?: [a-z_-]+="[^"]*")+ *(/?)>`)
	attribute = regexp.MustCompile(` ([a-z_-]+)="([^"]*)"`)
)

// TestWrittenOtherwise: whichever way tags write their attributes, and the tags
// before them did, the same is read.
func TestWrittenOtherwise(t *testing.T) {
	var plain bytes.Buffer
	out := bufio.NewWriter(&plain)
	writeCluster(out, 5, 40)
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	want := read(t, plain.String())
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 0))
		share := r.Float64()
		text := anyTag.ReplaceAllStringFunc(plain.String(), func(tag string) string {
			if r.Float64() < share {
				return tag
			}
			return otherwise(tag, r)
		})
		if !reflect.DeepEqual(read(t, text), want) {
			t.Errorf("seed %d: something else is read", seed)
		}
	}
}

// otherwise writes a tag in another way that means the same.
func otherwise(tag string, r *rand.Rand) string {
	name, _, _ := strings.Cut(tag, " ")
	var attrs []string
	for _, found := range attribute.FindAllStringSubmatch(tag, -1) {
		text, value := " "+found[1], found[2]
		switch r.IntN(12) {
		case 0:
			text += " =\n'" + value + "'"
		case 1:
			if value != "" && value[0] > '9' { // numbers are digits
				value = fmt.Sprintf("&#%d;%s", value[0], value[1:])
			}
			text = "\t" + text + `="` + value + `"`
		case 2:
			text += `="` + value + `"`
			if strings.HasPrefix(name, "<lrm") {
				text += " odd-" + found[1] + `="odd"`
			}
		default:
			text += `="` + value + `"`
		}
		attrs = append(attrs, text)
	}
	if r.IntN(3) == 0 {
		r.Shuffle(len(attrs), func(i, j int) { attrs[i], attrs[j] = attrs[j], attrs[i] })
	}
	end := " >"
	if strings.HasSuffix(tag, "/>") {
		end = "/>"
	}
	return name + strings.Join(attrs, "") + end
}

// TestFaultsInLikeTags: faults are told of where they are, too, in a tag that is
// written as the one before it.
func TestFaultsInLikeTags(t *testing.T) {
	const op = `<lrm_rsc_op id="a_last_0" operation="start" rc-code="0"/>` + "\n"
	for _, c := range []struct{ name, op, want string }{
		{"tag in value", `<lrm_rsc_op id="a_last_0" operation="<" rc-code="0"/>`, "x:3:27: the value of attribute operation contains <"},
		{"attribute twice", `<lrm_rsc_op id="a_last_0" operation="start" id="b"/>`, "x:3:45: attribute id is given twice"},
		{"no space", `<lrm_rsc_op id="a_last_0"operation="start"/>`, "x:3:26: white space should stand before an attribute"},
		{"not a number", `<lrm_rsc_op id="a_last_0" operation="start" rc-code="ok"/>`, `x:3:45: rc-code "ok" is not a whole number`},
		{"entity", `<lrm_rsc_op id="&a;" operation="start" rc-code="0"/>`, "x:3:13: the value of attribute id contains &a;, which is no character"},
		{"no quotes", `<lrm_rsc_op id=a operation="start"/>`, "x:3:13: the value of attribute id has no quotes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := `<cib><configuration/><status><node_state id="1"><lrm><lrm_resources><lrm_resource id="a">` + "\n" + op + c.op + `</lrm_resource></lrm_resources></lrm></node_state></status></cib>`
			_, err := cib.Read(strings.NewReader(text), "x")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// TestLikeTexts: what is written as a text that was read before need not mean it.
func TestLikeTexts(t *testing.T) {
	history := func(id string) string {
		return `<node_state id="` + id + `"><lrm><lrm_resources>` +
			`<lrm_resource id="&amp;amp;" class="ocf"><lrm_rsc_op id="&amp;lt;" operation="start"/></lrm_resource>` +
			`<lrm_resource id="&amp;" class="ocf"><lrm_rsc_op id="&lt;" operation="start"/></lrm_resource>` +
			`<lrm_resource id="a&#10;b" class="ocf"><lrm_rsc_op id="c&#10;d" operation="start"/></lrm_resource>` +
			"<lrm_resource id=\"a\nb\" class=\"ocf\"><lrm_rsc_op id=\"c\nd\" operation=\"start\"/></lrm_resource>" +
			`</lrm_resources></lrm></node_state>`
	}
	input := read(t, in("", history("1")+history("2")+history("3")))
	want := [][2]string{{"&amp;", "&lt;"}, {"&", "<"}, {"a\nb", "c\nd"}, {"a b", "c d"}}
	for _, s := range input.Status {
		var got [][2]string
		for _, h := range s.History {
			got = append(got, [2]string{h.Resource, h.Ops[0].ID})
		}
		diff(t, "node "+s.ID, got, want)
	}
}

// TestUnlikeHistories: nodes need not remember the same resources, nor in the same
// order.
func TestUnlikeHistories(t *testing.T) {
	nodes := []string{"abcdefgh", "abcdefgh", "bcd", "hgfedcba", "", "xaxbxc", "aaaa", "abch"}
	var status strings.Builder
	for n, ids := range nodes {
		fmt.Fprintf(&status, `<node_state id="%d"><lrm><lrm_resources>`, n)
		for at, id := range ids {
			fmt.Fprintf(&status, `<lrm_resource id="%[1]c" class="ocf" type="T%[1]c">`, id)
			for op := range (n+at)%3 + 1 {
				fmt.Fprintf(&status, `<lrm_rsc_op id="%[1]c_%[2]d" operation="monitor" op-digest="%[1]c%[2]d" interval="%[2]d"/>`, id, op)
			}
			status.WriteString(`</lrm_resource>`)
		}
		status.WriteString(`</lrm_resources></lrm></node_state>`)
	}
	input := read(t, in("", status.String()))
	for n, s := range input.Status {
		got := ""
		for at, h := range s.History {
			got += h.Resource
			if h.Type != "T"+h.Resource || len(h.Ops) != (n+at)%3+1 {
				t.Errorf("node %d: %+v", n, h)
			}
			for i, op := range h.Ops {
				if op.ID != fmt.Sprintf("%s_%d", h.Resource, i) || op.Digest != fmt.Sprintf("%s%d", h.Resource, i) {
					t.Errorf("node %d: %+v", n, op)
				}
			}
		}
		if got != nodes[n] {
			t.Errorf("node %d remembers %q, want %q", n, got, nodes[n])
		}
	}
}
