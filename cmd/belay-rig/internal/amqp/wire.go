package amqp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Frame types and the octet that ends each frame (AMQP 0-9-1, 4.2.3).
const (
	frameMethod    = 1
	frameHeader    = 2
	frameBody      = 3
	frameHeartbeat = 8
	frameEnd       = 0xCE
)

// maxFrame bounds what is read of one frame, in bytes. Nothing larger is agreed
// on.
const maxFrame = 128 << 10

// method is a class and a method of it.
type method struct{ class, id uint16 }

// The methods in use (AMQP 0-9-1, and RabbitMQ's confirms).
var (
	connectionStart   = method{10, 10}
	connectionStartOK = method{10, 11}
	connectionTune    = method{10, 30}
	connectionTuneOK  = method{10, 31}
	connectionOpen    = method{10, 40}
	connectionOpenOK  = method{10, 41}
	connectionClose   = method{10, 50}
	channelOpen       = method{20, 10}
	channelOpenOK     = method{20, 11}
	channelClose      = method{20, 40}
	queueDeclare      = method{50, 10}
	queueDeclareOK    = method{50, 11}
	basicPublish      = method{60, 40}
	basicReturn       = method{60, 50}
	basicGet          = method{60, 70}
	basicGetOK        = method{60, 71}
	basicGetEmpty     = method{60, 72}
	basicAck          = method{60, 80}
	basicNack         = method{60, 120}
	confirmSelect     = method{85, 10}
	confirmSelectOK   = method{85, 11}
)

// frame is one frame without its envelope.
type frame struct {
	kind    byte
	channel uint16
	payload []byte
}

func writeFrame(w io.Writer, f frame) error {
	buffer := make([]byte, 0, len(f.payload)+8)
	buffer = append(buffer, f.kind)
	buffer = binary.BigEndian.AppendUint16(buffer, f.channel)
	buffer = binary.BigEndian.AppendUint32(buffer, uint32(len(f.payload)))
	buffer = append(buffer, f.payload...)
	_, err := w.Write(append(buffer, frameEnd))
	return err
}

func readFrame(r *bufio.Reader) (frame, error) {
	var head [7]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	size := binary.BigEndian.Uint32(head[3:])
	if size > maxFrame {
		return frame{}, fmt.Errorf("a frame of %d bytes, want at most %d", size, maxFrame)
	}
	payload := make([]byte, size+1)
	if _, err := io.ReadFull(r, payload); err != nil {
		return frame{}, err
	}
	if payload[size] != frameEnd {
		return frame{}, errors.New("a frame without its end")
	}
	return frame{kind: head[0], channel: binary.BigEndian.Uint16(head[1:]), payload: payload[:size]}, nil
}

// arguments builds a method's payload.
type arguments []byte

func call(m method) arguments {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, m.class), m.id)
}

func (a arguments) octet(v byte) arguments   { return append(a, v) }
func (a arguments) short(v uint16) arguments { return binary.BigEndian.AppendUint16(a, v) }
func (a arguments) long(v uint32) arguments  { return binary.BigEndian.AppendUint32(a, v) }
func (a arguments) longlong(v uint64) arguments {
	return binary.BigEndian.AppendUint64(a, v)
}

// text appends a short string; longer than 255 bytes it is cut.
func (a arguments) text(s string) arguments {
	s = s[:min(len(s), 255)]
	return append(append(a, byte(len(s))), s...)
}

func (a arguments) longText(s string) arguments {
	return append(a.long(uint32(len(s))), s...)
}

// reader takes a method's payload apart. Beyond its end everything is zero.
type reader struct{ rest []byte }

func (r *reader) take(n int) []byte {
	if len(r.rest) < n {
		r.rest = nil
		return make([]byte, n)
	}
	part := r.rest[:n]
	r.rest = r.rest[n:]
	return part
}

func (r *reader) octet() byte      { return r.take(1)[0] }
func (r *reader) short() uint16    { return binary.BigEndian.Uint16(r.take(2)) }
func (r *reader) long() uint32     { return binary.BigEndian.Uint32(r.take(4)) }
func (r *reader) longlong() uint64 { return binary.BigEndian.Uint64(r.take(8)) }
func (r *reader) text() string     { return string(r.take(int(r.octet()))) }
