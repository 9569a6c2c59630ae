package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Cluster is what the commands need of a member's API; *api.Client is one.
// Every call has a deadline by its context.
type Cluster interface {
	Status(ctx context.Context, stale bool) (api.Status, error)
	State(ctx context.Context, stale bool) (*state.State, error)
	Explain(ctx context.Context, resource resources.ResourceID, node resources.NodeName) (*api.Explanation, error)
	Definition(context.Context) (api.DefinitionAnswer, error)
	Revisions(ctx context.Context, owner string) (api.RevisionsAnswer, error)
	History(ctx context.Context, after uint64, stale bool) (api.HistoryAnswer, error)
	Command(context.Context, state.Command) (api.CommandAnswer, error)
	Wait(context.Context, api.WaitRequest) (api.WaitAnswer, error)
	CheckFences(context.Context, api.FenceCheckRequest) (api.FenceCheckAnswer, error)
	Doctor(context.Context) (api.DoctorAnswer, error)
	Metrics(context.Context) (string, error)
	Report(ctx context.Context, node resources.NodeName, whole bool) (api.MemberReport, error)
	SetSecret(context.Context, api.SecretRequest) error
	RotateKey(context.Context) (api.DataKeyAnswer, error)
	Audit(ctx context.Context, stale bool) (api.AuditAnswer, error)
	IssueCertificate(context.Context, api.CertificateRequest) (api.CertificateAnswer, error)
	Units(ctx context.Context, units []string) (api.UnitsAnswer, error)
	WhoAmI(context.Context) (api.WhoAmIAnswer, error)
	CreateToken(context.Context, time.Duration) (api.TokenAnswer, error)
}

// Enroller makes this host a member of a cluster.
type Enroller interface {
	// Found makes it the first member of a new cluster.
	Found(context.Context, Enrollment) error
	// Join asks the member at peer (host:port) to admit it with a token.
	Join(ctx context.Context, host Enrollment, peer, token string) error
}

// Enrollment is what a host must say of itself.
type Enrollment struct {
	Cluster string // of Found
	Node    resources.NodeName
	// Address is what other members dial, host:port.
	Address    string
	DataDir    string // empty: the daemon's default
	ConfigFile string
	Witness    bool // of Join: it votes and runs nothing
}

// defaultAddr is the local member's socket.
const defaultAddr = "unix:///run/belay/belayd.sock"

// dial returns a client of the member at addr: unix:///PATH or https://HOST:PORT,
// the latter with the certificate, key and authority that BELAY_CERT, BELAY_KEY
// and BELAY_CA name. It connects to nothing yet.
func dial(addr string, getenv func(string) string) (Cluster, error) {
	parsed, err := url.Parse(addr)
	if err != nil {
		return nil, bad(codeBadAddress, "address %q: %v", addr, err)
	}
	switch parsed.Scheme {
	case "unix":
		if parsed.Host != "" || parsed.Path == "" {
			return nil, bad(codeBadAddress, "address %q: write unix:///PATH", addr)
		}
		return api.NewLocalClient(parsed.Path), nil
	case "https":
		transport, err := certified(getenv)
		if err != nil {
			return nil, err
		}
		return api.NewClient(parsed.Host, transport), nil
	default:
		return nil, bad(codeBadAddress, "address %q: write unix:///PATH or https://HOST:7450", addr)
	}
}

func certified(getenv func(string) string) (*http.Transport, error) {
	var missing []string
	for _, name := range []string{"BELAY_CERT", "BELAY_KEY", "BELAY_CA"} {
		if getenv(name) == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, bad(codeBadAddress, "an https address needs a client certificate: set %s", strings.Join(missing, ", "))
	}
	pair, err := tls.LoadX509KeyPair(getenv("BELAY_CERT"), getenv("BELAY_KEY"))
	if err != nil {
		return nil, bad(codeBadAddress, "read the client certificate: %v", err)
	}
	authority, err := os.ReadFile(getenv("BELAY_CA"))
	if err != nil {
		return nil, bad(codeBadAddress, "read the cluster's authority: %v", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, bad(codeBadAddress, "%s holds no certificate", getenv("BELAY_CA"))
	}
	return &http.Transport{
		TLSClientConfig:     &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS13},
		TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
	}, nil
}

func (a *app) cluster() (Cluster, error) {
	addr := a.addr
	if addr == "" {
		addr = a.getenv("BELAY_ADDR")
	}
	if addr == "" {
		addr = defaultAddr
	}
	c, err := a.dial(addr, a.getenv)
	if err != nil {
		return nil, err
	}
	a.reached = addr
	return c, nil
}

// callTimeout bounds one call of the API but for waiting.
const callTimeout = 30 * time.Second

// call makes one call with its deadline.
func call[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return f(ctx)
}

// Wait's requests outlive their own timeout by the time of the way.
func waitOnce(ctx context.Context, c Cluster, request api.WaitRequest) (api.WaitAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, request.Timeout.Std()+callTimeout)
	defer cancel()
	answer, err := c.Wait(ctx, request)
	if err != nil {
		return answer, fmt.Errorf("wait for the cluster: %w", err)
	}
	return answer, nil
}
