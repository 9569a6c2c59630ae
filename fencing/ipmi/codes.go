package ipmi

import "github.com/belay-ha/belay/fencing"

type meaning struct {
	kind fencing.Kind
	text string
}

// statuses of the handshake, table 13-15.
var statuses = map[byte]meaning{
	0x01: {fencing.KindBusy, "no free session"},
	0x02: {fencing.KindProtocol, "invalid session id"},
	0x04: {fencing.KindUnsupported, "invalid authentication algorithm"},
	0x05: {fencing.KindUnsupported, "invalid integrity algorithm"},
	0x06: {fencing.KindUnsupported, "no matching authentication payload"},
	0x07: {fencing.KindUnsupported, "no matching integrity payload"},
	0x08: {fencing.KindBusy, "inactive session id"},
	0x09: {fencing.KindAuth, "the account may not have this privilege"},
	0x0a: {fencing.KindAuth, "the account may not have this privilege"},
	0x0b: {fencing.KindBusy, "no free session at this privilege"},
	0x0c: {fencing.KindConfig, "invalid length of the user name"},
	0x0d: {fencing.KindAuth, "unknown user"},
	0x0e: {fencing.KindAuth, "unauthorized GUID"},
	0x0f: {fencing.KindAuth, "integrity check failed: wrong password"},
	0x10: {fencing.KindUnsupported, "invalid confidentiality algorithm"},
	0x11: {fencing.KindUnsupported, "no matching cipher suite"},
	0x12: {fencing.KindProtocol, "invalid parameter"},
}

func statusFailure(name string, status byte) error {
	m, ok := statuses[status]
	if !ok {
		m = meaning{fencing.KindUnknown, "unknown status"}
	}
	f := failed(m.kind, "%s: the BMC answered 0x%02x, %s", name, status, m.text)
	if m.kind == fencing.KindUnsupported {
		f.err = errNextSuite
	}
	return f
}

// codes are completion codes, table 5-2, and those of Set Session Privilege
// Level.
var codes = map[byte]meaning{
	0x80: {fencing.KindAuth, "the account may not have this privilege"},
	0x81: {fencing.KindAuth, "the privilege exceeds the channel's or the account's"},
	0xc0: {fencing.KindBusy, "node busy"},
	0xc1: {fencing.KindUnsupported, "unknown command"},
	0xc3: {fencing.KindTimeout, "timeout while processing"},
	0xc4: {fencing.KindBusy, "out of space"},
	0xcc: {fencing.KindRefused, "invalid data"},
	0xcf: {fencing.KindBusy, "duplicate request"},
	0xd0: {fencing.KindBusy, "update in progress"},
	0xd2: {fencing.KindBusy, "the BMC is starting"},
	0xd3: {fencing.KindUnreachable, "destination unavailable"},
	0xd4: {fencing.KindAuth, "the privilege is too low"},
	0xd5: {fencing.KindRefused, "not possible in the present state"},
	0xd6: {fencing.KindRefused, "disabled"},
}

func codeFailure(name string, code byte) error {
	m, ok := codes[code]
	if !ok {
		m = meaning{fencing.KindRefused, "unspecified error"}
	}
	return failed(m.kind, "%s: the BMC answered 0x%02x, %s", name, code, m.text)
}
