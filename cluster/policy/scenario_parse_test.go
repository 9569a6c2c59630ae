package policy_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseScenario reads a cluster in the words of testdata/README.md.
func parseScenario(text string) (*scenario, error) {
	s := &scenario{now: scenarioTime}
	for number, line := range strings.Split(text, "\n") {
		words := strings.Fields(strings.SplitN(line, " # ", 2)[0])
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		do, known := scenarioWords[words[0]]
		if !known {
			return nil, fmt.Errorf("line %d: what is %q?", number+1, words[0])
		}
		if err := do(s, words[1:]); err != nil {
			return nil, fmt.Errorf("line %d: %w", number+1, err)
		}
	}
	return s, nil
}

// scenarioWords are the first words of lines.
var scenarioWords map[string]func(*scenario, []string) error

func init() {
	scenarioWords = map[string]func(*scenario, []string) error{
		"option": func(s *scenario, w []string) error { s.options = append(s.options, w...); return nil },
		"no-quorum": func(s *scenario, w []string) error {
			s.noQuorum = true
			s.head += attributes(w)
			return nil
		},
		"at": func(s *scenario, w []string) (err error) {
			s.now, err = time.Parse(time.RFC3339, w[0])
			return err
		},
		"nodes":      (*scenario).addNodes,
		"node":       (*scenario).setNode,
		"rsc":        (*scenario).addPrimitive,
		"group":      addCollection("group"),
		"clone":      addCollection("clone"),
		"bundle":     addCollection("bundle"),
		"implicit":   (*scenario).addImplicit,
		"defaults":   (*scenario).addDefaults,
		"opdefaults": (*scenario).addOpDefaults,
		"op":         (*scenario).addOp,
		"location":   (*scenario).addLocation,
		"with":       (*scenario).addColocation,
		"order":      (*scenario).addOrder,
		"sets":       (*scenario).addSets,
		"ticket":     (*scenario).addTicket,
		"granted":    (*scenario).addGranted,
		"on":         (*scenario).addRunning,
		"ran":        (*scenario).addRan,
		"failed":     (*scenario).addFailures,
		"unprobed":   (*scenario).addUnprobed,
		"locked":     (*scenario).addLocked,
	}
}

func (s *scenario) addNodes(words []string) error {
	for _, name := range words {
		s.nodes = append(s.nodes, &scenarioNode{name: name, state: "up", history: map[string]*scenarioHistory{}, unprobed: map[string]bool{}})
	}
	return nil
}

func (s *scenario) setNode(words []string) error {
	n, err := s.node(words[0])
	if err != nil {
		_ = s.addNodes(words[:1])
		n = s.nodes[len(s.nodes)-1]
	}
	for _, w := range words[1:] {
		switch {
		case !strings.Contains(w, "="):
			n.state = w
		case strings.HasPrefix(w, "now."):
			n.passed += s.pair(w[4:])
		case strings.HasPrefix(w, "util."):
			n.util += s.pair(w[5:])
		default:
			n.attrs += s.pair(w)
		}
	}
	return nil
}

// settings sorts words into meta-attributes, parameters and utilization.
func (s *scenario) settings(r *scenarioResource, words []string) {
	for _, w := range words {
		switch {
		case strings.HasPrefix(w, "param."):
			r.params += s.pair(w[6:])
			r.given = append(r.given, w[6:])
		case strings.HasPrefix(w, "util."):
			r.util += s.pair(w[5:])
		default:
			r.meta += s.pair(w)
		}
	}
}

func (s *scenario) addPrimitive(words []string) error {
	r := &scenarioResource{id: words[0], kind: "primitive", class: "ocf", provider: "pacemaker", typ: "Dummy"}
	rest := words[1:]
	if len(rest) > 0 && !strings.Contains(rest[0], "=") {
		parts := strings.Split(rest[0], ":")
		r.class, r.provider, r.typ = parts[0], "", parts[len(parts)-1]
		if len(parts) == 3 {
			r.provider = parts[1]
		}
		rest = rest[1:]
	}
	s.settings(r, rest)
	s.resources = append(s.resources, r)
	return nil
}

// addImplicit names an instance that a bundle makes, so that it has a history.
func (s *scenario) addImplicit(words []string) error {
	if err := s.addPrimitive(words); err != nil {
		return err
	}
	s.resources[len(s.resources)-1].implicit = true
	return nil
}

func addCollection(kind string) func(*scenario, []string) error {
	return func(s *scenario, words []string) error {
		r := &scenarioResource{id: words[0], kind: kind}
		members := false
		var meta []string
		for _, w := range words[1:] {
			switch {
			case w == ":":
				members = true
			case members:
				r.children = append(r.children, w)
			case kind == "bundle" && !strings.HasPrefix(w, "meta."):
				r.attrs += " " + w
			default:
				meta = append(meta, strings.TrimPrefix(w, "meta."))
			}
		}
		s.settings(r, meta)
		if kind == "bundle" {
			network := ""
			var own []string
			for _, w := range strings.Fields(r.attrs) {
				if strings.HasPrefix(w, "ip-range-start=") || strings.HasPrefix(w, "control-port=") {
					network += attributes([]string{w})
				} else {
					own = append(own, w)
				}
			}
			r.attrs = fmt.Sprintf(`<podman image="x"%s/><network%s/>`, attributes(own), network)
		}
		unique, promotable := strings.Contains(r.meta, `"globally-unique" value="true"`), strings.Contains(r.meta, `"promotable"`)
		for _, id := range r.children {
			c, err := s.resource(id)
			if err != nil {
				return err
			}
			c.inner = true
			for _, below := range append([]string{id}, c.children...) {
				if d, err := s.resource(below); err == nil && kind == "clone" {
					d.unique, d.promotable = unique, promotable
				}
			}
		}
		s.resources = append(s.resources, r)
		return nil
	}
}

func (s *scenario) addDefaults(words []string) error {
	rule, pairs := s.ruleBefore(words, "")
	text := ""
	for _, w := range pairs {
		text += s.pair(w)
	}
	s.defaults += fmt.Sprintf(`<meta_attributes id="%s">%s%s</meta_attributes>`, s.id("defaults"), rule, text)
	return nil
}

func (s *scenario) addOpDefaults(words []string) error {
	rule, pairs := s.ruleBefore(words, "")
	text := ""
	for _, w := range pairs {
		text += s.pair(w)
	}
	s.opDefault += fmt.Sprintf(`<meta_attributes id="%s">%s%s</meta_attributes>`, s.id("opdefaults"), rule, text)
	return nil
}

func (s *scenario) addOp(words []string) error {
	r, err := s.resource(words[0])
	if err != nil {
		return err
	}
	op := scenarioOp{name: words[1]}
	rest := words[2:]
	if len(rest) > 0 && !strings.Contains(rest[0], "=") {
		if op.every, err = time.ParseDuration(rest[0]); err != nil {
			return err
		}
		rest = rest[1:]
	}
	for _, w := range rest {
		if role, is := strings.CutPrefix(w, "role="); is {
			op.role = role
		}
	}
	r.monitors = append(r.monitors, op)
	r.ops += fmt.Sprintf(`<op id="%s" name="%s" interval="%dms"%s/>`, s.id("op"), op.name, op.every.Milliseconds(), attributes(rest))
	return nil
}

// ruleBefore reads "when …" up to " then" and returns the rule as XML, and the
// words after it.
func (s *scenario) ruleBefore(words []string, score string) (rule string, rest []string) {
	if len(words) == 0 || words[0] != "when" {
		return "", words
	}
	inner, join := "", "and"
	words = words[1:]
	for len(words) > 0 && words[0] != "then" {
		end := 0
		for end < len(words) && words[end] != "and" && words[end] != "or" && words[end] != "then" {
			end++
		}
		inner += s.condition(words[:end])
		if end < len(words) && words[end] != "then" {
			join = words[end]
			end++
		}
		words = words[end:]
	}
	if len(words) > 0 {
		words = words[1:]
	}
	if score == "" {
		score = ` score="0"`
	}
	return fmt.Sprintf(`<rule id="%s" boolean-op="%s"%s>%s</rule>`, s.id("rule"), join, score, inner), words
}

func (s *scenario) condition(w []string) string {
	switch w[0] {
	case "agent":
		return fmt.Sprintf(`<rsc_expression id="%s"%s/>`, s.id("x"), attributes(w[1:]))
	case "op":
		return fmt.Sprintf(`<op_expression id="%s"%s/>`, s.id("x"), attributes(w[1:]))
	case "date":
		var own, length []string
		for _, a := range w[2:] {
			if strings.HasPrefix(a, "start=") || strings.HasPrefix(a, "end=") {
				own = append(own, a)
			} else {
				length = append(length, a)
			}
		}
		inner := ""
		if w[1] == "date_spec" {
			inner = fmt.Sprintf(`<date_spec id="%s"%s/>`, s.id("x"), attributes(length))
		} else if len(length) > 0 {
			inner = fmt.Sprintf(`<duration id="%s"%s/>`, s.id("x"), attributes(length))
		}
		return fmt.Sprintf(`<date_expression id="%s" operation="%s"%s>%s</date_expression>`, s.id("x"), w[1], attributes(own), inner)
	case "defined", "not_defined":
		return fmt.Sprintf(`<expression id="%s" attribute="%s" operation="%s"/>`, s.id("x"), w[1], w[0])
	default:
		return fmt.Sprintf(`<expression id="%s" attribute="%s" operation="%s" value="%s"%s/>`, s.id("x"), w[0], w[1], w[2], attributes(w[3:]))
	}
}

// addLocation: ID NODE SCORE, or ID SCORE when ….
func (s *scenario) addLocation(words []string) error {
	target := fmt.Sprintf(`rsc="%s"`, words[0])
	if pattern, is := strings.CutPrefix(words[0], "~"); is {
		target = fmt.Sprintf(`rsc-pattern="%s"`, pattern)
	}
	if len(words) > 2 && words[2] == "when" {
		score := attributes([]string{"score=" + words[1]})
		if name, is := strings.CutPrefix(words[1], "by="); is {
			score = attributes([]string{"score-attribute=" + name})
		}
		rule, rest := s.ruleBefore(words[2:], score)
		for _, w := range rest { // role is the rule's
			if strings.HasPrefix(w, "role=") {
				rule = strings.Replace(rule, "<rule", "<rule"+attributes([]string{w}), 1)
			}
		}
		s.rules = append(s.rules, fmt.Sprintf(`<rsc_location id="%s" %s>%s</rsc_location>`, s.id("location"), target, rule))
		return nil
	}
	s.rules = append(s.rules, fmt.Sprintf(`<rsc_location id="%s" %s node="%s" score="%s"%s/>`, s.id("location"), target, words[1], words[2], attributes(words[3:])))
	return nil
}

func (s *scenario) addColocation(words []string) error {
	score := "INFINITY"
	rest := words[2:]
	if len(rest) > 0 && !strings.Contains(rest[0], "=") {
		score, rest = rest[0], rest[1:]
	}
	s.rules = append(s.rules, fmt.Sprintf(`<rsc_colocation id="%s" rsc="%s" with-rsc="%s" score="%s"%s/>`, s.id("with"), words[0], words[1], score, attributes(rest)))
	return nil
}

func (s *scenario) addOrder(words []string) error {
	s.rules = append(s.rules, fmt.Sprintf(`<rsc_order id="%s" first="%s" then="%s"%s/>`, s.id("order"), words[0], words[1], attributes(words[2:])))
	return nil
}

// addSets: order|with|location … { MEMBER… KEY=VALUE… } {…}.
func (s *scenario) addSets(words []string) error {
	element := map[string]string{"order": "rsc_order", "with": "rsc_colocation", "location": "rsc_location"}[words[0]]
	var own []string
	inner, set, attrs, open := "", "", []string(nil), false
	for _, w := range words[1:] {
		switch {
		case w == "{":
			open, set, attrs = true, "", nil
		case w == "}":
			inner += fmt.Sprintf(`<resource_set id="%s"%s>%s</resource_set>`, s.id("set"), attributes(attrs), set)
			open = false
		case open && strings.Contains(w, "="):
			attrs = append(attrs, w)
		case open:
			set += fmt.Sprintf(`<resource_ref id="%s"/>`, w)
		default:
			own = append(own, w)
		}
	}
	s.rules = append(s.rules, fmt.Sprintf(`<%s id="%s"%s>%s</%s>`, element, s.id("sets"), attributes(own), inner, element))
	return nil
}

func (s *scenario) addTicket(words []string) error {
	s.rules = append(s.rules, fmt.Sprintf(`<rsc_ticket id="%s" rsc="%s" ticket="%s"%s/>`, s.id("needs"), words[0], words[1], attributes(words[2:])))
	return nil
}

func (s *scenario) addGranted(words []string) error {
	s.tickets += fmt.Sprintf(`<ticket_state id="%s"%s/>`, words[0], attributes(words[1:]))
	return nil
}

// addRunning: ID NODE [Promoted] [failed-monitor words].
func (s *scenario) addRunning(words []string) error {
	r, err := s.resource(words[0])
	if err != nil {
		return err
	}
	n, err := s.node(words[1])
	if err != nil {
		return err
	}
	h, at := n.of(r, words[0]), s.now.Add(-time.Hour)
	h.add(words[0], ran{op: "start", at: at})
	promoted := len(words) > 2 && words[2] == "Promoted"
	expected := 0
	if promoted {
		h.ops = ""
		h.add(words[0], ran{op: "promote", at: at})
		expected = 8
	}
	for _, m := range r.monitors {
		if m.name == "monitor" && m.every > 0 && m.role != "Stopped" && (m.role == "Promoted") == promoted {
			h.add(words[0], ran{op: m.name, every: m.every, rc: expected, expected: expected, at: at})
		}
	}
	return nil
}

// addRan: ID NODE OP[/EVERY] [rc= expected= status= at= and other attributes].
func (s *scenario) addRan(words []string) error {
	r, err := s.resource(words[0])
	if err != nil {
		return err
	}
	n, err := s.node(words[1])
	if err != nil {
		return err
	}
	name, every, _ := strings.Cut(words[2], "/")
	done := ran{op: name, at: s.now.Add(-time.Hour)}
	if every != "" {
		if done.every, err = time.ParseDuration(every); err != nil {
			return err
		}
	}
	for _, w := range words[3:] {
		key, value, _ := strings.Cut(w, "=")
		number, _ := strconv.Atoi(value)
		switch key {
		case "rc":
			done.rc = number
		case "expected":
			done.expected = number
		case "status":
			done.status = number
		case "failure":
			done.failed = true
		case "at":
			ago, err := time.ParseDuration(value)
			if err != nil {
				return err
			}
			done.at = s.now.Add(ago)
		default:
			done.extra += attributes([]string{w})
		}
	}
	n.of(r, words[0]).add(words[0], done)
	return nil
}

// addFailures: ID NODE OP/EVERY COUNT [AGO].
func (s *scenario) addFailures(words []string) error {
	n, err := s.node(words[1])
	if err != nil {
		return err
	}
	name, every, _ := strings.Cut(words[2], "/")
	interval, _ := time.ParseDuration(every)
	ago := -time.Minute
	if len(words) > 4 {
		if ago, err = time.ParseDuration(words[4]); err != nil {
			return err
		}
	}
	key := fmt.Sprintf("%s#%s_%d", words[0], name, interval.Milliseconds())
	n.passed += s.pair("fail-count-"+key+"="+words[3]) + s.pair(fmt.Sprintf("last-failure-%s=%d", key, s.now.Add(ago).Unix()))
	return nil
}

func (s *scenario) addUnprobed(words []string) error {
	n, err := s.node(words[1])
	if err == nil {
		n.unprobed[words[0]] = true
	}
	return err
}

// addLocked: ID NODE AGO, for a resource that is locked to a node that left.
func (s *scenario) addLocked(words []string) error {
	r, err := s.resource(words[0])
	if err != nil {
		return err
	}
	n, err := s.node(words[1])
	if err != nil {
		return err
	}
	ago, err := time.ParseDuration(words[2])
	if err != nil {
		return err
	}
	n.of(r, words[0]).attrs += fmt.Sprintf(` shutdown-lock="%d"`, s.now.Add(ago).Unix())
	return nil
}
