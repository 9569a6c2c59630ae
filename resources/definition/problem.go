package definition

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// Problem codes of this package, beside those of package resources.
const (
	ProblemSyntax     resources.ProblemCode = "syntax"
	ProblemUnknownKey resources.ProblemCode = "unknown_key"
	ProblemType       resources.ProblemCode = "wrong_type"
)

// Problem is a problem and where it stands; File is empty when it is about
// something that no file holds (Source.Check).
type Problem struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Col  int    `json:"col"`
	resources.Problem
}

// String returns FILE:LINE:COL: PATH: TEXT (SUGGESTION).
func (p Problem) String() string {
	text := p.Message()
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	if p.File == "" {
		return text
	}
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, text)
}

// Error is everything that is wrong with a set of files.
type Error struct{ Problems []Problem }

// Error lists the problems, one a line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func sortProblems(problems []Problem, files []File) {
	order := map[string]int{}
	for i, f := range files {
		if _, known := order[f.Name]; !known {
			order[f.Name] = i
		}
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
}
