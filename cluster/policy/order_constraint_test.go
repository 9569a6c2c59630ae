package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func no() *bool { return new(bool) }

func yes() *bool {
	b := true
	return &b
}

func TestConfiguredOrders(t *testing.T) {
	up := orderPlain | firstImpliesThen | firstBlocksThen
	down := orderPlain | thenImpliesFirst
	set := func(ids string, change func(*Set)) Set {
		s := Set{ID: "s-" + ids, Resources: strings.Split(ids, "")}
		if change != nil {
			change(&s)
		}
		return s
	}
	tests := []struct {
		name  string
		order OrderConfig
		want  []string
	}{
		{"mandatory", OrderConfig{First: "a", Then: "b"}, []string{
			fmt.Sprint("a start, b start ", up), fmt.Sprint("b stop, a stop ", down)}},
		{"optional", OrderConfig{First: "a", Then: "b", Kind: "Optional"}, []string{
			fmt.Sprint("a start, b start ", orderPlain), fmt.Sprint("b stop, a stop ", orderPlain)}},
		{"optional by score", OrderConfig{First: "a", Then: "b", Score: "0"}, []string{
			fmt.Sprint("a start, b start ", orderPlain), fmt.Sprint("b stop, a stop ", orderPlain)}},
		{"serialize", OrderConfig{First: "a", Then: "b", Kind: "Serialize"}, []string{
			fmt.Sprint("a start, b start ", serialize)}},
		{"one way", OrderConfig{First: "a", Then: "b", Symmetrical: no()}, []string{
			fmt.Sprint("a start, b start ", orderPlain|asymmetric)}},
		{"roles", OrderConfig{First: "a", FirstAction: "promote", Then: "b", ThenAction: "start"}, []string{
			fmt.Sprint("a promote, b start ", up), fmt.Sprint("b stop, a demote ", down)}},
		{"a set", OrderConfig{Sets: []Set{set("abc", nil)}}, []string{
			fmt.Sprint("a start, b start ", up), fmt.Sprint("b start, c start ", up),
			fmt.Sprint("b stop, a stop ", down), fmt.Sprint("c stop, b stop ", down)}},
		{"two sets", OrderConfig{Symmetrical: no(), Sets: []Set{
			set("ab", func(s *Set) { s.Sequential = no() }), set("c", nil)}}, []string{
			fmt.Sprint("a start, c start ", orderPlain|asymmetric), fmt.Sprint("b start, c start ", orderPlain|asymmetric)}},
		{"nearest members", OrderConfig{Sets: []Set{
			set("ab", func(s *Set) { s.Sequential = yes(); s.Kind = "Optional" }),
			set("c", func(s *Set) { s.Sequential = yes() })}}, []string{
			fmt.Sprint("a start, b start ", orderPlain), fmt.Sprint("b stop, a stop ", orderPlain),
			fmt.Sprint("b start, c start ", up), fmt.Sprint("c stop, b stop ", down)}},
		{"any of a set", OrderConfig{Symmetrical: no(), Sets: []Set{
			set("ab", func(s *Set) { s.Sequential, s.RequireAll = no(), no() }), set("c", nil)}}, []string{
			fmt.Sprint("a start, one-or-more:s-ab ", oneOrMore|firstImpliesThenGraphed),
			fmt.Sprint("b start, one-or-more:s-ab ", oneOrMore|firstImpliesThenGraphed),
			fmt.Sprint("one-or-more:s-ab, c start ", orderPlain|asymmetric|firstBlocksThen)}},
		{"unknown", OrderConfig{First: "a", Then: "nobody"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, "n1")
			for _, id := range []string{"a", "b", "c"} {
				b.primitive(id, 0)
			}
			b.in.Orders = []OrderConfig{tt.order}
			b.configuredOrders()
			var got []string
			for _, o := range b.orderings {
				got = append(got, fmt.Sprint(side(o.firstRsc, o.firstTask), ", ", side(o.thenRsc, o.thenTask), " ", o.flags))
			}
			slices.Sort(got)
			want := slices.Sorted(slices.Values(tt.want))
			if !slices.Equal(got, want) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "; "), strings.Join(want, "; "))
			}
			if tt.want == nil && len(b.warnings) == 0 {
				t.Error("no warning")
			}
		})
	}
}

func side(r *resource, task string) string {
	if r == nil {
		return task
	}
	return r.id + " " + task
}

// What two migrating resources are ordered by holds for their migrations.
func TestOrderMigrations(t *testing.T) {
	b := newBench(t, "n1")
	first, then := b.primitive("a", flagMigratable), b.primitive("b", flagMigratable)
	b.orderTasks(first, taskStart, then, taskStart, orderPlain)
	var got []string
	for _, o := range b.orderings {
		got = append(got, o.firstTask+" "+o.thenTask)
	}
	want := []string{"start start", "migrate_from migrate_to", "start migrate_to"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
