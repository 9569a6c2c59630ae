package policy_test

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scenario is a cluster that is being described, as pieces of a CIB.
type scenario struct {
	now       time.Time
	noQuorum  bool
	head      string // attributes of the root
	options   []string
	defaults  string
	opDefault string
	nodes     []*scenarioNode
	resources []*scenarioResource
	rules     []string // constraints
	tickets   string
	ids       int
}

type scenarioNode struct {
	name, state         string
	attrs, util, passed string // nvpairs; passed are transient
	history             map[string]*scenarioHistory
	order               []string
	unprobed            map[string]bool
}

type scenarioHistory struct {
	attrs, ops string
	given      []string
	calls      int
}

type scenarioResource struct {
	id, kind                string
	class, provider, typ    string
	attrs                   string // of bundles
	meta, params, util, ops string
	given                   []string // parameters as words
	monitors                []scenarioOp
	children                []string
	inner                   bool // it is part of another
	unique, promotable      bool
	implicit                bool // a bundle's own
}

type scenarioOp struct {
	name, role string
	every      time.Duration
}

func (s *scenario) id(prefix string) string {
	s.ids++
	return prefix + "-" + strconv.Itoa(s.ids)
}

func escaped(text string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(text))
	return b.String()
}

func (s *scenario) pair(word string) string {
	key, value, _ := strings.Cut(word, "=")
	return fmt.Sprintf(`<nvpair id="%s" name="%s" value="%s"/>`, s.id("p"), escaped(key), escaped(value))
}

// attributes writes words as attributes of an element.
func attributes(words []string) string {
	text := ""
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		text += fmt.Sprintf(` %s="%s"`, key, escaped(value))
	}
	return text
}

func (s *scenario) node(name string) (*scenarioNode, error) {
	for _, n := range s.nodes {
		if n.name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("no node %s", name)
}

func (s *scenario) resource(id string) (*scenarioResource, error) {
	base, _, _ := strings.Cut(id, ":")
	for _, r := range s.resources {
		if r.id == base {
			return r, nil
		}
	}
	return nil, fmt.Errorf("no resource %s", id)
}

func (n *scenarioNode) of(r *scenarioResource, id string) *scenarioHistory {
	h := n.history[id]
	if h == nil {
		h = &scenarioHistory{given: r.given, attrs: fmt.Sprintf(` class="%s" type="%s"`, r.class, r.typ)}
		if r.provider != "" {
			h.attrs += fmt.Sprintf(` provider="%s"`, r.provider)
		}
		n.history[id] = h
		n.order = append(n.order, id)
	}
	return h
}

// ran is one recorded operation.
type ran struct {
	op           string
	every        time.Duration
	rc, expected int
	status       int
	at           time.Time
	extra        string
	failed       bool // recorded as the last failure
}

func (h *scenarioHistory) add(id string, r ran) {
	h.calls++
	call := h.calls
	key := fmt.Sprintf("%d:1:%d:01234567-89ab-cdef-0123-456789abcdef", call, r.expected)
	if r.status < 0 {
		call = -1
	}
	given, ms, name := slices.Sorted(slices.Values(h.given)), r.every.Milliseconds(), "last_0"
	if ms > 0 {
		given, name = append([]string{"CRM_meta_timeout=20000"}, given...), fmt.Sprintf("%s_%d", r.op, ms)
	}
	if r.failed {
		name = "last_failure_0"
	} else if strings.HasPrefix(r.op, "migrate") || r.extra != "" {
		name = fmt.Sprintf("%s_%d", r.op, ms)
	}
	sum := md5.Sum([]byte(" <parameters" + attributes(given) + "/>\n"))
	h.ops += fmt.Sprintf(`<lrm_rsc_op id="%s_%s" operation_key="%s_%s_%d" operation="%s" crm_feature_set="3.16.1" transition-key="%s" transition-magic="%d:%d;%s" call-id="%d" rc-code="%d" op-status="%d" interval="%d" last-rc-change="%d" exec-time="0" queue-time="0" op-digest="%s"%s/>`,
		id, name, id, r.op, ms, r.op, key, r.status, r.rc, key, call, r.rc, r.status, ms, r.at.Unix(), hex.EncodeToString(sum[:]), r.extra)
}

// probed fills in that everything else was looked for and not found.
func (s *scenario) probed(n *scenarioNode) {
	if n.unprobed["*"] {
		return
	}
	for _, r := range s.resources {
		if r.kind != "primitive" || n.unprobed[r.id] || s.known(n, r) {
			continue
		}
		id := r.id
		if r.unique {
			id += ":0"
		}
		n.of(r, id).add(id, ran{op: "monitor", rc: 7, expected: 7, at: s.now.Add(-time.Hour)})
	}
}

func (s *scenario) known(n *scenarioNode, r *scenarioResource) bool {
	return slices.ContainsFunc(n.order, func(id string) bool {
		base, _, _ := strings.Cut(id, ":")
		return base == r.id
	})
}

// nodeStates are in_ccm, crmd, join and expected of each state.
var nodeStates = map[string][4]string{
	"up":      {"true", "online", "member", "member"},
	"left":    {"false", "offline", "down", "down"},
	"lost":    {"false", "offline", "down", "member"},
	"mute":    {"true", "offline", "down", "member"}, // its controller is gone
	"pending": {"true", "online", "pending", "member"},
	"joining": {"true", "offline", "down", "down"},
}

func (s *scenario) xml() string {
	var b strings.Builder
	quorum := 1
	if s.noQuorum {
		quorum = 0
	}
	fmt.Fprintf(&b, `<cib epoch="1" num_updates="0" admin_epoch="0" validate-with="pacemaker-3.9" crm_feature_set="3.16.1" have-quorum="%d" dc-uuid="1"%s execution-date="%d"><configuration><crm_config><cluster_property_set id="options">`, quorum, s.head, s.now.Unix())
	for _, o := range s.options {
		b.WriteString(s.pair(o))
	}
	b.WriteString("</cluster_property_set></crm_config><nodes>")
	for i, n := range s.nodes {
		if n.state == "remote" {
			continue
		}
		fmt.Fprintf(&b, `<node id="%d" uname="%s">`, i+1, n.name)
		block(&b, "instance_attributes", n.name+"-attrs", n.attrs)
		block(&b, "utilization", n.name+"-util", n.util)
		b.WriteString("</node>")
	}
	b.WriteString("</nodes><resources>")
	for _, r := range s.resources {
		if !r.inner && !r.implicit {
			s.write(&b, r)
		}
	}
	fmt.Fprintf(&b, "</resources><constraints>%s</constraints>", strings.Join(s.rules, ""))
	if s.defaults != "" {
		fmt.Fprintf(&b, "<rsc_defaults>%s</rsc_defaults>", s.defaults)
	}
	if s.opDefault != "" {
		fmt.Fprintf(&b, "<op_defaults>%s</op_defaults>", s.opDefault)
	}
	b.WriteString("</configuration><status>")
	for i, n := range s.nodes {
		if n.state != "unseen" {
			s.status(&b, i, n)
		}
	}
	if s.tickets != "" {
		fmt.Fprintf(&b, "<tickets>%s</tickets>", s.tickets)
	}
	b.WriteString("</status></cib>")
	return b.String()
}

func block(b *strings.Builder, name, id, pairs string) {
	if pairs != "" {
		fmt.Fprintf(b, `<%s id="%s">%s</%s>`, name, id, pairs, name)
	}
}

func (s *scenario) status(b *strings.Builder, i int, n *scenarioNode) {
	id := strconv.Itoa(i + 1)
	if n.state == "remote" {
		id = n.name
		fmt.Fprintf(b, `<node_state id="%s" uname="%s" remote_node="true" in_ccm="true">`, id, n.name)
	} else {
		word, since, _ := strings.Cut(n.state, "@")
		v := nodeStates[word]
		if since != "" { // since when it is a member without being a peer
			ago, _ := time.ParseDuration(since)
			v[0], v[1], v[2] = strconv.FormatInt(s.now.Add(ago).Unix(), 10), "0", "down"
		}
		fmt.Fprintf(b, `<node_state id="%s" uname="%s" in_ccm="%s" crmd="%s" join="%s" expected="%s">`, id, n.name, v[0], v[1], v[2], v[3])
	}
	if n.passed != "" {
		fmt.Fprintf(b, `<transient_attributes id="%s"><instance_attributes id="%s-passed">%s</instance_attributes></transient_attributes>`, id, n.name, n.passed)
	}
	if n.state == "up" || n.state == "remote" {
		s.probed(n)
	}
	fmt.Fprintf(b, `<lrm id="%s"><lrm_resources>`, id)
	for _, key := range n.order {
		h := n.history[key]
		fmt.Fprintf(b, `<lrm_resource id="%s"%s>%s</lrm_resource>`, key, h.attrs, h.ops)
	}
	b.WriteString("</lrm_resources></lrm></node_state>")
}

func (s *scenario) write(b *strings.Builder, r *scenarioResource) {
	switch r.kind {
	case "bundle":
		fmt.Fprintf(b, `<bundle id="%s">`, r.id)
		block(b, "meta_attributes", r.id+"-meta", r.meta)
		b.WriteString(r.attrs)
	case "primitive":
		fmt.Fprintf(b, `<primitive id="%s" class="%s" type="%s"`, r.id, r.class, r.typ)
		if r.provider != "" {
			fmt.Fprintf(b, ` provider="%s"`, r.provider)
		}
		b.WriteString(">")
		block(b, "meta_attributes", r.id+"-meta", r.meta)
	default:
		fmt.Fprintf(b, `<%s id="%s">`, r.kind, r.id)
		block(b, "meta_attributes", r.id+"-meta", r.meta)
	}
	block(b, "instance_attributes", r.id+"-params", r.params)
	if r.ops != "" {
		fmt.Fprintf(b, "<operations>%s</operations>", r.ops)
	}
	block(b, "utilization", r.id+"-util", r.util)
	for _, child := range r.children {
		if c, err := s.resource(child); err == nil {
			s.write(b, c)
		}
	}
	fmt.Fprintf(b, "</%s>", r.kind)
}
