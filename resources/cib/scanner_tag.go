package cib

import (
	"bytes"
	"unicode/utf8"
)

var (
	commentStart = []byte("<!--")
	commentEnd   = []byte("-->")
	cdataStart   = []byte("<![CDATA[")
	cdataEnd     = []byte("]]>")
	processEnd   = []byte("?>")
)

// skipMarkup passes a comment, a processing instruction or character data.
func (s *scanner) skipMarkup() error {
	var end []byte
	var from int
	switch {
	case s.window[s.r+1] == '?':
		end, from = processEnd, 2
	case s.startsWith(commentStart):
		end, from = commentEnd, 4
	case s.startsWith(cdataStart):
		if len(s.open) == 0 {
			return s.fail(s.r, "text outside of the root element")
		}
		end, from = cdataEnd, len(cdataStart)
		s.text = true
	default:
		return s.fail(s.r, "document types and entities are refused")
	}
	for {
		if i := bytes.Index(s.window[min(s.r+from, s.w):s.w], end); i >= 0 {
			stop := s.r + from + i + len(end)
			if end[0] == '?' {
				if err := s.checkDeclaration(s.window[s.r:stop]); err != nil {
					return err
				}
			}
			s.r = stop
			return nil
		}
		more, err := s.fill(s.r)
		if err != nil {
			return err
		}
		if !more {
			return s.fail(s.start, "a comment or instruction begins here and does not end")
		}
	}
}

func (s *scanner) startsWith(prefix []byte) bool {
	if s.need(len(prefix)) != nil {
		return false
	}
	return bytes.HasPrefix(s.window[s.r:s.w], prefix)
}

// checkDeclaration refuses encodings that the scanner would misread.
func (s *scanner) checkDeclaration(text []byte) error {
	if !bytes.HasPrefix(text, []byte("<?xml ")) {
		return nil
	}
	i := bytes.Index(text, []byte("encoding"))
	if i < 0 {
		return nil
	}
	value := bytes.Trim(text[i+len("encoding"):], " \t\r\n=?>")
	value = bytes.ToLower(bytes.Trim(value, `"'`))
	for _, known := range []string{"utf-8", "us-ascii", "ascii"} {
		if bytes.HasPrefix(value, []byte(known)) {
			return nil
		}
	}
	return s.fail(s.r, "the encoding %.40q is not UTF-8", value)
}

// endTag reads </name>.
func (s *scanner) endTag() (event, error) {
	for {
		i := bytes.IndexByte(s.window[s.r:s.w], '>')
		if i < 0 {
			more, err := s.fill(s.r)
			if err != nil {
				return eventEOF, err
			}
			if !more {
				return eventEOF, s.fail(s.start, "the file ends inside a tag")
			}
			continue
		}
		name, n := s.window[s.r+2:s.r+i], len(s.open)
		if n == 0 || !bytes.Equal(s.open[n-1], name) {
			name = bytes.TrimRight(name, " \t\r\n")
		}
		if n == 0 || !bytes.Equal(s.open[n-1], name) {
			if n == 0 {
				return eventEOF, s.fail(s.start, "</%.40s> ends nothing", name)
			}
			return eventEOF, s.fail(s.start, "</%.40s> stands where </%s> should", name, s.open[n-1])
		}
		s.r += i + 1
		return s.close()
	}
}

func (s *scanner) close() (event, error) {
	s.open = s.open[:len(s.open)-1]
	return eventEnd, nil
}

// startTag reads <name a="b" …> or <name …/>.
func (s *scanner) startTag() (event, error) {
	for {
		done, err := s.parseTag()
		if err != nil {
			return eventEOF, err
		}
		if done {
			break
		}
		// The tag goes on beyond the window: begin it again with more of it.
		more, err := s.fill(s.start)
		if err != nil {
			return eventEOF, err
		}
		if !more {
			return eventEOF, s.fail(s.start, "the file ends inside a tag")
		}
	}
	if len(s.open) == 0 {
		if s.rootN++; s.rootN > 1 {
			return eventEOF, s.fail(s.start, "a second root element")
		}
	}
	if len(s.open) >= MaxDepth {
		return eventEOF, s.fail(s.start, "elements are nested more than %d deep", MaxDepth)
	}
	s.push(s.name)
	s.ended = s.empty
	return eventStart, nil
}

// push remembers an open element, using the storage of earlier ones.
func (s *scanner) push(name []byte) {
	n := len(s.open)
	if n < cap(s.open) {
		s.open = s.open[:n+1]
		s.open[n] = append(s.open[n][:0], name...)
		return
	}
	s.open = append(s.open, append([]byte(nil), name...))
}

// parseTag reads the tag at start as far as it is in the window, and reports
// whether that was all of it.
func (s *scanner) parseTag() (bool, error) {
	b := s.window[:s.w]
	i := nameEnd(b, s.start+1)
	if i == len(b) {
		return false, nil
	}
	if i == s.start+1 {
		return false, s.fail(s.start, "a name should follow <")
	}
	s.name, s.attrs, s.empty = b[s.start+1:i], s.attrs[:0], false
	limit := len(b) // where the next < is: no value may contain one
	if next := bytes.IndexByte(b[i:], '<'); next >= 0 {
		limit = i + next
	}
	known := &s.shapes[min(len(s.open), MaxDepth-1)]
	i = s.follow(known, b, i, limit)
	followed := len(s.attrs)
	for {
		space := i
		for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
			i++
		}
		if i == len(b) {
			return false, nil
		}
		switch b[i] {
		case '>':
			s.r = i + 1
		case '/':
			if i+1 == len(b) {
				return false, nil
			}
			if b[i+1] != '>' {
				return false, s.fail(i, "a > should follow /")
			}
			s.r, s.empty = i+2, true
		default:
			if space == i {
				return false, s.fail(i, "white space should stand before an attribute")
			}
			next, err := s.parseAttr(b, i, limit)
			if next == 0 || err != nil {
				return false, err
			}
			i = next
			continue
		}
		if len(s.attrs) > followed {
			known.learn(s.attrs)
		}
		return true, nil
	}
}

// parseAttr reads name="value" at i and returns where it ends, or 0 if that is
// beyond the window. No value reaches beyond limit.
func (s *scanner) parseAttr(b []byte, i, limit int) (int, error) {
	from := i
	i = nameEnd(b, i)
	name := b[from:i]
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	if i == len(b) {
		return 0, nil
	}
	if len(name) == 0 || b[i] != '=' {
		return 0, s.fail(from, "an attribute is not written name=\"value\"")
	}
	for i++; i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r'); i++ {
	}
	if i == len(b) {
		return 0, nil
	}
	quote := b[i]
	if quote != '"' && quote != '\'' {
		return 0, s.fail(from, "the value of attribute %.40s has no quotes", name)
	}
	n := bytes.IndexByte(b[i+1:], quote)
	if n < 0 {
		return 0, nil
	}
	value := b[i+1 : i+1+n]
	if i+1+n > limit {
		return 0, s.fail(from, "the value of attribute %.40s contains <", name)
	}
	for _, a := range s.attrs {
		if len(a.name) == len(name) && bytes.Equal(a.name, name) {
			return 0, s.fail(from, "attribute %.40s is given twice", name)
		}
	}
	if len(s.attrs) == maxAttributes {
		return 0, s.fail(from, "an element has more than %d attributes", maxAttributes)
	}
	s.attrs = append(s.attrs, rawAttr{name, value, from, keyOf(name)})
	return i + n + 2, nil
}

// nameEnd returns where the name that begins at i ends.
func nameEnd(b []byte, i int) int {
	for i < len(b) && nameByte[b[i]] {
		i++
	}
	return i
}

// nameByte tells the bytes that names consist of. All of what is not ASCII is
// among them: names are only compared.
var nameByte = func() (table [256]bool) {
	for _, b := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:.-") {
		table[b] = true
	}
	for b := utf8.RuneSelf; b < 256; b++ {
		table[b] = true
	}
	return table
}()
