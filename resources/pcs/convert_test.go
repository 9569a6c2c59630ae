package pcs

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

var update = flag.Bool("update", false, "rewrite the expected problems and notes")

func tables() (resources.AgentTable, resources.FenceTable) {
	return definition.Agents(catalog.Agents(zap.NewNop()).Specs()), definition.Fences(catalog.Fences())
}

func convert(t *testing.T, name string) *Converted {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	agents, fences := tables()
	return Convert(agents, fences, File{Name: name, Text: text})
}

// golden compares with a file of lines, or writes it.
func golden(t *testing.T, name string, problems []Problem) {
	t.Helper()
	got := ""
	for _, p := range problems {
		got += p.String() + "\n"
	}
	if *update {
		if err := os.WriteFile("testdata/"+name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// TestConvert: a script ends in the definition that its file says, and everything
// that is not the definition's is noted.
func TestConvert(t *testing.T) {
	found := convert(t, "controller.sh")
	for _, p := range found.Left {
		t.Errorf("left out: %s", p)
	}
	golden(t, "controller.notes", found.Notes)
	text, err := os.ReadFile("testdata/controller.toml")
	if err != nil {
		t.Fatal(err)
	}
	agents, fences := tables()
	want, err := definition.Decode(agents, fences, definition.File{Name: "controller.toml", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	if diff := definition.Diff(want, found.Definition); len(diff) > 0 {
		t.Errorf("differs from its file: %+v", diff)
	}
	if strings.Contains(string(definition.Encode(found.Definition)), "private") {
		t.Error("a password stands in the definition")
	}
}

// TestBroken: whatever is wrong is told at once, each thing at its place.
func TestBroken(t *testing.T) {
	golden(t, "broken.want", convert(t, "broken.sh").Left)
}

func TestSeveralFiles(t *testing.T) {
	found := Convert(resources.AgentTable{}, resources.FenceTable{},
		File{"a.sh", []byte("pcs constraint order one then two-clone\npcs constraint order one then twwo-clone\n")},
		File{"b.sh", []byte("pcs resource create one systemd:one\npcs resource create two systemd:two\n")})
	if len(found.Definition.Orders) != 1 || len(found.Left) != 1 || !strings.HasPrefix(found.Left[0].String(), `a.sh:2:31: no resource or group is called "twwo-clone": did you mean "two"?`) {
		t.Errorf("got %v and %v", found.Definition.Orders, found.Left)
	}
}

// TestSetsTicketsTags: constraints of more than two, and names for several.
func TestSetsTicketsTags(t *testing.T) {
	script := "for x in a b c; do echo $x; done\npcs resource create a systemd:a\npcs resource create b systemd:b\npcs resource create c systemd:c\n" +
		"pcs constraint order set a b sequential=false set c\npcs constraint colocation set a b setoptions score=100\npcs constraint ticket add geo a loss-policy=stop\npcs tag create both a b\n"
	found := Convert(resources.AgentTable{}, resources.FenceTable{}, File{"s.sh", []byte(script)})
	d := found.Definition
	if len(found.Left) > 0 || len(d.Orders) != 1 || len(d.Orders[0].Sets) != 2 || len(d.Colocations) != 1 || d.Colocations[0].Score != 100 || len(d.Tickets) != 1 || len(d.Tags) != 1 {
		t.Errorf("left %v, got %s", found.Left, definition.Encode(d))
	}
}

// TestMoves: a move is noted with the command that does the same.
func TestMoves(t *testing.T) {
	found := Convert(resources.AgentTable{}, resources.FenceTable{}, File{"m.sh", []byte(
		"pcs resource create web systemd:web\npcs resource move web node-1 lifetime=PT1H30M --wait\npcs resource ban web $node lifetime=P1M\npcs resource move web\n")})
	want := `m.sh:2:1: a move is no part of a definition, and ends by itself: belayctl resource move web node-1 --for 1h30m
m.sh:3:1: a ban is no part of a definition, and ends by itself: belayctl resource ban web $node --for TIME (lifetime=P1M); for good: a location with avoids
m.sh:4:1: a move is no part of a definition, and ends by itself: belayctl resource move web`
	var got []string
	for _, n := range found.Notes {
		if n.Line > 1 {
			got = append(got, n.String())
		}
	}
	if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" || len(found.Left) > 0 {
		t.Errorf("left %v, notes (-want +got):\n%s", found.Left, diff)
	}
}

// TestWords: words come out as a shell would pass them on.
func TestWords(t *testing.T) {
	cases := []struct {
		script string
		want   []string
	}{
		{"a b\tc", []string{"a b c"}},
		{"a 'b c' \"d e\" f\\ g", []string{"a|b c|d e|f g"}},
		{"a 'it'\\''s' \"\\\"q\\\" \\n\"", []string{`a|it's|"q" \n`}},
		{"a \\\n  b # c\nd", []string{"a|b", "d"}},
		{"a#b c", []string{"a#b|c"}},
		{"a; b && c || d | e & f", []string{"a", "b", "c", "d", "e", "f"}},
		{"a >x 2>&1 <y b", []string{"a|b"}},
		{"a $x ${y z} $(b c) `d e` \"$f\" '$g'", []string{"a|$x|${y z}|$(b c)|`d e`|$f|$g"}},
		{"a <<E b\nnot a command\nE\nc", []string{"a|b", "c"}},
		{"while a; do b; done", []string{"a", "b"}},
		{"f() {\n a\n}\nb", []string{"a", "b"}},
		{"case $x in\n y) a;;\n z|w) b;;\nesac\nc", []string{"a", "z", "b", "c"}},
		{"(a b); c", []string{"a|b", "c"}},
		{"a ''", []string{"a|"}},
		{"a\r\nb\r\n", []string{"a", "b"}},
	}
	for _, c := range cases {
		commands, problems := read(c.script)
		var got []string
		for _, command := range commands {
			got = append(got, strings.Join(texts(command.words), "|"))
		}
		want := make([]string, len(c.want))
		for i, line := range c.want {
			want[i] = line
			if !strings.Contains(line, "|") && !strings.Contains(c.script, "'") {
				want[i] = strings.ReplaceAll(line, " ", "|")
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || len(problems) > 0 {
			t.Errorf("%q: %v\n%s", c.script, problems, diff)
		}
	}
}

// TestBundle: pcs' sentence for a bundle, and what it needs not say here.
func TestBundle(t *testing.T) {
	found := Convert(resources.AgentTable{}, resources.FenceTable{}, File{"b.sh", []byte(
		"pcs resource bundle create web container podman image=web:1 replicas=3 network control-port=3121 storage-map id=m source-dir=/a target-dir=/b --disabled\npcs constraint order web then web2\npcs resource bundle update web\n")})
	if len(found.Definition.Bundles) != 1 || len(found.Definition.Bundles[0].Storage) != 1 || len(found.Left) != 2 {
		t.Errorf("left %v, got %s", found.Left, definition.Encode(found.Definition))
	}
}
