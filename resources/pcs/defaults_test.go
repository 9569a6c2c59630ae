package pcs

import (
	"strings"
	"testing"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// written converts a script and returns what is written of it, and what is left.
func written(script string) (text, left string) {
	found := Convert(resources.AgentTable{}, resources.FenceTable{}, File{"s.sh", []byte(script)})
	for _, p := range found.Left {
		left += p.String() + "\n"
	}
	return string(definition.Encode(found.Definition)), left
}

// TestDefaultsByRule: sets of defaults with a rule become [[defaults.when]].
func TestDefaultsByRule(t *testing.T) {
	cases := []struct {
		name, script string
		want         []string // in this order
	}{
		{"an agent of Belay's own", "pcs resource defaults set create id=vips meta resource-stickiness=5 rule resource ocf:heartbeat:IPaddr2",
			[]string{"[[defaults.when]]", `rule = 'agent in "vip"'`, "[defaults.when.resource]", "resource_stickiness = 5"}},
		{"any agent of a type", "pcs resource defaults set create meta priority=1 rule resource ::Dummy", []string{`'agent in "*:Dummy"'`}},
		{"a standard", "pcs resource defaults set create meta priority=1 rule resource systemd::", []string{`'agent in "systemd:*"'`}},
		{"a provider", "pcs resource defaults set create meta priority=1 rule resource ocf:heartbeat:",
			[]string{`'(agent in "ocf:heartbeat:*" or agent in "galera" or agent in "rabbitmq" or agent in "vip" or agent in "systemd:*.mount")'`}},
		{"dates and a specification", "pcs resource defaults set create meta resource-stickiness=0 rule 'date in_range 2026-06-01 to 2026-07-01 or (date-spec hours=22-23 weekdays=6-7 and date gt 2027-01-01)'",
			[]string{`'(date >= 2026-06-01 and date <= 2026-07-01) or (date in "hours=22-23 weekdays=6-7" and date gt 2027-01-01)'`}},
		{"a duration", "pcs resource defaults set create meta priority=1 rule date in_range 2026-06-01 to duration days=1 hours=2",
			[]string{`(date >= 2026-06-01 and date <= 2026-06-02T02:00:00Z)`}},
		{"operations", "pcs resource op defaults set create meta timeout=90s rule op monitor interval=10s and resource ocf:pacemaker:Dummy",
			[]string{`'op in "monitor/10s" and agent in "ocf:pacemaker:Dummy"'`, "[defaults.when.op]", `timeout = "1m30s"`}},
		{"monitors and probes", "pcs resource op defaults set create meta timeout=90s rule op monitor", []string{`'(op in "monitor" or op in "probe")'`}},
		{"the last of the same score first", "pcs resource defaults set create meta priority=1 rule resource ocf:a:\npcs resource defaults set create meta priority=2 rule resource ocf:b:",
			[]string{"ocf:b:*", "priority = 2", "ocf:a:*", "priority = 1"}},
		{"the higher score first", "pcs resource defaults set create score=9 meta priority=1 rule resource ocf:a:\npcs resource defaults set create meta priority=2 rule resource ocf:b:",
			[]string{"ocf:a:*", "ocf:b:*"}},
		{"without a rule", "pcs resource defaults set create id=x meta priority=3", []string{"[defaults.resource]", "priority = 3"}},
		{"taken back", "pcs resource defaults set create id=x meta priority=3 rule resource ocf:a:\npcs resource defaults set delete x\npcs resource defaults priority=4", []string{"priority = 4"}},
		{"a location's rule", "pcs cluster setup c a\npcs resource create r systemd:r\npcs constraint location r rule score=5 osprole eq controller and date-spec hours=1-6",
			[]string{`rule = 'osprole eq controller and date in "hours=1-6"'`, "score = 5"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text, left := written(c.script)
			if left != "" {
				t.Fatalf("left: %s", left)
			}
			rest := text
			for _, want := range c.want {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Fatalf("no %q in this place of\n%s", want, text)
				}
				rest = after
			}
			if strings.Count(text, "[[defaults.when]]") > strings.Count(c.script, "set create") {
				t.Errorf("more sets than there are:\n%s", text)
			}
		})
	}
}

// TestDefaultsByRuleRefused: what cannot be said is told at its place.
func TestDefaultsByRuleRefused(t *testing.T) {
	for script, want := range map[string]string{
		"pcs resource defaults set create meta priority=1 rule osprole eq controller":                                                                          "cannot ask for the node's osprole",
		"pcs resource defaults set create meta priority=1 rule op monitor":                                                                                     "cannot ask for the operation",
		"pcs resource defaults set create meta priority=1 rule":                                                                                                "the rule is missing",
		"pcs resource defaults set create meta priority=1 rule resource galera":                                                                                `"galera" is no agent`,
		"pcs resource defaults set create meta priority=1 rule date in_range 2026-06-01 to duration months=1":                                                  "write its end",
		"pcs resource defaults set create meta priority=1 rule date in_range 2026-06-01 to duration weeks=99999":                                               "more than a hundred years",
		"pcs resource defaults set create colour=red meta priority=1 rule resource ocf::":                                                                      `unexpected "colour=red"`,
		"pcs resource defaults set create meta prioritty=1 rule resource ocf::":                                                                                `did you mean "priority"?`,
		"pcs resource defaults set create rule resource ocf::":                                                                                                 "nothing to set",
		"pcs resource defaults set delete x":                                                                                                                   `no set of defaults with a rule is called "x"`,
		"pcs resource defaults set update x meta priority=1":                                                                                                   "write the whole set",
		"pcs resource defaults set create meta priority=1 rule resource ocf::\npcs resource defaults set create score=2 meta priority=3":                       "priority is given by a set with a rule",
		"pcs resource defaults set create score=2 meta resource-stickiness=3\npcs resource defaults set create meta resource_stickiness=1 rule resource ocf::": "resource_stickiness is given by a set with a rule",
	} {
		if _, left := written(script); !strings.Contains(left, want) {
			t.Errorf("%s: left %q, want %q", script, left, want)
		}
	}
}
