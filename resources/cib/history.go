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
	for i := range r.scan.attrs {
		a := &r.scan.attrs[i]
		switch string(a.name) {
		case "id":
			h.Resource = r.text(a)
		case "class":
			h.Class = r.text(a)
		case "provider":
			h.Provider = r.text(a)
		case "type":
			h.Type = r.text(a)
		case "container":
			h.Container = r.text(a)
		case "shutdown-lock":
			h.ShutdownLock = r.when(a)
		}
	}
	r.opBuf = r.opBuf[:0]
	err := r.each(func() error {
		if string(r.scan.name) == "lrm_rsc_op" {
			if op := r.historyOp(); op.ID != "" && op.Op != "" {
				r.opBuf = append(r.opBuf, op)
			}
		}
		return r.skip()
	})
	if n := len(r.opBuf); n > 0 {
		h.Ops = r.ops.take(n)
		copy(h.Ops, r.opBuf)
	}
	if h.Resource == "" {
		return err
	}
	if s.History == nil {
		// Nodes know of about as many resources as each other.
		s.History = make([]policy.ResourceHistory, 0, max(r.histories, 8))
	}
	s.History = append(s.History, h)
	return err
}

// historyOp reads the operation whose start tag was just found.
func (r *reader) historyOp() policy.HistoryOp {
	op := policy.HistoryOp{Status: policy.ExecUnknown, RC: -1, Expected: -1, CallID: -1}
	var have [3]bool // status, code, key
	var oldKey *rawAttr
	for i := range r.scan.attrs {
		a := &r.scan.attrs[i]
		switch string(a.name) {
		case "id":
			op.ID = r.text(a)
		case "operation":
			op.Op = r.text(a)
		case "interval":
			op.Interval = time.Duration(min(max(r.number(a), 0), 1<<43)) * time.Millisecond
		case "call-id":
			op.CallID = r.number(a)
		case "op-status":
			op.Status, have[0] = policy.ExecStatus(min(max(r.number(a), -2), 127)), true
		case "rc-code":
			op.RC, have[1] = r.number(a), true
		case "transition-key":
			oldKey = a
			have[2] = true
		case "transition-magic":
			op.Magic = r.rareText(a)
		case "last-rc-change", "last_rc_change":
			op.Changed = r.when(a)
		case "last-run", "last_run":
			op.Ran = r.when(a)
		case "on_node":
			op.OnNode = r.text(a)
		case "exit-reason":
			op.ExitReason = r.text(a)
		case "op-digest":
			op.Digest = r.text(a)
		case "op-restart-digest":
			op.RestartDigest = r.text(a)
		case "op-secure-digest":
			op.SecureDigest = r.text(a)
		case "op-force-restart":
			op.RestartParams = r.text(a)
		case "op-secure-params":
			op.SecureParams = r.text(a)
		case "migrate_source":
			op.MigrateSource = r.text(a)
		case "migrate_target":
			op.MigrateTarget = r.text(a)
		}
	}
	r.transition(&op, oldKey, have)
	return op
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
	n := r.number(&rawAttr{a.name, value, a.offset})
	if n < 0 || n > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(n), 0).UTC()
}
