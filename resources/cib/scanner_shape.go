package cib

import "bytes"

// shape is how the last tag at some depth wrote its attributes. The next one there
// mostly names the same ones in the same order, as the tags of a status do, which
// is nearly all of a large CIB. As far as it does, its names need not be found,
// recognized and told apart again.
type shape struct {
	leads []byte // what stands before each value: ` id="`, ` name="` and so on
	attrs []shapeAttr
}

type shapeAttr struct {
	from, to int // in leads
	key      attrKey
}

// lead returns what stands before the value of an attribute in the last tag.
func (p *shape) lead(n int) []byte { return p.leads[p.attrs[n].from:p.attrs[n].to] }

// maxLeads is how long the names that a shape keeps may be together.
const maxLeads = 4 << 10

// learn takes over how the attributes of a tag are written, or the first of them.
func (p *shape) learn(attrs []rawAttr) {
	p.leads, p.attrs = p.leads[:0], p.attrs[:0]
	for i := range attrs {
		from := len(p.leads)
		if from+len(attrs[i].name) > maxLeads {
			return
		}
		p.leads = append(p.leads, ' ')
		p.leads = append(p.leads, attrs[i].name...)
		p.leads = append(p.leads, '=', '"')
		p.attrs = append(p.attrs, shapeAttr{from, len(p.leads), attrs[i].key})
	}
}

// follow reads attributes at i of b as far as they are those of the shape, and
// returns where it came to. What it leaves is for parseAttr, also what is wrong.
// No value reaches beyond limit.
func (s *scanner) follow(p *shape, b []byte, i, limit int) int {
	for n := range p.attrs {
		lead := p.lead(n)
		if !bytes.HasPrefix(b[i:], lead) {
			break
		}
		at := i + len(lead)
		length := bytes.IndexByte(b[at:], '"')
		if length < 0 || at+length > limit {
			break
		}
		s.attrs = append(s.attrs, rawAttr{b[i+1 : at-2], b[at : at+length], i + 1, p.attrs[n].key})
		i = at + length + 1
	}
	return i
}
