package security

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/belay-ha/belay/internal/durable"
)

// Files is a directory of keys and certificates, of mode 0700, every file 0600:
//
//	ca.crt node.crt node.key   on every member
//	ca.key                     on members that may sign
//	gossip.key data.keys       on every member, the same everywhere
//
// Every file is written whole under another name, synced and renamed. Each line of
// the key files is a key in base64 and its ID, by which damage is noticed.
type Files struct{ Dir string }

// Names of the files.
const (
	fileCACert   = "ca.crt"
	fileCAKey    = "ca.key"
	fileNodeCert = "node.crt"
	fileNodeKey  = "node.key"
	fileGossip   = "gossip.key"
	fileData     = "data.keys"

	// pendingSuffix marks a node key whose certificate is being written.
	pendingSuffix = ".pending"
)

// maxFile bounds what is read from the directory.
const maxFile = 1 << 20

// SaveCA writes the authority's certificate and, unless it is nil, its key.
func (f Files) SaveCA(certPEM, keyPEM []byte) error {
	if keyPEM != nil {
		if err := f.write(fileCAKey, keyPEM); err != nil {
			return err
		}
	}
	return f.write(fileCACert, certPEM)
}

// LoadCA reads the authority. It fails with fs.ErrNotExist on a member without
// the CA key.
func (f Files) LoadCA() (*CA, error) {
	cert, err := f.read(fileCACert)
	if err != nil {
		return nil, err
	}
	key, err := f.read(fileCAKey)
	if err != nil {
		return nil, err
	}
	ca, err := ParseCA(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Dir, err)
	}
	return ca, nil
}

// SaveNode writes a node's certificate and key so that a crash at any point
// leaves a pair that belongs together: LoadNode finds the old or the new one.
func (f Files) SaveNode(certPEM, keyPEM []byte) error {
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
		return fmt.Errorf("save node certificate: %w", err)
	}
	if err := f.write(fileNodeKey+pendingSuffix, keyPEM); err != nil {
		return err
	}
	if err := f.write(fileNodeCert, certPEM); err != nil {
		return err
	}
	return f.adoptPending()
}

func (f Files) adoptPending() error {
	from, to := filepath.Join(f.Dir, fileNodeKey+pendingSuffix), filepath.Join(f.Dir, fileNodeKey)
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("save node key: %w", err)
	}
	return durable.SyncDir(f.Dir)
}

// LoadNode reads what a member needs for TLS.
func (f Files) LoadNode() (Material, error) {
	ca, err := f.read(fileCACert)
	if err != nil {
		return Material{}, err
	}
	cert, err := f.read(fileNodeCert)
	if err != nil {
		return Material{}, err
	}
	key, err := f.read(fileNodeKey)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Material{}, err
	}
	if _, pairErr := tls.X509KeyPair(cert, key); pairErr != nil {
		// A crash in SaveNode after the certificate was replaced.
		if pending, err := f.read(fileNodeKey + pendingSuffix); err == nil {
			if _, err := tls.X509KeyPair(cert, pending); err == nil {
				return Material{CACert: ca, Cert: cert, Key: pending}, f.adoptPending()
			}
		}
		return Material{}, fmt.Errorf("%s: node certificate and key: %w", f.Dir, pairErr)
	}
	return Material{CACert: ca, Cert: cert, Key: key}, nil
}

// SaveGossipKey writes the gossip key.
func (f Files) SaveGossipKey(k Key) error { return f.saveKeys(fileGossip, k) }

// LoadGossipKey reads the gossip key.
func (f Files) LoadGossipKey() (Key, error) {
	keys, _, err := f.loadKeys(fileGossip)
	if err != nil {
		return Key{}, err
	}
	if len(keys) != 1 {
		return Key{}, fmt.Errorf("%s: %d keys, not 1", filepath.Join(f.Dir, fileGossip), len(keys))
	}
	return keys[0], nil
}

// SaveKeyring writes the data keys.
func (f Files) SaveKeyring(r *Keyring) error { return f.saveKeys(fileData, r.Keys()...) }

// LoadKeyring reads the data keys.
func (f Files) LoadKeyring() (*Keyring, error) {
	keys, _, err := f.loadKeys(fileData)
	if err != nil {
		return nil, err
	}
	r, err := NewKeyring(keys...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(f.Dir, fileData), err)
	}
	return r, nil
}

// AddChecks writes the key files of an earlier release, whose lines have no ID,
// anew with it. What has it already is left as it is.
func (f Files) AddChecks() error {
	for _, name := range []string{fileGossip, fileData} {
		keys, checked, err := f.loadKeys(name)
		if err == nil && !checked {
			err = f.saveKeys(name, keys...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f Files) saveKeys(name string, keys ...Key) error {
	var b bytes.Buffer
	for _, k := range keys {
		text, err := k.MarshalText()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %s\n", text, k.ID())
	}
	return f.write(name, b.Bytes())
}

// loadKeys reads a key file; checked is false if a line has no ID, as earlier
// releases wrote it.
func (f Files) loadKeys(name string) (keys []Key, checked bool, err error) {
	b, err := f.read(name)
	if err != nil {
		return nil, false, err
	}
	checked = true
	for line := range bytes.Lines(b) {
		text, id, has := strings.Cut(strings.TrimSpace(string(line)), " ")
		var k Key
		err := k.UnmarshalText([]byte(text))
		if err == nil && has && id != k.ID() {
			err = errors.New("it is not the key that was written")
		}
		if err != nil {
			return nil, false, fmt.Errorf("%s is damaged, line %d: %w; every member has the same file: copy it from another one, with mode 600", filepath.Join(f.Dir, name), len(keys)+1, err)
		}
		keys, checked = append(keys, k), checked && has
	}
	return keys, checked, nil
}

// read refuses files that others than the owner can touch.
func (f Files) read(name string) ([]byte, error) {
	path := filepath.Join(f.Dir, name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if mode := info.Mode(); !mode.IsRegular() || mode.Perm()&0o077 != 0 {
		return nil, fmt.Errorf("read %s: its mode is %v; nobody but the owner may have access: chmod 600", path, mode)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("read %s: %d bytes, at most %d", path, info.Size(), maxFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return b, nil
}

// write replaces a file at once, durably.
func (f Files) write(name string, content []byte) error {
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	return durable.Replace(filepath.Join(f.Dir, name), content, 0o600)
}
