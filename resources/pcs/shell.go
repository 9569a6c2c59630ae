package pcs

import (
	"strings"
)

// Position is a place in a script; both count from 1, columns in bytes.
type Position struct{ Line, Col int }

// word is one word of a command as the shell would pass it on.
type word struct {
	text string
	at   Position
	// expansion is the first thing in it that the shell would replace, such as
	// "$NAME" or "$(date)"; text then holds it as it is written.
	expansion string
}

// command is one simple command.
type command struct {
	words []word
	// inside is the control structure around it, or nil.
	inside *structure
}

// structure is a loop, condition or function.
type structure struct {
	keyword string
	at      Position
	told    bool // its commands were reported already
}

// Bounds of a script. Beyond them reading stops with a problem.
const (
	// MaxSize of one script, in bytes.
	MaxSize = 4 << 20
	maxWord = 64 << 10
	// maxDepth of structures within each other.
	maxDepth = 64
)

// lexer reads a script as a POSIX shell does, as far as words, quotes, comments,
// here-documents and control structures go. It replaces nothing.
type lexer struct {
	text string
	pos  int
	line int
	// start of the present line.
	start int
	// heredocs are the ends of here-documents that begin after this line.
	heredocs []string

	// torn: a quote goes on to the end of the script.
	torn bool

	commands []command
	current  []word
	open     []*structure
	problems []Problem
}

// read splits a script into its simple commands.
func read(text string) ([]command, []Problem) {
	l := &lexer{text: text, line: 1}
	for l.pos < len(l.text) {
		l.next()
	}
	l.end()
	if n := len(l.open); n > 0 {
		l.problem(l.open[n-1].at, "this %s has no end", l.open[n-1].keyword)
	}
	return l.commands, l.problems
}

func (l *lexer) at() Position { return Position{l.line, l.pos - l.start + 1} }

func (l *lexer) peek(n int) byte {
	if l.pos+n < len(l.text) {
		return l.text[l.pos+n]
	}
	return 0
}

// next reads a word, an operator, a comment or white space.
func (l *lexer) next() {
	switch c := l.peek(0); {
	case c == '\n':
		l.end()
		l.newline()
		l.skipHeredocs()
	case c == ' ' || c == '\t' || c == '\r':
		l.pos++
	case c == '\\' && (l.peek(1) == '\n' || l.peek(1) == '\r' && l.peek(2) == '\n'):
		l.pos++
		if l.peek(0) == '\r' {
			l.pos++
		}
		l.newline()
	case c == '#':
		for l.pos < len(l.text) && l.peek(0) != '\n' {
			l.pos++
		}
	case c == '<' || c == '>':
		l.redirection()
	case strings.IndexByte(";|&()", c) >= 0:
		l.operator()
	default:
		l.word()
	}
}

func (l *lexer) newline() {
	l.pos++
	l.line++
	l.start = l.pos
}

// operator ends a command. "name()" opens a function.
func (l *lexer) operator() {
	if l.peek(0) == '(' && l.peek(1) == ')' && len(l.current) == 1 {
		l.enter("function", l.current[0].at)
		l.current = nil
		l.pos += 2
		return
	}
	if l.peek(0) == '(' && len(l.current) == 0 {
		l.pos++ // a sub-shell: its commands are commands
		return
	}
	if l.peek(0) == ')' && len(l.current) == 1 && len(l.open) > 0 && l.open[len(l.open)-1].keyword == "case" {
		l.current = nil // a pattern of the case
	}
	l.end()
	l.pos++
}

// redirection skips an operator such as 2>&1 and what follows it. The number
// before it was read as a word.
func (l *lexer) redirection() {
	here := strings.HasPrefix(l.text[l.pos:], "<<")
	if n := len(l.current); n > 0 {
		last := l.current[n-1]
		digits := strings.Trim(last.text, "0123456789") == "" && last.at.Col+len(last.text) == l.at().Col && last.at.Line == l.line
		if digits {
			l.current = l.current[:n-1]
		}
	}
	for l.pos < len(l.text) && strings.IndexByte("<>&-|", l.peek(0)) >= 0 {
		l.pos++
	}
	for l.peek(0) == ' ' || l.peek(0) == '\t' {
		l.pos++
	}
	if l.pos >= len(l.text) || strings.IndexByte("\n;|&()<>", l.peek(0)) >= 0 {
		return
	}
	before := len(l.current)
	l.word()
	if len(l.current) > before {
		if here {
			l.heredocs = append(l.heredocs, l.current[before].text)
		}
		l.current = l.current[:before]
	}
}

// skipHeredocs passes over the bodies of here-documents.
func (l *lexer) skipHeredocs() {
	for _, end := range l.heredocs {
		for l.pos < len(l.text) {
			line, _, more := strings.Cut(l.text[l.pos:], "\n")
			l.pos += len(line)
			if more {
				l.newline()
			}
			if strings.TrimLeft(strings.TrimRight(line, "\r"), "\t") == end {
				break
			}
		}
	}
	l.heredocs = nil
}

// word reads one word with its quotes.
func (l *lexer) word() {
	w := word{at: l.at()}
	var text strings.Builder
	for l.pos < len(l.text) {
		c := l.peek(0)
		if strings.IndexByte(" \t\r\n;|&()<>", c) >= 0 {
			break
		}
		if text.Len() > maxWord {
			l.problem(w.at, "this word is longer than %d bytes", maxWord)
			l.pos = len(l.text)
			return
		}
		switch c {
		case '\'':
			l.single(&text)
		case '"':
			l.double(&text, &w)
		case '\\':
			l.escape(&text)
		case '$', '`':
			l.expansion(&text, &w)
		default:
			text.WriteByte(c)
			l.pos++
		}
	}
	w.text = text.String()
	if l.torn {
		l.current = nil // what it would have been is not known
		return
	}
	l.current = append(l.current, w)
	l.keyword()
}

func (l *lexer) escape(text *strings.Builder) {
	switch l.peek(1) {
	case '\n':
		l.pos++
		l.newline()
	case 0:
		l.pos++
	default:
		text.WriteByte(l.peek(1))
		l.pos += 2
	}
}

func (l *lexer) single(text *strings.Builder) {
	at := l.at()
	l.pos++
	for l.pos < len(l.text) && l.peek(0) != '\'' {
		l.take(text)
	}
	l.close(at)
}

func (l *lexer) double(text *strings.Builder, w *word) {
	at := l.at()
	l.pos++
	for l.pos < len(l.text) && l.peek(0) != '"' {
		switch c := l.peek(0); {
		case c == '\\' && l.peek(1) == '\n':
			l.escape(text)
		case c == '\\' && strings.IndexByte("\"\\$`", l.peek(1)) >= 0 && l.peek(1) != 0:
			l.escape(text)
		case c == '$' || c == '`':
			l.expansion(text, w)
		default:
			l.take(text)
		}
	}
	l.close(at)
}

// take copies one byte of a quoted text.
func (l *lexer) take(text *strings.Builder) {
	text.WriteByte(l.peek(0))
	if l.peek(0) == '\n' {
		l.newline()
		return
	}
	l.pos++
}

// close passes over a closing quote.
func (l *lexer) close(opened Position) {
	if l.pos >= len(l.text) {
		l.problem(opened, "this quote is never closed")
		l.torn = true
		return
	}
	l.pos++
}

// expansion copies $NAME, ${…}, $(…) or `…` as it is written.
func (l *lexer) expansion(text *strings.Builder, w *word) {
	from := l.pos
	switch {
	case l.peek(0) == '`':
		l.pos++
		for l.pos < len(l.text) && l.peek(0) != '`' {
			l.step()
		}
		l.pos = min(l.pos+1, len(l.text))
	case l.peek(1) == '(' || l.peek(1) == '{':
		l.pos++
		l.brackets()
	case isName(l.peek(1)) || l.peek(1) != 0 && strings.IndexByte("@*#?$!-0123456789", l.peek(1)) >= 0:
		l.pos += 2
		for isName(l.text[l.pos-1]) && isName(l.peek(0)) {
			l.pos++
		}
	default: // a dollar sign by itself
		text.WriteByte('$')
		l.pos++
		return
	}
	written := l.text[from:l.pos]
	text.WriteString(written)
	if w.expansion == "" {
		w.expansion = written
	}
}

func isName(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// brackets passes over a bracket to the one that closes it. Quotes within are
// not looked into.
func (l *lexer) brackets() {
	depth := 0
	for l.pos < len(l.text) {
		switch l.peek(0) {
		case '(', '{':
			depth++
		case ')', '}':
			depth--
		}
		l.step()
		if depth == 0 {
			return
		}
	}
}

func (l *lexer) step() {
	if l.peek(0) == '\n' {
		l.newline()
		return
	}
	l.pos++
}
