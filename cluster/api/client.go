package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Client talks to one member. It is safe for concurrent use.
type Client struct {
	http *http.Client
	base string
}

// NewLocalClient returns a client of the local socket at path.
func NewLocalClient(path string) *Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	return &Client{http: &http.Client{Transport: transport}, base: "http://local"}
}

// NewClient returns a client of the member at address (host:port), over the
// given transport, which does the mTLS.
func NewClient(address string, transport http.RoundTripper) *Client {
	return &Client{http: &http.Client{Transport: transport}, base: "https://" + address}
}

// Status returns the cluster at a glance; stale asks this member only.
func (c *Client) Status(ctx context.Context, stale bool) (Status, error) {
	var status Status
	err := c.call(ctx, "GET", "/v1/status"+query(stale), nil, &status)
	return status, err
}

// State returns the whole state.
func (c *Client) State(ctx context.Context, stale bool) (*state.State, error) {
	s := state.New()
	err := c.call(ctx, "GET", "/v1/state"+query(stale), nil, s)
	return s, err
}

// Metrics returns the numbers of the member, in Prometheus' text format.
func (c *Client) Metrics(ctx context.Context) (string, error) {
	data, err := c.ask(ctx, "GET", "/metrics", nil)
	return string(data), err
}

func query(stale bool) string {
	if stale {
		return "?stale=1"
	}
	return ""
}

// Definition returns the definition and its revision.
func (c *Client) Definition(ctx context.Context) (DefinitionAnswer, error) {
	var answer DefinitionAnswer
	err := c.call(ctx, "GET", "/v1/definition", nil, &answer)
	return answer, err
}

// Revisions returns the definitions until now, oldest first; with an owner only
// from the last that its files have set.
func (c *Client) Revisions(ctx context.Context, owner string) (RevisionsAnswer, error) {
	var answer RevisionsAnswer
	err := c.call(ctx, "GET", "/v1/revisions?"+url.Values{"owner": {owner}}.Encode(), nil, &answer)
	return answer, err
}

// Live returns what the leader knows beyond the state.
func (c *Client) Live(ctx context.Context) (Live, error) {
	var live Live
	err := c.call(ctx, "GET", "/v1/live", nil, &live)
	return live, err
}

// Explain says why a resource runs where it does; a node may be empty.
func (c *Client) Explain(ctx context.Context, resource resources.ResourceID, node resources.NodeName) (*Explanation, error) {
	answer := &Explanation{}
	values := url.Values{"resource": {string(resource)}, "node": {string(node)}}
	err := c.call(ctx, "GET", "/v1/explain?"+values.Encode(), nil, answer)
	return answer, err
}

// Command commits one command and returns when it is applied.
func (c *Client) Command(ctx context.Context, command state.Command) (CommandAnswer, error) {
	return c.command(ctx, "/v1/commands", command)
}

// PeerPropose sends a member's report to the leader by way of this member.
func (c *Client) PeerPropose(ctx context.Context, command state.Command) (CommandAnswer, error) {
	return c.command(ctx, "/v1/peer/propose", command)
}

func (c *Client) command(ctx context.Context, path string, command state.Command) (CommandAnswer, error) {
	data, err := state.Encode(command, time.Time{}, "")
	if err != nil {
		return CommandAnswer{}, err
	}
	var envelope state.Envelope
	if err := json.Unmarshal(data, &envelope); err != nil {
		return CommandAnswer{}, err
	}
	var answer CommandAnswer
	err = c.change(ctx, path, CommandRequest{Name: envelope.Name, Data: envelope.Data}, &answer)
	return answer, err
}

// Audit returns who changed what; stale asks this member's own copy.
func (c *Client) Audit(ctx context.Context, stale bool) (AuditAnswer, error) {
	var answer AuditAnswer
	path := "/v1/audit"
	if stale {
		path += "?stale=1"
	}
	err := c.call(ctx, "GET", path, nil, &answer)
	return answer, err
}

// WhoAmI returns whom the member takes the caller for.
func (c *Client) WhoAmI(ctx context.Context) (WhoAmIAnswer, error) {
	var answer WhoAmIAnswer
	err := c.call(ctx, "GET", "/v1/whoami", nil, &answer)
	return answer, err
}

// Wait asks once whether the cluster has settled.
func (c *Client) Wait(ctx context.Context, request WaitRequest) (WaitAnswer, error) {
	var answer WaitAnswer
	err := c.call(ctx, "POST", "/v1/wait", request, &answer)
	return answer, err
}

// SetSecret stores or deletes a secret.
func (c *Client) SetSecret(ctx context.Context, request SecretRequest) error {
	return c.change(ctx, "/v1/secrets", request, nil)
}

// CreateToken makes a join token.
func (c *Client) CreateToken(ctx context.Context, ttl time.Duration) (TokenAnswer, error) {
	var answer TokenAnswer
	err := c.change(ctx, "/v1/tokens", TokenRequest{TTL: resources.Duration(ttl)}, &answer)
	return answer, err
}

// IssueCertificate has a person's key signed.
func (c *Client) IssueCertificate(ctx context.Context, request CertificateRequest) (CertificateAnswer, error) {
	var answer CertificateAnswer
	err := c.change(ctx, "/v1/certificates", request, &answer)
	return answer, err
}

// Join asks a member to admit this node.
func (c *Client) Join(ctx context.Context, request, answer any) error {
	return c.call(ctx, "POST", "/v1/join", request, answer)
}

// Order gives a member an order, or asks how far it is.
func (c *Client) Order(ctx context.Context, order state.Order) (OrderAnswer, error) {
	var answer OrderAnswer
	err := c.call(ctx, "POST", "/v1/peer/order", order, &answer)
	return answer, err
}

// Cancel asks a member to end an operation early.
func (c *Client) Cancel(ctx context.Context, id resources.ActionID) error {
	return c.call(ctx, "POST", "/v1/peer/cancel", id, nil)
}

// Fence asks a member to switch a node's power.
func (c *Client) Fence(ctx context.Context, order FenceOrder) (FenceAnswer, error) {
	var answer FenceAnswer
	err := c.call(ctx, "POST", "/v1/peer/fence", order, &answer)
	return answer, err
}

// ReadFence asks a member to read a fence device, changing nothing.
func (c *Client) ReadFence(ctx context.Context, order FenceCheckOrder) (state.FenceCheckResult, error) {
	var answer state.FenceCheckResult
	err := c.call(ctx, "POST", "/v1/peer/fence-check", order, &answer)
	return answer, err
}

// RenewLease asks the leader to let a member feed its watchdog on.
func (c *Client) RenewLease(ctx context.Context, request LeaseRequest) error {
	return c.call(ctx, "POST", "/v1/peer/lease", request, nil)
}

// CheckFences asks whether fence devices would do their work now.
func (c *Client) CheckFences(ctx context.Context, request FenceCheckRequest) (FenceCheckAnswer, error) {
	var answer FenceCheckAnswer
	err := c.call(ctx, "POST", "/v1/fence/check", request, &answer)
	return answer, err
}

// Check asks a member what it itself sees of a node.
func (c *Client) Check(ctx context.Context, node resources.NodeName) (CheckAnswer, error) {
	var answer CheckAnswer
	err := c.call(ctx, "GET", "/v1/peer/check?node="+url.QueryEscape(string(node)), nil, &answer)
	return answer, err
}

// Relay sends someone's request on to this client's member, the leader.
func (c *Client) Relay(ctx context.Context, r *http.Request, body []byte, by Identity) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, c.base+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set(headerForwarded, "1")
	request.Header.Set(headerBy, by.Name)
	request.Header.Set(headerRole, by.Role.String())
	request.Header.Set(headerFrom, by.From)
	request.Header.Set(headerSubject, string(by.Subject))
	return c.http.Do(request)
}

// change asks for something that changes the cluster. What was sent and not answered
// may have been done: that is CodeUnknown, never an address where nobody answers.
func (c *Client) change(ctx context.Context, path string, in, out any) error {
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	err := c.call(httptrace.WithClientTrace(ctx, trace), "POST", path, in, out)
	var answered *Error
	if err == nil || errors.As(err, &answered) || !connected.Load() || unwelcome(err) || errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	return &Error{Code: CodeUnknown, Text: fmt.Sprintf("the member broke off: %v; the change may or may not have been made: look with `belayctl status` before trying again", err)}
}

// unwelcome reports whether the other side refused the connection itself: TLS 1.3
// tells of a certificate that it does not take only after the first bytes.
func unwelcome(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) && network.Op == "remote error"
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	data, err := c.ask(ctx, method, path, in)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	return nil
}

// ask returns the answer as it came.
func (c *Client) ask(ctx context.Context, method, path string, in any) ([]byte, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, wireError(answer.Status, data)
	}
	return data, nil
}

func wireError(status string, data []byte) error {
	var body struct {
		Error *Error `json:"error"`
	}
	if err := json.Unmarshal(data, &body); err != nil || body.Error == nil {
		return &Error{Code: CodeInternal, Text: fmt.Sprintf("%s: %.200s", status, data)}
	}
	return body.Error
}
