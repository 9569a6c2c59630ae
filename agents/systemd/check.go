package systemd

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// check is one question whose answer proves that a service serves.
type check struct {
	target    *url.URL // nil: nothing to ask
	verifyTLS bool
	timeout   time.Duration
}

func newCheck(req agents.Request) (check, error) {
	c, err := checkSettings(req.Params)
	text := substitute(req.Params["check"], req)
	if text == "" || err != nil {
		return check{}, err
	}
	target, err := url.Parse(text)
	if err != nil {
		return check{}, fmt.Errorf("check: %w", err)
	}
	switch {
	case target.Scheme != "http" && target.Scheme != "https" && target.Scheme != "tcp":
		return check{}, fmt.Errorf("check %q: write http://, https:// or tcp:// before the address", text)
	case target.Host == "" || target.Scheme == "tcp" && target.Port() == "":
		return check{}, fmt.Errorf("check %q: the address lacks a host or a port", text)
	}
	c.target = target
	return c, nil
}

// checkSettings reads what does not depend on the target.
func checkSettings(params resources.Params) (check, error) {
	c := check{verifyTLS: true, timeout: 5 * time.Second}
	if word := params["check_verify_tls"]; word != "" {
		verify, err := strconv.ParseBool(word)
		if err != nil {
			return check{}, fmt.Errorf("check_verify_tls: %w", err)
		}
		c.verifyTLS = verify
	}
	if word := params["check_timeout"]; word != "" {
		timeout, err := resources.ParseDuration(word)
		if err != nil {
			return check{}, fmt.Errorf("check_timeout: %w", err)
		}
		c.timeout = timeout.Std()
	}
	return c, nil
}

func (c check) wanted() bool { return c.target != nil }

// run returns nil when the target answers: a TCP connection, or an HTTP status
// below 500 other than 404.
func (c check) run(ctx context.Context) error {
	if !c.wanted() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if c.target.Scheme == "tcp" {
		return c.connect(ctx)
	}
	return c.get(ctx)
}

func (c check) connect(ctx context.Context) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", c.target.Host)
	if err != nil {
		return fmt.Errorf("check %s: %w", c.target.Redacted(), err)
	}
	return conn.Close()
}

func (c check) get(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.target.String(), nil)
	if err != nil {
		return fmt.Errorf("check %s: %w", c.target.Redacted(), err)
	}
	// A transport of its own: no proxy, no connection kept from a better time,
	// and redirects are an answer.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: !c.verifyTLS}} //nolint:gosec // the operator's choice for a check of this host
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("check %s: %w", c.target.Redacted(), err)
	}
	defer answer.Body.Close()
	if _, err := io.CopyN(io.Discard, answer.Body, 64<<10); err != nil && err != io.EOF {
		return fmt.Errorf("check %s: read the answer: %w", c.target.Redacted(), err)
	}
	if answer.StatusCode >= 500 || answer.StatusCode == http.StatusNotFound {
		return fmt.Errorf("check %s: status %s", c.target.Redacted(), answer.Status)
	}
	return nil
}
