// Package definition reads and writes the definition file: TOML to and from
// resources.Definition. It is strict, knows where everything stands, and
// reports every problem at once. It reads no files, starts no goroutine and
// logs nothing.
package definition

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/belay-ha/belay/resources"
)

// File is one source of a definition.
type File struct {
	// Name is shown before every problem.
	Name string
	Text []byte
}

// MaxSize bounds one file, in bytes.
const MaxSize = 8 << 20

// Decode reads a definition from one file or several, which add up: lists are
// joined in the order of the files, and a setting may stand in one file only.
// It then validates the whole with the tables (resources.Validate). The error
// is an *Error with everything that is wrong, by file and line.
func Decode(agents resources.AgentTable, fences resources.FenceTable, files ...File) (*resources.Definition, error) {
	source := Read(files...)
	if err := source.Check(agents, fences, nil, source.Definition()); err != nil {
		return nil, err
	}
	return source.Definition(), nil
}

// Source is what files say, not yet validated: it may be only a part of a
// definition, which names things of other parts.
type Source struct {
	read  *decoder
	files []File
}

// Read decodes files as Decode does, and validates nothing.
func Read(files ...File) *Source {
	d := &decoder{def: &resources.Definition{}, places: map[string]place{}, broken: map[string]bool{}, tooLarge: map[place]bool{}}
	for _, file := range files {
		d.file(file)
	}
	return &Source{d, files}
}

// Definition is what the files say, as far as they could be read.
func (s *Source) Definition() *resources.Definition { return s.read.def }

// Faults returns what is wrong with the files themselves, whatever else there is:
// what is no TOML, no key, or of another type. The error is an *Error, or nil.
func (s *Source) Faults() error { return s.failed(slices.Clone(s.read.problems)) }

// Check validates the whole that the files are a part of, and returns everything
// that is wrong with the files or with it, as an *Error, or nil. What is wrong in
// present, too, is passed over; present may be nil. What is wrong with things that
// the files do not hold has no place: Problem.File is empty.
func (s *Source) Check(agents resources.AgentTable, fences resources.FenceTable, present, whole *resources.Definition) error {
	problems := slices.Clone(s.read.problems)
	if s.read.syntax {
		return s.failed(problems) // validation would only find what could not be read
	}
	var known []resources.Problem
	if present != nil {
		known = resources.Validate(present, agents, fences)
	}
	for _, p := range resources.Validate(whole, agents, fences) {
		if !slices.Contains(known, p) && !(p.Code == resources.ProblemMissing && s.read.broken[p.Path]) { // that is there, and wrong: it is said already
			problems = append(problems, s.placed(p, present != nil))
		}
	}
	return s.failed(problems)
}

// placed finds where a problem stands. What the files of a part do not hold
// stands nowhere.
func (s *Source) placed(p resources.Problem, part bool) Problem {
	if thing, _, _ := strings.Cut(p.Path, "]"); part && !s.holds(thing+"]") {
		return Problem{Problem: p}
	}
	at := s.read.locate(p.Path)
	if p.Code == resources.ProblemUnknownParam && at.key.Line > 0 {
		at.Position = at.key // its name is wrong, not its value
	}
	return Problem{File: at.file, Line: at.Line, Col: at.Col, Problem: p}
}

// holds reports whether the files hold anything at or below a path.
func (s *Source) holds(path string) bool {
	if !strings.Contains(path, "[") {
		return true // properties and defaults
	}
	_, found := s.read.places[path]
	return found
}

func (s *Source) failed(problems []Problem) error {
	seen := map[place]bool{}
	problems = slices.DeleteFunc(problems, func(p Problem) bool {
		at := place{file: p.File, Position: Position{p.Line, p.Col}}
		told := seen[at]
		seen[at] = s.read.tooLarge[at]
		return told
	})
	if len(problems) == 0 {
		return nil
	}
	sortProblems(problems, s.files)
	return &Error{Problems: problems}
}

// place is where a path of the definition stands.
type place struct {
	file string
	Position
	key Position // of its key, or nowhere
}

type decoder struct {
	def   *resources.Definition
	name  string // of the file at hand
	paths resources.Paths
	// places of every path that was read; broken holds those of things that
	// could not be read whole.
	places   map[string]place
	broken   map[string]bool
	syntax   bool
	problems []Problem
	// tooLarge are the places of numbers that count as 0 (values): what else is wrong
	// there follows from that.
	tooLarge map[place]bool
}

func (d *decoder) add(at Position, code resources.ProblemCode, path, text, suggestion string) {
	d.problems = append(d.problems, Problem{File: d.name, Line: at.Line, Col: at.Col,
		Problem: resources.Problem{Code: code, Path: path, Text: text, Suggestion: suggestion}})
}

func (d *decoder) file(f File) {
	d.name = f.Name
	if len(f.Text) > MaxSize {
		d.syntax = true
		d.add(Position{1, 1}, ProblemSyntax, "", fmt.Sprintf("larger than %d MiB", MaxSize>>20), "")
		return
	}
	text := string(f.Text)
	if at, problem := overdone(text); problem != "" {
		d.syntax = true
		d.add(at, ProblemSyntax, "", problem, "")
		return
	}
	values, err := d.values(text)
	if err != nil {
		d.syntax = true
		var parse toml.ParseError
		if errors.As(err, &parse) {
			d.add(positionOf(text, parse.Position.Start), ProblemSyntax, "", strings.TrimSuffix(parse.Message, "."), "")
			return
		}
		d.add(Position{1, 1}, ProblemSyntax, "", err.Error(), "")
		return
	}
	d.document(newItem(d, values, scan(text)))
}

func (d *decoder) document(root *item) {
	root.table("cluster", d.cluster)
	if defaults := root.sub("defaults"); defaults != nil {
		defaults.table("resource", d.defaultMeta)
		defaults.table("op", d.defaultOp)
		d.def.Defaults.When = append(d.def.Defaults.When, defaults.defaultsWhens(len(d.def.Defaults.When))...)
		defaults.done("defaults")
	}
	root.tables("node", d.node)
	root.tables("fence", d.fence)
	root.tables("template", d.template)
	root.tables("resource", d.resource)
	root.tables("group", d.group)
	root.tables("bundle", d.bundle)
	root.tables("order", d.order)
	root.tables("colocation", d.colocation)
	root.tables("location", d.location)
	root.tables("ticket", d.ticket)
	root.tables("tag", d.tag)
	root.done("")
}

// locate returns the place of a path, or of the nearest thing around it.
func (d *decoder) locate(path string) place {
	for path != "" {
		if at, ok := d.places[path]; ok {
			return at
		}
		cut := max(strings.LastIndexByte(path, '.'), strings.LastIndexByte(path, '#'))
		if cut < 0 {
			break
		}
		path = path[:cut]
	}
	return place{file: d.name, Position: Position{1, 1}}
}
