package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"net/url"
	"strings"
	"testing"
)

func marked(secrets ...string) *Redactor {
	marks := map[string]string{}
	for _, s := range secrets {
		marks[s] = "(removed)"
	}
	return New(marks)
}

// TestText: a value is found in each way in which it may be written, a long one
// before the short one that it holds, and short words are left alone.
func TestText(t *testing.T) {
	r := marked("hunter2", "hunter2-and-more", `a "b" & c`, "it's", "on", "")
	for text, want := range map[string]string{
		"login with hunter2 refused":   "login with (removed) refused",
		"hunter2-and-more":             "(removed)",
		"GET /?p=a+%22b%22+%26+c":      "GET /?p=(removed)",
		"GET /a%20%22b%22%20&%20c":     "GET /(removed)",
		`{"p":"a \"b\" \u0026 c"}`:     `{"p":"(removed)"}`,
		`{"p":"a \"b\" & c"}`:          `{"p":"(removed)"}`,
		`<p>a &#34;b&#34; &amp; c</p>`: `<p>(removed)</p>`,
		`+ login 'it'\''s'`:            `+ login '(removed)'`,
		`text "{\"p\":\"a \\\"b\\\"`:   `text "{\"p\":\"a \\\"b\\\"`, // only a part of it
		"Basic aHVudGVyMg==":           "Basic (removed)",
		"the power is on":              "the power is on",
		strings.Repeat("hunter2 ", 3):  strings.Repeat("(removed) ", 3),
		`log "{\"p\":\"hunter2\"}" ok`: `log "{\"p\":\"(removed)\"}" ok`,
	} {
		if got := r.Text(text); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", text, got, want)
		}
	}
	if got := (*Redactor)(nil).Text("hunter2"); got != "hunter2" {
		t.Errorf("without secrets: %s", got)
	}
	if marked("", "on") != nil {
		t.Error("it looks for nothing")
	}
}

// TestForms: what the standard library makes of a secret, alone and within something
// longer, is not left in a text.
func TestForms(t *testing.T) {
	for _, secret := range []string{"hunter2hunter2", `p@ss/w+rd=?&"'<> \ ü`, "$ecret:käse~", "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASC\n-----END KEY-----\n"} {
		r := marked(secret)
		line := strings.Split(secret, "\n")[min(1, strings.Count(secret, "\n"))]
		inJSON, err := json.Marshal(secret)
		if err != nil {
			t.Fatal(err)
		}
		for form, text := range map[string]string{
			"plain": secret, "query": url.QueryEscape(secret), "path": url.PathEscape(secret), "html": html.EscapeString(secret), "json": string(inJSON), "hex": hex.EncodeToString([]byte(secret)),
			"base64": base64.StdEncoding.EncodeToString([]byte(secret)), "base64 of a URL": base64.URLEncoding.EncodeToString([]byte(secret)), "base64 unpadded": base64.RawStdEncoding.EncodeToString([]byte(secret)),
			"go": fmt.Sprintf("%q", secret), "a line": line,
		} {
			if got := r.Text("say " + text + " twice"); !strings.Contains(got, "(removed)") || len(got) > len("say '(removed)====' twice") {
				t.Errorf("%s of %q: %q becomes %q", form, secret, text, got)
			}
		}
		for _, user := range []string{"", "a", "ab", "abc", "admin"} {
			for _, after := range []string{"", "@host", "\n"} {
				text := base64.StdEncoding.EncodeToString([]byte(user + ":" + secret + after))
				if got := r.Text(text); !strings.Contains(got, "(removed)") || len(got) > len("(removed)")+20 {
					t.Errorf("Basic of %q, %q: %q", user, secret, got)
				}
			}
		}
	}
}

// TestError: it says nothing of a secret, whoever prints it, and is what it was.
func TestError(t *testing.T) {
	r := marked("hunter2")
	err := fmt.Errorf("login admin:hunter2: %w", fs.ErrPermission)
	got := r.Error(err)
	if !errors.Is(got, fs.ErrPermission) {
		t.Error("it is another error")
	}
	for _, text := range []string{got.Error(), fmt.Sprintf("%v %+v %#v %q %s", got, got, got, got, got), fmt.Sprint(fmt.Errorf("more: %w", got))} {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "login admin:(removed): permission denied") {
			t.Errorf("it says %s", text)
		}
	}
	if got := r.Error(fs.ErrPermission); got != fs.ErrPermission {
		t.Errorf("one without a secret is %v", got)
	}
	if r.Error(nil) != nil || (*Redactor)(nil).Error(err) != err {
		t.Error("nothing is something")
	}
}
