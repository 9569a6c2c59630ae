package cib

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// plain reports whether a value is its own text: ASCII without references and
// control characters.
func plain(value []byte) bool {
	for _, b := range value {
		if b < ' ' || b == '&' || b >= 0x7f {
			return false
		}
	}
	return true
}

var errText = errors.New("is not valid UTF-8 text")

// decode appends the text of an attribute's value to buf: references are
// resolved, white space becomes blanks.
func decode(buf, value []byte) ([]byte, error) {
	for len(value) > 0 {
		switch b := value[0]; {
		case b == '&':
			end := bytes.IndexByte(value, ';')
			if end < 0 || end > 12 {
				return buf, errors.New("contains a bare &")
			}
			r, err := reference(string(value[1:end]))
			if err != nil {
				return buf, err
			}
			buf, value = utf8.AppendRune(buf, r), value[end+1:]
			continue
		case b == '\n' || b == '\t' || b == '\r':
			buf = append(buf, ' ')
		case b < ' ':
			return buf, errText
		case b < utf8.RuneSelf:
			buf = append(buf, b)
		default:
			r, n := utf8.DecodeRune(value)
			if r == utf8.RuneError && n == 1 {
				return buf, errText
			}
			buf, value = append(buf, value[:n]...), value[n:]
			continue
		}
		value = value[1:]
	}
	return buf, nil
}

// reference returns the character that &name; means.
func reference(name string) (rune, error) {
	switch name {
	case "amp":
		return '&', nil
	case "lt":
		return '<', nil
	case "gt":
		return '>', nil
	case "quot":
		return '"', nil
	case "apos":
		return '\'', nil
	}
	if len(name) > 1 && name[0] == '#' {
		digits, base := name[1:], 10
		if digits[0] == 'x' {
			digits, base = digits[1:], 16
		}
		n, err := strconv.ParseUint(digits, base, 32)
		if err == nil && (n >= ' ' || n == '\n' || n == '\t' || n == '\r') && utf8.ValidRune(rune(n)) {
			return rune(n), nil
		}
	}
	return 0, fmt.Errorf("contains &%s;, which is no character (entities are refused)", name)
}

// Texts of up to internLength bytes are kept once, for up to internCount of
// them: a status repeats the names of nodes, resources and digests endlessly.
const (
	internLength = 96
	internCount  = 1 << 17
)

// texts makes strings of values.
type texts struct {
	known   map[string]string
	scratch []byte
}

func newTexts() *texts { return &texts{known: make(map[string]string, 1024)} }

// of returns the text of a value, which is one of few.
func (t *texts) of(value []byte) (string, error) {
	if len(value) == 0 {
		return "", nil
	}
	if text, found := t.known[string(value)]; found {
		return text, nil
	}
	text, err := t.once(value)
	if err == nil && len(value) <= internLength && len(t.known) < internCount {
		key := text
		if len(text) != len(value) || text != string(value) {
			key = string(value)
		}
		t.known[key] = text
	}
	return text, err
}

// once returns the text of a value that is not known yet.
func (t *texts) once(value []byte) (string, error) {
	if plain(value) {
		return string(value), nil
	}
	var err error
	t.scratch, err = decode(t.scratch[:0], value)
	return string(t.scratch), err
}
