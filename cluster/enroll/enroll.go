// Package enroll makes this host a member of a cluster: it founds one, or joins
// one with a token. It writes the member's keys and settings and leaves starting
// the daemon to its caller. It starts no goroutine.
package enroll

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/security"
	"github.com/belay-ha/belay/internal/durable"
)

// ErrMember means that this host belongs to a cluster already.
var ErrMember = errors.New("this host is a member of a cluster already")

// Found makes this host the first voter of a new cluster: the authority, every
// key, the settings in configFile. The host must not be a member of any.
func Found(host node.Host, cluster, configFile string, now time.Time) error {
	files, err := fresh(host)
	if err != nil {
		return err
	}
	authority, err := security.NewCA(cluster, now)
	if err != nil {
		return err
	}
	authorityKey, err := authority.KeyPEM()
	if err != nil {
		return err
	}
	privateKey, csr, err := security.NewKeyPair()
	if err != nil {
		return err
	}
	certificate, err := authority.SignNode(csr, string(host.Node), hosts(host), now)
	if err != nil {
		return err
	}
	gossip, err := security.NewKey()
	if err != nil {
		return err
	}
	data, err := security.NewKey()
	if err != nil {
		return err
	}
	serial, err := node.CertificateSerial(certificate)
	if err != nil {
		return err
	}
	founding := node.Founding{ClusterID: newID(), Name: cluster, Serial: serial}
	return save(files, host, configFile, authority.CertPEM(), authorityKey, certificate, privateKey, gossip, []security.Key{data}, &founding)
}

// Join asks the member at peer (host:port) to admit this host with a token, and
// writes what it answers. The token is spent by it; the same call may be
// repeated when the answer was lost only if nothing was written.
func Join(ctx context.Context, host node.Host, peer, tokenText, configFile string, witness bool) (node.JoinAnswer, error) {
	files, err := fresh(host)
	if err != nil {
		return node.JoinAnswer{}, err
	}
	token, err := security.ParseToken(tokenText)
	if err != nil {
		return node.JoinAnswer{}, err
	}
	privateKey, csr, err := security.NewKeyPair()
	if err != nil {
		return node.JoinAnswer{}, err
	}
	request, err := token.NewJoinRequest(string(host.Node), hosts(host), csr)
	if err != nil {
		return node.JoinAnswer{}, err
	}
	client := api.NewClient(peer, &http.Transport{DialTLSContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		connection, _, err := security.DialJoin(ctx, address, token.Pin)
		return connection, err
	}})
	var answer node.JoinAnswer
	if err := client.Join(ctx, node.JoinRequest{JoinRequest: request, Address: host.Address, Witness: witness}, &answer); err != nil {
		return node.JoinAnswer{}, fmt.Errorf("join the cluster at %s: %w", peer, err)
	}
	if err := answer.Check(token.Pin, string(host.Node), privateKey); err != nil {
		return node.JoinAnswer{}, fmt.Errorf("join the cluster at %s: %w", peer, err)
	}
	return answer, save(files, host, configFile, answer.CACert, answer.CAKey, answer.NodeCert, privateKey, answer.GossipKey, answer.DataKeys, nil)
}

// fresh checks that the host belongs to no cluster.
func fresh(host node.Host) (security.Files, error) {
	files := security.Files{Dir: filepath.Join(host.DataDir, node.TLSDir)}
	logs := filepath.Join(host.DataDir, "raft")
	for _, path := range []string{filepath.Join(files.Dir, "node.crt"), logs, raftlog.MadeFile(logs)} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return files, fmt.Errorf("%w (%s exists): remove it from its cluster and delete %s first", ErrMember, path, host.DataDir)
		}
	}
	if err := os.MkdirAll(files.Dir, 0o700); err != nil {
		return files, fmt.Errorf("make %s: %w", files.Dir, err)
	}
	return files, nil
}

func hosts(host node.Host) []string {
	address, _, err := net.SplitHostPort(host.Address)
	if err != nil {
		return nil
	}
	return []string{address}
}

func newID() string {
	id := make([]byte, 16)
	rand.Read(id)
	return hex.EncodeToString(id)
}

// save writes everything, on to the disk; the node's own certificate comes last,
// because it is what makes the host a member.
func save(files security.Files, host node.Host, configFile string, authority, authorityKey, certificate, privateKey []byte, gossip security.Key, data []security.Key, founding *node.Founding) error {
	ring, err := security.NewKeyring(data...)
	if err != nil {
		return err
	}
	if err := writeConfig(host, configFile); err != nil {
		return err
	}
	if err := writeFounding(filepath.Join(host.DataDir, node.FoundingFile), founding); err != nil {
		return err
	}
	for _, write := range []func() error{
		func() error { return files.SaveCA(authority, authorityKey) },
		func() error { return files.SaveGossipKey(gossip) },
		func() error { return files.SaveKeyring(ring) },
		func() error { return files.SaveNode(certificate, privateKey) },
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

// writeFounding leaves the founding record, or removes that of a founding that
// went wrong: a host that joins must never found.
func writeFounding(path string, founding *node.Founding) error {
	if founding == nil {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the record of an earlier founding: %w", err)
		}
		return nil
	}
	content, err := json.Marshal(founding)
	if err != nil {
		return err
	}
	if err := durable.Replace(path, content, 0o600); err != nil {
		return fmt.Errorf("write the founding record: %w", err)
	}
	return nil
}

func writeConfig(host node.Host, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make %s: %w", filepath.Dir(path), err)
	}
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).Encode(host); err != nil {
		return fmt.Errorf("write the host's settings: %w", err)
	}
	if err := durable.Replace(path, text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the host's settings: %w", err)
	}
	return nil
}
