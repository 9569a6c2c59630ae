package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
)

// parse reads a document as elements. Text and comments, which mean nothing in
// a CIB, are left out.
func parse(r io.Reader) (*element, error) {
	decoder := xml.NewDecoder(r)
	top := &element{}
	open := []*element{top}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && len(top.children) == 1 {
			return top.children[0], nil
		}
		if err != nil {
			return nil, fmt.Errorf("read a cluster: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			e := el(t.Name.Local)
			for _, a := range t.Attr {
				e.set(a.Name.Local, a.Value)
			}
			open[len(open)-1].add(e)
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
}
