package policy

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/resources"
)

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := ParseTime(text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestParseTime(t *testing.T) {
	cases := []struct{ text, want string }{
		{"2026-11-21", "2026-11-21T00:00:00Z"},
		{"20261121", "2026-11-21T00:00:00Z"},
		{"2026-325", "2026-11-21T00:00:00Z"},
		{"2026325T14", "2026-11-21T14:00:00Z"},
		{"2026-W47-6", "2026-11-21T00:00:00Z"},
		{"2026W476", "2026-11-21T00:00:00Z"},
		{"2027-W01-1", "2027-01-04T00:00:00Z"},
		{"2026-11-21 14:07", "2026-11-21T14:07:00Z"},
		{"2026-11-21T140738", "2026-11-21T14:07:38Z"},
		{"2026-11-21T14:07:38.25Z", "2026-11-21T14:07:38Z"},
		{"2026-11-21 14:07:38 +01:30", "2026-11-21T12:37:38Z"},
		{"2026-11-21T14:07:38-0130", "2026-11-21T15:37:38Z"},
		{"2026-12-31T24:00", "2027-01-01T00:00:00Z"},
		{"2024-02-29", "2024-02-29T00:00:00Z"},
		{"", ""}, {"tomorrow", ""}, {"2026-13-01", ""}, {"2025-02-29", ""}, {"2025-366", ""}, {"2026-11-21T25:00", ""},
		{"2026-11-21T24:01", ""}, {"2026-11-21T14:60", ""}, {"2026-11-21X", ""}, {"2026-11-21T14:07 UTC", ""}, {"2026-1", ""},
	}
	for _, c := range cases {
		at, err := ParseTime(c.text)
		got := ""
		if err == nil {
			got = at.Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("%q is read as %q (%v), want %q", c.text, got, err, c.want)
		}
	}
}

func TestDateHolds(t *testing.T) {
	now := instant(t, "2026-11-21T14:07:38") // a Saturday in week 47
	before, after := now.Add(-time.Second), now.Add(time.Second)
	cases := []struct {
		name string
		x    DateExpression
		want bool
	}{
		{"after", DateExpression{Operation: "gt", Start: before}, true},
		{"not after itself", DateExpression{Operation: "gt", Start: now}, false},
		{"after nothing", DateExpression{Operation: "gt"}, false},
		{"before", DateExpression{Operation: "lt", End: after}, true},
		{"not before itself", DateExpression{Operation: "lt", End: now}, false},
		{"range with both ends", DateExpression{Operation: "in_range", Start: now, End: now}, true},
		{"open to the past", DateExpression{End: after}, true},
		{"open to the future", DateExpression{Start: before}, true},
		{"over", DateExpression{Operation: "in_range", End: before}, false},
		{"no range", DateExpression{Operation: "in_range"}, false},
		{"within a duration", DateExpression{Operation: "in_range", Start: instant(t, "2026-10-21"), Duration: &DateParts{Months: 1, Hours: 15}}, true},
		{"after a duration", DateExpression{Operation: "in_range", Start: instant(t, "2026-10-21"), Duration: &DateParts{Months: 1, Hours: 14}}, false},
		{"an end beats a duration", DateExpression{Operation: "in_range", Start: before, End: after, Duration: &DateParts{Years: -9}}, true},
		{"fields", DateExpression{Operation: "date_spec", Spec: &DateSpec{
			Years: "2026-", Months: "-11", Monthdays: "21", Hours: "9-16", Minutes: "7", Seconds: "38",
			Yeardays: "325", Weeks: "47", Weekyears: "2026", Weekdays: "6", Moon: "0-7",
		}}, true},
		{"one field off", DateExpression{Operation: "date_spec", Spec: &DateSpec{Hours: "9-16", Weekdays: "1-5"}}, false},
		{"no span restricts nothing", DateExpression{Operation: "date_spec", Spec: &DateSpec{Hours: "early"}}, true},
		{"no fields", DateExpression{Operation: "date_spec", Spec: &DateSpec{}}, true},
		{"no specification", DateExpression{Operation: "date_spec"}, false},
		{"unknown", DateExpression{Operation: "soon"}, false},
	}
	for _, c := range cases {
		if got := dateHolds(&c.x, now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestAddParts(t *testing.T) {
	cases := []struct {
		from string
		d    DateParts
		want string
	}{
		{"2026-01-31", DateParts{Months: 1}, "2026-02-28"},
		{"2024-03-01", DateParts{Years: 1}, "2025-03-02"}, // the 61st day of both
		{"2026-11-30", DateParts{Months: 3, Weeks: 1, Days: 1}, "2027-03-08"},
		{"2026-01-01", DateParts{Hours: 20, Minutes: 200, Seconds: 2400}, "2026-01-02"},
		{"2026-03-15", DateParts{Months: -1, Days: -14}, "2026-02-01"},
	}
	for _, c := range cases {
		if got := c.d.AddTo(instant(t, c.from)); !got.Equal(instant(t, c.want)) {
			t.Errorf("%s and %+v is %s, want %s", c.from, c.d, got, c.want)
		}
	}
}

func TestCompareAttribute(t *testing.T) {
	const missing = "\x00"
	cases := []struct {
		actual, operation, wanted, kind string
		want                            bool
	}{
		{"Red", "eq", "red", "", true},
		{"10", "gt", "9", "", true},
		{"10", "gt", "9", "string", false},
		{"1.5", "lt", "1.25", "", false},
		{"1.5", "gte", "1.5", "number", true},
		{"1.5", "eq", "1.50", "", false},
		{"1.5", "eq", "1.50", "number", true},
		{"abc", "lt", "9", "", false},
		{" 7s", "eq", "7", "integer", true},
		{"1e3", "eq", "1000", "number", true},
		{"1.10", "gt", "1.9", "version", true},
		{"2.0", "eq", "2", "version", true},
		{"3.0.2-rc1", "gt", "3.0.1", "version", true},
		{missing, "ne", "a", "", true},
		{missing, "eq", missing, "", true},
		{missing, "lte", missing, "", false},
		{missing, "lt", "5", "", false},
		{"5", "gt", missing, "", false},
		{"5", "like", "5", "", false},
	}
	for _, c := range cases {
		if got := resources.CompareAttribute(c.actual, c.actual != missing, c.wanted, c.wanted != missing, c.operation, c.kind); got != c.want {
			t.Errorf("%q %s %q as %q: %v", c.actual, c.operation, c.wanted, c.kind, got)
		}
	}
}

func TestHolds(t *testing.T) {
	minute := time.Minute
	attribute := func(name, operation, value, source string) Condition {
		return Condition{Attribute: &AttributeExpression{Attribute: name, Operation: operation, Value: value, Source: source}}
	}
	yes, no := attribute("a", "defined", "", ""), attribute("a", "not_defined", "", "")
	loop := &Rule{}
	loop.Parts = []Condition{{Rule: loop}}
	on := ruleContext{
		node:   &node{attrs: map[string]string{"a": "1", "site-east": "x"}},
		rsc:    &resource{config: &ResourceConfig{Class: "ocf", Provider: "heartbeat", Type: "IPaddr2"}},
		op:     "monitor",
		params: map[string]string{"p": "1"}, meta: map[string]string{"m": "2"},
		interval: minute, match: []string{"db-east", "east"},
	}
	cases := []struct {
		name string
		rule *Rule
		ctx  ruleContext
		want bool
	}{
		{"no rule", nil, on, true},
		{"and", &Rule{Parts: []Condition{yes, no}}, on, false},
		{"or", &Rule{Or: true, Parts: []Condition{no, yes}}, on, true},
		{"empty and", &Rule{}, on, true},
		{"empty or", &Rule{Or: true}, on, false},
		{"nested", &Rule{Parts: []Condition{yes, {Rule: &Rule{Or: true, Parts: []Condition{no, yes}}}}}, on, true},
		{"loop", loop, on, false},
		{"nothing", &Rule{Parts: []Condition{{}}}, on, false},
		{"parameter", &Rule{Parts: []Condition{attribute("a", "eq", "p", "param")}}, on, true},
		{"meta-attribute", &Rule{Parts: []Condition{attribute("a", "lt", "m", "meta")}}, on, true},
		{"group of a pattern", &Rule{Parts: []Condition{attribute("site-%1", "eq", "X", "")}}, on, true},
		{"no node", &Rule{Parts: []Condition{no, attribute("a", "ne", "1", "")}}, ruleContext{}, true},
		{"agent", &Rule{Parts: []Condition{{Resource: &ResourceExpression{Class: "ocf", Type: "IPaddr2"}}}}, on, true},
		{"another agent", &Rule{Parts: []Condition{{Resource: &ResourceExpression{Provider: "pacemaker"}}}}, on, false},
		{"no agent", &Rule{Parts: []Condition{{Resource: &ResourceExpression{Class: "ocf"}}}}, ruleContext{}, false},
		{"operation", &Rule{Parts: []Condition{{Op: &OpExpression{Name: "monitor", Interval: &minute}}}}, on, true},
		{"any interval", &Rule{Parts: []Condition{{Op: &OpExpression{Name: "monitor"}}}}, on, true},
		{"another operation", &Rule{Parts: []Condition{{Op: &OpExpression{Name: "start"}}}}, on, false},
		{"no operation", &Rule{Parts: []Condition{{Op: &OpExpression{}}}}, ruleContext{}, false},
	}
	for _, c := range cases {
		if got := (&engine{}).holds(c.rule, c.ctx); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestResolve(t *testing.T) {
	sets := []AttributeSet{
		{ID: "early", Pairs: []Pair{{"a", "early"}, {"b", "early"}, {"b", "again"}}},
		{ID: "late", Pairs: []Pair{{"a", "late"}}},
		{ID: "high", Score: 5, Pairs: []Pair{{"c", "high"}, {"d", "high"}, {"d", "#default"}}},
		{ID: "never", Score: 9, Rule: &Rule{Or: true}, Pairs: []Pair{{"a", "never"}}},
		{ID: "first", Score: -5, Pairs: []Pair{{"c", "first"}}},
	}
	got := (&engine{}).resolve(sets, "first", ruleContext{})
	want := map[string]string{"a": "late", "b": "early", "c": "first"}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
	if got := (&engine{}).resolve(sets, "", ruleContext{})["c"]; got != "high" {
		t.Errorf("without a first set, c is %q", got)
	}
}
