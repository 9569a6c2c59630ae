package security

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// KeySize is the length of gossip and data keys, in bytes (AES-256).
const KeySize = 32

// maxSecret bounds a sealed value, since it goes through the log.
const maxSecret = 64 << 10

// sealVersion is the first field of a sealed value.
const sealVersion = "v1"

var (
	// ErrNoKey: the value was sealed with a key that the keyring lacks.
	ErrNoKey = errors.New("data key is not in the keyring")
	// ErrSealed: the value is damaged, or belongs to another name.
	ErrSealed = errors.New("sealed value does not open: it is damaged or belongs to another name")
)

// Key is a secret of KeySize bytes. It does not print itself.
type Key [KeySize]byte

// NewKey returns a random key, for gossip or data.
func NewKey() (Key, error) {
	var k Key
	if _, err := rand.Read(k[:]); err != nil {
		return Key{}, fmt.Errorf("make key: %w", err)
	}
	return k, nil
}

// Format implements fmt.Formatter: no verb shows the key.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, "<key "+k.ID()+">") }

// MarshalText implements encoding.TextMarshaler: base64, for key files and for
// the answer to a join.
func (k Key) MarshalText() ([]byte, error) {
	return []byte(base64.StdEncoding.EncodeToString(k[:])), nil
}

// UnmarshalText implements encoding.TextUnmarshaler. Its errors show nothing of
// the text.
func (k *Key) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(b) != KeySize {
		return fmt.Errorf("key is not %d bytes in base64", KeySize)
	}
	copy(k[:], b)
	return nil
}

// ID names the key without telling anything about it.
func (k Key) ID() string {
	h := sha256.Sum256(append([]byte("belay key id\x00"), k[:]...))
	return hex.EncodeToString(h[:6])
}

// Keyring holds the cluster's data keys. The first seals; all of them open, so
// that a key can be replaced while old values are still around. It is constant
// once made, and safe for concurrent use.
type Keyring struct {
	active string
	keys   map[string]cipher.AEAD
	order  []Key
}

// NewKeyring returns a keyring of at least one key.
func NewKeyring(keys ...Key) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("keyring without a key")
	}
	r := &Keyring{active: keys[0].ID(), keys: map[string]cipher.AEAD{}, order: append([]Key(nil), keys...)}
	for _, k := range keys {
		block, err := aes.NewCipher(k[:])
		if err != nil {
			return nil, fmt.Errorf("data key %s: %w", k.ID(), err)
		}
		// Random nonces are safe for 2^32 values a key; secrets number in the hundreds.
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("data key %s: %w", k.ID(), err)
		}
		r.keys[k.ID()] = aead
	}
	return r, nil
}

// Keys returns the keys, the active one first, to hand them to a new member.
func (r *Keyring) Keys() []Key { return append([]Key(nil), r.order...) }

// Seal encrypts plaintext, at most 64 KiB, for the place called name: it opens
// only under the same name. The result is v1.<key id>.<base64>.
func (r *Keyring) Seal(name string, plaintext []byte) (string, error) {
	if len(plaintext) > maxSecret {
		return "", fmt.Errorf("seal %s: %d bytes, at most %d", name, len(plaintext), maxSecret)
	}
	sealed := r.keys[r.active].Seal(nil, nil, plaintext, associated(r.active, name))
	return strings.Join([]string{sealVersion, r.active, base64.RawURLEncoding.EncodeToString(sealed)}, "."), nil
}

// Open decrypts what Seal made for the same name. It fails with ErrNoKey or
// ErrSealed.
func (r *Keyring) Open(name, sealed string) ([]byte, error) {
	version, rest, _ := strings.Cut(sealed, ".")
	id, body, ok := strings.Cut(rest, ".")
	if version != sealVersion || !ok {
		return nil, fmt.Errorf("open %s: %w", name, ErrSealed)
	}
	aead := r.keys[id]
	if aead == nil {
		return nil, fmt.Errorf("open %s: %w: %q", name, ErrNoKey, id)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, ErrSealed)
	}
	plaintext, err := aead.Open(nil, nil, b, associated(id, name))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, ErrSealed)
	}
	return plaintext, nil
}

// Preferring returns the keyring with the key of an id first, so that this one
// seals. It fails with ErrNoKey if the keyring lacks it.
func (r *Keyring) Preferring(id string) (*Keyring, error) {
	key, found := r.Find(id)
	if !found {
		return nil, fmt.Errorf("seal: %w: %q", ErrNoKey, id)
	}
	others := slices.DeleteFunc(r.Keys(), func(k Key) bool { return k == key })
	return NewKeyring(append([]Key{key}, others...)...)
}

// Active returns the id of the key that seals.
func (r *Keyring) Active() string { return r.active }

// Find returns the key of an id.
func (r *Keyring) Find(id string) (Key, bool) {
	for _, key := range r.order {
		if key.ID() == id {
			return key, true
		}
	}
	return Key{}, false
}

func associated(keyID, name string) []byte {
	return []byte("belay secret\x00" + sealVersion + "\x00" + keyID + "\x00" + name)
}
