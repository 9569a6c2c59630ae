package state

import (
	"fmt"
	"slices"
)

// String returns the verdict's word, as in JSON.
func (l Liveness) String() string { return word(livenessNames, int(l)) }

// MarshalText writes the verdict's word.
func (l Liveness) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the verdict's word.
func (l *Liveness) UnmarshalText(text []byte) error {
	i, err := index(livenessNames, string(text))
	*l = Liveness(i)
	return err
}

// String returns the phase's word, as in JSON.
func (p FencingPhase) String() string { return word(fencingPhaseNames, int(p)) }

// MarshalText writes the phase's word.
func (p FencingPhase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the phase's word.
func (p *FencingPhase) UnmarshalText(text []byte) error {
	i, err := index(fencingPhaseNames, string(text))
	*p = FencingPhase(i)
	return err
}

func word(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return fmt.Sprintf("invalid(%d)", i)
	}
	return names[i]
}

func index(names []string, text string) (int, error) {
	i := slices.Index(names, text)
	if i < 0 {
		return 0, fmt.Errorf("unknown word %q: expected one of %v", text, names)
	}
	return i, nil
}
