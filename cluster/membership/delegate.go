package membership

import (
	"encoding/binary"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"
)

// delegate is what memberlist calls. Event methods run with memberlist's node
// lock held, so none of them calls memberlist; NotifyMsg runs on its packet
// goroutine or a stream's, without that lock, and does not block.
type delegate struct {
	m *Membership
}

var (
	_ memberlist.Delegate         = (*delegate)(nil)
	_ memberlist.EventDelegate    = (*delegate)(nil)
	_ memberlist.ConflictDelegate = (*delegate)(nil)
	_ memberlist.PingDelegate     = (*delegate)(nil)
)

// NodeMeta is the instance, 8 bytes, and then the caller's metadata.
func (d *delegate) NodeMeta(int) []byte {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	return append(binary.BigEndian.AppendUint64(nil, d.m.det.instance), d.m.meta...)
}

func splitMeta(meta []byte) (instance uint64, rest []byte) {
	if len(meta) < instanceSize {
		return 0, nil
	}
	return binary.BigEndian.Uint64(meta), append([]byte(nil), meta[instanceSize:]...)
}

// NotifyJoin takes gossip's word that a member is there.
func (d *delegate) NotifyJoin(n *memberlist.Node) {
	instance, meta := splitMeta(n.Meta)
	d.m.update(func(det *detector, now time.Time) { det.joined(n.Name, n.Address(), meta, instance, now) })
}

// NotifyUpdate takes new metadata.
func (d *delegate) NotifyUpdate(n *memberlist.Node) {
	instance, meta := splitMeta(n.Meta)
	d.m.update(func(det *detector, now time.Time) { det.updated(n.Name, n.Address(), meta, instance, now) })
}

// NotifyLeave takes gossip's word that a member is dead or left.
func (d *delegate) NotifyLeave(n *memberlist.Node) {
	d.m.update(func(det *detector, now time.Time) { det.gossipLost(n.Name, now) })
}

// NotifyConflict takes the news that a name is claimed from a second address.
func (d *delegate) NotifyConflict(existing, other *memberlist.Node) {
	isNew := false
	d.m.update(func(det *detector, now time.Time) { isNew = det.conflict(existing.Name, other.Address(), now) })
	if isNew {
		d.m.cfg.Logger.Error("two processes claim one member name; stop one of them",
			zap.String("node", existing.Name), zap.String("addr", existing.Address()), zap.String("claimed_by", other.Address()))
	}
}

// AckPayload is empty: memberlist's own acks carry nothing of ours.
func (d *delegate) AckPayload() []byte { return nil }

// NotifyPingComplete takes an ack to memberlist's own probe as proof of life.
func (d *delegate) NotifyPingComplete(n *memberlist.Node, _ time.Duration, _ []byte) {
	d.m.update(func(det *detector, now time.Time) {
		det.lastAny = now
		det.answered(n.Name, SourcePing, "", now)
	})
}

// GetBroadcasts, LocalState and MergeRemoteState: nothing of ours is gossiped.
func (d *delegate) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState is empty.
func (d *delegate) LocalState(bool) []byte { return nil }

// MergeRemoteState ignores what others send.
func (d *delegate) MergeRemoteState([]byte, bool) {}

// NotifyMsg takes one message of the ping protocol, sealed and authenticated by
// the keyring.
func (d *delegate) NotifyMsg(buf []byte) {
	msg, err := decode(buf)
	if err != nil {
		d.m.cfg.Logger.Debug("membership message dropped", zap.Error(err))
		return
	}
	d.m.receive(msg)
}

// receive handles one message. It sends, so it must not run under a lock.
func (m *Membership) receive(msg message) {
	var out []action
	m.update(func(det *detector, now time.Time) {
		det.lastAny = now
		switch msg.kind {
		case kindPing, kindStreamPing:
			if msg.target == det.self {
				out = append([]action{det.answer(msg)}, det.pinged(now)...)
			}
		case kindAck, kindStreamAck:
			if msg.forward != "" {
				out = []action{det.passOn(msg)}
				return
			}
			det.ack(msg, now)
		case kindRelay:
			out = []action{det.relay(msg)}
		case kindReport:
			out = det.reported(msg, now)
		case kindLeaving:
			det.leaving(msg.from, msg.instance, now)
		}
	})
	m.perform(out)
}

// answer acks a ping by the way it came.
func (d *detector) answer(ping message) action {
	k := kindAck
	if ping.kind == kindStreamPing {
		k = kindStreamAck
	}
	return action{to: ping.from, addr: ping.fromAddr, stream: k == kindStreamAck, msg: d.message(k, func(out *message) {
		out.seq, out.target, out.forward = ping.seq, ping.from, ping.forward
	})}
}

// relay pings a member for somebody else; the ack comes back through here.
func (d *detector) relay(ask message) action {
	return action{to: ask.target, addr: ask.targetAddr, msg: d.message(kindPing, func(out *message) {
		out.seq, out.target, out.targetAddr, out.forward = ask.seq, ask.target, ask.targetAddr, ask.fromAddr
	})}
}

// passOn hands a relayed ack to whom it is for, and signs as the helper.
func (d *detector) passOn(ack message) action {
	to := ack.forward
	ack.forward, ack.target = "", d.self
	return action{addr: to, msg: ack}
}
