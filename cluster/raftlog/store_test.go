package raftlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

func openTestStore(t *testing.T, path string) *Store {
	t.Helper()
	s, err := OpenStore(path, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func entries(from, to uint64) []*raft.Log {
	var out []*raft.Log
	for i := from; i <= to; i++ {
		out = append(out, &raft.Log{Index: i, Term: 1 + i/10, Type: raft.LogCommand, Data: fmt.Appendf(nil, "entry %d", i)})
	}
	return out
}

// filled makes a closed store with n entries and a vote.
func filled(t *testing.T, n uint64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), StoreFile)
	s := openTestStore(t, path)
	for i := uint64(1); i <= n; i += 10 {
		if err := s.StoreLogs(entries(i, min(i+9, n))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetUint64([]byte("CurrentTerm"), 7); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestStoreKeepsEntriesAcrossRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), StoreFile)
	s := openTestStore(t, path)
	want := &raft.Log{Index: 5, Term: 3, Type: raft.LogConfiguration, Data: []byte("data"), Extensions: []byte("ext"), AppendedAt: time.Unix(0, 1234567890123456789)}
	if err := s.StoreLogs([]*raft.Log{{Index: 4, Term: 3, Type: raft.LogNoop}, want}); err != nil {
		t.Fatal(err)
	}
	if err := s.Set([]byte("LastVoteCand"), []byte("n1")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = openTestStore(t, path)
	var got raft.Log
	if err := s.GetLog(5, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&got, want); diff != "" {
		t.Errorf("entry changed (-got +want):\n%s", diff)
	}
	first, _ := s.FirstIndex()
	last, _ := s.LastIndex()
	if first != 4 || last != 5 {
		t.Errorf("indexes %d to %d, want 4 to 5", first, last)
	}
	if v, err := s.Get([]byte("LastVoteCand")); err != nil || string(v) != "n1" {
		t.Errorf("vote %q, %v", v, err)
	}
	if err := s.GetLog(6, &got); !errors.Is(err, raft.ErrLogNotFound) {
		t.Errorf("absent entry: %v", err)
	}
}

func TestStableStoreSaysNotFoundExactly(t *testing.T) {
	s := openTestStore(t, filepath.Join(t.TempDir(), StoreFile))
	if _, err := s.Get([]byte("absent")); err == nil || err.Error() != "not found" {
		t.Errorf("Get: %v", err)
	}
	if _, err := s.GetUint64([]byte("absent")); err == nil || err.Error() != "not found" {
		t.Errorf("GetUint64: %v", err)
	}
}

// TestStoreAgainstModel compares the store with a map under random appends,
// overwrites, gaps, truncations and restarts.
func TestStoreAgainstModel(t *testing.T) {
	dir := t.TempDir()
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		if round > 30 {
			return // each operation syncs the disk
		}
		path := filepath.Join(dir, fmt.Sprint(round))
		s, err := OpenStore(path, true)
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { s.Close() }()
		model := map[uint64]string{}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			lo := rapid.Uint64Range(1, 60).Draw(rt, "lo")
			hi := lo + rapid.Uint64Range(0, 30).Draw(rt, "len")
			switch rapid.SampledFrom([]string{"store", "store", "delete", "reopen"}).Draw(rt, "op") {
			case "store":
				for _, l := range entries(lo, hi) {
					model[l.Index] = string(l.Data)
				}
				err = s.StoreLogs(entries(lo, hi))
			case "delete":
				for i := lo; i <= hi; i++ {
					delete(model, i)
				}
				err = s.DeleteRange(lo, hi)
			case "reopen":
				if err = s.Close(); err == nil {
					s, err = OpenStore(path, false)
				}
			}
			if err != nil {
				rt.Fatal(err)
			}
			compareWithModel(rt, s, model)
		}
	})
}

func compareWithModel(t *rapid.T, s *Store, model map[uint64]string) {
	var wantFirst, wantLast uint64
	for i := range model {
		if wantFirst == 0 || i < wantFirst {
			wantFirst = i
		}
		wantLast = max(wantLast, i)
	}
	first, _ := s.FirstIndex()
	last, _ := s.LastIndex()
	if first != wantFirst || last != wantLast {
		t.Fatalf("indexes %d to %d, want %d to %d", first, last, wantFirst, wantLast)
	}
	for i := uint64(1); i < 100; i++ {
		var l raft.Log
		err := s.GetLog(i, &l)
		want, ok := model[i]
		if ok != (err == nil) || string(l.Data) != want {
			t.Fatalf("index %d: %q, %v; want %q", i, l.Data, err, want)
		}
	}
}

func TestStoreRefusesDamage(t *testing.T) {
	pageSize := int64(os.Getpagesize())
	cases := []struct {
		name   string
		damage func(t *testing.T, path string)
		want   error
		says   string
	}{
		{"a bit of an entry", func(t *testing.T, path string) { flipAt(t, path, []byte("entry 137"), 3) }, ErrCorrupt, "index 137"},
		{"the file cut short", func(t *testing.T, path string) { truncate(t, path, 0.6) }, ErrCorrupt, ""},
		{"the file emptied", func(t *testing.T, path string) { truncate(t, path, 0) }, ErrCorrupt, "truncated"},
		{"first meta page", func(t *testing.T, path string) { flip(t, path, 40) }, ErrCorrupt, "meta page 0"},
		{"second meta page", func(t *testing.T, path string) { flip(t, path, pageSize+40) }, ErrCorrupt, "meta page 1"},
		{"an entry removed", func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(bucketLog).Delete(indexKey(200)) })
		}, ErrCorrupt, "should hold 200 entries from 1 to 200"},
		{"the vote removed", func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(bucketStable).Delete([]byte("CurrentTerm")) })
		}, ErrCorrupt, "stable keys"},
		{"the vote changed", func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error {
				return tx.Bucket(bucketStable).Put([]byte("CurrentTerm"), make([]byte, 12))
			})
		}, ErrCorrupt, "CurrentTerm"},
		{"an entry under another index", func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error {
				b := tx.Bucket(bucketLog)
				return b.Put(indexKey(10), append([]byte(nil), b.Get(indexKey(11))...))
			})
		}, ErrCorrupt, "index 10"},
		{"a newer format", func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error {
				v := binary.BigEndian.AppendUint64(nil, StoreFormat+1)
				return tx.Bucket(bucketMeta).Put(keyFormat, sealValue(keyFormat, v))
			})
		}, ErrNewerFormat, "upgrade belayd"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filled(t, 200)
			c.damage(t, path)
			s, err := OpenStore(path, true)
			if err == nil {
				s.Close()
				t.Fatal("the damaged file was accepted")
			}
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestStoreFlipsAnywhere flips single bits all over the file: either the store
// refuses it, or it still holds exactly what was written (free pages).
func TestStoreFlipsAnywhere(t *testing.T) {
	path := filled(t, 200)
	clean, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	refused := 0
	for range 150 {
		bad := bytes.Clone(clean)
		at := rng.IntN(len(bad))
		bad[at] ^= 1 << rng.IntN(8)
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := OpenStore(path, false)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNewerFormat) {
				t.Errorf("seed %d, byte %d: %v", seed, at, err)
			}
			refused++
			continue
		}
		for _, want := range entries(1, 200) {
			var got raft.Log
			if err := s.GetLog(want.Index, &got); err != nil || !bytes.Equal(got.Data, want.Data) || got.Term != want.Term {
				t.Fatalf("seed %d, byte %d: index %d: %q, %v", seed, at, want.Index, got.Data, err)
			}
		}
		if term, err := s.GetUint64([]byte("CurrentTerm")); err != nil || term != 7 {
			t.Fatalf("seed %d, byte %d: term %d, %v", seed, at, term, err)
		}
		s.Close()
	}
	if refused == 0 {
		t.Errorf("seed %d: no flip was noticed", seed)
	}
}

func TestStoreRefusesSecondProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), StoreFile)
	openTestStore(t, path)
	if _, err := OpenStore(path, true); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v", err)
	}
}

func edit(t *testing.T, path string, f func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, boltOptions(false))
	if err == nil {
		err = errors.Join(db.Update(f), db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func flipAt(t *testing.T, path string, text []byte, offset int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for at := 0; ; n++ {
		i := bytes.Index(b[at:], text)
		if i < 0 {
			break
		}
		at += i + len(text)
		b[at-len(text)+offset] ^= 0x10
	}
	if n == 0 {
		t.Fatalf("%q is not in the file", text)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func flip(t *testing.T, path string, at int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string, share float64) {
	t.Helper()
	info, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, int64(share*float64(info.Size())))
	}
	if err != nil {
		t.Fatal(err)
	}
}
