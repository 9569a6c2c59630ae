package cib

import (
	"strconv"

	"github.com/belay-ha/belay/cluster/policy"
)

// status reads <status>. Anything may stand there, as no schema restricts it:
// what is unknown means nothing, and so does what has no id.
func (r *reader) status() error {
	return r.each(func() error {
		switch string(r.scan.name) {
		case "node_state":
			return r.nodeState()
		case "tickets":
			return r.tickets()
		}
		return r.skip()
	})
}

// text returns the decoded value of an attribute of the current tag.
func (r *reader) text(a *rawAttr) string {
	text, err := r.texts.of(a.value)
	r.badText(a, err)
	return text
}

// again is text for values that are probably the same as one that was read before,
// by again.
func (r *reader) again(a *rawAttr, before string) string {
	if string(a.value) == before && !r.escaped {
		return before
	}
	text := r.text(a)
	r.escaped = r.escaped || text != string(a.value)
	return text
}

// bytes is text for values of which only parts are kept; nil where there is none.
func (r *reader) bytes(a *rawAttr) []byte {
	switch {
	case a == nil:
		return nil
	case plain(a.value):
		return a.value
	}
	text, err := decode(nil, a.value)
	r.badText(a, err)
	return text
}

func (r *reader) badText(a *rawAttr, err error) {
	if err != nil {
		r.add(r.scan.at(a.offset), "the value of attribute %.40s %v", a.name, err)
	}
}

// truth reads a boolean of the current tag; what is none is false.
func (r *reader) truth(a *rawAttr) bool {
	value, _ := parseBool(r.text(a))
	return value
}

// nodeState reads what is known of one node.
func (r *reader) nodeState() error {
	var s policy.NodeStatus
	for i := range r.scan.attrs {
		a := &r.scan.attrs[i]
		switch string(a.name) {
		case "id":
			s.ID = r.text(a)
		case "uname":
			s.Name = r.again(a, "")
		case "remote_node":
			s.Remote = r.truth(a)
		case "in_ccm":
			s.InMembership = r.text(a)
		case "crmd":
			s.Peer = r.text(a)
		case "join":
			s.Join = r.text(a)
		case "expected":
			s.Expected = r.text(a)
		case "node_in_maintenance":
			s.RemoteMaintenance = r.flag(a)
		case "node_fenced":
			s.RemoteFenced = r.flag(a)
		}
	}
	err := r.each(func() error {
		switch string(r.scan.name) {
		case "transient_attributes":
			tree, err := r.tree()
			if err == nil {
				s.Attributes = append(s.Attributes, r.sets(tree, "instance_attributes")...)
				s.Utilization = append(s.Utilization, r.sets(tree, "utilization")...)
			}
			return err
		case "lrm":
			return r.each(func() error {
				if string(r.scan.name) == "lrm_resources" {
					return r.each(func() error { return r.history(&s) })
				}
				return r.skip()
			})
		}
		return r.skip()
	})
	if len(s.History) > 0 {
		r.before = s.History
	}
	r.place = 0
	if s.ID != "" {
		r.in.Status = append(r.in.Status, s)
	}
	return err
}

// flag reads a number or Unix time that stands for true unless it is 0, or a
// boolean.
func (r *reader) flag(a *rawAttr) bool {
	text := r.text(a)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n > 0
	}
	value, _ := parseBool(text)
	return value
}

// tickets reads what is known of tickets.
func (r *reader) tickets() error {
	return r.each(func() error {
		if string(r.scan.name) != "ticket_state" {
			return r.skip()
		}
		var t policy.TicketState
		for i := range r.scan.attrs {
			a := &r.scan.attrs[i]
			switch string(a.name) {
			case "id":
				t.ID = r.text(a)
			case "granted":
				t.Granted = r.truth(a)
			case "standby":
				t.Standby = r.truth(a)
			}
		}
		if t.ID != "" {
			r.in.Tickets = append(r.in.Tickets, t)
		}
		return r.skip()
	})
}
