package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"
)

// A log record is
//
//	crc32c  4 bytes, over everything that follows
//	index   8
//	term    8
//	type    1
//	at      8   UnixNano of AppendedAt, 0 when it is the zero time
//	dataLen 4
//	extLen  4
//	data, extensions
//
// all integers big-endian. The index inside the checksum means that a record
// found under another record's key is refused too.
const recordHeader = 4 + 8 + 8 + 1 + 8 + 4 + 4

// castagnoli is the polynomial with hardware support on amd64 and arm64.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errBadRecord is wrapped with the file and index before it leaves the package.
var errBadRecord = errors.New("checksum or structure of the record is wrong")

// encodeRecord returns the stored form of l.
func encodeRecord(l *raft.Log) []byte {
	b := make([]byte, recordHeader, recordHeader+len(l.Data)+len(l.Extensions))
	binary.BigEndian.PutUint64(b[4:], l.Index)
	binary.BigEndian.PutUint64(b[12:], l.Term)
	b[20] = byte(l.Type)
	if !l.AppendedAt.IsZero() {
		binary.BigEndian.PutUint64(b[21:], uint64(l.AppendedAt.UnixNano()))
	}
	binary.BigEndian.PutUint32(b[29:], uint32(len(l.Data)))
	binary.BigEndian.PutUint32(b[33:], uint32(len(l.Extensions)))
	b = append(b, l.Data...)
	b = append(b, l.Extensions...)
	binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return b
}

// checkRecord reports whether b is an unharmed record of the given index.
func checkRecord(b []byte, index uint64) error {
	if len(b) < recordHeader {
		return fmt.Errorf("%w: %d bytes, the header alone has %d", errBadRecord, len(b), recordHeader)
	}
	want, got := binary.BigEndian.Uint32(b), crc32.Checksum(b[4:], castagnoli)
	if want != got {
		return fmt.Errorf("%w: crc32c %08x, stored %08x", errBadRecord, got, want)
	}
	dataLen := uint64(binary.BigEndian.Uint32(b[29:]))
	extLen := uint64(binary.BigEndian.Uint32(b[33:]))
	if uint64(len(b)) != recordHeader+dataLen+extLen {
		return fmt.Errorf("%w: %d bytes, its header says %d", errBadRecord, len(b), recordHeader+dataLen+extLen)
	}
	if have := binary.BigEndian.Uint64(b[4:]); have != index {
		return fmt.Errorf("%w: it holds index %d", errBadRecord, have)
	}
	return nil
}

// decodeRecord fills l from b, copying what it keeps.
func decodeRecord(b []byte, index uint64, l *raft.Log) error {
	if err := checkRecord(b, index); err != nil {
		return err
	}
	dataLen := int(binary.BigEndian.Uint32(b[29:]))
	body := append([]byte(nil), b[recordHeader:]...)
	*l = raft.Log{
		Index: index,
		Term:  binary.BigEndian.Uint64(b[12:]),
		Type:  raft.LogType(b[20]),
		Data:  body[:dataLen:dataLen],
	}
	if len(body) > dataLen {
		l.Extensions = body[dataLen:]
	}
	if at := binary.BigEndian.Uint64(b[21:]); at != 0 {
		l.AppendedAt = time.Unix(0, int64(at))
	}
	return nil
}

// sealValue prefixes a value of the stable bucket with a checksum over its key
// and itself.
func sealValue(key, value []byte) []byte {
	b := make([]byte, 4, 4+len(value))
	b = append(b, value...)
	binary.BigEndian.PutUint32(b, crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value))
	return b
}

// openValue undoes sealValue; the result aliases sealed.
func openValue(key, sealed []byte) ([]byte, error) {
	if len(sealed) < 4 {
		return nil, fmt.Errorf("%w: %d bytes", errBadRecord, len(sealed))
	}
	value := sealed[4:]
	want, got := binary.BigEndian.Uint32(sealed), crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
	if want != got {
		return nil, fmt.Errorf("%w: crc32c %08x, stored %08x", errBadRecord, got, want)
	}
	return value, nil
}

// summary says what the buckets must hold. It is written in the transaction of
// every change, so that entries which vanish with a whole page are noticed:
// checksums of records cannot tell that a record is missing.
type summary struct {
	first, last, count uint64 // log entries; all 0 when the log is empty
	stable             uint64 // keys in the stable bucket
}

func (s summary) encode() []byte {
	b := make([]byte, 32)
	for i, v := range []uint64{s.first, s.last, s.count, s.stable} {
		binary.BigEndian.PutUint64(b[8*i:], v)
	}
	return b
}

func decodeSummary(b []byte) (summary, error) {
	if len(b) != 32 {
		return summary{}, fmt.Errorf("%w: %d bytes", errBadRecord, len(b))
	}
	at := func(i int) uint64 { return binary.BigEndian.Uint64(b[8*i:]) }
	return summary{first: at(0), last: at(1), count: at(2), stable: at(3)}, nil
}

func (s summary) String() string {
	return fmt.Sprintf("%d entries from %d to %d, %d stable keys", s.count, s.first, s.last, s.stable)
}

func indexKey(index uint64) []byte { return binary.BigEndian.AppendUint64(nil, index) }
