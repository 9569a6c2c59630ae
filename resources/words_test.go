package resources_test

import (
	"slices"
	"testing"

	. "github.com/belay-ha/belay/resources"
)

func TestSplitWords(t *testing.T) {
	cases := map[string][]string{
		"":                      nil,
		"  a  b ":               {"a", "b"},
		`'a b' "c d"`:           {"a b", "c d"},
		`a\ b "c\"d" 'e\f'`:     {"a b", `c"d`, `e\f`},
		`--x="y z"w ''`:         {"--x=y zw", ""},
		`"a\b$c"`:               {`a\b$c`},
		"--port=%{index} \t\nx": {"--port=%{index}", "x"},
	}
	for text, want := range cases {
		if got, err := SplitWords(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("SplitWords(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	for _, bad := range []string{`'a`, `"a`, `a\`} {
		if _, err := SplitWords(bad); err == nil {
			t.Errorf("SplitWords(%q) was taken", bad)
		}
	}
}
