package resources_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/resources"
)

func TestRuleMatch(t *testing.T) {
	attributes := map[string]string{
		"osprole": "Controller", "cpus": "16", "load": "0.5", "rack": "b 2", "release": "2.10", "#uname": "c1", "and": "x", "empty": "",
	}
	cases := []struct {
		rule string
		want bool
	}{
		{`osprole == "controller"`, true},
		{`osprole eq controller`, true},
		{`osprole eq compute`, false},
		{`osprole != 'controller'`, false},
		{`osprole ne compute`, true},
		{`nothing ne compute`, true},
		{`nothing eq compute`, false},
		{`nothing lt 5`, false},
		{`nothing gte 5`, false},
		{`cpus > 9`, true},
		{`cpus lt 9`, false},
		{`cpus >= 16 && cpus <= 16`, true},
		{`cpus gt 9.5`, true},
		{`load < 1`, true},
		{`cpus eq 16.0`, false},
		{`cpus eq integer 16.5`, true},
		{`cpus eq number 16.0`, true},
		{`cpus lt string 9`, true},
		{`osprole gt a`, true},
		{`release gt number 2.9`, false},
		{`release gt version 2.9`, true},
		{`rack == "b 2"`, true},
		{`#uname eq C1`, true},
		{`defined rack and not_defined shelf`, true},
		{`defined shelf or defined empty`, true},
		{`!(defined rack)`, false},
		{`!defined shelf`, true},
		{`not defined rack`, false},
		{`osprole eq compute or cpus gt 1 and cpus gt 100`, false},
		{`(osprole eq controller or cpus gt 1) and cpus gt 100`, false},
		{`osprole eq controller || cpus gt 1 && cpus gt 100`, true},
		{`and eq x and osprole eq controller`, true},
		{`osprole eq string`, false},
		{`empty == ""`, true},
	}
	for _, c := range cases {
		t.Run(c.rule, func(t *testing.T) {
			rule, err := resources.ParseRule(c.rule)
			if err != nil {
				t.Fatal(err)
			}
			if got := rule.Match(attributes); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if rule.String() != c.rule {
				t.Errorf("the rule writes itself as %q", rule)
			}
		})
	}
}

func TestRuleErrors(t *testing.T) {
	cases := []struct {
		rule   string
		column int
		text   string
	}{
		{``, 1, "write an attribute"},
		{`osprole`, 8, "unexpected end of the rule"},
		{`osprole = controller`, 9, `did you mean "=="?`},
		{`osprole is controller`, 9, `unexpected "is"`},
		{`osprole eq`, 11, "eq needs a value"},
		{`osprole eq controller cpus gt 1`, 23, "join expressions"},
		{`(osprole eq controller`, 23, "parenthesis at column 1 is still open"},
		{`osprole eq controller)`, 22, `unexpected ")"`},
		{`osprole == "controller`, 12, "no closing quote"},
		{`defined`, 8, "needs an attribute's name"},
		{`a eq b & c eq d`, 8, `did you mean "&&"?`},
		{`a == ! b`, 6, "needs a value"},
		{strings.Repeat("(", 100) + "a", 65, "nested more than"},
	}
	for _, c := range cases {
		t.Run(c.rule, func(t *testing.T) {
			_, err := resources.ParseRule(c.rule)
			var ruleErr *resources.RuleError
			if !errors.As(err, &ruleErr) {
				t.Fatalf("got %v, want a RuleError", err)
			}
			if ruleErr.Column != c.column || !strings.Contains(ruleErr.Text, c.text) {
				t.Errorf("got column %d: %s; want column %d: ...%s...", ruleErr.Column, ruleErr.Text, c.column, c.text)
			}
		})
	}
}

func TestRuleAttributes(t *testing.T) {
	rule, err := resources.ParseRule(`!(a eq 1) or defined b and c gt 3`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, rule.Attributes()); diff != "" {
		t.Error(diff)
	}
	var zero resources.Rule
	if zero.Match(map[string]string{"a": "1"}) || zero.Attributes() != nil {
		t.Error("the zero rule must match nothing")
	}
}

func FuzzParseRule(f *testing.F) {
	for _, seed := range []string{`osprole == "controller"`, `a lt 5 && (b ne x or !defined c)`, `a eq number 1.5`, `not_defined "x y"`, `((`, `a=b`, `"\`} {
		f.Add(seed, "a", "1")
	}
	f.Fuzz(func(t *testing.T, text, name, value string) {
		rule, err := resources.ParseRule(text)
		if err != nil {
			var ruleErr *resources.RuleError
			if !errors.As(err, &ruleErr) || ruleErr.Column < 1 || ruleErr.Column > max(len(text)+1, 4096) {
				t.Fatalf("bad error %#v for %q", err, text)
			}
			return
		}
		attributes := map[string]string{name: value}
		matched := rule.Match(attributes)
		negated, err := resources.ParseRule("!(" + text + ")")
		if err == nil && negated.Match(attributes) == matched {
			t.Fatalf("%q and its negation agree on %v", text, attributes)
		}
	})
}

func TestRuleDates(t *testing.T) {
	noon := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]bool{
		"date < 2026-06-02":                                        true,
		"date >= 2026-06-01T12:00":                                 true,
		"date > 2026-06-01T12:00:00Z":                              false,
		"date <= 2026-06-01T13:00:00+02:00":                        false,
		"date gt 2026-05-01 and (rack == b or date lt 2026-05-02)": true,
		"not date lt 2026-07-01":                                   false,
		`"date" > 5`:                                               true,
		"date == 7":                                                true,
	} {
		rule, err := resources.ParseRule(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := rule.MatchAt(map[string]string{"rack": "b", "date": "7"}, noon); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	rule, err := resources.ParseRule("date > 2026-06-01T18:00 or not date < 2026-07-01 or date < 2026-05-01")
	if err != nil {
		t.Fatal(err)
	}
	if rule.Match(nil) != true { // of the three only the one with not
		t.Error("a date holds at no known time")
	}
	if got, want := rule.Changes(noon), noon.Add(6*time.Hour+time.Nanosecond); !got.Equal(want) {
		t.Errorf("it changes at %s, want %s", got, want)
	}
	if got := rule.Changes(noon.AddDate(1, 0, 0)); !got.IsZero() {
		t.Errorf("it changes at %s", got)
	}
	_, err = resources.ParseRule("date > noon")
	var bad *resources.RuleError
	if !errors.As(err, &bad) || bad.Column != 8 {
		t.Errorf("date > noon: %v", err)
	}
}

// TestRuleEnds: when the clock alone ends a rule, and when it never does.
func TestRuleEnds(t *testing.T) {
	noon := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) // a Wednesday
	for text, want := range map[string]time.Time{
		"date < 2026-03-04T13:00":                       noon.Add(time.Hour),
		"date <= 2026-03-04T13:00":                      noon.Add(time.Hour + 1),
		"date > 2026-03-04":                             {}, // for good
		"date > 2026-03-05":                             {}, // does not hold
		"rack == a":                                     {},
		"rack == a and date < 2026-03-04T13:00":         noon.Add(time.Hour),
		"rack == a or date < 2026-03-04T13:00":          {},
		"date < 2026-03-04T13:00 or date > 2026-03-04":  {}, // the first end changes nothing
		`date in "hours=9-16 weekdays=1-5"`:             noon.Add(5 * time.Hour),
		`date in "weekdays=1-5"`:                        noon.Add(60 * time.Hour),
		`date in "weekdays=1-7"`:                        {},
		`date in "hours=9-12" or date in "hours=13-14"`: noon.Add(3 * time.Hour),
	} {
		rule, err := resources.ParseRule(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := rule.Ends(resources.Scene{Now: noon, Attributes: map[string]string{"rack": "a"}}); !got.Equal(want) {
			t.Errorf("%s ends at %s, want %s", text, got, want)
		}
	}
}

func TestQuoteRule(t *testing.T) {
	for text, want := range map[string]string{"rack == a": "'rack == a'", "rack == 'a'": `"rack == 'a'"`, `rack == "a"`: `'rack == "a"'`, `'a' == "b"`: "`'a' == \"b\"`"} {
		if got := resources.QuoteRule(text); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
