package state

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/belay-ha/belay/internal/mutant"
)

// snapshotFormat is the layout that this build writes; older ones are migrated
// on reading, newer ones refused.
//
//	1  one JSON header line, then the state as JSON
const snapshotFormat = 1

type snapshotHeader struct {
	Format  int    `json:"format"`
	Version int    `json:"version"`
	Index   uint64 `json:"index"`
	Term    uint64 `json:"term"`
}

// WriteSnapshot writes the state as a stream that ReadSnapshot understands.
func (s *State) WriteSnapshot(w io.Writer) error {
	encoder := json.NewEncoder(w)
	if err := encoder.Encode(snapshotHeader{Format: snapshotFormat, Version: s.Version, Index: s.Index, Term: s.Term}); err != nil {
		return fmt.Errorf("write snapshot header: %w", err)
	}
	if mutant.Is(mutant.PartialSnapshot) {
		partial := *s
		partial.FenceHistory = nil
		s = &partial
	}
	if err := encoder.Encode(s); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}

// ReadSnapshot reads a whole state; a torn, foreign or newer snapshot is an
// error and nothing is returned.
func ReadSnapshot(r io.Reader) (*State, error) {
	decoder := json.NewDecoder(bufio.NewReader(r))
	var header snapshotHeader
	if err := decoder.Decode(&header); err != nil {
		return nil, fmt.Errorf("read snapshot header: %w", err)
	}
	if header.Format < 1 || header.Format > snapshotFormat || header.Version > Version {
		return nil, fmt.Errorf("snapshot has format %d and command set %d; this belayd reads format %d and command set %d: run the newer release", header.Format, header.Version, snapshotFormat, Version)
	}
	decoder.DisallowUnknownFields()
	s := New()
	if err := decoder.Decode(s); err != nil {
		return nil, fmt.Errorf("read snapshot at index %d: %w", header.Index, err)
	}
	if s.Index != header.Index || s.Definition == nil {
		return nil, fmt.Errorf("snapshot at index %d is inconsistent: its state says index %d", header.Index, s.Index)
	}
	if err := s.Audit.Verify(); err != nil {
		return nil, fmt.Errorf("snapshot at index %d was tampered with: %w", header.Index, err)
	}
	return s, nil
}

// Hash names the state: members with equal indexes have equal hashes.
func (s *State) Hash() string {
	digest := sha256.New()
	if err := json.NewEncoder(digest).Encode(s); err != nil {
		panic("state: plain data: " + err.Error())
	}
	return hex.EncodeToString(digest.Sum(nil))
}
