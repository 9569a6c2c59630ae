package security

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Lifetimes of certificates. backdate covers members whose clocks disagree; it
// is no safety margin, only convenience for the first minutes after a join.
const (
	CALifetime     = 10 * 365 * 24 * time.Hour
	NodeLifetime   = 365 * 24 * time.Hour
	ClientLifetime = 365 * 24 * time.Hour
	backdate       = time.Hour
)

// The organizations that tell certificates of nodes and people apart.
const (
	orgNode   = "belay:node"
	orgPrefix = "belay:"
)

// Role is what a person's certificate allows.
type Role string

// The roles of people.
const (
	RoleAdmin    Role = "admin"    // everything
	RoleOperator Role = "operator" // running the cluster, not changing members, keys or roles
	RoleViewer   Role = "viewer"   // reading
)

// ErrRole marks an unknown role.
var ErrRole = errors.New("unknown role: use admin, operator or viewer")

func (r Role) valid() bool { return r == RoleAdmin || r == RoleOperator || r == RoleViewer }

// CA is the cluster's certificate authority.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes an authority of ECDSA P-256, valid from now for CALifetime.
func NewCA(cluster string, now time.Time) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make CA key: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Belay CA of " + cluster, Organization: []string{orgPrefix + "ca"}},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(CALifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true, // it signs no other authorities
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make CA certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make CA certificate: %w", err)
	}
	return &CA{cert: cert, key: key}, nil
}

// ParseCA reads an authority from the PEM of its certificate and key.
func ParseCA(certPEM, keyPEM []byte) (*CA, error) {
	cert, err := parseCert(certPEM)
	if err != nil {
		return nil, fmt.Errorf("CA certificate: %w", err)
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("CA key: %w", err)
	}
	if !cert.IsCA {
		return nil, errors.New("CA certificate: it is not one of an authority")
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, errors.New("CA key does not belong to the CA certificate")
	}
	// Whoever joins is handed this certificate.
	if err := cert.CheckSignatureFrom(cert); err != nil {
		return nil, fmt.Errorf("CA certificate: it is damaged, its own signature does not hold: %w", err)
	}
	return &CA{cert: cert, key: key}, nil
}

// CertPEM returns the certificate.
func (ca *CA) CertPEM() []byte { return certPEM(ca.cert.Raw) }

// KeyPEM returns the private key: whoever has it is the cluster.
func (ca *CA) KeyPEM() ([]byte, error) { return keyPEM(ca.key) }

// Pin returns the hash that join tokens carry.
func (ca *CA) Pin() Pin { return pinOf(ca.cert) }

// Pin is the SHA-256 of an authority's public key (its SubjectPublicKeyInfo).
type Pin [sha256.Size]byte

func pinOf(cert *x509.Certificate) Pin { return sha256.Sum256(cert.RawSubjectPublicKeyInfo) }

// SignNode signs a node's key. The names come from the arguments alone: the
// request's subject and extensions are ignored. addresses are IPs or host names,
// a port is dropped. It returns the certificate's PEM.
func (ca *CA) SignNode(csrPEM []byte, node string, addresses []string, now time.Time) ([]byte, error) {
	if err := CheckName(node); err != nil {
		return nil, err
	}
	dns, ips, err := subjectNames(addresses)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: node, Organization: []string{orgNode}},
		DNSNames:    append([]string{node}, dns...),
		IPAddresses: ips,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	out, err := ca.sign(csrPEM, template, now, NodeLifetime)
	if err != nil {
		return nil, fmt.Errorf("sign certificate of node %s: %w", node, err)
	}
	return out, nil
}

// SignClient signs a person's key for use with belayctl. It is no server's.
func (ca *CA) SignClient(csrPEM []byte, user string, role Role, now time.Time) ([]byte, error) {
	if err := CheckName(user); err != nil {
		return nil, err
	}
	if !role.valid() {
		return nil, fmt.Errorf("%w: %q", ErrRole, role)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: []string{orgPrefix + string(role)}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	out, err := ca.sign(csrPEM, template, now, ClientLifetime)
	if err != nil {
		return nil, fmt.Errorf("sign certificate of %s %s: %w", role, user, err)
	}
	return out, nil
}

func (ca *CA) sign(csrPEM []byte, template *x509.Certificate, now time.Time, life time.Duration) ([]byte, error) {
	csr, err := parseCSR(csrPEM)
	if err != nil {
		return nil, err
	}
	if template.SerialNumber, err = newSerial(); err != nil {
		return nil, err
	}
	if template.NotBefore.IsZero() {
		template.NotBefore = now.Add(-backdate)
	}
	template.NotAfter = now.Add(life)
	if template.NotAfter.After(ca.cert.NotAfter) {
		template.NotAfter = ca.cert.NotAfter
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.BasicConstraintsValid = true
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, csr.PublicKey, ca.key)
	if err != nil {
		return nil, err
	}
	return certPEM(der), nil
}

// CertificateFacts returns a certificate's serial number, in hex, and its end.
func CertificateFacts(certPEM []byte) (serial string, expires time.Time, err error) {
	cert, err := parseCert(certPEM)
	if err != nil {
		return "", time.Time{}, err
	}
	return cert.SerialNumber.Text(16), cert.NotAfter, nil
}

// NewKeyPair makes a private key and a certificate request for it, both PEM. The
// request names nobody.
func NewKeyPair() (keyOut, csrOut []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, nil, fmt.Errorf("make certificate request: %w", err)
	}
	keyOut, err = keyPEM(key)
	return keyOut, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}), err
}

// maxCSR bounds what a stranger can make us parse.
const maxCSR = 8 << 10

// parseCSR checks that the sender has the private key, and that the key is of a
// kind and size that is worth signing.
func parseCSR(csrPEM []byte) (*x509.CertificateRequest, error) {
	if len(csrPEM) > maxCSR {
		return nil, fmt.Errorf("certificate request has %d bytes, at most %d", len(csrPEM), maxCSR)
	}
	block, err := oneBlock(csrPEM, "CERTIFICATE REQUEST")
	if err != nil {
		return nil, fmt.Errorf("certificate request: %w", err)
	}
	csr, err := x509.ParseCertificateRequest(block)
	if err != nil {
		return nil, fmt.Errorf("certificate request: %w", err)
	}
	switch key := csr.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if bits := key.Curve.Params().BitSize; bits < 256 {
			return nil, fmt.Errorf("certificate request: curve of %d bits", bits)
		}
	case ed25519.PublicKey:
	default:
		return nil, fmt.Errorf("certificate request: key type %T, use ECDSA or Ed25519", csr.PublicKey)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("certificate request: %w", err)
	}
	return csr, nil
}

// newSerial returns 127 random bits: serials identify certificates in the deny
// list and must not repeat.
func newSerial() (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	b[0] &= 0x7f
	b[15] |= 1 // never 0
	return new(big.Int).SetBytes(b), nil
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyPEM(key crypto.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func oneBlock(in []byte, kind string) ([]byte, error) {
	block, rest := pem.Decode(in)
	if block == nil || block.Type != kind || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("is not one PEM block of type %s", kind)
	}
	return block.Bytes, nil
}

func parseCert(in []byte) (*x509.Certificate, error) {
	der, err := oneBlock(in, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// parseKey never wraps what it read into its error.
func parseKey(in []byte) (*ecdsa.PrivateKey, error) {
	der, err := oneBlock(in, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	any, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("is not a PKCS #8 key")
	}
	key, ok := any.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("is of type %T, not ECDSA", any)
	}
	return key, nil
}
