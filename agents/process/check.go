package process

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/belay-ha/belay/agents"
)

// check returns nil when the program answers, or when nothing is to be asked.
func (a *Agent) check(ctx context.Context, s settings) error {
	ctx, cancel := context.WithTimeout(ctx, s.checkFor)
	defer cancel()
	switch {
	case s.checkArgs != nil:
		command := agents.Command{Path: s.checkArgs[0], Args: s.checkArgs[1:], User: s.user, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}}
		for name, value := range s.env {
			command.Env = append(command.Env, name+"="+value)
		}
		exit, err := a.run.Run(ctx, command)
		if err == nil {
			err = exit.Error(command)
		}
		if err != nil {
			return fmt.Errorf("check: %w", err)
		}
		return nil
	case s.check == nil:
		return nil
	case s.check.Scheme == "tcp":
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", s.check.Host)
		if err != nil {
			return fmt.Errorf("check %s: %w", s.check.Redacted(), err)
		}
		return conn.Close()
	}
	return s.get(ctx)
}

// get takes any status below 500 but 404 for an answer: a redirect and a demand
// for credentials are signs of life.
func (s settings) get(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.check.String(), nil)
	if err != nil {
		return fmt.Errorf("check %s: %w", s.check.Redacted(), err)
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: !s.verifyTLS}} //nolint:gosec // the operator's choice for a check of this host
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("check %s: %w", s.check.Redacted(), err)
	}
	defer answer.Body.Close()
	if _, err := io.CopyN(io.Discard, answer.Body, 64<<10); err != nil && err != io.EOF {
		return fmt.Errorf("check %s: read the answer: %w", s.check.Redacted(), err)
	}
	if answer.StatusCode >= 500 || answer.StatusCode == http.StatusNotFound {
		return fmt.Errorf("check %s: status %s", s.check.Redacted(), answer.Status)
	}
	return nil
}
