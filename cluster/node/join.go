package node

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/security"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Founding is what `belayctl cluster init` leaves for the first start of the
// first member.
type Founding struct {
	ClusterID string `json:"cluster_id"`
	Name      string `json:"name"`
	Serial    string `json:"serial"`
}

// FoundingFile holds a Founding, below the data directory.
const FoundingFile = "founding.json"

// bootstrap starts the log of a new cluster when this member was told to found
// one and has no log yet.
func (n *Node) bootstrap(ctx context.Context) error {
	if _, err := n.founding(); errors.Is(err, fs.ErrNotExist) {
		return nil // joined, not founded
	} else if err != nil {
		return err
	}
	err := n.raft.Bootstrap(ctx)
	if errors.Is(err, raftlog.ErrHasState) {
		return nil
	}
	return err
}

func (n *Node) founding() (Founding, error) {
	data, err := os.ReadFile(filepath.Join(n.config.DataDir, FoundingFile))
	if err != nil {
		return Founding{}, err
	}
	var founding Founding
	if err := json.Unmarshal(data, &founding); err != nil {
		return Founding{}, fmt.Errorf("read %s: %w", FoundingFile, err)
	}
	return founding, nil
}

// found commits the first entry of a new cluster. Then the founding is over: a
// founder that loses its log later must not found a second cluster of the same
// name and keys.
func (n *Node) found(ctx context.Context) error {
	path := filepath.Join(n.config.DataDir, FoundingFile)
	if n.machine.current.Load().Cluster.ID == "" {
		founding, err := n.founding()
		if err != nil {
			return fmt.Errorf("this member leads a cluster without a name: %w", err)
		}
		command := &state.ClusterCreated{ID: founding.ClusterID, Name: founding.Name, Node: n.config.Name, Address: n.config.Address, Serial: founding.Serial}
		if _, err = n.propose(ctx, command); err != nil {
			return err
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("end the founding: %w", err)
	}
	return nil
}

// CreateToken commits a new join token; the token's secret is in the answer and
// nowhere else.
func (n *Node) CreateToken(ctx context.Context, who api.Identity, ttl time.Duration) (api.TokenAnswer, error) {
	if ttl <= 0 {
		ttl = time.Hour
	}
	token, err := security.NewToken(n.config.CA.Pin())
	if err != nil {
		return api.TokenAnswer{}, err
	}
	keys, err := n.sealing()
	if err != nil {
		return api.TokenAnswer{}, err
	}
	record, err := token.Record(keys, "", time.Now().Add(ttl).UTC())
	if err != nil {
		return api.TokenAnswer{}, err
	}
	if _, err := n.Propose(ctx, who, &state.TokenCreated{ID: record.ID, Verifier: record.Verifier, ExpiresAt: record.Expires}); err != nil {
		return api.TokenAnswer{}, err
	}
	return api.TokenAnswer{Token: token.Reveal(), ExpiresAt: record.Expires}, nil
}

// secretName is the name that binds a sealed secret to its purpose.
func secretName(name string) string { return "secret/" + name }

// SetSecret seals a secret and commits it.
func (n *Node) SetSecret(ctx context.Context, who api.Identity, request api.SecretRequest) error {
	command := &state.SecretSet{Secret: request.Secret}
	if err := security.CheckSecretName(request.Secret); err != nil {
		return &api.Error{Code: api.CodeInvalid, Text: err.Error()}
	}
	if _, known := n.machine.current.Load().Secrets[request.Secret]; request.Rotate && !known {
		return &api.Error{Code: api.CodeNotFound, Reason: string(state.ReasonUnknownSecret), Text: fmt.Sprintf("there is no secret %q to rotate: set it with `belayctl secret set`", request.Secret)}
	}
	if request.Value != "" {
		keys, err := n.sealing()
		if err != nil {
			return err
		}
		sealed, err := keys.Seal(secretName(request.Secret), []byte(request.Value))
		if err != nil {
			return fmt.Errorf("seal secret %s: %w", request.Secret, err)
		}
		command.Sealed = sealed
	}
	_, err := n.Propose(ctx, who, command)
	return err
}

// IssueCertificate signs a person's key. The record comes first: nobody holds a
// certificate that the audit does not know.
func (n *Node) IssueCertificate(ctx context.Context, who api.Identity, request api.CertificateRequest) (api.CertificateAnswer, error) {
	now := time.Now()
	cert, err := n.config.CA.SignClient([]byte(request.Request), request.Name, security.Role(request.Role), now)
	if err != nil {
		return api.CertificateAnswer{}, &api.Error{Code: api.CodeInvalid, Text: err.Error()}
	}
	serial, expires, err := security.CertificateFacts(cert)
	if err != nil {
		return api.CertificateAnswer{}, err
	}
	if _, err := n.Propose(ctx, who, &state.CertificateIssued{Name: request.Name, Role: request.Role, Serial: serial, ExpiresAt: expires.UTC()}); err != nil {
		return api.CertificateAnswer{}, err
	}
	return api.CertificateAnswer{Certificate: string(cert), Authority: string(n.config.CA.CertPEM()), ExpiresAt: expires.UTC()}, nil
}

// JoinRequest is what a joiner sends, over a connection on which it has proven
// that the cluster is the token's.
type JoinRequest struct {
	security.JoinRequest
	// Address is where the joiner's API will listen, host:port.
	Address string `json:"address"`
	// Witness joins to vote only.
	Witness bool `json:"witness,omitempty"`
}

// JoinAnswer is everything that a new member needs.
type JoinAnswer struct {
	security.JoinAnswer
	ClusterID   string   `json:"cluster_id"`
	ClusterName string   `json:"cluster_name"`
	Voter       bool     `json:"voter"`
	Peers       []string `json:"peers"`
}

// Join admits a node that proves that it holds an open token. The node follows
// the log without a vote at first, so that a joiner that never starts costs no
// quorum; it gets its vote when it has started. The same request may be
// repeated.
func (n *Node) Join(ctx context.Context, body json.RawMessage) (any, error) {
	var request JoinRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, &api.Error{Code: api.CodeInvalid, Text: fmt.Sprintf("read the join request: %v", err)}
	}
	if _, err := GossipAddress(request.Address); err != nil {
		return nil, &api.Error{Code: api.CodeInvalid, Text: err.Error()}
	}
	s, err := n.Read(ctx)
	if err != nil {
		return nil, err
	}
	token, found := s.Tokens[request.TokenID]
	if !found {
		token = &state.Token{}
	}
	record := security.TokenRecord{ID: token.ID, Verifier: token.Verifier, Expires: token.ExpiresAt, UsedBy: string(token.UsedBy), Digest: token.Digest}
	if err := security.VerifyJoin(n.config.Keys.Ring(), record, request.JoinRequest, time.Now()); err != nil {
		n.log.Warn("join refused", zap.String("node", request.Node), zap.Error(err))
		return nil, &api.Error{Code: api.CodeForbidden, Text: "the join token is unknown, used, expired or wrong: make another with `belayctl cluster token create`"}
	}
	if _, member := s.Nodes[resources.NodeName(request.Node)]; token.UsedBy != "" && !member {
		return nil, &api.Error{Code: api.CodeForbidden, Text: fmt.Sprintf("node %s was removed: make another token with `belayctl cluster token create`", request.Node)}
	}
	certificate, err := n.config.CA.SignNode(request.CSR, request.Node, request.Addresses, time.Now())
	if err != nil {
		return nil, &api.Error{Code: api.CodeInvalid, Text: err.Error()}
	}
	if token.UsedBy == "" {
		serial, err := CertificateSerial(certificate)
		if err != nil {
			return nil, err
		}
		command := &state.MemberJoined{
			Node: resources.NodeName(request.Node), Address: request.Address, Voter: true, Serial: serial, Token: request.TokenID, Digest: request.Digest(), Witness: request.Witness,
		}
		if _, err := n.Propose(ctx, api.Identity{Name: request.Node, From: request.Address}, command); err != nil {
			return nil, err
		}
	}
	return n.welcome(resources.NodeName(request.Node), certificate)
}

// CertificateSerial returns the name by which a certificate (PEM) is revoked.
func CertificateSerial(certificate []byte) (string, error) {
	block, _ := pem.Decode(certificate)
	if block == nil {
		return "", errors.New("the certificate is not PEM")
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("read the certificate: %w", err)
	}
	return parsed.SerialNumber.Text(16), nil
}

// welcome is the answer to an admitted joiner. The leader loop adds it to the
// log's configuration.
func (n *Node) welcome(name resources.NodeName, certificate []byte) (JoinAnswer, error) {
	key, err := n.config.CA.KeyPEM()
	if err != nil {
		return JoinAnswer{}, err
	}
	s := n.machine.current.Load()
	answer := JoinAnswer{
		JoinAnswer: security.JoinAnswer{CACert: n.config.CA.CertPEM(), NodeCert: certificate, GossipKey: n.config.GossipKey, DataKeys: n.config.Keys.Ring().Keys(), CAKey: key},
		ClusterID:  s.Cluster.ID, ClusterName: s.Cluster.Name,
	}
	for _, member := range s.NodeNames() {
		answer.Voter = answer.Voter || (member == name && s.Nodes[member].Voter)
		answer.Peers = append(answer.Peers, s.Nodes[member].Address)
	}
	return answer, nil
}
