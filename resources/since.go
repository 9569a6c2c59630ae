package resources

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A cluster's members agree on a command set, a number that rises when the last of
// them is upgraded. A member stops at a definition with a field that it does not
// know, and misunderstands one with a value that it does not know. So every field
// and every value that came after the first command set says in its tag which one it
// came with:
//
//	since:"5"            the field
//	since:"unfencing=4"  that value of the field; several are parted by commas
//	since:"rule"         the field is a rule, and its text says what it needs
//
// cluster/state keeps a list of all of them, so that none is forgotten. What
// several fields say together is in meanings.

// Need is one thing that a definition says and that earlier command sets do not
// understand.
type Need struct {
	// Path says where, as in Problem: `resource[galera].when`.
	Path string
	// Since is the first command set that understands it, never less than 2.
	Since int
}

// String says it in one line, for people.
func (n Need) String() string { return fmt.Sprintf("%s needs command set %d", n.Path, n.Since) }

// Since returns the first command set that understands all of the definition; 1 is
// the first there was, and that of nil. It costs a few microseconds a resource.
func (d *Definition) Since() int {
	w := sinceWalk{known: 1}
	w.definition(d, func(since int, _ func() string) { w.known = max(w.known, since) })
	return w.known
}

// Needs lists what of the definition a command set does not understand, each place
// once: fields and values in the definition's order, then what several fields say
// together.
func (d *Definition) Needs(known int) []Need {
	var needs []Need
	w := sinceWalk{known: known}
	w.definition(d, func(since int, path func() string) {
		need := Need{Path: path(), Since: since}
		if i := slices.IndexFunc(needs, func(n Need) bool { return n.Path == need.Path }); i >= 0 {
			needs[i].Since = max(needs[i].Since, since)
			return
		}
		needs = append(needs, need)
	})
	return needs
}

// sinceField is a field that may need more than the first command set.
type sinceField struct {
	index int
	// name is the field's key in JSON.
	name string
	// since is the command set of the field, 1 for the first.
	since  int
	values map[string]int
	rule   bool
	// inner are the fields of the struct, or of a list's elements, that may need more.
	inner []sinceField
}

// sinceFields are those of a definition.
var sinceFields = sinceFieldsOf(reflect.TypeFor[Definition]())

// sinceFieldsOf reads the tags of a type. Definitions hold no recursive types. A tag
// that cannot be read is a mistake of the program.
func sinceFieldsOf(t reflect.Type) []sinceField {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var fields []sinceField
	for i := range t.NumField() {
		f := sinceField{index: i, since: 1}
		f.name, _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
		f.read(t.Field(i).Tag.Get("since"))
		f.inner = sinceFieldsOf(t.Field(i).Type)
		if f.since > 1 || f.rule || len(f.values) > 0 || len(f.inner) > 0 {
			fields = append(fields, f)
		}
	}
	return fields
}

func (f *sinceField) read(tag string) {
	for part := range strings.SplitSeq(tag, ",") {
		value, number, ofValue := strings.Cut(part, "=")
		switch {
		case part == "":
		case part == "rule":
			f.rule = true
		case ofValue:
			if f.values == nil {
				f.values = map[string]int{}
			}
			f.values[value] = mustCount(number)
		default:
			f.since = mustCount(part)
		}
	}
}

func mustCount(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 2 {
		panic("resources: since:" + strconv.Quote(text) + " is no command set after the first")
	}
	return n
}

// sinceWalk goes through a definition and reports what needs more than the known
// command set.
type sinceWalk struct {
	known  int
	report func(since int, path func() string)
	steps  []sinceStep
}

// sinceStep is one step on the way to a value: a field, and the element of a list.
type sinceStep struct {
	name  string
	list  reflect.Value
	index int
}

func (w *sinceWalk) definition(d *Definition, report func(since int, path func() string)) {
	if d == nil {
		return
	}
	w.report = report
	w.fields(reflect.ValueOf(d).Elem(), sinceFields)
	for _, m := range meanings {
		if m.since > w.known {
			m.find(d, func(path string) { report(m.since, func() string { return path }) })
		}
	}
}

func (w *sinceWalk) fields(of reflect.Value, fields []sinceField) {
	for i := range fields {
		f, value := &fields[i], of.Field(fields[i].index)
		if !said(value) {
			continue
		}
		w.steps = append(w.steps, sinceStep{name: f.name})
		since := f.needs(value)
		if since > w.known {
			w.tell(since, value)
		}
		if since <= w.known && len(f.inner) > 0 { // a report may have raised what is known
			w.within(value, f.inner)
		}
		w.steps = w.steps[:len(w.steps)-1]
	}
}

// tell reports a field; of a list of the definition's things, each.
func (w *sinceWalk) tell(since int, value reflect.Value) {
	if len(w.steps) > 1 || value.Kind() != reflect.Slice {
		w.report(since, w.path)
		return
	}
	for i := range value.Len() {
		w.steps[0].list, w.steps[0].index = value, i
		w.report(since, w.path)
	}
}

// within goes on in a struct, or in each of a list.
func (w *sinceWalk) within(value reflect.Value, fields []sinceField) {
	switch value.Kind() {
	case reflect.Pointer:
		w.within(value.Elem(), fields)
	case reflect.Slice:
		last := len(w.steps) - 1
		for i := range value.Len() {
			w.steps[last].list, w.steps[last].index = value, i
			w.fields(value.Index(i), fields)
		}
	default:
		w.fields(value, fields)
	}
}

// said reports whether a field is given: what is not is left out of JSON, too, so
// that earlier members read the rest.
func said(value reflect.Value) bool {
	if value.Kind() == reflect.Map || value.Kind() == reflect.Slice {
		return value.Len() > 0
	}
	return !value.IsZero()
}

// needs returns the command set of the field with its value, which is given.
func (f *sinceField) needs(value reflect.Value) int {
	since := f.since
	if f.rule {
		since = max(since, ruleSince(value.String()))
	}
	if len(f.values) > 0 {
		since = max(since, f.values[wordOf(value)])
	}
	return since
}

// wordOf returns a value as definitions have it.
func wordOf(value reflect.Value) string {
	if value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	if value.Kind() == reflect.String {
		return value.String()
	}
	return fmt.Sprint(value.Interface())
}

// path writes the steps as a Problem does.
func (w *sinceWalk) path() string {
	var b strings.Builder
	for i, step := range w.steps {
		switch {
		case i > 0:
			b.WriteString("." + step.element())
		case step.list.IsValid():
			b.WriteString(step.thing())
		case step.name == "properties":
			b.WriteString("cluster.properties")
		case step.name == "cluster" && len(w.steps) == 1:
			b.WriteString("cluster.when") // there is nothing else in it
		default:
			b.WriteString(step.name)
		}
	}
	return b.String()
}

// thing names one of the definition's things: resource[galera].
func (s *sinceStep) thing() string {
	id, nth := s.called()
	return strings.TrimSuffix(s.name, "s") + "[" + id + nth + "]"
}

// element names a field below a thing, and the element of a list.
func (s *sinceStep) element() string {
	switch {
	case !s.list.IsValid():
		return s.name
	case s.name == "ops":
		name, nth := s.called()
		return "op." + name + nth
	case s.index == 0 && s.name != "sets":
		return s.name
	}
	return fmt.Sprintf("%s#%d", s.name, s.index+1)
}

// called returns the name of an element, which is its first field, and which of
// several with that name it is: "#2".
func (s *sinceStep) called() (name, nth string) {
	name = s.list.Index(s.index).Field(0).String()
	n := 1
	for i := range s.index {
		if s.list.Index(i).Field(0).String() == name {
			n++
		}
	}
	if n > 1 {
		nth = "#" + strconv.Itoa(n)
	}
	return name, nth
}
