package cib

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Bounds of what is read. A CIB with 100 nodes and 5,000 resources is a quarter
// of a gigabyte; tags longer than some kilobytes come from generated scripts in
// parameters.
const (
	// MaxSize is how large a CIB may be, after decompression.
	MaxSize = 4 << 30
	// MaxTag is how long one tag with its attributes may be.
	MaxTag = 4 << 20
	// MaxDepth is how deeply elements may be nested.
	MaxDepth      = 64
	maxAttributes = 256
	windowSize    = 256 << 10
)

// event is what next found.
type event uint8

const (
	eventEnd   event = iota // of the element
	eventStart              // of an element
	eventEOF                // after the root element
)

// rawAttr is an attribute of the current start tag, valid until the next call
// of next. Its value is not yet decoded.
type rawAttr struct {
	name, value []byte
	offset      int // of the name, in the window
	key         attrKey
}

// syntaxError is a fault that reading cannot continue after.
type syntaxError struct {
	at   place
	text string
}

func (e *syntaxError) Error() string { return e.text }

// scanner finds tags in a stream. Text between tags is checked and skipped.
type scanner struct {
	src    io.Reader
	window []byte
	r, w   int // unread part of the window
	atEOF  bool
	read   int64 // bytes taken from src

	mark     int // window offset up to which lines are counted
	line     int32
	lineFrom int // window offset at which that line begins; may be negative

	name  []byte // of the current start tag
	attrs []rawAttr
	start int // window offset of its <
	// shapes say how the last tags were written, by their depth.
	shapes [MaxDepth]shape
	empty  bool
	ended  bool // the current start tag was empty and its end is still to be told
	open   [][]byte
	rootN  int // root elements seen
	// text says whether anything but white space came before the current tag.
	text bool
}

func newScanner(src io.Reader) *scanner {
	return &scanner{src: src, window: make([]byte, windowSize), line: 1, attrs: make([]rawAttr, 0, 32)}
}

// fill reads more, keeping what is unread from keep on. It reports whether
// there was more.
func (s *scanner) fill(keep int) (bool, error) {
	if s.atEOF {
		return false, nil
	}
	s.count(keep)
	if keep > 0 {
		copy(s.window, s.window[keep:s.w])
		s.r, s.w = s.r-keep, s.w-keep
		s.mark, s.lineFrom = s.mark-keep, s.lineFrom-keep
		s.start -= keep
	} else if s.w == len(s.window) {
		if len(s.window) >= MaxTag {
			return false, s.fail(s.start, "a tag or comment is longer than %d MiB", MaxTag>>20)
		}
		s.window = append(s.window, make([]byte, len(s.window))...)
	}
	before := s.w
	for s.w < len(s.window) && !s.atEOF {
		n, err := s.src.Read(s.window[s.w:])
		s.w += max(n, 0)
		if err != nil {
			s.atEOF = true
			if !errors.Is(err, io.EOF) {
				return false, s.fail(s.w, "%v", err)
			}
		}
	}
	s.read += int64(s.w - before)
	if s.read > MaxSize {
		return false, s.fail(s.w, "the CIB is larger than %d GiB", MaxSize>>30)
	}
	return s.w > before, nil
}

// count brings the line counter up to a window offset.
func (s *scanner) count(to int) {
	if to <= s.mark {
		return
	}
	part := s.window[s.mark:to]
	if n := bytes.Count(part, newline); n > 0 {
		s.line += int32(n)
		s.lineFrom = s.mark + bytes.LastIndexByte(part, '\n') + 1
	}
	s.mark = to
}

var newline = []byte{'\n'}

// at returns the place of a window offset that is not before the last one asked
// for.
func (s *scanner) at(offset int) place {
	s.count(offset)
	return place{s.line, max(int32(offset-s.lineFrom)+1, 1)}
}

func (s *scanner) fail(offset int, format string, args ...any) error {
	return &syntaxError{s.at(offset), fmt.Sprintf(format, args...)}
}

// next finds the next start or end of an element.
func (s *scanner) next() (event, error) {
	if s.ended {
		s.ended = false
		return s.close()
	}
	s.text = false
	for {
		if err := s.skipText(); err != nil {
			return eventEOF, err
		}
		if s.r == s.w {
			return s.finish()
		}
		s.start = s.r
		if err := s.need(2); err != nil {
			return eventEOF, err
		}
		switch s.window[s.r+1] {
		case '!', '?':
			if err := s.skipMarkup(); err != nil {
				return eventEOF, err
			}
		case '/':
			return s.endTag()
		default:
			return s.startTag()
		}
	}
}

// finish checks that the input may end here.
func (s *scanner) finish() (event, error) {
	if n := len(s.open); n > 0 {
		return eventEOF, s.fail(s.r, "the file ends inside <%s>", s.open[n-1])
	}
	if s.rootN == 0 {
		return eventEOF, s.fail(s.r, "there is no element in the file")
	}
	return eventEOF, nil
}

// need makes sure that n bytes follow the current position.
func (s *scanner) need(n int) error {
	for s.w-s.r < n {
		more, err := s.fill(s.r)
		if err != nil {
			return err
		}
		if !more {
			return s.fail(s.w, "the file ends inside a tag")
		}
	}
	return nil
}

// skipText moves to the next < or to the end of the file.
func (s *scanner) skipText() error {
	for {
		rest := s.window[s.r:s.w]
		i := bytes.IndexByte(rest, '<')
		if i < 0 {
			i = len(rest)
		}
		if !s.text {
			for j, b := range rest[:i] {
				if b != ' ' && b != '\n' && b != '\t' && b != '\r' {
					s.text = true
					if len(s.open) == 0 {
						return s.fail(s.r+j, "text outside of the root element")
					}
					break
				}
			}
		}
		s.r += i
		if s.r < s.w {
			return nil
		}
		if more, err := s.fill(s.r); err != nil || !more {
			return err
		}
	}
}
