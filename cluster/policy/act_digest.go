package policy

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// change says how far the parameters of an operation differ from those that it
// ran with.
type change uint8

const (
	changeNone    change = iota
	changeUnknown        // nothing was recorded to compare with
	changeMild           // a reload, or a rescheduling, is enough
	changeRestart
	// changePrivate: only parameters changed that were masked when the status was
	// saved.
	changePrivate
)

// paramChange compares what an operation ran with to what it would run with now.
func (e *engine) paramChange(r *resource, n *node, op *HistoryOp) change {
	if op.RestartDigest == "" && op.SecureDigest == "" && op.Digest != "" && e.sameSum(r, op) {
		return changeNone
	}
	now := e.opParams(r, n, op.Op, op.Interval)
	result := changeNone
	switch {
	case op.RestartDigest != "" && digestOf(now.restart(op.RestartParams)) != op.RestartDigest:
		result = changeRestart
	case op.Digest == "":
		result = changeUnknown
	case digestOf(now.all) != op.Digest:
		result = changeMild
		if op.Interval == 0 && now.ofOp {
			result = changeRestart // a reload would not bring the operation's own ones into force
		}
	}
	if result != changeNone && op.SecureDigest != "" && now.secureMatches(r, op) {
		return changePrivate
	}
	return result
}

// sameSum reports whether the digest of what the operation would run with now is
// the recorded one. It tells only where that is the same on all nodes.
func (e *engine) sameSum(r *resource, op *HistoryOp) bool {
	sum, same := e.commonSum(r, op.Op, op.Interval)
	return same && sum == op.Digest
}

// commonSum is the digest of an operation's parameters, where that is the same on
// all nodes.
func (e *engine) commonSum(r *resource, task string, interval time.Duration) (sum string, same bool) {
	c := e.opConfig(r, task, interval)
	key := metaKey{r.config, c, task, interval}
	sum, known := e.sums[key]
	if !known {
		if e.ruled(r) || e.addressIsHost(r) || c != nil && anyRule(c.Params) {
			return "", false
		}
		if sum, known = e.kept.sums[key]; !known {
			now := e.opParams(r, nil, task, interval)
			sum = digestOf(now.all)
		}
		if e.sums == nil {
			e.sums = map[metaKey]string{}
		}
		e.sums[key] = sum
	}
	return sum, true
}

// sumOf is the digest of the parameters that an operation runs with on a node.
func (e *engine) sumOf(r *resource, n *node, task string, interval time.Duration) string {
	if sum, same := e.commonSum(r, task, interval); same {
		return sum
	}
	now := e.opParams(r, n, task, interval)
	return digestOf(now.all)
}

// operationParams are the parameters of one operation of a resource.
type operationParams struct {
	all []Pair // sorted by name
	// resource are those of all of the resource's operations.
	resource map[string]string
	// ofOp: some are the operation's own.
	ofOp bool
}

// timeoutParam is how a recurring operation's timeout stands among its
// parameters.
const timeoutParam = "CRM_meta_timeout"

// opParams gathers what an operation would be run with. What comes first stays.
func (e *engine) opParams(r *resource, n *node, task string, interval time.Duration) operationParams {
	var p operationParams
	add := func(name, value string) {
		if !leftOutOfDigest(name) && !slices.ContainsFunc(p.all, func(q Pair) bool { return q.Name == name }) {
			p.all = append(p.all, Pair{name, value})
		}
	}
	if host := e.hostAsAddress(r); host != "" {
		add("addr", host)
	}
	p.resource = e.params(r, n)
	for name, value := range p.resource {
		add(name, value)
	}
	op := e.opConfig(r, task, interval)
	if op != nil && len(op.Params) > 0 {
		own := e.resolve(op.Params, "", ruleContext{node: n})
		p.ofOp = len(own) > 0
		for name, value := range own {
			add(name, value)
		}
	}
	if interval > 0 {
		ms := e.opTimeout(r, op, task, interval).Milliseconds()
		p.all = append(p.all, Pair{timeoutParam, strconv.FormatInt(ms, 10)})
	}
	slices.SortFunc(p.all, byName)
	return p
}

func byName(a, b Pair) int { return strings.Compare(a.Name, b.Name) }

// leftOutOfDigest names parameters that say nothing about the resource.
func leftOutOfDigest(name string) bool {
	switch name {
	case "id", "crm_feature_set", "op-digest", "on_node", "on_node_uuid", "pcmk_external_ip":
		return true
	}
	return strings.HasPrefix(name, "CRM_meta_")
}

// restart are the parameters whose change needs a restart: all, or those listed.
func (p *operationParams) restart(listed string) []Pair {
	if listed == "" {
		return p.all
	}
	return slices.DeleteFunc(slices.Clone(p.all), func(q Pair) bool {
		return !strings.Contains(listed, " "+q.Name+" ")
	})
}

// secureMatches reports whether all but secret parameters are as they were. What
// recorded the digest may have taken only the resource's own parameters (older
// versions) or all.
func (p *operationParams) secureMatches(r *resource, op *HistoryOp) bool {
	for _, old := range []bool{false, true} {
		if digestOf(p.secure(r, op.SecureParams, old)) == op.SecureDigest {
			return true
		}
	}
	return false
}

// secure are the parameters that are no secrets.
func (p *operationParams) secure(r *resource, secret string, old bool) []Pair {
	list := slices.Clone(p.all)
	if old {
		list = list[:0]
		for name, value := range p.resource {
			if !leftOutOfDigest(name) && !(r.is(flagFenceDevice) && forFencer(name)) {
				list = append(list, Pair{name, value})
			}
		}
		slices.SortFunc(list, byName)
	}
	return slices.DeleteFunc(list, func(q Pair) bool { return strings.Contains(secret, " "+q.Name+" ") })
}

// forFencer names parameters of fencing devices that their agents never see.
func forFencer(name string) bool {
	return name == "provides" || name == "stonith-timeout" || strings.HasPrefix(name, "pcmk_")
}

// digestOf is the MD5 sum of the parameters as Pacemaker writes them.
func digestOf(pairs []Pair) string {
	b := bytes.NewBuffer(make([]byte, 0, 256))
	b.WriteString(" <parameters")
	for _, p := range pairs {
		b.WriteByte(' ')
		b.WriteString(p.Name)
		b.WriteString(`="`)
		writeEscaped(b, p.Value)
		b.WriteByte('"')
	}
	b.WriteString("/>\n")
	sum := md5.Sum(b.Bytes())
	return hex.EncodeToString(sum[:])
}

func writeEscaped(b *bytes.Buffer, s string) {
	const hexDigits = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case c == '<':
			b.WriteString("&lt;")
		case c == '>':
			b.WriteString("&gt;")
		case c == '&':
			b.WriteString("&amp;")
		case c == '"':
			b.WriteString("&quot;")
		case c < ' ' || c == 0x7f:
			b.WriteString("&#x")
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
			b.WriteByte(';')
		default:
			b.WriteByte(c)
		}
	}
}

// hostAsAddress is the host that a bundle's connection is reached through, for
// replicas that have no address of their own: the container's next host, or else
// its present one.
func (e *engine) hostAsAddress(r *resource) string {
	if !e.addressIsHost(r) || r.container == nil {
		return ""
	}
	n := r.container.assigned
	if n == nil {
		n = r.container.currentNode()
	}
	if n == nil {
		return ""
	}
	return n.name
}

// addressIsHost reports whether the connection has a placeholder for an address,
// which is known only when resources have been assigned.
func (e *engine) addressIsHost(r *resource) bool {
	return r.is(flagConnection) && e.params(r, nil)["addr"] == "#uname"
}
