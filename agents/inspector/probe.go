package inspector

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// httpProber asks over HTTP.
type httpProber struct{}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

// Probe sends an introspection without an inventory. An inspector whose API,
// message bus, conductor and database work refuses it at once and says why;
// anything else (503, another complaint, silence) is a broken chain. `/` and
// /healthcheck answer whatever is broken behind them. The list of introspections
// needs the database; 401 means that the API asks for a token first, which is
// as far as an anonymous probe gets.
func (httpProber) Probe(ctx context.Context, base string) error {
	// The certificate's name is the virtual address's, and this is the host's own.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // a probe of this host without credentials
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	status, said, err := ask(ctx, client, http.MethodPost, base+"/v1/continue", "{}")
	if err != nil {
		return err
	}
	refused := status == http.StatusInternalServerError || status >= 400 && status < 500
	if !refused || !strings.Contains(strings.ToLower(said), "inventory") {
		return fmt.Errorf("POST %s/v1/continue: status %d, want the refusal of an empty inventory: %s", base, status, message(said))
	}
	status, said, err = ask(ctx, client, http.MethodGet, base+"/v1/introspection?limit=1", "")
	if err != nil {
		return err
	}
	if status != http.StatusOK && status != http.StatusUnauthorized && status != http.StatusForbidden {
		return fmt.Errorf("GET %s/v1/introspection: status %d: %s", base, status, message(said))
	}
	return nil
}

func ask(ctx context.Context, client *http.Client, method, url, body string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, "", fmt.Errorf("%s %s: %w", method, url, err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("%s %s: %w", method, url, err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return 0, "", fmt.Errorf("%s %s: read the answer: %w", method, url, err)
	}
	return answer.StatusCode, string(data), nil
}

// message returns the error text in an answer of OpenStack's form, bounded.
func message(said string) string {
	var answer struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(said), &answer); err == nil && answer.Error.Message != "" {
		said = answer.Error.Message
	}
	said = strings.Join(strings.Fields(said), " ")
	return strings.ToValidUTF8(said[:min(len(said), 200)], "")
}
