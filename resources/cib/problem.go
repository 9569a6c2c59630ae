package cib

import (
	"fmt"
	"strings"
)

// maxProblems is how many problems are told before reading is given up.
const maxProblems = 100

// Problem is one thing that is wrong with a CIB, and where.
type Problem struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Col  int    `json:"col"`
	Text string `json:"text"`
}

// String returns FILE:LINE:COL: TEXT.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.Text)
}

// Error is everything that is wrong with a CIB.
type Error struct{ Problems []Problem }

// Error lists the problems, one a line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// place is a line and a column, both from 1; columns count bytes.
type place struct{ line, col int32 }

// report collects problems.
type report struct {
	file     string
	problems []Problem
}

func (r *report) add(at place, format string, args ...any) {
	if len(r.problems) < maxProblems {
		r.tell(at, fmt.Sprintf(format, args...))
	}
}

// fault adds a problem of a value or a shape. A CIB that declines validation
// has none of these: Pacemaker ignores what it cannot use then.
func (r *reader) fault(at place, format string, args ...any) {
	if r.strict {
		r.add(at, format, args...)
	}
}

// tell adds a problem. What it quotes of the file must not break its line.
func (r *report) tell(at place, text string) {
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(text, "?"))
	r.problems = append(r.problems, Problem{File: r.file, Line: int(at.line), Col: int(at.col), Text: text})
}

func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	return &Error{Problems: r.problems}
}
