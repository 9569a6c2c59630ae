package pcs

import "fmt"

// Problem is something about a script, and where it stands.
type Problem struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Col  int    `json:"col"`
	Text string `json:"text"`
}

// String returns FILE:LINE:COL: TEXT.
func (p Problem) String() string { return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.Text) }

func (l *lexer) problem(at Position, format string, args ...any) {
	l.problems = append(l.problems, Problem{Line: at.Line, Col: at.Col, Text: fmt.Sprintf(format, args...)})
}

// closers are the words that end a structure, with those that open it.
var closers = map[string][]string{
	"done": {"for", "while", "until", "select"},
	"fi":   {"if"},
	"esac": {"case"},
	"}":    {"function", "{"},
}

// keyword acts on a reserved word at the begin of a command.
func (l *lexer) keyword() {
	if len(l.current) != 1 {
		return
	}
	w := l.current[0]
	switch w.text {
	case "do", "then", "else", "!":
		l.current = nil
	case "elif":
		// Its condition is a command like any other within the structure.
		l.current = nil
	case "for", "select", "case", "while", "until", "if":
		l.enter(w.text, w.at)
		if w.text == "while" || w.text == "until" || w.text == "if" {
			l.current = nil // what follows is a command
		}
	case "{":
		l.current = nil
		if n := len(l.open); n == 0 || l.open[n-1].keyword != "function" {
			l.enter("{", w.at)
		}
	case "done", "fi", "esac", "}":
		l.current = nil
		l.leave(w)
	}
}

func (l *lexer) enter(keyword string, at Position) {
	if len(l.open) >= maxDepth {
		l.problem(at, "more than %d structures within each other", maxDepth)
		l.pos = len(l.text)
		return
	}
	l.open = append(l.open, &structure{keyword: keyword, at: at})
}

func (l *lexer) leave(w word) {
	n := len(l.open)
	if n > 0 {
		for _, opener := range closers[w.text] {
			if l.open[n-1].keyword == opener {
				l.open = l.open[:n-1]
				return
			}
		}
	}
	l.problem(w.at, "%q ends nothing", w.text)
}

// end finishes the present command.
func (l *lexer) end() {
	if len(l.current) == 0 {
		return
	}
	c := command{words: l.current}
	for _, s := range l.open { // the outermost that is more than a pair of braces
		if s.keyword != "{" {
			c.inside = s
			break
		}
	}
	l.current = nil
	switch c.words[0].text {
	case "for", "select", "case":
		return // its head: names and values
	}
	l.commands = append(l.commands, c)
}
