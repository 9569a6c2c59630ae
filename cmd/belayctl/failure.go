package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/internal/codes"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/cib"
	"github.com/belay-ha/belay/resources/definition"
	"github.com/belay-ha/belay/resources/pcs"
)

// failure is how an error is told: as text, or with -o json as one line.
type failure struct {
	// Code is stable; belayctl help errors CODE tells its story.
	Code string `json:"code"`
	Text string `json:"text"`
	Exit int    `json:"exit"`
	// Next are commands to type next.
	Next []string `json:"next,omitempty"`
	// Details are the lines that a member sent along.
	Details  []string         `json:"details,omitempty"`
	Problems []failureProblem `json:"problems,omitempty"`
}

// failureProblem is one of several things that are wrong. Those in files have a
// place there, those of a definition a path, those of a cluster a severity.
type failureProblem struct {
	Code       string               `json:"code"`
	File       string               `json:"file,omitempty"`
	Line       int                  `json:"line,omitempty"`
	Col        int                  `json:"col,omitempty"`
	Path       string               `json:"path,omitempty"`
	Severity   string               `json:"severity,omitempty"`
	Node       resources.NodeName   `json:"node,omitempty"`
	Resource   resources.ResourceID `json:"resource,omitempty"`
	Text       string               `json:"text"`
	Suggestion string               `json:"suggestion,omitempty"`
	Next       string               `json:"next,omitempty"`

	line string // as text
}

// problemsOf lists what an error holds beside its text.
func problemsOf(err error) []failureProblem {
	var (
		file       *definition.Error
		invalid    *resources.InvalidError
		left       *cannotConvertError
		unreadable *cib.Error
		notAsAsked *notAsAskedError
		list       []failureProblem
	)
	switch {
	case errors.As(err, &file):
		for _, p := range file.Problems {
			list = append(list, failureProblem{Code: string(p.Code), File: p.File, Line: p.Line, Col: p.Col, Path: p.Path, Text: p.Text, Suggestion: p.Suggestion, line: p.String()})
		}
	case errors.As(err, &invalid):
		for _, p := range invalid.Problems {
			list = append(list, failureProblem{Code: string(p.Code), Path: p.Path, Text: p.Text, Suggestion: p.Suggestion, line: p.String()})
		}
	case errors.As(err, &left):
		list = left.problems
	case errors.As(err, &unreadable):
		list = fromCIB(unreadable.Problems, codeBadFile)
	case errors.As(err, &notAsAsked):
		for _, p := range notAsAsked.problems {
			list = append(list, failureProblem{Code: p.Code, Severity: p.Severity, Node: p.Node, Resource: p.Resource, Text: p.Text, Next: p.Next, line: "  " + problemLine(p)})
		}
	}
	return list
}

func fromCIB(problems []cib.Problem, code failureCode) []failureProblem {
	list := make([]failureProblem, len(problems))
	for i, p := range problems {
		list[i] = failureProblem{Code: string(code), File: p.File, Line: p.Line, Col: p.Col, Text: p.Text, line: p.String()}
	}
	return list
}

func fromPCS(problems []pcs.Problem) []failureProblem {
	list := make([]failureProblem, len(problems))
	for i, p := range problems {
		list[i] = failureProblem{Code: string(codeCannotConvert), File: p.File, Line: p.Line, Col: p.Col, Text: p.Text, line: p.String()}
	}
	return list
}

// failureOf says of an error what, where, why and what next.
func (a *app) failureOf(err error) failure {
	f := failure{Code: codeOf(err), Text: err.Error(), Exit: exitCode(err), Problems: problemsOf(err)}
	var (
		wire       *api.Error
		web        *url.Error
		notAsAsked *notAsAskedError
		left       *cannotConvertError
	)
	switch {
	case errors.As(err, &wire):
		f.Details = wire.Details
	case f.Code == string(codeUnreachable) && errors.As(err, &web):
		f.Text = requestLine.ReplaceAllString(strings.Replace(f.Text, web.Error(), fmt.Sprintf("no answer from %s: %v", a.reached, web.Err), 1), "")
		f.Next = []string{"systemctl status belayd   # there; or ask another member: --addr https://HOST:7450"}
		if errors.Is(err, fs.ErrPermission) {
			f.Text += ": here only root and the socket's group may ask"
			f.Next = []string{"sudo usermod -aG belay $USER   # and log in again; what you may do then: belayctl role whoami"}
		}
	case f.Code == string(codeInterrupted):
		f.Text = "interrupted"
	case errors.As(err, &notAsAsked):
		f.Text = notAsAsked.what()
	case errors.As(err, &left):
		f.Text = left.what()
	case len(f.Problems) == 1:
		f.Text = "1 problem; nothing was changed"
	case len(f.Problems) > 1:
		f.Text = fmt.Sprintf("%d problems; nothing was changed", len(f.Problems))
	}
	f.Next = append(f.Next, nextIn(f.Text)...)
	for _, p := range f.Problems {
		for _, next := range append(nextIn(p.Suggestion), p.Next) {
			if next != "" && !slices.Contains(f.Next, next) {
				f.Next = append(f.Next, next)
			}
		}
	}
	if len(f.Next) == 0 {
		f.Next = []string{nextFor(f.Code)}
	}
	return f
}

// requestLine is how the client begins its errors: of no use to a person.
var requestLine = regexp.MustCompile(`(GET|POST) /\S*: `)

// quoted finds commands that a text names: in backquotes, or after a colon.
var quoted = regexp.MustCompile("`(belayctl [^`]+)`|(?:write|see|use|with|again|next): (belayctl [^\n;]+)")

func nextIn(text string) []string {
	var found []string
	for _, match := range quoted.FindAllStringSubmatch(text, -1) {
		found = append(found, match[1]+match[2])
	}
	return found
}

// nextFor is what to type next after a code: the catalogue's command, where that
// has no words to be filled in.
func nextFor(code string) string {
	if story, known := codes.Find(code); known && !blank.MatchString(story.Next) {
		return story.Next
	}
	return "belayctl help errors " + code
}

// blank is a word that stands for a name.
var blank = regexp.MustCompile(`\b[A-Z]{3,}\b`)

// write tells the failure to a person. Problems in files come first, each on a
// line that begins with its place, as compilers do.
func (f failure) write(w io.Writer) {
	placed := len(f.Problems) > 0 && f.Code != string(codeNotAsAsked)
	if placed {
		f.writeProblems(w)
	}
	first, rest, more := strings.Cut(f.Text, "\n")
	fmt.Fprintf(w, "belayctl: %s [%s]\n", first, f.Code)
	if more {
		fmt.Fprintln(w, rest)
	}
	for _, detail := range f.Details {
		fmt.Fprintln(w, "  "+detail)
	}
	if !placed {
		f.writeProblems(w)
	}
	if strings.Contains(f.Text, "belayctl ") {
		return // it says what next
	}
	for _, p := range f.Problems {
		if p.Next != "" {
			return // each does
		}
	}
	for _, next := range f.Next {
		fmt.Fprintln(w, "next: "+next)
	}
}

func (f failure) writeProblems(w io.Writer) {
	for _, p := range f.Problems {
		line := harmless(p.line)
		if p.Code != "" {
			line += " [" + p.Code + "]"
		}
		fmt.Fprintln(w, line)
	}
}

// harmless writes what cannot be printed as it would stand in a Go string: names
// in files may hold what drives a terminal, or turns the direction of a line.
func harmless(line string) string {
	if strings.IndexFunc(line, unprintable) < 0 {
		return line
	}
	var b strings.Builder
	for _, r := range line {
		if unprintable(r) {
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// tell reports the error that ended a run. As JSON it is the last line.
func (a *app) tell(err error, args []string) {
	f := a.failureOf(err)
	if a.output != "json" && !asksForJSON(args) {
		f.write(a.errOut)
		return
	}
	encoder := json.NewEncoder(a.errOut)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(failureAnswer{f}); err != nil {
		f.write(a.errOut)
	}
}

// failureAnswer is what -o json prints of an error, on the standard error.
type failureAnswer struct {
	Error failure `json:"error"`
}

// asksForJSON looks for -o json in a command line that could not be read.
func asksForJSON(args []string) bool {
	for i, arg := range args {
		switch arg {
		case "-ojson", "-o=json", "--output=json":
			return true
		case "-o", "--output":
			if i+1 < len(args) && args[i+1] == "json" {
				return true
			}
		}
	}
	return false
}
