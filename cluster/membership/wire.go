package membership

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// wireVersion heads every message. A member drops versions it does not know,
// so a new one needs a release that reads both.
const wireVersion = 1

// maxReports bounds a report message, so that it fits into one packet.
const maxReports = 16

type kind uint8

const (
	// kindPing asks target to answer seq to fromAddr.
	kindPing kind = iota + 1
	// kindAck answers. With forward set, the receiver passes it on to there.
	kindAck
	// kindRelay asks the receiver to ping target for the sender.
	kindRelay
	// kindReport tells how long the sender has not heard some members.
	kindReport
	// kindLeaving says that the sender's instance stops.
	kindLeaving
	// kindStreamPing and kindStreamAck are ping and ack by stream.
	kindStreamPing
	kindStreamAck
	kindEnd
)

// report is one line of kindReport. A silence below the doubt threshold is good
// news: the sender heard the node itself.
type report struct {
	node string
	// silence is what the sender counts against the node; heard is the age of
	// the last proof of life it holds, never if it holds none. They differ for a
	// watcher that took over from a failed one.
	silence, heard time.Duration
}

// never stands for no proof of life at all.
const never = math.MaxUint32 * time.Millisecond

// message is the one frame of the ping protocol; unused fields are empty.
type message struct {
	kind     kind
	seq      uint64
	instance uint64
	// from and fromAddr are the sender; for acks the member that answers.
	from, fromAddr string
	// target is the member meant; for a forwarded ack the helper it came by.
	target, targetAddr string
	// forward is the address an ack is to be passed on to.
	forward string
	reports []report
}

var errWire = errors.New("malformed membership message")

func (m message) encode() []byte {
	b := make([]byte, 0, 128)
	b = append(b, wireVersion, byte(m.kind))
	b = binary.BigEndian.AppendUint64(b, m.seq)
	b = binary.BigEndian.AppendUint64(b, m.instance)
	for _, s := range []string{m.from, m.fromAddr, m.target, m.targetAddr, m.forward} {
		b = appendString(b, s)
	}
	b = append(b, byte(len(m.reports)))
	for _, r := range m.reports {
		b = appendString(b, r.node)
		b = appendMillis(b, r.silence)
		b = appendMillis(b, r.heard)
	}
	return b
}

// appendString relies on the caller: names and addresses are bounded where they
// enter, by Config.validate, checkPeer and decode.
func appendString(b []byte, s string) []byte {
	if len(s) > math.MaxUint8 {
		panic(fmt.Sprintf("membership: string of %d bytes in a message", len(s)))
	}
	return append(append(b, byte(len(s))), s...)
}

func appendMillis(b []byte, d time.Duration) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(min(max(d, 0), never).Milliseconds()))
}

func takeMillis(b []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint32(b)) * time.Millisecond
}

func decode(b []byte) (message, error) {
	var m message
	if len(b) < 18 || b[0] != wireVersion || b[1] == 0 || kind(b[1]) >= kindEnd {
		return m, errWire
	}
	m.kind = kind(b[1])
	m.seq = binary.BigEndian.Uint64(b[2:])
	m.instance = binary.BigEndian.Uint64(b[10:])
	b = b[18:]
	var ok bool
	for _, s := range []*string{&m.from, &m.fromAddr, &m.target, &m.targetAddr, &m.forward} {
		if *s, b, ok = takeString(b); !ok {
			return message{}, errWire
		}
	}
	if m.from == "" || len(b) == 0 || b[0] > maxReports {
		return message{}, errWire
	}
	n := int(b[0])
	b = b[1:]
	for range n {
		var r report
		if r.node, b, ok = takeString(b); !ok || len(b) < 8 {
			return message{}, errWire
		}
		r.silence, r.heard = takeMillis(b), takeMillis(b[4:])
		b = b[8:]
		m.reports = append(m.reports, r)
	}
	if len(b) != 0 {
		return message{}, errWire
	}
	return m, nil
}

func takeString(b []byte) (string, []byte, bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return "", nil, false
	}
	n := 1 + int(b[0])
	return string(b[1:n]), b[n:], true
}
