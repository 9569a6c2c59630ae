package security

import (
	"errors"
	"slices"
	"testing"
)

// TestVault: what is on disk is what is used, and a key that cannot be written is
// not taken.
func TestVault(t *testing.T) {
	first, second, third := must[Key](t)(NewKey()), must[Key](t)(NewKey()), must[Key](t)(NewKey())
	var onDisk []Key
	var broken error
	v := NewVault(must[*Keyring](t)(NewKeyring(first)), func(r *Keyring) error {
		if broken == nil {
			onDisk = r.Keys()
		}
		return broken
	})
	holds := func(want ...Key) {
		t.Helper()
		if got := v.Ring().Keys(); !slices.Equal(got, want) || !slices.Equal(onDisk, want) {
			t.Errorf("it holds %v, the disk %v, want %v", got, onDisk, want)
		}
	}
	nobody := func(string) bool { return false }
	noError(t, v.Learn(second))
	noError(t, v.Learn(second))
	holds(first, second)
	if v.Ring().Active() != first.ID() {
		t.Error("a key that was only learnt seals")
	}
	if _, err := v.Use(third.ID(), nobody); !errors.Is(err, ErrNoKey) {
		t.Errorf("a key that it lacks: %v", err)
	}
	broken = errors.New("disk full")
	if err := v.Learn(third); !errors.Is(err, broken) {
		t.Errorf("learnt on a full disk: %v", err)
	}
	if _, err := v.Use(second.ID(), nobody); !errors.Is(err, broken) {
		t.Errorf("used on a full disk: %v", err)
	}
	holds(first, second)
	broken = nil
	if changed, err := v.Use(second.ID(), func(id string) bool { return id == first.ID() }); err != nil || !changed {
		t.Errorf("changed %v, %v", changed, err)
	}
	holds(second, first)
	if changed, err := v.Use(second.ID(), nobody); err != nil || !changed {
		t.Errorf("changed %v, %v", changed, err)
	}
	holds(second)
	if changed, err := v.Use(second.ID(), nobody); err != nil || changed {
		t.Errorf("again: changed %v, %v", changed, err)
	}
	for range 2 * maxKeys {
		_ = v.Learn(must[Key](t)(NewKey()))
	}
	if got := len(v.Ring().Keys()); got != maxKeys {
		t.Errorf("it holds %d keys", got)
	}
}
