// Package definition reads and writes the definition file: TOML to and from
// resources.Definition. It is strict, knows where everything stands, and
// reports every problem at once. It reads no files, starts no goroutine and
// logs nothing.
package definition

import (
	"errors"
	"fmt"
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
	d := read(files)
	d.checkAll(agents, fences)
	if len(d.problems) > 0 {
		sortProblems(d.problems, files)
		return nil, &Error{Problems: d.problems}
	}
	return d.def, nil
}

// read decodes without validation.
func read(files []File) *decoder {
	d := &decoder{def: &resources.Definition{}, places: map[string]place{}, broken: map[string]bool{}}
	for _, file := range files {
		d.file(file)
	}
	return d
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
	var values map[string]any
	if _, err := toml.Decode(text, &values); err != nil {
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

// checkAll adds what resources.Validate finds, at its place. With a file that
// could not be parsed at all it would only find what is not there.
func (d *decoder) checkAll(agents resources.AgentTable, fences resources.FenceTable) {
	if d.syntax {
		return
	}
	for _, p := range resources.Validate(d.def, agents, fences) {
		if p.Code == resources.ProblemMissing && d.broken[p.Path] {
			continue // it is there, and wrong: that is said already
		}
		at := d.locate(p.Path)
		if p.Code == resources.ProblemUnknownParam && at.key.Line > 0 {
			at.Position = at.key // its name is wrong, not its value
		}
		d.problems = append(d.problems, Problem{File: at.file, Line: at.Line, Col: at.Col, Problem: p})
	}
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
