package main

import (
	"slices"
	"strings"
	"testing"
)

func TestLastWords(t *testing.T) {
	long := strings.Repeat("é", maxWord+1)
	cases := []struct {
		name, output string
		want         []string
	}{
		{name: "nothing was said"},
		{"systemd's own words", "cannot bind\nhaproxy.service: Main process exited, code=exited, status=1/FAILURE\nhaproxy.service: Failed with result 'exit-code'.\nFailed to start haproxy.service - HAProxy.\n", []string{"cannot bind"}},
		{"more than a screen", "1\n2\n3\n4\n5\n6\n7", []string{"3", "4", "5", "6", "7"}},
		{"a long line", long, []string{long[:2*maxWord] + "…"}},
	}
	for _, c := range cases {
		if got := lastWords(c.output); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
