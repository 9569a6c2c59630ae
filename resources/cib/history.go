package cib

import (
	"bytes"
	"strconv"
	"time"

	"github.com/belay-ha/belay/cluster/policy"
)

// history reads what ran of one resource on the node.
func (r *reader) history(s *policy.NodeStatus) error {
	if string(r.scan.name) != "lrm_resource" {
		return r.skip()
	}
	var h policy.ResourceHistory
	var none policy.HistoryOp
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
			before := &none
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

// historyOp reads the operation whose start tag was just found into op, which is
// empty, and reports whether it is one. Before is what the node before remembers
// in its place, if anything; node is the name of this one.
func (r *reader) historyOp(op, before *policy.HistoryOp, node string) bool {
	op.Status, op.RC, op.Expected, op.CallID = policy.ExecUnknown, -1, -1, -1
	var key, magic *rawAttr
	var haveStatus, haveCode bool
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
			op.Status, haveStatus = policy.ExecStatus(min(max(r.number(a), -2), 127)), true
		case keyCode:
			op.RC, haveCode = r.number(a), true
		case keyTransition:
			key = a
		case keyMagic:
			magic = a
		case keyChanged:
			op.Changed = r.when(a)
		case keyOnNode:
			op.OnNode = r.again(a, node)
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
	r.transition(op, key, magic, haveStatus, haveCode)
	return op.ID != "" && op.Op != ""
}

// transition takes what the transition's key and magic say, of which either may be
// missing. The magic is STATUS:CODE;KEY, the key ACTION:TRANSITION:EXPECTED:CONTROLLER.
func (r *reader) transition(op *policy.HistoryOp, key, magic *rawAttr, haveStatus, haveCode bool) {
	front, whole, found := bytes.Cut(r.bytes(magic), []byte(";"))
	if found && (!haveStatus || !haveCode) {
		status, code, _ := bytes.Cut(front, []byte(":"))
		if n, err := strconv.Atoi(string(status)); err == nil && !haveStatus {
			op.Status = policy.ExecStatus(min(max(n, -2), 127))
		}
		if n, err := strconv.Atoi(string(code)); err == nil && !haveCode {
			op.RC = n
		}
	}
	own := whole
	if key != nil {
		own = r.bytes(key)
	}
	if !found {
		whole = own
	}
	_, expected, _ := splitKey(own)
	if n, err := strconv.Atoi(string(expected)); err == nil {
		op.Expected = n
	}
	number, _, controller := splitKey(whole)
	if n, err := strconv.Atoi(string(number)); err == nil && len(controller) > 0 {
		op.Transition = n
		if string(controller) != r.controller {
			r.controller = string(controller)
		}
		op.Controller = r.controller
	}
}

// splitKey returns all but the first field of a transition's key; what is missing
// is empty.
func splitKey(key []byte) (number, expected, controller []byte) {
	colon := []byte(":")
	_, key, _ = bytes.Cut(key, colon)
	number, key, _ = bytes.Cut(key, colon)
	expected, controller, _ = bytes.Cut(key, colon)
	return number, expected, controller
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
