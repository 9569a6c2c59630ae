// Package redact takes secrets out of texts: out of what agents, devices and logs
// say, in whatever way the secrets are written there. It is pure.
package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
)

const (
	// least is the length in bytes from which a secret is looked for: a shorter one is
	// a part of too many words.
	least = 4
	// leastPart is that of one line of a secret, and of what is encoded without regard
	// to where it begins.
	leastPart = 8
)

// Redactor knows secrets and what to write in their place. Nil knows none. It is
// constant once made, and safe for concurrent use.
type Redactor struct{ replacer *strings.Replacer }

// New returns a redactor of secrets; marks holds what is written in the place of each.
func New(marks map[string]string) *Redactor {
	forms := map[string]string{}
	for _, secret := range slices.Sorted(maps.Keys(marks)) {
		if len(secret) < least {
			continue
		}
		for _, form := range written(secret) {
			if _, taken := forms[form]; !taken && len(form) >= least {
				forms[form] = marks[secret]
			}
		}
	}
	if len(forms) == 0 {
		return nil
	}
	// Of two that begin at one place the Replacer takes the first given: the longer.
	ordered := slices.SortedFunc(maps.Keys(forms), func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	var pairs []string
	for _, form := range ordered {
		pairs = append(pairs, form, forms[form])
	}
	return &Redactor{strings.NewReplacer(pairs...)}
}

// Text returns a text without the secrets.
func (r *Redactor) Text(text string) string {
	if r == nil {
		return text
	}
	return r.replacer.Replace(text)
}

// Error returns an error whose text is without the secrets, and which is else the
// same to errors.Is and errors.As; err itself if there is none in it.
func (r *Redactor) Error(err error) error {
	if r == nil || err == nil {
		return err
	}
	whole := err.Error()
	if text := r.Text(whole); text != whole {
		return &redacted{text, err}
	}
	return err
}

// redacted is an error that does not say all.
type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }
func (e *redacted) Unwrap() error { return e.err }

// Format implements fmt.Formatter: no verb shows what is wrapped.
func (e *redacted) Format(f fmt.State, _ rune) { fmt.Fprint(f, e.text) }

// written are the ways in which a secret may stand in a text, and those of its lines:
// a text may be broken where a key is.
func written(secret string) []string {
	forms := spelled(secret)
	if strings.Contains(secret, "\n") {
		for line := range strings.Lines(secret) {
			if line = strings.TrimSpace(line); len(line) >= leastPart {
				forms = append(forms, spelled(line)...)
			}
		}
	}
	return forms
}

// spelled are a value itself and what shells, URLs, JSON, HTML and encodings make of it.
func spelled(value string) []string {
	if value == "" {
		return nil
	}
	forms := []string{value, escaped(value, true), escaped(value, false), html.EscapeString(value), strings.ReplaceAll(value, `'`, `'\''`)}
	forms = append(forms, quoted(value)...)
	data := []byte(value)
	if text := hex.EncodeToString(data); len(text) >= leastPart {
		forms = append(forms, text)
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		forms = append(forms, encoding.EncodeToString(data))
		// Within something longer, such as user:password, it begins at any of three places.
		for before := range 3 {
			text := encoding.EncodeToString(append(make([]byte, before), data...))
			text = text[[]int{0, 2, 3}[before] : (before+len(data))*8/6]
			if len(text) >= leastPart {
				forms = append(forms, text)
			}
		}
	}
	return forms
}

// quoted are a value in JSON without the quotes, and that quoted once more, as in a log.
func quoted(value string) []string {
	var forms []string
	for _, html := range []bool{true, false} {
		var text strings.Builder
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(html)
		if encoder.Encode(value) == nil {
			whole := strings.TrimSpace(text.String())
			inner := whole[1 : len(whole)-1]
			forms = append(forms, inner, strings.ReplaceAll(strings.ReplaceAll(inner, `\`, `\\`), `"`, `\"`))
		}
	}
	return forms
}

// escaped is a value in a URL: in a query, where a space is a plus, or in a path. It
// stands for net/url, which pure packages do not reach.
func escaped(value string, query bool) string {
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0:
			b.WriteByte(c)
		case query && c == ' ':
			b.WriteByte('+')
		case !query && strings.IndexByte("$&+:=@", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
