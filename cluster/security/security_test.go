package security

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newCA(t *testing.T) *CA {
	t.Helper()
	return must[*CA](t)(NewCA("test", time.Now()))
}

// node makes credentials of a node.
func (ca *CA) node(t *testing.T, name string, revoked Revoked) *Credentials {
	t.Helper()
	return must[*Credentials](t)(NewCredentials(ca.nodeMaterial(t, name), revoked))
}

func (ca *CA) nodeMaterial(t *testing.T, name string) Material {
	t.Helper()
	key, csr, err := NewKeyPair()
	noError(t, err)
	cert := must[[]byte](t)(ca.SignNode(csr, name, []string{"127.0.0.1:7450"}, time.Now()))
	return Material{CACert: ca.CertPEM(), Cert: cert, Key: key}
}

func (ca *CA) user(t *testing.T, name string, role Role) *Credentials {
	t.Helper()
	key, csr, err := NewKeyPair()
	noError(t, err)
	cert := must[[]byte](t)(ca.SignClient(csr, name, role, time.Now()))
	return must[*Credentials](t)(NewCredentials(Material{CACert: ca.CertPEM(), Cert: cert, Key: key}, nil))
}
