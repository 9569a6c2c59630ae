package cib

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/policy"
)

// history reads what ran of one resource on the node.
func (r *reader) history(s *policy.NodeStatus) error {
	if string(r.scan.name) != "lrm_resource" {
		return r.skip()
	}
	var h policy.ResourceHistory
	like := &policy.ResourceHistory{}
	for i := range r.scan.attrs {
		a := &r.scan.attrs[i]
		switch a.key {
		case keyID:
			like = r.alike(a.value, like)
			h.Resource = r.again(a, like.Resource)
		case keyClass:
			h.Class = r.again(a, like.Class)
		case keyProvider:
			h.Provider = r.again(a, like.Provider)
		case keyType:
			h.Type = r.again(a, like.Type)
		case keyContainer:
			h.Container = r.text(a)
		case keyShutdownLock:
			h.ShutdownLock = r.when(a)
		}
	}
	from, count := len(r.opBlock), 0
	err := r.each(func() error {
		if string(r.scan.name) == "lrm_rsc_op" {
			from = r.room(from)
			var before *policy.HistoryOp
			if count < len(like.Ops) {
				before = &like.Ops[count]
			}
			if op := &r.opBlock[from+count]; r.historyOp(op, before, s.Name) {
				count++
			}
			r.opBlock = r.opBlock[:from+count]
		}
		return r.skip()
	})
	if count > 0 {
		h.Ops = r.opBlock[from : from+count : from+count]
	}
	if h.Resource == "" {
		return err
	}
	if s.History == nil {
		// Nodes know of about as many resources as each other.
		s.History = make([]policy.ResourceHistory, 0, max(len(r.before), 8))
	}
	s.History = append(s.History, h)
	return err
}

// alike returns what the node before remembers of the resource with an id, if it
// is about where that of the last resource was: nodes mostly remember the same
// ones in the same order.
func (r *reader) alike(id []byte, otherwise *policy.ResourceHistory) *policy.ResourceHistory {
	const further = 4
	for n := r.place; n < min(r.place+further, len(r.before)); n++ {
		if r.before[n].Resource == string(id) {
			r.place = n + 1
			return &r.before[n]
		}
	}
	return otherwise
}

// room adds an empty operation to those of a resource that begin at from of the
// block, in a new block if that is full. It returns where they begin now.
func (r *reader) room(from int) int {
	const most = 1 << 10
	if len(r.opBlock) == cap(r.opBlock) {
		own := r.opBlock[from:]
		size := max(min(2*cap(r.opBlock), most), 2*len(own), 32)
		r.opBlock = append(make([]policy.HistoryOp, 0, size), own...)
		from = 0
	}
	r.opBlock = append(r.opBlock, policy.HistoryOp{})
	return from
}

var noOp policy.HistoryOp

// historyOp reads the operation whose start tag was just found into op, which is
// empty, and reports whether it is one. Before is what the node before remembers
// in its place, or nil; node is the name of this one.
func (r *reader) historyOp(op, before *policy.HistoryOp, node string) bool {
	if before == nil {
		before = &noOp
	}
	op.Status, op.RC, op.Expected, op.CallID = policy.ExecUnknown, -1, -1, -1
	var have [3]bool // status, code, key
	var oldKey *rawAttr
	for i := range r.scan.attrs {
		a := &r.scan.attrs[i]
		switch a.key {
		case keyID:
			op.ID = r.again(a, before.ID)
		case keyOperation:
			op.Op = r.again(a, before.Op)
		case keyInterval:
			op.Interval = time.Duration(min(max(r.number(a), 0), 1<<43)) * time.Millisecond
		case keyCallID:
			op.CallID = r.number(a)
		case keyStatus:
			op.Status, have[0] = policy.ExecStatus(min(max(r.number(a), -2), 127)), true
		case keyCode:
			op.RC, have[1] = r.number(a), true
		case keyTransition:
			oldKey = a
			have[2] = true
		case keyMagic:
			op.Magic = r.rareText(a)
		case keyChanged:
			op.Changed = r.when(a)
		case keyRan:
			op.Ran = r.when(a)
		case keyOnNode:
			op.OnNode = r.again(a, node)
		case keyExitReason:
			op.ExitReason = r.text(a)
		case keyDigest:
			op.Digest = r.again(a, before.Digest)
		case keyRestartDigest:
			op.RestartDigest = r.again(a, before.RestartDigest)
		case keySecureDigest:
			op.SecureDigest = r.again(a, before.SecureDigest)
		case keyRestartParams:
			op.RestartParams = r.again(a, before.RestartParams)
		case keySecureParams:
			op.SecureParams = r.again(a, before.SecureParams)
		case keyMigrateSource:
			op.MigrateSource = r.text(a)
		case keyMigrateTarget:
			op.MigrateTarget = r.text(a)
		}
	}
	r.transition(op, oldKey, have)
	return op.ID != "" && op.Op != ""
}

// transition takes what the transition's key and magic say. The magic is
// STATUS:CODE;KEY, the key ACTION:TRANSITION:EXPECTED:CONTROLLER. The key is
// nearly always the end of the magic, and then is not kept twice.
func (r *reader) transition(op *policy.HistoryOp, key *rawAttr, have [3]bool) {
	front, end, found := strings.Cut(op.Magic, ";")
	switch {
	case key == nil:
		op.Key = end
	case found && len(end) == len(key.value) && string(key.value) == end:
		op.Key = end
	default:
		op.Key = r.rareText(key)
	}
	if found && (!have[0] || !have[1]) {
		status, code, _ := strings.Cut(front, ":")
		if n, err := strconv.Atoi(status); err == nil && !have[0] {
			op.Status = policy.ExecStatus(min(max(n, -2), 127))
		}
		if n, err := strconv.Atoi(code); err == nil && !have[1] {
			op.RC = n
		}
	}
	op.Expected = expected(op.Key)
}

// expected returns the third field of a transition key, -1 if it has none.
func expected(key string) int {
	for range 2 {
		_, rest, found := strings.Cut(key, ":")
		if !found {
			return -1
		}
		key = rest
	}
	field, _, _ := strings.Cut(key, ":")
	n, err := strconv.Atoi(field)
	if err != nil {
		return -1
	}
	return n
}

// number reads a whole number of the current tag; nothing is 0.
func (r *reader) number(a *rawAttr) int {
	n, digits := 0, a.value
	if len(digits) == 0 {
		return 0
	}
	negative := len(digits) > 1 && digits[0] == '-'
	if negative {
		digits = digits[1:]
	}
	for _, d := range digits {
		if d < '0' || d > '9' || n > 1<<50 {
			digits = nil
			break
		}
		n = n*10 + int(d-'0')
	}
	if len(digits) == 0 {
		r.add(r.scan.at(a.offset), "%s %.40q is not a whole number", a.name, a.value)
		return 0
	}
	if negative {
		return -n
	}
	return n
}

// when reads a Unix time of the current tag. Fractions are dropped.
func (r *reader) when(a *rawAttr) time.Time {
	value := a.value
	if i := bytes.IndexByte(value, '.'); i > 0 {
		value = value[:i]
	}
	n := r.number(&rawAttr{name: a.name, value: value, offset: a.offset})
	if n < 0 || n > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(n), 0).UTC()
}
