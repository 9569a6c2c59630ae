package security

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// tokenPrefix is the version of the token's format.
const tokenPrefix = "BELAY1"

const (
	tokenIDSize = 8  // bytes
	secretSize  = 32 // bytes: guessing is hopeless, so a plain hash is enough
)

// What can be wrong with a join. A stranger is told no more than "refused".
var (
	ErrToken        = errors.New("join token is malformed: it begins with " + tokenPrefix + " and has four parts")
	ErrTokenUnknown = errors.New("join token is not known")
	ErrTokenExpired = errors.New("join token has expired")
	ErrTokenUsed    = errors.New("join token was used before")
	ErrTokenProof   = errors.New("join token's secret is wrong")
	ErrTokenNode    = errors.New("join token is for another node")
)

// Token lets one node join. It names the authority by its hash, so that the
// joiner knows whom it talks to before it sends anything.
type Token struct {
	Pin    Pin
	ID     string // hex; not secret
	secret [secretSize]byte
}

// NewToken returns a fresh token for the cluster of that authority.
func NewToken(pin Pin) (Token, error) {
	t := Token{Pin: pin}
	id := make([]byte, tokenIDSize)
	for _, b := range [][]byte{id, t.secret[:]} {
		if _, err := rand.Read(b); err != nil {
			return Token{}, fmt.Errorf("make join token: %w", err)
		}
	}
	t.ID = hex.EncodeToString(id)
	return t, nil
}

// ParseToken reads what Reveal wrote. Its error shows nothing of the text.
func ParseToken(text string) (Token, error) {
	parts := strings.Split(strings.TrimSpace(text), ".")
	if len(parts) != 4 || parts[0] != tokenPrefix {
		return Token{}, ErrToken
	}
	pin, err1 := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	id, err2 := hex.DecodeString(parts[2])
	secret, err3 := base64.RawURLEncoding.Strict().DecodeString(parts[3])
	if err1 != nil || err2 != nil || err3 != nil || len(pin) != len(Pin{}) || len(id) != tokenIDSize || len(secret) != secretSize {
		return Token{}, ErrToken
	}
	t := Token{ID: hex.EncodeToString(id)}
	copy(t.Pin[:], pin)
	copy(t.secret[:], secret)
	return t, nil
}

// Reveal returns the whole token, to show it once to the person who asked.
func (t Token) Reveal() string {
	return strings.Join([]string{
		tokenPrefix, base64.RawURLEncoding.EncodeToString(t.Pin[:]), t.ID, base64.RawURLEncoding.EncodeToString(t.secret[:]),
	}, ".")
}

// Format implements fmt.Formatter: no verb shows the secret.
func (t Token) Format(f fmt.State, _ rune) { fmt.Fprint(f, tokenPrefix+" token "+t.ID) }

// verifier is what the cluster keeps of the secret: the key of the HMAC. The
// secret itself cannot be had from it, but a proof can be made with it; so it is
// kept sealed (TokenRecord.Verifier), and a copy of the log, a snapshot or an
// export does not let anyone join.
func (t Token) verifier() []byte {
	h := sha256.Sum256(append([]byte("belay join verifier\x00"), t.secret[:]...))
	return h[:]
}

// JoinRequest is what a joining node sends, after it has verified the cluster.
type JoinRequest struct {
	TokenID   string   `json:"token_id"`
	Node      string   `json:"node"`
	Addresses []string `json:"addresses"` // IPs or host names for the certificate
	CSR       []byte   `json:"csr"`       // PEM
	Proof     []byte   `json:"proof"`     // HMAC-SHA256 over all of the above
}

// NewJoinRequest returns a signed request. The secret is not in it.
func (t Token) NewJoinRequest(node string, addresses []string, csr []byte) (JoinRequest, error) {
	if err := CheckName(node); err != nil {
		return JoinRequest{}, err
	}
	if _, _, err := subjectNames(addresses); err != nil {
		return JoinRequest{}, err
	}
	r := JoinRequest{TokenID: t.ID, Node: node, Addresses: append([]string(nil), addresses...), CSR: csr}
	r.Proof = r.proof(t.verifier())
	return r, nil
}

// proof covers every field, each with its length, so that no byte can move from
// one field to the next.
func (r JoinRequest) proof(key []byte) []byte {
	mac := hmac.New(sha256.New, key)
	put := func(b []byte) {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b)))) //nolint:errcheck // a hash never fails
		mac.Write(b)                                                  //nolint:errcheck
	}
	put([]byte("belay join 1"))
	put([]byte(r.TokenID))
	put([]byte(r.Node))
	put(binary.BigEndian.AppendUint64(nil, uint64(len(r.Addresses))))
	for _, a := range r.Addresses {
		put([]byte(a))
	}
	put(r.CSR)
	return mac.Sum(nil)
}

// Digest identifies a request: a node that did not get the answer and asks again
// sends the same one.
func (r JoinRequest) Digest() string {
	h := sha256.Sum256(r.Proof)
	return hex.EncodeToString(h[:])
}

// TokenRecord is what the replicated state keeps of a token.
type TokenRecord struct {
	ID       string    `json:"id"`
	Verifier string    `json:"verifier"` // sealed, see Keyring.Seal
	Node     string    `json:"node"`     // the only node that may use it; "" for any
	Expires  time.Time `json:"expires"`
	// UsedBy and Digest are set, in one command, by the first join: the command
	// must refuse a second one with another digest.
	UsedBy string `json:"used_by,omitempty"`
	Digest string `json:"digest,omitempty"`
}

// Record returns what to keep of the token; node may be "".
func (t Token) Record(keys *Keyring, node string, expires time.Time) (TokenRecord, error) {
	sealed, err := keys.Seal(verifierName(t.ID), t.verifier())
	if err != nil {
		return TokenRecord{}, fmt.Errorf("record join token: %w", err)
	}
	return TokenRecord{ID: t.ID, Verifier: sealed, Node: node, Expires: expires}, nil
}

func verifierName(id string) string { return "join-token/" + id }

// ResealToken seals a token's verifier anew: from opens it, to seals it.
func ResealToken(from, to *Keyring, id, verifier string) (string, error) {
	plain, err := from.Open(verifierName(id), verifier)
	if err != nil {
		return "", err
	}
	return to.Seal(verifierName(id), plain)
}

// VerifyJoin reports whether a request may join by a token. The same request
// again is allowed, since its first answer may have been lost; another request
// by a used token is not. The caller then records the use (Digest) through the
// log, and signs only when that command has succeeded: two leaders may both get
// here.
//
// The proof is checked first, so that who does not know the secret learns
// nothing about the token.
func VerifyJoin(keys *Keyring, rec TokenRecord, req JoinRequest, now time.Time) error {
	if err := verifyJoin(keys, rec, req, now); err != nil {
		return fmt.Errorf("join of %q by token %q: %w", req.Node, req.TokenID, err)
	}
	return nil
}

func verifyJoin(keys *Keyring, rec TokenRecord, req JoinRequest, now time.Time) error {
	if rec.ID == "" || rec.ID != req.TokenID {
		return ErrTokenUnknown
	}
	key, err := keys.Open(verifierName(rec.ID), rec.Verifier)
	if err != nil {
		return err
	}
	if !hmac.Equal(req.Proof, req.proof(key)) {
		return ErrTokenProof
	}
	if rec.Node != "" && rec.Node != req.Node {
		return ErrTokenNode
	}
	if rec.Digest != "" {
		if rec.Digest != req.Digest() {
			return fmt.Errorf("%w, by %s", ErrTokenUsed, rec.UsedBy)
		}
	}
	if !now.Before(rec.Expires) {
		return ErrTokenExpired
	}
	if err := CheckName(req.Node); err != nil {
		return err
	}
	if _, _, err := subjectNames(req.Addresses); err != nil {
		return err
	}
	_, err = parseCSR(req.CSR)
	return err
}

// JoinAnswer is what a joined node gets: enough to be a member. It carries
// secrets and is sent only over the connection that the joiner has verified.
type JoinAnswer struct {
	CACert    []byte `json:"ca_cert"`   // PEM
	NodeCert  []byte `json:"node_cert"` // PEM
	GossipKey Key    `json:"gossip_key"`
	DataKeys  []Key  `json:"data_keys"` // the active one first
	// CAKey lets the member sign certificates when it leads: PEM, for voters.
	CAKey []byte `json:"ca_key,omitempty"`
}

// Check reports whether an answer is what the joiner asked for: from the
// authority that the token names, for this node and this key.
func (a JoinAnswer) Check(pin Pin, node string, privatePEM []byte) error {
	ca, err := parseCert(a.CACert)
	if err != nil {
		return fmt.Errorf("answer to the join: CA certificate: %w", err)
	}
	if pinOf(ca) != pin {
		return fmt.Errorf("answer to the join: %w", ErrPin)
	}
	creds, err := NewCredentials(Material{CACert: a.CACert, Cert: a.NodeCert, Key: privatePEM}, nil)
	if err != nil {
		return fmt.Errorf("answer to the join: %w", err)
	}
	if id := creds.Identity(); id.Kind != NodePeer || id.Name != node {
		return fmt.Errorf("answer to the join: certificate is for %s", id)
	}
	if len(a.DataKeys) == 0 || a.GossipKey == (Key{}) {
		return errors.New("answer to the join: keys are missing")
	}
	return nil
}
