package security

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func request(t *testing.T, key any, template x509.CertificateRequest) []byte {
	t.Helper()
	der := must[[]byte](t)(x509.CreateCertificateRequest(rand.Reader, &template, key))
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func TestSignNodeTakesNoNamesFromTheRequest(t *testing.T) {
	ca := newCA(t)
	key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	csr := request(t, key, x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: "controller-0", Organization: []string{"belay:admin"}},
		DNSNames: []string{"controller-0", "evil"},
	})
	now := time.Now()
	out := must[[]byte](t)(ca.SignNode(csr, "ctl1", []string{"192.0.2.1:7450", "[2001:db8::1]:7450", "ctl1.example"}, now))
	cert := must[*x509.Certificate](t)(parseCert(out))
	if cert.Subject.CommonName != "ctl1" || !slices.Equal(cert.Subject.Organization, []string{"belay:node"}) {
		t.Errorf("subject %v", cert.Subject)
	}
	if !slices.Equal(cert.DNSNames, []string{"ctl1", "ctl1.example"}) || len(cert.IPAddresses) != 2 || cert.IPAddresses[1].String() != "2001:db8::1" {
		t.Errorf("names %v %v", cert.DNSNames, cert.IPAddresses)
	}
	if cert.IsCA || !slices.Equal(cert.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}) {
		t.Errorf("usage %v, CA %v", cert.ExtKeyUsage, cert.IsCA)
	}
	if d := cert.NotAfter.Sub(now); d < NodeLifetime-time.Minute || d > NodeLifetime+time.Minute {
		t.Errorf("valid for %v", d)
	}
	id, err := identityOf(cert)
	if err != nil || id.Kind != NodePeer || id.Name != "ctl1" || id.Serial != cert.SerialNumber.Text(16) {
		t.Errorf("identity %+v, %v", id, err)
	}
}

func TestSignRefuses(t *testing.T) {
	ca := newCA(t)
	_, good, err := NewKeyPair()
	noError(t, err)
	weakRSA := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	p224 := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	forged := slices.Clone(good)
	block, _ := pem.Decode(forged)
	block.Bytes[len(block.Bytes)-5] ^= 1
	cases := []struct {
		name, node string
		addresses  []string
		csr        []byte
	}{
		{"no name", "", nil, good},
		{"a path as name", "../x", nil, good},
		{"an IP as name", "192.0.2.1", nil, good},
		{"a wildcard", "*", nil, good},
		{"long name", strings.Repeat("x", 64), nil, good},
		{"address with a space", "n1", []string{"a b"}, good},
		{"wildcard address", "n1", []string{"*.example"}, good},
		{"RSA key", "n1", nil, request(t, weakRSA, x509.CertificateRequest{})},
		{"short curve", "n1", nil, request(t, p224, x509.CertificateRequest{})},
		{"forged signature", "n1", nil, pem.EncodeToMemory(block)},
		{"not a request", "n1", nil, ca.CertPEM()},
		{"two requests", "n1", nil, append(slices.Clone(good), good...)},
		{"huge request", "n1", nil, make([]byte, maxCSR+1)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ca.SignNode(c.csr, c.node, c.addresses, time.Now()); err == nil {
				t.Error("it was signed")
			}
		})
	}
	if _, err := ca.SignClient(good, "ann", "node", time.Now()); !errors.Is(err, ErrRole) {
		t.Errorf("a node certificate by way of a role: %v", err)
	}
}

func TestCARoundTrip(t *testing.T) {
	ca := newCA(t)
	key := must[[]byte](t)(ca.KeyPEM())
	again := must[*CA](t)(ParseCA(ca.CertPEM(), key))
	if again.Pin() != ca.Pin() {
		t.Error("pin changed")
	}
	if _, err := ParseCA(newCA(t).CertPEM(), key); err == nil {
		t.Error("a foreign key was accepted")
	}
	if _, err := ParseCA(ca.CertPEM(), []byte("secret stuff")); err == nil || strings.Contains(err.Error(), "secret stuff") {
		t.Errorf("error %v", err)
	}
}
