package definition

import (
	"fmt"
	"strconv"
	"strings"
)

// keyText returns a key as TOML: bare where it can be.
func keyText(key string) string {
	bare := key != ""
	for _, c := range key {
		bare = bare && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_')
	}
	if bare {
		return key
	}
	return quoteBasic(key)
}

// valueText returns a parameter as TOML: a truth value or a whole number where
// that reads back as the same text.
func valueText(text string) string {
	if text == "true" || text == "false" {
		return text
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
		return text
	}
	return quote(text)
}

// quote returns text as a TOML string of the kind that reads best.
func quote(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	lines := strings.Contains(text, "\n")
	literal := true // may stand in single quotes
	for _, c := range text {
		literal = literal && (c >= ' ' && c != 0x7f || c == '\t' || c == '\n')
	}
	switch {
	case lines && literal && !strings.Contains(text, "'''") && !strings.HasSuffix(text, "'"):
		return "'''\n" + text + "'''"
	case !lines && literal && strings.ContainsAny(text, `"\`) && !strings.Contains(text, "'"):
		return "'" + text + "'"
	}
	return quoteBasic(text)
}

func quoteBasic(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range strings.ToValidUTF8(text, "\ufffd") {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// shortList writes a list on one line, as inside of an inline table.
func shortList[T ~string](names []T) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quoteBasic(string(name))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func list[T ~string](names []T) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quote(string(name))
	}
	if line := "[" + strings.Join(quoted, ", ") + "]"; len(line) <= 100 {
		return line
	}
	return "[\n  " + strings.Join(quoted, ",\n  ") + ",\n]"
}
