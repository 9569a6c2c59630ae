package security

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// maxKeys bounds how many data keys a member holds.
const maxKeys = 16

// Vault is a member's data keys as they change: in memory and, before anything
// leans on a change, in the file. It is safe for concurrent use.
type Vault struct {
	ring atomic.Pointer[Keyring]
	save func(*Keyring) error

	mu sync.Mutex // held while the keys change
}

// NewVault returns a vault that holds ring; save writes another durably, nil keeps
// it in memory only.
func NewVault(ring *Keyring, save func(*Keyring) error) *Vault {
	if save == nil {
		save = func(*Keyring) error { return nil }
	}
	v := &Vault{save: save}
	v.ring.Store(ring)
	return v
}

// Ring returns the keys as they are now.
func (v *Vault) Ring() *Keyring { return v.ring.Load() }

// Learn keeps one more key, durably, behind the others. A key that is known is
// fine; more than 16 are an error.
func (v *Vault) Learn(key Key) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	keys := v.Ring().Keys()
	if slices.Contains(keys, key) {
		return nil
	}
	if len(keys) >= maxKeys {
		return fmt.Errorf("%d data keys are kept already", len(keys))
	}
	return v.replace(append(keys, key))
}

// Use makes the key of an id, which is held, the first, and forgets all others but
// those that needed names. It reports whether anything changed.
func (v *Vault) Use(id string, needed func(id string) bool) (bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.Ring().Keys()
	var first, rest []Key
	for _, key := range old {
		switch {
		case key.ID() == id:
			first = []Key{key}
		case needed(key.ID()):
			rest = append(rest, key)
		}
	}
	if first == nil {
		return false, fmt.Errorf("use data key %s: %w", id, ErrNoKey)
	}
	keys := append(first, rest...)
	if slices.Equal(keys, old) {
		return false, nil
	}
	return true, v.replace(keys)
}

// replace writes the keys before they are used.
func (v *Vault) replace(keys []Key) error {
	ring, err := NewKeyring(keys...)
	if err != nil {
		return err
	}
	if err := v.save(ring); err != nil {
		return err
	}
	v.ring.Store(ring)
	return nil
}
