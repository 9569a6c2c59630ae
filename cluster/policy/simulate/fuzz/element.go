package main

import (
	"encoding/xml"
	"strings"
)

// element is a piece of a CIB.
type element struct {
	name     string
	attrs    []attr
	children []*element
}

type attr struct{ name, value string }

// el returns an element with attributes given as names and values in turn.
func el(name string, attrs ...string) *element {
	e := &element{name: name}
	for i := 0; i+1 < len(attrs); i += 2 {
		e.attrs = append(e.attrs, attr{attrs[i], attrs[i+1]})
	}
	return e
}

func (e *element) add(children ...*element) *element {
	e.children = append(e.children, children...)
	return e
}

func (e *element) set(name, value string) *element {
	e.attrs = append(e.attrs, attr{name, value})
	return e
}

func (e *element) get(name string) string {
	for _, a := range e.attrs {
		if a.name == name {
			return a.value
		}
	}
	return ""
}

func (e *element) clone() *element {
	c := &element{name: e.name, attrs: append([]attr(nil), e.attrs...)}
	for _, child := range e.children {
		c.children = append(c.children, child.clone())
	}
	return c
}

// size counts elements and attributes.
func (e *element) size() int {
	n := 1 + len(e.attrs)
	for _, child := range e.children {
		n += child.size()
	}
	return n
}

func (e *element) String() string {
	var b strings.Builder
	e.write(&b, "")
	return b.String()
}

func (e *element) write(b *strings.Builder, indent string) {
	b.WriteString(indent + "<" + e.name)
	for _, a := range e.attrs {
		b.WriteString(" " + a.name + `="`)
		xml.EscapeText(b, []byte(a.value))
		b.WriteString(`"`)
	}
	if len(e.children) == 0 {
		b.WriteString("/>\n")
		return
	}
	b.WriteString(">\n")
	for _, child := range e.children {
		child.write(b, indent+"  ")
	}
	b.WriteString(indent + "</" + e.name + ">\n")
}
