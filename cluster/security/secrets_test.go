package security

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSealAndOpen(t *testing.T) {
	old, fresh := must[Key](t)(NewKey()), must[Key](t)(NewKey())
	before := must[*Keyring](t)(NewKeyring(old))
	after := must[*Keyring](t)(NewKeyring(fresh, old))
	sealed := must[string](t)(before.Seal("fence/ctl0/password", []byte("calvin")))
	if !strings.HasPrefix(sealed, "v1."+old.ID()+".") || strings.Contains(sealed, "calvin") {
		t.Errorf("sealed %q", sealed)
	}
	for name, ring := range map[string]*Keyring{"same ring": before, "after rotation": after} {
		if got, err := ring.Open("fence/ctl0/password", sealed); err != nil || string(got) != "calvin" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	preferring := must[*Keyring](t)(after.Preferring(old.ID()))
	if again := must[string](t)(preferring.Seal("x", nil)); preferring.Active() != old.ID() || !strings.HasPrefix(again, "v1."+old.ID()+".") || len(preferring.Keys()) != 2 {
		t.Errorf("preferring the old key, it seals %q", again)
	}
	if _, err := before.Preferring(fresh.ID()); !errors.Is(err, ErrNoKey) {
		t.Errorf("a key that it lacks: %v", err)
	}
	if again := must[string](t)(before.Seal("fence/ctl0/password", []byte("calvin"))); again == sealed {
		t.Error("sealing is deterministic: equal passwords would show")
	}

	cases := []struct {
		name, place, sealed string
		ring                *Keyring
		want                error
	}{
		{"moved to another name", "fence/ctl1/password", sealed, before, ErrSealed},
		{"altered", "fence/ctl0/password", sealed[:len(sealed)-2] + "xx", before, ErrSealed},
		{"cut", "fence/ctl0/password", sealed[:len(sealed)-20], before, ErrSealed},
		{"not sealed", "fence/ctl0/password", "calvin", before, ErrSealed},
		{"empty", "fence/ctl0/password", "", before, ErrSealed},
		{"key id of another key", "fence/ctl0/password", strings.Replace(sealed, old.ID(), fresh.ID(), 1), after, ErrSealed},
		{"without the key", "fence/ctl0/password", sealed, must[*Keyring](t)(NewKeyring(fresh)), ErrNoKey},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got, err := c.ring.Open(c.place, c.sealed); !errors.Is(err, c.want) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestNothingPrintsItself(t *testing.T) {
	key := must[Key](t)(NewKey())
	text := string(must[[]byte](t)(key.MarshalText()))
	token := must[Token](t)(NewToken(Pin{1}))
	secret := token.Reveal()[strings.LastIndexByte(token.Reveal(), '.')+1:]
	m := newCA(t).nodeMaterial(t, "n1")
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		out := fmt.Sprintf(format+format+format, key, token, m) + fmt.Sprintf(format+format, &token, []Key{key})
		for _, leak := range []string{text, secret, fmt.Sprintf("%x", [KeySize]byte(key)), fmt.Sprintf("%x", token.secret), "PRIVATE"} {
			if strings.Contains(out, leak) {
				t.Errorf("%s shows %q", format, leak)
			}
		}
	}
}

func TestFiles(t *testing.T) {
	f := Files{Dir: filepath.Join(t.TempDir(), "tls")}
	ca := newCA(t)
	key, ring := must[Key](t)(NewKey()), must[*Keyring](t)(NewKeyring(must[Key](t)(NewKey()), must[Key](t)(NewKey())))
	m := ca.nodeMaterial(t, "n1")
	noError(t, f.SaveCA(ca.CertPEM(), nil))
	if _, err := f.LoadCA(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a member without the CA key: %v", err)
	}
	noError(t, f.SaveCA(ca.CertPEM(), must[[]byte](t)(ca.KeyPEM())))
	noError(t, f.SaveNode(m.Cert, m.Key))
	noError(t, f.SaveGossipKey(key))
	noError(t, f.SaveKeyring(ring))

	if got := must[*CA](t)(f.LoadCA()); got.Pin() != ca.Pin() {
		t.Error("another CA came back")
	}
	must[*Credentials](t)(NewCredentials(must[Material](t)(f.LoadNode()), nil))
	if got := must[Key](t)(f.LoadGossipKey()); got != key {
		t.Error("another gossip key came back")
	}
	if got := must[*Keyring](t)(f.LoadKeyring()); !slices.Equal(got.Keys(), ring.Keys()) {
		t.Error("other data keys came back")
	}
	for _, e := range must[[]os.DirEntry](t)(os.ReadDir(f.Dir)) {
		if info := must[fs.FileInfo](t)(e.Info()); info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	noError(t, os.Chmod(filepath.Join(f.Dir, "node.key"), 0o640))
	if _, err := f.LoadNode(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read: %v", err)
	}
}

// A crash between any two steps of SaveNode leaves a pair that fits.
func TestSaveNodeSurvivesCrash(t *testing.T) {
	ca := newCA(t)
	old, next := ca.nodeMaterial(t, "n1"), ca.nodeMaterial(t, "n1")
	steps := []func(f Files) error{
		func(f Files) error { return f.write("node.key.pending", next.Key) },
		func(f Files) error { return f.write("node.crt", next.Cert) },
		func(f Files) error { return f.adoptPending() },
	}
	for crash := range len(steps) + 1 {
		t.Run(fmt.Sprint("after step ", crash), func(t *testing.T) {
			f := Files{Dir: t.TempDir()}
			noError(t, f.SaveCA(ca.CertPEM(), nil))
			noError(t, f.SaveNode(old.Cert, old.Key))
			for _, step := range steps[:crash] {
				noError(t, step(f))
			}
			want := old
			if crash >= 2 {
				want = next
			}
			for range 2 { // the first load may repair
				if got := must[Material](t)(f.LoadNode()); string(got.Cert) != string(want.Cert) || string(got.Key) != string(want.Key) {
					t.Error("the pair is neither the old nor the new one")
				}
			}
		})
	}
	if err := (Files{Dir: t.TempDir()}).SaveNode(old.Cert, next.Key); err == nil {
		t.Error("a pair that does not fit was saved")
	}
}

func TestJoinTokens(t *testing.T) {
	ring := must[*Keyring](t)(NewKeyring(must[Key](t)(NewKey())))
	pin := newCA(t).Pin()
	token := must[Token](t)(NewToken(pin))
	parsed := must[Token](t)(ParseToken(" " + token.Reveal() + "\n"))
	if parsed != token {
		t.Fatal("the token changed on its way through text")
	}
	_, csr, err := NewKeyPair()
	noError(t, err)
	_, csr2, err := NewKeyPair()
	noError(t, err)
	now := time.Now()
	record := must[TokenRecord](t)(token.Record(ring, "", now.Add(time.Hour)))
	good := must[JoinRequest](t)(parsed.NewJoinRequest("ctl2", []string{"192.0.2.3"}, csr))
	used := record
	used.UsedBy, used.Digest = good.Node, good.Digest()
	bound := record
	bound.Node = "ctl3"
	other := must[Token](t)(NewToken(pin))
	other.ID = token.ID // the right name with the wrong secret
	change := func(f func(*JoinRequest)) JoinRequest {
		r := good
		r.Addresses = slices.Clone(good.Addresses)
		f(&r)
		return r
	}
	cases := []struct {
		name   string
		record TokenRecord
		req    JoinRequest
		at     time.Time
		want   error
	}{
		{"good", record, good, now, nil},
		{"the same again, its answer was lost", used, good, now, nil},
		{"reuse by another node", used, must[JoinRequest](t)(token.NewJoinRequest("ctl9", nil, csr)), now, ErrTokenUsed},
		{"reuse with another key", used, must[JoinRequest](t)(token.NewJoinRequest("ctl2", []string{"192.0.2.3"}, csr2)), now, ErrTokenUsed},
		{"expired", record, good, now.Add(time.Hour), ErrTokenExpired},
		{"wrong secret", record, must[JoinRequest](t)(other.NewJoinRequest("ctl2", []string{"192.0.2.3"}, csr)), now, ErrTokenProof},
		{"another node's name", record, change(func(r *JoinRequest) { r.Node = "ctl0" }), now, ErrTokenProof},
		{"another key", record, change(func(r *JoinRequest) { r.CSR = csr2 }), now, ErrTokenProof},
		{"another address", record, change(func(r *JoinRequest) { r.Addresses[0] = "192.0.2.9" }), now, ErrTokenProof},
		{"one more address", record, change(func(r *JoinRequest) { r.Addresses = append(r.Addresses, "192.0.2.9") }), now, ErrTokenProof},
		{"no proof", record, change(func(r *JoinRequest) { r.Proof = nil }), now, ErrTokenProof},
		{"token of another node", bound, good, now, ErrTokenNode},
		{"unknown token", TokenRecord{}, good, now, ErrTokenUnknown},
		{"empty request", TokenRecord{}, JoinRequest{}, now, ErrTokenUnknown},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := VerifyJoin(ring, c.record, c.req, c.at); !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	kept := string(must[[]byte](t)(json.Marshal(record))) + string(must[[]byte](t)(json.Marshal(good)))
	secret := token.Reveal()[strings.LastIndexByte(token.Reveal(), '.')+1:]
	if strings.Contains(kept, secret) {
		t.Error("the secret is in the record or the request")
	}
	for _, bad := range []string{"", "BELAY1", "BELAY2" + token.Reveal()[6:], token.Reveal() + "A", token.Reveal()[:20], token.Reveal() + ".x"} {
		if _, err := ParseToken(bad); !errors.Is(err, ErrToken) {
			t.Errorf("%d characters: %v", len(bad), err)
		}
	}
}
