package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"

	"go.etcd.io/bbolt"
)

// verifyFile reads the whole store without changing it and returns what it
// holds. Every way in which the file can be damaged gives an error that wraps
// ErrCorrupt: first the pages, then the records as bbolt reads them.
func verifyFile(path string) (sum summary, err error) {
	if err := checkPages(path); err != nil {
		return summary{}, err
	}
	db, err := openBolt(path, true)
	if err != nil {
		return summary{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return verifyBuckets(path, db)
}

// verifyBuckets checks the format version, every record, and that the summary
// agrees with what is there.
func verifyBuckets(path string, db *bbolt.DB) (sum summary, err error) {
	old := debug.SetPanicOnFault(true) // a truncated file faults in its mapping
	defer debug.SetPanicOnFault(old)
	defer func() {
		if p := recover(); p != nil {
			err = corrupt(path, fmt.Errorf("page structure: %v", p))
		}
	}()
	err = db.View(func(tx *bbolt.Tx) error {
		meta, log, stable := tx.Bucket(bucketMeta), tx.Bucket(bucketLog), tx.Bucket(bucketStable)
		if meta == nil || log == nil || stable == nil {
			return corrupt(path, errors.New("a bucket is missing"))
		}
		if err := checkFormat(path, meta); err != nil {
			return err
		}
		v, err := openValue(keySummary, meta.Get(keySummary))
		if err == nil {
			sum, err = decodeSummary(v)
		}
		if err != nil {
			return corrupt(path, fmt.Errorf("summary: %w", err))
		}
		have, err := walkLog(log)
		if err != nil {
			return corrupt(path, err)
		}
		if have.stable, err = walkStable(stable); err != nil {
			return corrupt(path, err)
		}
		if have != sum {
			return corrupt(path, fmt.Errorf("it holds %v, but should hold %v", have, sum))
		}
		return nil
	})
	return sum, err
}

func checkFormat(path string, meta *bbolt.Bucket) error {
	v, err := openValue(keyFormat, meta.Get(keyFormat))
	if err == nil && len(v) != 8 {
		err = errBadRecord
	}
	if err != nil {
		return corrupt(path, fmt.Errorf("format version: %w", err))
	}
	if have := binary.BigEndian.Uint64(v); have > StoreFormat {
		return fmt.Errorf("%s: %w: format %d, this belayd knows %d; upgrade belayd on this member", path, ErrNewerFormat, have, StoreFormat)
	}
	return nil
}

func walkLog(log *bbolt.Bucket) (have summary, err error) {
	c := log.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if len(k) != 8 {
			return have, fmt.Errorf("after index %d: a key has %d bytes", have.last, len(k))
		}
		index := binary.BigEndian.Uint64(k)
		if index <= have.last {
			return have, fmt.Errorf("index %d follows index %d", index, have.last)
		}
		if err := checkRecord(v, index); err != nil {
			return have, fmt.Errorf("index %d: %w", index, err)
		}
		if have.count == 0 {
			have.first = index
		}
		have.last = index
		have.count++
	}
	return have, nil
}

func walkStable(stable *bbolt.Bucket) (n uint64, err error) {
	err = stable.ForEach(func(k, v []byte) error {
		if _, err := openValue(k, v); err != nil {
			return fmt.Errorf("stable key %q: %w", k, err)
		}
		n++
		return nil
	})
	return n, err
}
