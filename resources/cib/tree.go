package cib

// element is an element of the configuration.
type element struct {
	name     string
	at       place
	attrs    []attr
	children []*element
	size     int // elements in it, itself included
}

// attr is an attribute of an element.
type attr struct {
	name, value string
	at          place
}

// get returns an attribute's value, or "" where it is not given.
func (e *element) get(name string) string {
	value, _ := e.lookup(name)
	return value
}

func (e *element) lookup(name string) (string, bool) {
	for i := range e.attrs {
		if e.attrs[i].name == name {
			return e.attrs[i].value, true
		}
	}
	return "", false
}

// where returns the place of an attribute, or of the element without it.
func (e *element) where(name string) place {
	for i := range e.attrs {
		if e.attrs[i].name == name {
			return e.attrs[i].at
		}
	}
	return e.at
}

func (e *element) id() string { return e.get("id") }

// set gives an attribute a value.
func (e *element) set(name, value string) {
	for i := range e.attrs {
		if e.attrs[i].name == name {
			e.attrs[i].value = value
			return
		}
	}
	e.attrs = append(e.attrs[:len(e.attrs):len(e.attrs)], attr{name, value, e.at})
}

// unset removes an attribute.
func (e *element) unset(name string) {
	for i := range e.attrs {
		if e.attrs[i].name == name {
			e.attrs = append(e.attrs[:i:i], e.attrs[i+1:]...)
			return
		}
	}
}

// child returns the first child with a name, or nil.
func (e *element) child(name string) *element {
	if e == nil {
		return nil
	}
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// all returns the children with a name.
func (e *element) all(name string) []*element {
	if e == nil {
		return nil
	}
	var found []*element
	for _, c := range e.children {
		if c.name == name {
			found = append(found, c)
		}
	}
	return found
}

// tree reads the element whose start tag was just found, with all below it.
func (r *reader) tree() (*element, error) {
	e, err := r.element()
	if err != nil {
		return nil, err
	}
	for {
		what, err := r.scan.next()
		if err != nil {
			return nil, err
		}
		if r.scan.text && r.strict {
			r.add(r.scan.at(r.scan.start), "<%s> contains text where only elements belong", e.name)
		}
		if what != eventStart {
			return e, nil
		}
		c, err := r.tree()
		if err != nil {
			return nil, err
		}
		e.children = append(e.children, c)
		e.size += c.size
	}
}

// element makes an element of the current start tag.
func (r *reader) element() (*element, error) {
	name, err := r.texts.of(r.scan.name)
	e := &element{name: name, at: r.scan.at(r.scan.start), size: 1}
	if err != nil {
		return nil, &syntaxError{e.at, "the name of an element " + err.Error()}
	}
	if n := len(r.scan.attrs); n > 0 {
		e.attrs = r.attrs.take(n)
	}
	for i, a := range r.scan.attrs {
		at := r.scan.at(a.offset)
		name, err := r.texts.of(a.name)
		if err != nil {
			return nil, &syntaxError{at, "the name of an attribute " + err.Error()}
		}
		value, err := r.texts.of(a.value)
		if err != nil {
			return nil, &syntaxError{at, "the value of attribute " + name + " " + err.Error()}
		}
		e.attrs[i] = attr{name, value, at}
	}
	return e, nil
}

// skip passes everything in the element whose start tag was just found.
func (r *reader) skip() error {
	for depth := 1; depth > 0; {
		what, err := r.scan.next()
		if err != nil {
			return err
		}
		if what == eventStart {
			depth++
		} else {
			depth--
		}
	}
	return nil
}

// index notes every element with an id below e, for references.
func (r *reader) index(e *element) {
	if e.name == "acls" || e.name == "alerts" {
		return
	}
	if id := e.id(); id != "" && unique(e.name) {
		r.byID[id] = append(r.byID[id], e)
	}
	for _, c := range e.children {
		r.index(c)
	}
}

// deref returns what an element with an id-ref stands for: the element of the
// same name with that id. It returns nil, and has told why, if there is none.
func (r *reader) deref(e *element) *element {
	ref, given := e.lookup("id-ref")
	if !given {
		return e
	}
	for _, other := range r.byID[ref] {
		if other.name == e.name && other != e {
			if _, again := other.lookup("id-ref"); !again {
				if !r.spend(e.where("id-ref"), other.size) {
					return nil
				}
				return other
			}
		}
	}
	r.add(e.where("id-ref"), "id-ref %q names no <%s>", ref, e.name)
	return nil
}

// maxExpanded is how many elements references, templates and tags may stand
// for in all: a short file must not mean a long one.
const maxExpanded = 4 << 20

// spend counts elements that are read again, and reports whether there may be
// as many.
func (r *reader) spend(at place, n int) bool {
	before := r.expanded
	r.expanded += n
	if before <= maxExpanded && r.expanded > maxExpanded {
		r.add(at, "references, templates and tags stand for more than %d elements", maxExpanded)
	}
	return r.expanded <= maxExpanded
}

// slab hands out short slices of one large one.
type slab[T any] struct{ free []T }

func (s *slab[T]) take(n int) []T {
	if len(s.free) < n {
		s.free = make([]T, max(n, 512))
	}
	part := s.free[:n:n]
	s.free = s.free[n:]
	return part
}
