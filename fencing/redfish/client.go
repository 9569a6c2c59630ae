package redfish

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stmcginnis/gofish"

	"github.com/belay-ha/belay/fencing"
)

// Bounds of what a BMC may make us read and follow.
const (
	maxBody      = 1 << 20
	maxRedirects = 3
	// idleTimeout keeps a connection between the reads of one fencing, so that a
	// slow BMC does one TLS handshake and not five, and closes it soon after.
	idleTimeout = 4 * time.Second
	// logoutTimeout bounds the end of a session after its context has ended.
	logoutTimeout = 3 * time.Second
)

var (
	errPin         = errors.New("the BMC shows another certificate than the pinned one")
	errForeignHost = errors.New("the BMC refers to another host; its answer is not followed")
	errTooLong     = errors.New("the BMC's answer is too long")
)

// newHTTPClient returns a client that talks to the endpoint alone. Reading
// ca_file is its only I/O.
func (d *device) newHTTPClient() (*http.Client, error) {
	config, err := d.tlsConfig()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		// No Proxy: BMCs are on a network of their own, and a proxy of the
		// environment would see, and could answer, what proves a node off.
		DialContext:            (&net.Dialer{Timeout: d.requestTimeout}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    d.requestTimeout,
		ResponseHeaderTimeout:  d.requestTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConns:           1,
		MaxConnsPerHost:        2,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return &http.Client{
		Transport:     &guard{base: transport, host: d.endpoint.Host},
		CheckRedirect: checkRedirect,
		Timeout:       d.requestTimeout,
	}, nil
}

// checkRedirect follows a few redirects: of reads, and such of requests as keep
// their method (307 and 308, to the path with a slash, say) on the same host. Any
// other would turn a POST into a GET whose 200 looks like success. The guard keeps
// all on the host.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	kept := req.Method == first.Method && req.URL.Scheme == first.URL.Scheme && req.URL.Host == first.URL.Host
	if len(via) > maxRedirects || first.Method != http.MethodGet && !kept {
		return http.ErrUseLastResponse
	}
	return nil
}

func (d *device) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: d.params["tls_server_name"]}
	if d.params.Bool("tls_legacy") {
		config.MinVersion, config.CipherSuites = tls.VersionTLS10, legacySuites()
	}
	pem := []byte(d.params["ca_pem"])
	if file := d.params["ca_file"]; file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read ca_file: %w", err)
		}
		pem = append(append(pem, '\n'), content...)
	}
	switch {
	case d.params["fingerprint"] != "":
		want, _ := parseFingerprint(d.params["fingerprint"])
		config.InsecureSkipVerify = true // VerifyConnection checks the pin instead
		config.VerifyConnection = func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 || sha256.Sum256(state.PeerCertificates[0].Raw) != want {
				return errPin
			}
			return nil
		}
	case !d.params.Bool("verify_tls"):
		config.InsecureSkipVerify = true
	case len(pem) > 0:
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("ca_file and ca_pem hold no certificate")
		}
	}
	return config, nil
}

// legacySuites are all cipher suites that Go knows but RC4: BMCs of the years
// before 2015 exchange keys by RSA alone, and may have nothing but CBC or 3DES.
func legacySuites() []uint16 {
	var ids []uint16
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if !strings.Contains(suite.Name, "RC4") {
			ids = append(ids, suite.ID)
		}
	}
	return ids
}

// guard is a transport that never leaves the BMC, whatever the BMC's answers
// refer to: credentials and trust are for that host alone. It bounds answers
// and notes what the decisive one was.
type guard struct {
	base *http.Transport
	host string
}

// record is what the guard saw of the requests of one device call.
type record struct {
	status     int
	retryAfter time.Duration
	sent       atomic.Bool // the newest request reached the connection
	asked      bool        // a reset was asked for, or tried to
	opened     bool        // a session was opened
}

type recordKey struct{}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" || req.URL.Host != g.host {
		return nil, errForeignHost
	}
	rec, _ := req.Context().Value(recordKey{}).(*record)
	if rec != nil {
		rec.status, rec.retryAfter = 0, 0
		rec.sent.Store(false)
		trace := &httptrace.ClientTrace{WroteHeaders: func() { rec.sent.Store(true) }}
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), trace))
	}
	resp, err := g.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if rec != nil {
		rec.status = resp.StatusCode
		rec.retryAfter = parseRetryAfter(resp.Header.Get("Retry-After"))
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxBody}
	return resp, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the transport.
func (g *guard) CloseIdleConnections() { g.base.CloseIdleConnections() }

func parseRetryAfter(text string) time.Duration {
	if d, err := time.ParseDuration(text + "s"); err == nil && d > 0 {
		return d
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// conn is one device call's signed-in client.
type conn struct {
	client *gofish.APIClient
	rec    *record
}

// signIn returns a client whose requests obey the context, and a function that
// ends its session, if it has one.
func (d *device) signIn(ctx context.Context, mode string, rec *record) (*conn, func(), error) {
	ctx = context.WithValue(ctx, recordKey{}, rec)
	config := gofish.ClientConfig{
		Endpoint: d.endpoint.String(), Username: d.username, Password: d.password,
		BasicAuth: mode == authBasic, NoModifyTransport: true, ReuseConnections: true,
	}
	if mode == authBasic && d.basic != nil {
		return &conn{d.basic.WithContext(ctx), rec}, func() {}, nil
	}
	httpClient, err := d.newHTTPClient()
	if err != nil {
		return nil, nil, d.fail(fencing.KindConfig, "", err.Error(), nil)
	}
	config.HTTPClient = httpClient
	client, err := gofish.ConnectContext(ctx, config)
	if err != nil {
		httpClient.CloseIdleConnections()
		return nil, nil, err
	}
	if mode == authBasic {
		// The client outlives this call; its own context is never used again.
		d.basic = client
		return &conn{client, rec}, func() {}, nil
	}
	session, err := client.GetSession()
	if err != nil || session.Token == "" {
		httpClient.CloseIdleConnections()
		return nil, nil, fmt.Errorf("%w: the BMC opened a session without a token", errProtocol)
	}
	signOut := func() {
		// Even when the call's time is over: BMCs have few sessions.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutTimeout)
		defer cancel()
		ctx = context.WithValue(ctx, recordKey{}, (*record)(nil))
		_ = client.WithContext(ctx).GetService().DeleteSession(session.ID)
		httpClient.CloseIdleConnections()
	}
	rec.opened = true
	return &conn{client, rec}, signOut, nil
}

// get reads a JSON resource.
func (c *conn) get(path string, into any) error {
	_, err := c.read(path, into)
	return err
}

// read reads a JSON resource and returns the ETag beside it, or "".
func (c *conn) read(path string, into any) (etag string, err error) {
	resp, err := c.client.Get(path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return "", fmt.Errorf("%w: read %s: %w", errProtocol, path, err)
	}
	return resp.Header.Get("ETag"), nil
}

// localPath returns the path on this BMC that a reference stands for.
func (d *device) localPath(ref string) (string, error) {
	u, err := url.Parse(ref)
	if err != nil || !strings.HasPrefix(u.Path, "/") {
		return "", fmt.Errorf("%w: %q is no reference to a resource", errProtocol, fencing.Scrub(ref))
	}
	if u.Host != "" && u.Host != d.endpoint.Host {
		return "", errForeignHost
	}
	return u.RequestURI(), nil
}
