package state

import (
	"strings"
	"testing"
	"time"
)

// TestSecretsResealed: everything is sealed anew in one entry or nothing is, and
// nothing that another key seals comes in later.
func TestSecretsResealed(t *testing.T) {
	s := New()
	s.Version = Version
	apply := func(command Command) error {
		t.Helper()
		next, result := ApplyCommand(s, s.Index+1, 1, epoch, "alice", command)
		s = next
		return result.Err
	}
	must := func(command Command) {
		t.Helper()
		if err := apply(command); err != nil {
			t.Fatal(err)
		}
	}
	must(&SecretSet{Secret: "bmc", Sealed: "v1.k1.a"})
	must(&SecretSet{Secret: "db", Sealed: "v1.k1.b"})
	must(&TokenCreated{ID: "t", Verifier: "v1.k1.c", ExpiresAt: epoch.Add(time.Hour)})
	whole := func() *SecretsResealed {
		return &SecretsResealed{Key: "k2", Was: s.SealedDigest(), Secrets: map[string]string{"bmc": "v1.k2.a", "db": "v1.k2.b"}, Verifiers: map[string]string{"t": "v1.k2.c"}}
	}
	for name, spoil := range map[string]func(*SecretsResealed){
		"a secret is missing":  func(c *SecretsResealed) { delete(c.Secrets, "db") },
		"another is there":     func(c *SecretsResealed) { delete(c.Secrets, "db"); c.Secrets["x"] = "v1.k2.x" },
		"one has the old key":  func(c *SecretsResealed) { c.Secrets["db"] = "v1.k1.b" },
		"one says no key":      func(c *SecretsResealed) { c.Secrets["db"] = "b" },
		"a token is missing":   func(c *SecretsResealed) { c.Verifiers = nil },
		"a token has the old":  func(c *SecretsResealed) { c.Verifiers["t"] = "v1.k1.c" },
		"another token":        func(c *SecretsResealed) { c.Verifiers = map[string]string{"u": "v1.k2.c"} },
		"no key":               func(c *SecretsResealed) { c.Key = "" },
		"made of another time": func(c *SecretsResealed) { c.Was = "d" },
	} {
		c := whole()
		spoil(c)
		if err := apply(c); err == nil || s.DataKey != "" || s.Secrets["bmc"] != "v1.k1.a" {
			t.Errorf("%s: %v, key %q, bmc %q", name, err, s.DataKey, s.Secrets["bmc"])
		}
	}
	late := whole()
	must(&SecretSet{Secret: "db", Sealed: "v1.k1.new"})
	if err := apply(late); err == nil || s.Secrets["db"] != "v1.k1.new" {
		t.Errorf("a value that was set meanwhile is lost: %v", err)
	}
	if !s.SealedWith("k1") || s.SealedWith("k2") {
		t.Error("what seals what?")
	}
	must(whole())
	if s.DataKey != "k2" || s.Secrets["db"] != "v1.k2.b" || s.Tokens["t"].Verifier != "v1.k2.c" || !s.Tokens["t"].ExpiresAt.Equal(epoch.Add(time.Hour)) || s.SecretInfo["db"].By != "alice" || s.SealedWith("k1") || !s.SealedWith("k2") {
		t.Errorf("sealed anew: %q %v %+v", s.DataKey, s.Secrets, s.Tokens["t"])
	}
	for _, old := range []Command{&SecretSet{Secret: "db", Sealed: "v1.k1.c"}, &TokenCreated{ID: "u", Verifier: "v1.k1.d", ExpiresAt: epoch}, whole()} {
		if err := apply(old); err == nil {
			t.Errorf("%s with a key that is replaced is taken", old.name())
		}
	}
	must(&SecretSet{Secret: "db"}) // to remove one takes no key
	var text strings.Builder
	if err := s.WriteSnapshot(&text); err != nil {
		t.Fatal(err)
	}
	if back, err := ReadSnapshot(strings.NewReader(text.String())); err != nil || back.DataKey != "k2" {
		t.Errorf("snapshot: %v", err)
	}
	if Needs(whole()) != VersionDataKey {
		t.Errorf("it needs command set %d", Needs(whole()))
	}
}
