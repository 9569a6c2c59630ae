package definition

import (
	"strconv"
	"strings"
)

// Position is a place in a file; lines and columns count from 1, columns in
// bytes. The zero Position is nowhere.
type Position struct{ Line, Col int }

// positionOf returns the place of a byte offset.
func positionOf(text string, offset int) Position {
	before := text[:min(max(offset, 0), len(text))]
	return Position{Line: 1 + strings.Count(before, "\n"), Col: len(before) - strings.LastIndexByte(before, '\n')}
}

// node is one value of a TOML document with its place. The TOML library gives
// values without places; this tree has the same shape, and the places.
type node struct {
	at Position // of the value, or of a table's header or key
	// raw is a scalar's text as written.
	raw string
	// keys of a table in the order of the text, and its fields.
	keys   []string
	fields map[string]*node
	// keyAt is where each key stands.
	keyAt map[string]Position
	items []*node
}

func newNode(at Position) *node { return &node{at: at} }

func (n *node) child(key string) *node {
	if n == nil {
		return nil
	}
	return n.fields[key]
}

func (n *node) item(i int) *node {
	if n == nil || i >= len(n.items) {
		return nil
	}
	return n.items[i]
}

func (n *node) position() Position {
	if n == nil {
		return Position{}
	}
	return n.at
}

func (n *node) set(key string, at Position, value *node) {
	if n.fields == nil {
		n.fields, n.keyAt = map[string]*node{}, map[string]Position{}
	}
	if _, known := n.fields[key]; !known {
		n.keys = append(n.keys, key)
		n.keyAt[key] = at
	}
	n.fields[key] = value
}

// enter returns the table under the key; of an array of tables, the newest.
func (n *node) enter(key string, at Position) *node {
	next := n.child(key)
	if next == nil {
		next = newNode(at)
		n.set(key, at, next)
	}
	if len(next.items) > 0 {
		return next.items[len(next.items)-1]
	}
	return next
}

// maxNesting bounds arrays and inline tables within each other.
const maxNesting = 64

// scanner reads a document that the TOML library has accepted and notes where
// everything stands. It trusts the syntax, and stops where it does not
// understand it: then later places are missing, and nothing else.
type scanner struct {
	text  string
	at    int // byte offset
	line  int
	start int // offset of the line
	ok    bool
}

// scan returns the document's tree.
func scan(text string) *node {
	s := scanner{text: text, line: 1, ok: true}
	root := newNode(Position{1, 1})
	table := root
	for s.blank(true); s.ok && s.at < len(s.text); s.blank(true) {
		if s.peek() == '[' {
			table = s.header(root)
		} else {
			s.pair(table, 0)
		}
	}
	return root
}

func (s *scanner) peek() byte {
	if s.at >= len(s.text) {
		return 0
	}
	return s.text[s.at]
}

func (s *scanner) skip(n int) {
	for range n {
		if s.at >= len(s.text) {
			s.ok = false
			return
		}
		if s.text[s.at] == '\n' {
			s.line++
			s.start = s.at + 1
		}
		s.at++
	}
}

func (s *scanner) here() Position { return Position{s.line, s.at - s.start + 1} }

// blank skips spaces and, with lines set, ends of lines and comments.
func (s *scanner) blank(lines bool) {
	for s.at < len(s.text) {
		switch c := s.peek(); {
		case c == ' ' || c == '\t' || lines && (c == '\n' || c == '\r'):
			s.skip(1)
		case c == '#' && lines:
			if end := strings.IndexByte(s.text[s.at:], '\n'); end >= 0 {
				s.skip(end)
			} else {
				s.at = len(s.text)
			}
		case s.at == 0 && strings.HasPrefix(s.text, "\ufeff"):
			s.skip(3)
		default:
			return
		}
	}
}

func (s *scanner) take(text string) bool {
	if !strings.HasPrefix(s.text[min(s.at, len(s.text)):], text) {
		return false
	}
	s.skip(len(text))
	return true
}

func (s *scanner) header(root *node) *node {
	at := s.here()
	s.take("[")
	many := s.take("[")
	table := root
	keys, _ := s.key()
	for i, key := range keys {
		if i < len(keys)-1 || !many {
			table = table.enter(key, at)
			continue
		}
		list := table.child(key)
		if list == nil {
			list = newNode(at)
			table.set(key, at, list)
		}
		table = newNode(at)
		list.items = append(list.items, table)
	}
	if !many && len(keys) > 0 {
		table.at = at
	}
	s.blank(false)
	s.ok = s.ok && s.take("]") && (!many || s.take("]"))
	return table
}

// key reads a dotted key and returns its parts and their places.
func (s *scanner) key() ([]string, []Position) {
	var parts []string
	var places []Position
	for s.ok {
		s.blank(false)
		places = append(places, s.here())
		switch c := s.peek(); {
		case c == '"' || c == '\'':
			parts = append(parts, unquote(s.quoted()))
		default:
			end := s.at
			for end < len(s.text) && !strings.ContainsRune(" \t\r\n.=]#\"'[{},", rune(s.text[end])) {
				end++
			}
			if end == s.at {
				s.ok = false
				return parts, places[:len(parts)]
			}
			parts = append(parts, s.text[s.at:end])
			s.skip(end - s.at)
		}
		s.blank(false)
		if !s.take(".") {
			return parts, places
		}
	}
	return parts, places[:len(parts)]
}

// unquote returns what a quoted key says; a key with escapes that Go does not
// have only loses its place.
func unquote(raw string) string {
	if strings.HasPrefix(raw, "'") {
		return strings.Trim(raw, "'")
	}
	text, err := strconv.Unquote(raw)
	if err != nil {
		return raw
	}
	return text
}

func (s *scanner) pair(table *node, depth int) {
	keys, places := s.key()
	s.blank(false)
	if !s.ok || !s.take("=") {
		s.ok = false
		return
	}
	s.blank(false)
	value := s.value(depth)
	for i, key := range keys {
		if i == len(keys)-1 {
			table.set(key, places[i], value)
		} else {
			table = table.enter(key, places[i])
		}
	}
}

func (s *scanner) value(depth int) *node {
	n := newNode(s.here())
	if depth > maxNesting {
		s.ok = false
		return n
	}
	switch s.peek() {
	case '"', '\'':
		n.raw = s.quoted()
	case '[':
		s.skip(1)
		s.list(']', func() { n.items = append(n.items, s.value(depth+1)) })
	case '{':
		s.skip(1)
		s.list('}', func() { s.pair(n, depth+1) })
	default:
		end := strings.IndexAny(s.text[s.at:], ",]}#\r\n")
		if end < 0 {
			end = len(s.text) - s.at
		}
		n.raw = strings.TrimSpace(s.text[s.at : s.at+end])
		s.skip(end)
	}
	return n
}

// list reads elements up to the closing byte.
func (s *scanner) list(closing byte, element func()) {
	for s.ok {
		s.blank(true)
		if s.peek() == closing {
			s.skip(1)
			return
		}
		if s.at >= len(s.text) {
			s.ok = false
			return
		}
		element()
		s.blank(true)
		if s.peek() != closing && !s.take(",") {
			s.ok = false
		}
	}
}

// quoted skips a string of any of the four kinds and returns it as written.
func (s *scanner) quoted() string {
	from := s.at
	quote := s.text[s.at : s.at+1]
	if triple := strings.Repeat(quote, 3); s.take(triple) {
		for s.ok && !s.take(triple) {
			s.stringByte(quote)
		}
		for range 2 { // up to two quotes may stand before the closing three
			if s.peek() == quote[0] {
				s.skip(1)
			}
		}
		return s.text[from:s.at]
	}
	s.skip(1)
	for s.ok && !s.take(quote) {
		s.stringByte(quote)
	}
	return s.text[from:s.at]
}

func (s *scanner) stringByte(quote string) {
	if s.peek() == '\\' && quote == `"` {
		s.skip(1)
	}
	s.skip(1)
}
