package raftlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// This file checks the page structure of a bbolt file, format version 2 (bbolt
// v1.5.0, internal/common), before bbolt sees it. bbolt trusts its pages: it
// falls back silently to the older of its two meta pages, forgetting the last
// acknowledged write; on other damage it panics, also on goroutines of its own,
// reads beyond the file, or fills the memory.
//
//	page          id 8, flags 2, count 2, overflow 4, then elements
//	meta          magic 4, version 4, pageSize 4, flags 4, root 8, sequence 8,
//	              freelist 8, end 8, txid 8, FNV-1a 64 of these 56 bytes
//	branch elem.  pos 4, ksize 4, pgid 8; pos counts from the element
//	leaf elem.    flags 4, pos 4, ksize 4, vsize 4
//	bucket value  root 8, sequence 8, and an inline page if root is 0
//
// in the byte order of the machine.
const (
	pageHeader   = 16
	elementSize  = 16
	metaBody     = 56
	boltMagic    = 0xED0CDAED
	boltVersion  = 2
	flagBranch   = 1
	flagLeaf     = 2
	flagBucket   = 1
	maxTreeDepth = 32
	maxPageSize  = 64 << 10
)

type boltMeta struct {
	pageSize        uint32
	root, end, txid uint64
}

// checkPages verifies both meta pages and every page that the newer one reaches.
func checkPages(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open raft log: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only

	meta, err := checkMetaPages(f)
	if err != nil {
		return corrupt(path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open raft log: %w", err)
	}
	pages := uint64(info.Size()) / uint64(meta.pageSize)
	if meta.end > pages {
		return corrupt(path, fmt.Errorf("file is truncated: %d pages, should have %d", pages, meta.end))
	}
	w := pageWalk{file: f, meta: meta, seen: make([]bool, meta.end)}
	if err := w.page(meta.root, nil, nil, 0); err != nil {
		return corrupt(path, err)
	}
	return nil
}

// checkMetaPages requires both meta pages to be whole and returns the newer. A
// meta page fits in one disk sector, so a power cut does not tear it.
func checkMetaPages(f io.ReaderAt) (boltMeta, error) {
	m0, err := readMeta(f, 0)
	if err != nil {
		return boltMeta{}, fmt.Errorf("meta page 0: %w", err)
	}
	m1, err := readMeta(f, int64(m0.pageSize))
	if err != nil {
		return boltMeta{}, fmt.Errorf("meta page 1: %w", err)
	}
	if m0.pageSize != m1.pageSize || (m0.txid+1 != m1.txid && m1.txid+1 != m0.txid) {
		return boltMeta{}, fmt.Errorf("meta pages disagree: page size %d and %d, transaction %d and %d", m0.pageSize, m1.pageSize, m0.txid, m1.txid)
	}
	if m1.txid > m0.txid {
		return m1, nil
	}
	return m0, nil
}

func readMeta(r io.ReaderAt, offset int64) (boltMeta, error) {
	b := make([]byte, pageHeader+metaBody+8)
	if _, err := r.ReadAt(b, offset); err != nil {
		return boltMeta{}, fmt.Errorf("file is truncated: %w", err)
	}
	m, order := b[pageHeader:], binary.NativeEndian
	h := fnv.New64a()
	h.Write(m[:metaBody]) //nolint:errcheck // a hash never fails
	if got, want := h.Sum64(), order.Uint64(m[metaBody:]); got != want {
		return boltMeta{}, fmt.Errorf("checksum %016x, stored %016x", got, want)
	}
	if magic, version := order.Uint32(m), order.Uint32(m[4:]); magic != boltMagic || version != boltVersion {
		return boltMeta{}, fmt.Errorf("magic %08x, version %d", magic, version)
	}
	meta := boltMeta{pageSize: order.Uint32(m[8:]), root: order.Uint64(m[16:]), end: order.Uint64(m[40:]), txid: order.Uint64(m[48:])}
	if meta.pageSize < 1<<10 || meta.pageSize > maxPageSize {
		return boltMeta{}, fmt.Errorf("page size %d", meta.pageSize)
	}
	return meta, nil
}

type pageWalk struct {
	file io.ReaderAt
	meta boltMeta
	seen []bool // pages reached, by number
}

// page checks a page and what is below it. Keys must be in [lo, hi); nil is open.
func (w *pageWalk) page(id uint64, lo, hi []byte, depth int) error {
	if depth > maxTreeDepth {
		return fmt.Errorf("page %d: the tree is deeper than %d", id, maxTreeDepth)
	}
	b, err := w.read(id)
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	switch flags := binary.NativeEndian.Uint16(b[8:]); flags {
	case flagBranch:
		err = w.branch(b, lo, hi, depth)
	case flagLeaf:
		err = w.leaf(b, lo, hi, depth)
	default:
		err = fmt.Errorf("flags %x", flags)
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// read returns a page with its overflow pages and marks them as reached.
func (w *pageWalk) read(id uint64) ([]byte, error) {
	if id < 2 || id >= w.meta.end {
		return nil, fmt.Errorf("number beyond the end, %d", w.meta.end)
	}
	offset := int64(id) * int64(w.meta.pageSize)
	head := make([]byte, pageHeader)
	if _, err := w.file.ReadAt(head, offset); err != nil {
		return nil, err
	}
	if have := binary.NativeEndian.Uint64(head); have != id {
		return nil, fmt.Errorf("it says it is page %d", have)
	}
	size := 1 + uint64(binary.NativeEndian.Uint32(head[12:]))
	if id+size > w.meta.end {
		return nil, fmt.Errorf("it spans %d pages, beyond the end", size)
	}
	for i := id; i < id+size; i++ {
		if w.seen[i] {
			return nil, errors.New("it is reached twice")
		}
		w.seen[i] = true
	}
	b := make([]byte, size*uint64(w.meta.pageSize))
	_, err := w.file.ReadAt(b, offset)
	return b, err
}

func (w *pageWalk) branch(b, lo, hi []byte, depth int) error {
	type child struct {
		key []byte
		id  uint64
	}
	var children []child
	err := elements(b, func(e []byte, at int) error {
		key, _, err := span(b, at, binary.NativeEndian.Uint32(e), binary.NativeEndian.Uint32(e[4:]), 0)
		children = append(children, child{key, binary.NativeEndian.Uint64(e[8:])})
		return err
	})
	if err != nil {
		return err
	}
	if len(children) == 0 {
		return errors.New("branch without children")
	}
	for i, c := range children {
		if err := inOrder(i, c.key, lo, hi); err != nil {
			return err
		}
		lo = c.key
		upper := hi
		if i+1 < len(children) {
			upper = children[i+1].key
		}
		if err := w.page(c.id, c.key, upper, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *pageWalk) leaf(b, lo, hi []byte, depth int) error {
	i := 0
	return elements(b, func(e []byte, at int) error {
		order := binary.NativeEndian
		key, value, err := span(b, at, order.Uint32(e[4:]), order.Uint32(e[8:]), order.Uint32(e[12:]))
		if err != nil {
			return err
		}
		if err := inOrder(i, key, lo, hi); err != nil {
			return err
		}
		lo = key
		i++
		switch flags := order.Uint32(e); flags {
		case 0:
			return nil
		case flagBucket:
			return w.bucket(value, depth)
		default:
			return fmt.Errorf("element flags %x", flags)
		}
	})
}

func (w *pageWalk) bucket(value []byte, depth int) error {
	if len(value) < 16 {
		return fmt.Errorf("bucket of %d bytes", len(value))
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return w.page(root, nil, nil, depth+1)
	}
	inline := value[16:]
	if len(inline) < pageHeader || binary.NativeEndian.Uint16(inline[8:]) != flagLeaf {
		return errors.New("inline bucket is not a leaf")
	}
	if depth > maxTreeDepth {
		return fmt.Errorf("buckets are nested deeper than %d", maxTreeDepth)
	}
	return w.leaf(inline, nil, nil, depth+1)
}

// elements calls f with each element header of a page and its position.
func elements(b []byte, f func(e []byte, at int) error) error {
	count := int(binary.NativeEndian.Uint16(b[10:]))
	if pageHeader+count*elementSize > len(b) {
		return fmt.Errorf("%d elements do not fit", count)
	}
	for i := range count {
		at := pageHeader + i*elementSize
		if err := f(b[at:at+elementSize], at); err != nil {
			return err
		}
	}
	return nil
}

// span returns the key and value of the element at a position of its page.
func span(b []byte, at int, pos, ksize, vsize uint32) (key, value []byte, err error) {
	start := uint64(at) + uint64(pos)
	mid := start + uint64(ksize)
	end := mid + uint64(vsize)
	if end > uint64(len(b)) {
		return nil, nil, fmt.Errorf("an element ends at byte %d of %d", end, len(b))
	}
	return b[start:mid], b[mid:end], nil
}

// inOrder checks element i's key against the one before it, or against the
// parent's for the first, and against the parent's next.
func inOrder(i int, key, before, hi []byte) error {
	c := 1
	if before != nil {
		c = bytes.Compare(key, before)
	}
	if c < 0 || i > 0 && c == 0 || hi != nil && bytes.Compare(key, hi) >= 0 {
		return fmt.Errorf("key %x is out of order", key)
	}
	return nil
}
