package resources

import (
	"slices"
	"strings"
	"testing"
)

// TestSecretsStandNowhere: in no place of a definition may a secret stand in the
// clear, and none may be where the agent does not keep it.
func TestSecretsStandNowhere(t *testing.T) {
	table := NewAgentTable(AgentInfo{Name: "db", Params: []ParamInfo{{Name: "command", Kind: ParamString}, {Name: "password", Kind: ParamString, Secret: true}, {Name: "env.*", Kind: ParamString, Secret: true}}},
		AgentInfo{Name: "podman", Params: []ParamInfo{{Name: "*", Kind: ParamString}}})
	clear := Params{"password": "hunter2", "env.API_TOKEN": "hunter2", "env.LANG": "C"}
	sealed := Params{"password": "secret://a", "env.API_TOKEN": "secret://b", "env.LANG": "secret://c"}
	for name, c := range map[string]struct {
		def func(Params) *Definition
		at  string
	}{
		"resource": {func(p Params) *Definition {
			return &Definition{Resources: []Resource{{ID: "x", Agent: "db", Params: p}}}
		}, "resource[x].params"},
		"operation": {func(p Params) *Definition {
			return &Definition{Resources: []Resource{{ID: "x", Agent: "db", Ops: []Operation{{Name: OpStart, Params: p}}}}}
		}, "resource[x].op.start.params"},
		"rule": {func(p Params) *Definition {
			return &Definition{Resources: []Resource{{ID: "x", Agent: "db", When: []When{{Rule: "#uname == a", Params: p}}}}}
		}, "resource[x].when.params"},
		"operation of a rule": {func(p Params) *Definition {
			return &Definition{Resources: []Resource{{ID: "x", Agent: "db", When: []When{{Rule: "#uname == a", Ops: []Operation{{Name: OpStart, Params: p}}}}}}}
		}, "resource[x].when.op.start.params"},
		"template that is used": {func(p Params) *Definition {
			return &Definition{Templates: []Resource{{ID: "y", Agent: "db", Params: p}}, Resources: []Resource{{ID: "x", Template: "y"}}}
		}, "resource[x].params"},
		"template that is not used": {func(p Params) *Definition {
			return &Definition{Templates: []Resource{{ID: "x", Agent: "db", Params: p}}}
		}, "template[x].params"},
	} {
		var at []string
		for _, p := range Validate(c.def(clear), table, FenceTable{}) {
			at = append(at, string(p.Code)+" "+p.Path)
			if strings.Contains(p.String(), "hunter2") {
				t.Errorf("%s: it says the secret: %s", name, p)
			}
		}
		if want := []string{"clear_secret " + c.at + ".env.API_TOKEN", "clear_secret " + c.at + ".password"}; !slices.Equal(at, want) {
			t.Errorf("%s: %q, want %q", name, at, want)
		}
		if got := Validate(c.def(sealed), table, FenceTable{}); len(got) > 0 {
			t.Errorf("%s, sealed: %v", name, got)
		}
		got := Validate(c.def(Params{"command": "secret://a"}), table, FenceTable{})
		if name != "template that is not used" && (len(got) != 1 || got[0].Path != c.at+".command" || !strings.Contains(got[0].Text, "nothing that the agent keeps secret")) {
			t.Errorf("%s, in an argument: %v", name, got)
		}
	}
	for options, want := range map[string]int{
		"-e DB_PASSWORD=hunter2": 1, "--env=DB_PASSWORD=hunter2": 1, "--user=root --env DB_PASSWORD='hunter 2'": 1, "-eTOKEN=x": 1,
		"-e KOLLA_CONFIG_STRATEGY=COPY_ALWAYS --env-file=/etc/db.env": 0, "-e DB_PASSWORD": 0, "--secret=db,type=env,target=DB_PASSWORD": 0,
	} {
		d := &Definition{Bundles: []Bundle{{ID: "b", Image: "i", Options: options}}}
		got := Validate(d, table, FenceTable{})
		if len(got) != want || want > 0 && (got[0].Code != ProblemClearSecret || got[0].Path != "bundle[b].options" || strings.Contains(got[0].String(), "hunter")) {
			t.Errorf("%s: %v", options, got)
		}
	}
}
