package security

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// loaded is all that a member reads at its start, as one text.
func loaded(f Files) (string, error) {
	material, err := f.LoadNode()
	if err != nil {
		return "", err
	}
	if _, err := NewCredentials(material, nil); err != nil {
		return "", err
	}
	pair, err := tls.X509KeyPair(material.Cert, material.Key)
	if err != nil {
		return "", err
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return "", err
	}
	ca, err := f.LoadCA()
	if err != nil {
		return "", err
	}
	caKey, err := ca.KeyPEM()
	if err != nil {
		return "", err
	}
	gossip, err := f.LoadGossipKey()
	if err != nil {
		return "", err
	}
	ring, err := f.LoadKeyring()
	if err != nil {
		return "", err
	}
	words := []string{hex.EncodeToString(pair.Leaf.Raw), hex.EncodeToString(key), string(ca.CertPEM()), string(caKey), hex.EncodeToString(gossip[:])}
	for _, k := range ring.Keys() {
		words = append(words, hex.EncodeToString(k[:]))
	}
	return strings.Join(words, "\n"), nil
}

// memberFiles writes what a member has.
func memberFiles(t *testing.T) Files {
	t.Helper()
	f, ca := Files{Dir: t.TempDir()}, newCA(t)
	noError(t, f.SaveCA(ca.CertPEM(), must[[]byte](t)(ca.KeyPEM())))
	m := ca.nodeMaterial(t, "n1")
	noError(t, f.SaveNode(m.Cert, m.Key))
	noError(t, f.SaveGossipKey(must[Key](t)(NewKey())))
	noError(t, f.SaveKeyring(must[*Keyring](t)(NewKeyring(must[Key](t)(NewKey()), must[Key](t)(NewKey())))))
	return f
}

// TestDamageIsNoticed: a bit that flips on the disk, in any file, is an error at the
// next start, unless it changes nothing. A member with another gossip key would be
// heard by nobody, and nobody could say why.
func TestDamageIsNoticed(t *testing.T) {
	f := memberFiles(t)
	whole := must[string](t)(loaded(f))
	for _, name := range []string{fileCACert, fileCAKey, fileNodeCert, fileNodeKey, fileGossip, fileData} {
		path := filepath.Join(f.Dir, name)
		text := must[[]byte](t)(os.ReadFile(path))
		noticed := 0
		for bit := range 8 * len(text) {
			if name != fileGossip && name != fileData && bit%8 != bit/8%8 {
				continue // one bit of each byte: the others are long
			}
			damaged := bytes.Clone(text)
			damaged[bit/8] ^= 1 << (bit % 8)
			noError(t, os.WriteFile(path, damaged, 0o600))
			switch got, err := loaded(f); {
			case err != nil:
				noticed++
				if name == fileGossip && !strings.Contains(err.Error(), "gossip.key is damaged, line 1: ") {
					t.Errorf("%s, bit %d: %v", name, bit, err)
				}
			case got != whole:
				t.Errorf("%s, bit %d: something else was read", name, bit)
			}
		}
		noError(t, os.WriteFile(path, text, 0o600))
		if noticed < len(text)*7/10 {
			t.Errorf("%s: of %d bytes damage was noticed %d times", name, len(text), noticed)
		}
	}
	if got := must[string](t)(loaded(f)); got != whole {
		t.Error("the files are not as they were")
	}
}

// TestKeyFilesOfAnEarlierRelease have no check. They are read, and get one.
func TestKeyFilesOfAnEarlierRelease(t *testing.T) {
	f := memberFiles(t)
	whole := must[string](t)(loaded(f))
	var checked []string
	for _, name := range []string{fileGossip, fileData} {
		path := filepath.Join(f.Dir, name)
		text := must[[]byte](t)(os.ReadFile(path))
		checked = append(checked, string(text))
		var old []byte
		for line := range bytes.Lines(text) {
			key, _, _ := bytes.Cut(line, []byte(" "))
			old = append(append(old, key...), '\n')
		}
		if bytes.Equal(old, text) {
			t.Fatalf("%s has no check:\n%s", name, text)
		}
		noError(t, os.WriteFile(path, old, 0o600))
	}
	for range 2 {
		if got := must[string](t)(loaded(f)); got != whole {
			t.Error("something else was read")
		}
		noError(t, f.AddChecks())
	}
	for i, name := range []string{fileGossip, fileData} {
		if text := must[[]byte](t)(os.ReadFile(filepath.Join(f.Dir, name))); string(text) != checked[i] {
			t.Errorf("%s has no check:\n%s", name, text)
		}
	}
}
