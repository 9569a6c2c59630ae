package resources

import (
	"fmt"
	"strings"
)

// Bounds of a rule's text and of its nesting.
const (
	maxRuleText  = 4096
	maxRuleDepth = 64
)

// ParseRule reads a rule. Its grammar, from weakest to strongest binding:
//
//	rule       = and { ("||" | "or") and }
//	and        = unary { ("&&" | "and") unary }
//	unary      = ("!" | "not") unary | "(" rule ")" | "defined" NAME | "not_defined" NAME | comparison
//	comparison = NAME ("==" | "!=" | "<" | "<=" | ">" | ">=" | "eq" | "ne" | "lt" | "lte" | "gt" | "gte") [TYPE] ["param"] VALUE
//	           | "date" "in" SPEC
//	           | "agent" "in" PATTERN
//	           | "op" "in" OPERATION
//	           | "date" ("<" | "<=" | ">" | ">=" | "lt" | "lte" | "gt" | "gte") DATE
//	TYPE       = "string" | "integer" | "number" | "version"
//
// Names and values are bare words or strings in single or double quotes; in
// double quotes a backslash keeps the next character. A DATE is as in RFC 3339,
// in UTC where it names no zone; the clock may be left out. A SPEC is text such as
// "hours=9-16 weekdays=1-5", in UTC. A PATTERN is a shell pattern for agents, an
// OPERATION a name with or without an interval, "monitor/10s". After "param" the
// value is that of the resource's parameter of that name. Errors are *RuleError.
func ParseRule(text string) (Rule, error) {
	if len(text) > maxRuleText {
		return Rule{}, &RuleError{maxRuleText, fmt.Sprintf("longer than %d bytes", maxRuleText)}
	}
	tokens, err := ruleTokens(text)
	if err != nil {
		return Rule{}, err
	}
	p := ruleParser{tokens: tokens, end: len(text) + 1}
	expr, err := p.or(0)
	if err != nil {
		return Rule{}, err
	}
	if t := p.peek(); t.kind != ruleEnd {
		return Rule{}, &RuleError{t.column, fmt.Sprintf("unexpected %s: join expressions with && or ||", t)}
	}
	return Rule{text: text, expr: expr}, nil
}

type ruleTokenKind int

const (
	ruleEnd ruleTokenKind = iota
	ruleWord
	ruleQuoted
	ruleSymbol
)

type ruleToken struct {
	kind   ruleTokenKind
	text   string
	column int
}

func (t ruleToken) String() string {
	if t.kind == ruleEnd {
		return "end of the rule"
	}
	return fmt.Sprintf("%q", t.text)
}

// is reports whether the token is one of the symbols or, when bare, the words.
func (t ruleToken) is(texts ...string) bool {
	for _, text := range texts {
		if t.kind == ruleSymbol && t.text == text || t.kind == ruleWord && strings.EqualFold(t.text, text) {
			return true
		}
	}
	return false
}

func ruleTokens(text string) ([]ruleToken, error) {
	var tokens []ruleToken
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '"' || c == '\'':
			value, length, err := quotedString(text[i:], i+1)
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, ruleToken{ruleQuoted, value, i + 1})
			i += length
		case strings.IndexByte("()!=<>&|", c) >= 0:
			symbol, err := ruleSymbolAt(text[i:], i+1)
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, ruleToken{ruleSymbol, symbol, i + 1})
			i += len(symbol)
		default:
			length := strings.IndexAny(text[i:], " \t\r\n\"'()!=<>&|")
			if length < 0 {
				length = len(text) - i
			}
			tokens = append(tokens, ruleToken{ruleWord, text[i : i+length], i + 1})
			i += length
		}
	}
	return tokens, nil
}

func ruleSymbolAt(text string, column int) (string, error) {
	for _, symbol := range []string{"==", "!=", "<=", ">=", "&&", "||", "(", ")", "!", "<", ">"} {
		if strings.HasPrefix(text, symbol) {
			return symbol, nil
		}
	}
	return "", &RuleError{column, fmt.Sprintf("unexpected %q: did you mean %q?", text[:1], text[:1]+text[:1])}
}

// quotedString reads a quoted string at the beginning of text and returns its
// value and its length in text.
func quotedString(text string, column int) (string, int, error) {
	quote := text[0]
	var value strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote:
			return value.String(), i + 1, nil
		case c == '\\' && quote == '"' && i+1 < len(text):
			i++
			value.WriteByte(text[i])
		default:
			value.WriteByte(c)
		}
	}
	return "", 0, &RuleError{column, "the string has no closing quote"}
}

type ruleParser struct {
	tokens []ruleToken
	end    int // column after the text
}

func (p *ruleParser) peek() ruleToken {
	if len(p.tokens) == 0 {
		return ruleToken{ruleEnd, "", p.end}
	}
	return p.tokens[0]
}

func (p *ruleParser) next() ruleToken {
	t := p.peek()
	if t.kind != ruleEnd {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *ruleParser) or(depth int) (ruleExpr, error) {
	parts, err := p.list(depth, (*ruleParser).and, "||", "or")
	if err != nil || len(parts) == 1 {
		return onlyPart(parts), err
	}
	return ruleOr{parts}, nil
}

func (p *ruleParser) and(depth int) (ruleExpr, error) {
	parts, err := p.list(depth, (*ruleParser).unary, "&&", "and")
	if err != nil || len(parts) == 1 {
		return onlyPart(parts), err
	}
	return ruleAnd{parts}, nil
}

func onlyPart(parts []ruleExpr) ruleExpr {
	if len(parts) == 0 {
		return nil
	}
	return parts[0]
}

func (p *ruleParser) list(depth int, part func(*ruleParser, int) (ruleExpr, error), joiners ...string) ([]ruleExpr, error) {
	var parts []ruleExpr
	for {
		expr, err := part(p, depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, expr)
		if !p.peek().is(joiners...) {
			return parts, nil
		}
		p.next()
	}
}

func (p *ruleParser) unary(depth int) (ruleExpr, error) {
	t := p.next()
	if depth >= maxRuleDepth {
		return nil, &RuleError{t.column, fmt.Sprintf("nested more than %d deep", maxRuleDepth)}
	}
	switch {
	case t.is("!") || t.is("not") && !p.comparisonAhead():
		inner, err := p.unary(depth + 1)
		if err != nil {
			return nil, err
		}
		return ruleNot{inner}, nil
	case t.is("("):
		inner, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if end := p.next(); !end.is(")") {
			return nil, &RuleError{end.column, fmt.Sprintf("unexpected %s: the parenthesis at column %d is still open", end, t.column)}
		}
		return inner, nil
	case t.is("defined", "not_defined") && !p.comparisonAhead():
		return p.defined(t)
	case t.kind == ruleWord || t.kind == ruleQuoted:
		return p.comparison(t)
	default:
		return nil, &RuleError{t.column, fmt.Sprintf(`unexpected %s: write an attribute, such as osprole == "controller"`, t)}
	}
}

// comparisonAhead reports whether the word just read is an attribute's name.
func (p *ruleParser) comparisonAhead() bool {
	_, ok := ruleOps[strings.ToLower(p.peek().text)]
	return ok && p.peek().kind != ruleQuoted
}

func (p *ruleParser) defined(t ruleToken) (ruleExpr, error) {
	name := p.next()
	if name.kind != ruleWord && name.kind != ruleQuoted {
		return nil, &RuleError{name.column, fmt.Sprintf("unexpected %s: %s needs an attribute's name", name, t.text)}
	}
	if t.is("not_defined") {
		return ruleNot{ruleDefined{name.text}}, nil
	}
	return ruleDefined{name.text}, nil
}

var ruleOps = map[string]ruleOp{
	"==": ruleEq, "eq": ruleEq, "!=": ruleNe, "ne": ruleNe,
	"<": ruleLt, "lt": ruleLt, "<=": ruleLte, "lte": ruleLte,
	">": ruleGt, "gt": ruleGt, ">=": ruleGte, "gte": ruleGte,
}

func (p *ruleParser) comparison(name ruleToken) (ruleExpr, error) {
	opToken := p.next()
	if name.kind == ruleWord && opToken.is("in") {
		if expr, is, err := p.within(name.text); is {
			return expr, err
		}
	}
	op, ok := ruleOps[strings.ToLower(opToken.text)]
	if !ok || opToken.kind == ruleQuoted {
		return nil, &RuleError{opToken.column, fmt.Sprintf("unexpected %s after %q: use ==, !=, <, <=, >, >=, or defined %s", opToken, name.text, name.text)}
	}
	value := p.next()
	kind := ruleType("")
	if ahead := p.peek(); value.is("string", "integer", "number", "version") &&
		(ahead.kind == ruleQuoted || ahead.kind == ruleWord && !ahead.is("and", "or")) {
		kind, value = ruleType(strings.ToLower(value.text)), p.next()
	}
	param := false
	if ahead := p.peek(); value.is("param") && (ahead.kind == ruleQuoted || ahead.kind == ruleWord && !ahead.is("and", "or")) {
		param, value = true, p.next()
	}
	if value.kind != ruleWord && value.kind != ruleQuoted {
		return nil, &RuleError{value.column, fmt.Sprintf("unexpected %s: %s needs a value", value, opToken.text)}
	}
	if isDate(name, op) {
		date, ok := ParseDate(value.text)
		if !ok {
			return nil, &RuleError{value.column, fmt.Sprintf("%q is no date such as 2026-06-01T12:30:00Z; write an attribute of that name in quotes", value.text)}
		}
		return ruleDate{op: op, date: date}, nil
	}
	return ruleComparison{name: name.text, op: op, kind: kind, value: value.text, param: param}, nil
}
