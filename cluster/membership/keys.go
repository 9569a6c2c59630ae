package membership

import "fmt"

// AddKey installs a further gossip key, KeySize bytes, for reading. To rotate:
// AddKey on every member, then UseKey on every member, then RemoveKey of the old
// one on every member; each step complete before the next. No packet is lost.
func (m *Membership) AddKey(key []byte) error {
	if err := checkKey(key); err != nil {
		return fmt.Errorf("add gossip key: %w", err)
	}
	if err := m.keyring.AddKey(append([]byte(nil), key...)); err != nil {
		return fmt.Errorf("add gossip key: %w", err)
	}
	return nil
}

// UseKey makes an installed key the one that seals what this member sends.
func (m *Membership) UseKey(key []byte) error {
	if err := m.keyring.UseKey(key); err != nil {
		return fmt.Errorf("use gossip key: %w", err)
	}
	return nil
}

// RemoveKey drops a key. The one in use cannot be removed.
func (m *Membership) RemoveKey(key []byte) error {
	if err := m.keyring.RemoveKey(key); err != nil {
		return fmt.Errorf("remove gossip key: %w", err)
	}
	return nil
}
