package state

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strings"
)

// SecretsResealed replaces the data key: it holds everything that is sealed, sealed
// anew with another key. It never holds a key. Whoever proposes it has seen to it
// that a majority of the voters holds the new key on disk.
type SecretsResealed struct {
	// Key is the new key's id.
	Key string `json:"key"`
	// Was is State.SealedDigest when it was made: what was sealed meanwhile is not
	// lost.
	Was string `json:"was"`
	// Secrets are all secrets by name, Verifiers all join tokens' by id.
	Secrets   map[string]string `json:"secrets"`
	Verifiers map[string]string `json:"verifiers,omitempty"`
}

func (*SecretsResealed) name() string { return "secrets.resealed/1" }

func (c *SecretsResealed) apply(t *tx) error {
	if c.Was != t.s.SealedDigest() {
		return reject(Conflict, "secrets or join tokens have changed meanwhile: rotate the key again")
	}
	if c.Key == "" || c.Key == t.s.DataKey || len(c.Secrets) != len(t.s.Secrets) || len(c.Verifiers) != len(t.s.Tokens) {
		return reject(Refused, "not everything that is sealed was sealed anew")
	}
	for name, sealed := range c.Secrets {
		if _, known := t.s.Secrets[name]; !known || SealedBy(sealed) != c.Key {
			return reject(Refused, "secret %q was not sealed anew", name)
		}
	}
	tokens := map[string]*Token{}
	for id, verifier := range c.Verifiers {
		old, known := t.s.Tokens[id]
		if !known || SealedBy(verifier) != c.Key {
			return reject(Refused, "join token %s was not sealed anew", id)
		}
		token := *old
		token.Verifier = verifier
		tokens[id] = &token
	}
	t.s.DataKey, t.s.Secrets, t.s.Tokens = c.Key, maps.Clone(c.Secrets), tokens
	if t.s.Secrets == nil {
		t.s.Secrets = map[string]string{}
	}
	t.event("secret", "", "", "data key replaced by %s, %d secrets sealed anew", c.Key, len(c.Secrets))
	return nil
}

// SealedBy returns the id of the key that sealed a value (v1.ID.…), "" if it does
// not say.
func SealedBy(sealed string) string {
	parts := strings.SplitN(sealed, ".", 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[1]
}

// SealedDigest changes with everything that is sealed with the data key.
func (s *State) SealedDigest() string {
	verifiers := map[string]string{}
	for id, token := range s.Tokens {
		verifiers[id] = token.Verifier
	}
	data, err := json.Marshal([]any{s.DataKey, s.Secrets, verifiers})
	if err != nil {
		panic("state: plain data: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// SealedWith reports whether anything is sealed with the key of this id.
func (s *State) SealedWith(id string) bool {
	for _, sealed := range s.Secrets {
		if SealedBy(sealed) == id {
			return true
		}
	}
	for _, token := range s.Tokens {
		if SealedBy(token.Verifier) == id {
			return true
		}
	}
	return false
}

// withDataKey refuses what was sealed with a key that was replaced meanwhile.
func (t *tx) withDataKey(sealed string) error {
	if t.s.DataKey != "" && SealedBy(sealed) != t.s.DataKey {
		return reject(Conflict, "the data key was replaced meanwhile: try again")
	}
	return nil
}
