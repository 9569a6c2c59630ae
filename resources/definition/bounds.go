package definition

import (
	"fmt"
	"strings"
)

// Bounds of a file beside its size. The TOML reader goes down one call for each
// level, and keeps a table for each part of a key: a short file must not fill the
// memory.
const (
	maxDepth    = 64
	maxKeyParts = 64
	// maxValues bounds keys and elements of lists.
	maxValues = 400_000
)

// overdone says where a file goes beyond the bounds, and how; "" if it does not.
// It knows of TOML only what brackets, dots and equal signs mean outside of
// strings and comments; what is no TOML at all is for the reader to tell.
func overdone(text string) (Position, string) {
	b := bounded{text: text, at: Position{1, 1}}
	for b.pos < len(text) {
		if problem := b.next(); problem != "" {
			return b.at, problem
		}
	}
	return Position{}, ""
}

type bounded struct {
	text   string
	pos    int
	at     Position
	depth  int
	dots   int
	values int
}

// skip passes over n bytes.
func (b *bounded) skip(n int) {
	for range min(n, len(b.text)-b.pos) {
		if b.text[b.pos] == '\n' {
			b.at = Position{b.at.Line + 1, 1}
		} else {
			b.at.Col++
		}
		b.pos++
	}
}

func (b *bounded) next() string {
	switch c := b.text[b.pos]; c {
	case '"', '\'':
		b.quoted(c)
		return ""
	case '#':
		end := strings.IndexByte(b.text[b.pos:], '\n')
		if end < 0 {
			end = len(b.text) - b.pos
		}
		b.skip(end)
		return ""
	case '[', '{':
		b.dots = 0
		if b.depth++; b.depth > maxDepth {
			return fmt.Sprintf("more than %d brackets within each other", maxDepth)
		}
	case ']', '}':
		b.dots, b.depth = 0, max(b.depth-1, 0)
	case '.':
		if b.dots++; b.dots >= maxKeyParts {
			return fmt.Sprintf("a name of more than %d parts", maxKeyParts)
		}
	case '=', ',':
		b.dots = 0
		if b.values++; b.values > maxValues {
			return fmt.Sprintf("more than %d values", maxValues)
		}
	case '\n':
		b.dots = 0
	}
	b.skip(1)
	return ""
}

// quoted passes over a string. One that is not closed ends with its line, or,
// between three quotes, with the file.
func (b *bounded) quoted(quote byte) {
	three := strings.Repeat(string(quote), 3)
	long := strings.HasPrefix(b.text[b.pos:], three)
	if long {
		b.skip(3)
	} else {
		b.skip(1)
	}
	for b.pos < len(b.text) {
		switch c := b.text[b.pos]; {
		case c == '\\' && quote == '"':
			b.skip(2)
		case !long && c == '\n':
			return
		case !long && c == quote:
			b.skip(1)
			return
		case long && strings.HasPrefix(b.text[b.pos:], three):
			b.skip(3)
			for n := 0; n < 2 && b.pos < len(b.text) && b.text[b.pos] == quote; n++ {
				b.skip(1) // up to two more belong to the text
			}
			return
		default:
			b.skip(1)
		}
	}
}
