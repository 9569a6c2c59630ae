package edit

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/belay-ha/belay/resources"
)

// settings is what the words after a resource's name say.
type settings struct {
	params, meta, clone []pair
	ops                 []opWords
	// cloned: the words clone or promotable occurred; promotable: the latter.
	cloned, promotable bool
	group              string
	before, after      string
	disabled           bool
}

type opWords struct {
	name  resources.Op
	pairs []pair
}

type section int

const (
	inParams section = iota
	inMeta
	inClone
	inOp
)

// keywords begin a section, in pcs' several spellings.
var keywords = map[string]string{
	"op": "op", "meta": "meta", "--meta": "meta", "clone": "clone", "--clone": "clone",
	"promotable": "promotable", "--promotable": "promotable", "master": "promotable", "--master": "promotable",
	"group": "group", "--group": "group", "--before": "before", "--after": "after", "--disabled": "disabled", "--force": "force",
}

var opNames = []resources.Op{"start", "stop", "promote", "demote", "monitor", "notify", "reload", "probe"}

// flagsLast moves flags that stand before a resource's id behind everything else.
func flagsLast(words []string) []string {
	n := 0
	for n < len(words) && strings.HasPrefix(words[n], "--") && keywords[strings.SplitN(words[n], "=", 2)[0]] != "" {
		kind := keywords[words[n]]
		n++
		if kind == "group" || kind == "before" || kind == "after" {
			n++
		}
	}
	n = min(n, len(words))
	return slices.Concat(words[n:], words[:n])
}

// parseSettings reads [NAME=VALUE…] [op NAME NAME=VALUE…]… [meta …]
// [--clone …|--promotable …|--group G [--before ID|--after ID]] [--disabled],
// in any order. Every word with "=" belongs to the section before it; values
// are kept as they are.
func parseSettings(words []string) (settings, error) {
	var s settings
	at := inParams
	if i := slices.IndexFunc(words, func(word string) bool { return !utf8.ValidString(word) }); i >= 0 {
		return s, errorf("", "%q is not UTF-8", words[i])
	}
	for len(words) > 0 {
		first := words[0]
		words = words[1:]
		flag, value, joined := strings.Cut(first, "=")
		if joined && (flag == "--group" || flag == "--before" || flag == "--after") {
			first, words = flag, append([]string{value}, words...)
		} else if p, isPair := splitPair(first); isPair && !strings.HasPrefix(first, "--") {
			s.pair(at, p)
			continue
		}
		rest, next, err := s.keyword(at, first, words)
		if err != nil {
			return settings{}, err
		}
		words, at = rest, next
	}
	return s, nil
}

func (s *settings) pair(at section, p pair) {
	switch at {
	case inParams:
		s.params = append(s.params, p)
	case inMeta:
		s.meta = append(s.meta, p)
	case inClone:
		s.clone = append(s.clone, p)
	case inOp:
		last := &s.ops[len(s.ops)-1]
		last.pairs = append(last.pairs, p)
	}
}

// keyword reads a word that is no pair, and what belongs to it. It returns the
// words that are left and the section that they are in.
func (s *settings) keyword(at section, first string, words []string) ([]string, section, error) {
	switch kind := keywords[first]; kind {
	case "meta":
		return words, inMeta, nil
	case "clone", "promotable":
		s.cloned, s.promotable = true, s.promotable || kind == "promotable"
		return words, inClone, nil
	case "disabled":
		s.disabled = true
		return words, at, nil
	case "force": // there are no checks to skip; pcs' scripts are full of it
		return words, at, nil
	case "op", "group", "before", "after":
		if len(words) == 0 || words[0] == "" || strings.HasPrefix(words[0], "--") || strings.Contains(words[0], "=") {
			return nil, at, errorf("", "%s needs a name", first)
		}
		name := words[0]
		switch kind {
		case "op":
			s.ops = append(s.ops, opWords{name: resources.Op(name)})
			at = inOp
		case "group":
			s.group = name
		case "before":
			s.before = name
		case "after":
			s.after = name
		}
		return words[1:], at, nil
	}
	if at == inOp && slices.Contains(opNames, resources.Op(first)) {
		s.ops = append(s.ops, opWords{name: resources.Op(first)})
		return words, at, nil
	}
	hint := "write NAME=VALUE"
	if best, ok := resources.Nearest(first, []string{"meta", "--clone", "--promotable", "--group", "--disabled"}); ok {
		hint = "did you mean " + best + "?"
	}
	return nil, at, errorf(hint, "unexpected %q", first)
}
