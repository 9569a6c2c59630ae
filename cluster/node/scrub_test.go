package node

import (
	"strings"
	"testing"
)

// TestScrub: a value is found in each way in which it may be written, a long one
// before the short one that it holds, and short words are left alone.
func TestScrub(t *testing.T) {
	s := scrubbing(map[string]bool{"hunter2": true, "hunter2-and-more": true, `a "b" & c`: true, "on": true, "": true})
	for text, want := range map[string]string{
		"login with hunter2 refused":   "login with (removed) refused",
		"hunter2-and-more":             "(removed)",
		"GET /?p=a+%22b%22+%26+c":      "GET /?p=(removed)",
		"GET /a%20%22b%22%20&%20c":     "GET /(removed)",
		`{"p":"a \"b\" \u0026 c"}`:     `{"p":"(removed)"}`,
		`{"p":"a \"b\" & c"}`:          `{"p":"(removed)"}`,
		`text "{\"p\":\"a \\\"b\\\"`:   `text "{\"p\":\"a \\\"b\\\"`, // only a part of it
		"Basic aHVudGVyMg==":           "Basic (removed)",
		"the power is on":              "the power is on",
		strings.Repeat("hunter2 ", 3):  strings.Repeat("(removed) ", 3),
		`log "{\"p\":\"hunter2\"}" ok`: `log "{\"p\":\"(removed)\"}" ok`,
	} {
		if got := s.text(text); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", text, got, want)
		}
	}
}
