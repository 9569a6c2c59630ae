package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/resources"
)

// condition is something to wait for. holds says whether it is true now, and if
// not how things are.
type condition interface {
	holds(api.Status) (bool, string)
	// check refuses names that the cluster does not know.
	check(api.Status) error
}

// Bounds of a condition's text.
const (
	maxCondition      = 1000
	maxConditionDepth = 50
)

const conditionHelp = `write for example: resource/galera promoted>=3, resource/vip on controller-1, node/controller-2 online, cluster settled; with and, or, not and parentheses`

// parseCondition reads
//
//	EXPR  = AND { or AND }      AND = NOT { and NOT }      NOT = not NOT | ( EXPR ) | TERM
//	TERM  = resource/ID ROLE [OP N] | resource/ID on NODE | resource/ID failed [OP N]
//	      | node/NAME online|offline|standby|maintenance|lost|off
//	      | cluster settled|quorum|healthy
//
// ROLE is started, promoted or stopped and without OP N means >=1; OP is >=, <=,
// ==, !=, < or >. A name without resource/ is a resource's.
func parseCondition(text string) (condition, error) {
	if len(text) > maxCondition {
		return nil, bad(codeBadCondition, "the condition is longer than %d bytes", maxCondition)
	}
	p := &conditionParser{text: text}
	p.lex()
	c := p.or(0)
	if p.err == nil && p.pos < len(p.words) {
		p.wrong("unexpected %q", p.words[p.pos].text)
	}
	if p.err != nil {
		return nil, p.err
	}
	return c, nil
}

type conditionWord struct {
	text string
	at   int
}

type conditionParser struct {
	text  string
	words []conditionWord
	pos   int
	err   error
}

func (p *conditionParser) lex() {
	for i := 0; i < len(p.text); {
		from := i
		switch c := p.text[i]; {
		case c == ' ' || c == '\t' || c == '\n':
			i++
			continue
		case strings.IndexByte("<>=!&|()", c) >= 0:
			i++
			if i < len(p.text) && (c != '(' && c != ')') && (p.text[i] == '=' || p.text[i] == c) {
				i++
			}
		default:
			for i < len(p.text) && strings.IndexByte(" \t\n<>=!&|()", p.text[i]) < 0 {
				i++
			}
		}
		p.words = append(p.words, conditionWord{p.text[from:i], from + 1})
	}
}

// wrong keeps the first problem, with its place.
func (p *conditionParser) wrong(format string, args ...any) {
	at := len(p.text) + 1
	if p.pos < len(p.words) {
		at = p.words[p.pos].at
	}
	if p.err == nil {
		p.err = bad(codeBadCondition, "condition %q, column %d: %s: %s", p.text, at, fmt.Sprintf(format, args...), conditionHelp)
	}
}

func (p *conditionParser) peek(words ...string) bool {
	for _, word := range words {
		if p.pos < len(p.words) && p.words[p.pos].text == word {
			return true
		}
	}
	return false
}

func (p *conditionParser) take(words ...string) bool {
	if p.peek(words...) {
		p.pos++
		return true
	}
	return false
}

// word takes any one word; what names it in the message where there is none.
func (p *conditionParser) word(what string) string {
	if p.pos >= len(p.words) {
		p.wrong("%s is missing", what)
		return ""
	}
	p.pos++
	return p.words[p.pos-1].text
}

func (p *conditionParser) or(depth int) condition {
	all := anyOf{p.and(depth)}
	for p.err == nil && p.take("or", "||") {
		all = append(all, p.and(depth))
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

func (p *conditionParser) and(depth int) condition {
	all := allOf{p.not(depth)}
	for p.err == nil && p.take("and", "&&", ",") {
		all = append(all, p.not(depth))
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

func (p *conditionParser) not(depth int) condition {
	switch {
	case depth > maxConditionDepth:
		p.wrong("nested more than %d deep", maxConditionDepth)
		return allOf{}
	case p.take("not", "!"):
		return notThat{p.not(depth + 1)}
	case p.take("("):
		inner := p.or(depth + 1)
		if p.err == nil && !p.take(")") {
			p.wrong("a bracket is not closed")
		}
		return inner
	}
	return p.term()
}

func (p *conditionParser) term() condition {
	subject := p.word("what to wait for")
	kind, name, slashed := strings.Cut(subject, "/")
	switch {
	case p.err != nil:
		return allOf{}
	case subject == "cluster":
		return p.state("cluster", "", "settled", "quorum", "healthy")
	case slashed && kind == "node":
		return p.state("node", name, "online", "offline", "standby", "maintenance", "lost", "off")
	case slashed && kind != "resource":
		p.pos--
		p.wrong("no kind is called %q", kind)
		return allOf{}
	case !slashed:
		name = subject
	}
	id := bare([]string{name})[0]
	if p.take("on") {
		return &instancesThat{resource: id, role: resources.RoleStarted, node: resources.NodeName(p.word("a node")), op: ">=", count: 1}
	}
	c := &instancesThat{resource: id, op: ">=", count: 1}
	if p.take("failed") {
		c.failed = true
		return p.counted(c)
	}
	word := p.word("started, promoted or stopped")
	role, err := resources.ParseRole(word)
	c.role = role
	if p.err == nil && (err != nil || role != resources.RoleStarted && role != resources.RolePromoted && role != resources.RoleStopped) {
		p.pos--
		p.wrong("%q is none of started, promoted, stopped, failed and on", word)
	}
	return p.counted(c)
}

// counted reads OP N, where it is given.
func (p *conditionParser) counted(c *instancesThat) condition {
	if !p.peek(">=", "<=", "==", "!=", "<", ">") {
		return c
	}
	c.op = p.word("")
	number := p.word("a number")
	var err error
	if c.count, err = strconv.Atoi(number); p.err == nil && err != nil {
		p.pos--
		p.wrong("%q is no number", number)
	}
	return c
}

// state reads one word of several about a node or the cluster.
func (p *conditionParser) state(kind, name string, words ...string) condition {
	word := p.word("one of " + strings.Join(words, ", "))
	for _, known := range words {
		if word == known {
			return &stateOf{kind: kind, name: resources.NodeName(name), word: word}
		}
	}
	if p.err == nil {
		p.pos--
		p.wrong("%q is none of %s", word, strings.Join(words, ", "))
	}
	return allOf{}
}
