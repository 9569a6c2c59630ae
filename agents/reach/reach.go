// Package reach looks whether a service answers at an address: the check of agents
// that run programs and units. It keeps nothing between two looks.
package reach

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 10

// Answers returns nil when a tcp target accepts a connection, and when an http or
// https target answers with any status below 500 but 404: a redirect and a demand
// for credentials are signs of life. The context ends the look. verifyTLS false
// takes any certificate.
func Answers(ctx context.Context, target *url.URL, verifyTLS bool) error {
	if target.Scheme == "tcp" {
		return connect(ctx, target)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return fmt.Errorf("check %s: %w", target.Redacted(), err)
	}
	// A transport of its own: no proxy, no connection kept from a better time,
	// and redirects are an answer.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: !verifyTLS}} //nolint:gosec // the operator's choice for a check of this host
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("check %s: %w", target.Redacted(), err)
	}
	defer answer.Body.Close()
	if _, err := io.CopyN(io.Discard, answer.Body, maxAnswer); err != nil && err != io.EOF {
		return fmt.Errorf("check %s: read the answer: %w", target.Redacted(), err)
	}
	if answer.StatusCode >= 500 || answer.StatusCode == http.StatusNotFound {
		return fmt.Errorf("check %s: status %s", target.Redacted(), answer.Status)
	}
	return nil
}

func connect(ctx context.Context, target *url.URL) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", target.Host)
	if err != nil {
		return fmt.Errorf("check %s: %w", target.Redacted(), err)
	}
	return conn.Close()
}
