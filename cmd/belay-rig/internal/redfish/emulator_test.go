package redfish

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stmcginnis/gofish"
	"github.com/stmcginnis/gofish/schemas"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/bmc"
)

// fakeChassis records what is asked of it.
type fakeChassis struct {
	mu    sync.Mutex // guards what follows
	on    bool
	calls []string
	err   error
}

func (c *fakeChassis) call(name string, on bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, name)
	if c.err == nil {
		c.on = on
	}
	return c.err
}

func (c *fakeChassis) Power(context.Context) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.on, nil
}
func (c *fakeChassis) On(context.Context) error      { return c.call("on", true) }
func (c *fakeChassis) Off(context.Context) error     { return c.call("off", false) }
func (c *fakeChassis) Restart(context.Context) error { return c.call("restart", true) }
func (c *fakeChassis) Press(context.Context) error   { return c.call("press", true) }

func start(t *testing.T, chassis *fakeChassis) (*Emulator, *httptest.Server) {
	t.Helper()
	emulator := New("controller-0", "admin", "pw", chassis)
	server := httptest.NewTLSServer(emulator)
	t.Cleanup(server.Close)
	return emulator, server
}

// ask sends one request as the user and returns status and decoded body.
func ask(t *testing.T, server *httptest.Server, method, path, body string, change func(*http.Request)) (*http.Response, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("admin", "pw")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if change != nil {
		change(req)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var decoded map[string]any
	if resp.StatusCode != http.StatusNoContent {
		if err := json.NewDecoder(resp.Body).Decode(&decoded); err != nil {
			t.Fatalf("%s %s: body is not JSON: %v", method, path, err)
		}
	}
	return resp, decoded
}

func TestReset(t *testing.T) {
	cases := []struct {
		name, body string
		fault      bmc.Fault
		err        error
		status     int
		call       string
		message    string
	}{
		{name: "on", body: `{"ResetType":"On"}`, status: 204, call: "on"},
		{name: "off", body: `{"ResetType":"ForceOff"}`, status: 204, call: "off"},
		{name: "restart", body: `{"ResetType":"ForceRestart"}`, status: 204, call: "restart"},
		{name: "button", body: `{"ResetType":"GracefulShutdown"}`, status: 204, call: "press"},
		{name: "unknown type", body: `{"ResetType":"Nmi"}`, status: 400, message: "ActionParameterNotSupported"},
		{name: "no type", body: `{}`, status: 400, message: "ActionParameterMissing"},
		{name: "not JSON", body: `{`, status: 400, message: "MalformedJSON"},
		{name: "conflict", body: `{"ResetType":"On"}`, err: bmc.ErrConflict, status: 409, call: "on", message: "ResourceInUse"},
		{name: "machine fails", body: `{"ResetType":"On"}`, err: errors.New("stuck"), status: 500, call: "on", message: "InternalError"},
		{name: "ignored", body: `{"ResetType":"ForceOff"}`, fault: bmc.Ignore, status: 204},
		{name: "broken", body: `{"ResetType":"ForceOff"}`, fault: bmc.Broken, status: 500, message: "InternalError"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			chassis := &fakeChassis{err: c.err}
			emulator, server := start(t, chassis)
			emulator.SetFault(c.fault)
			resp, body := ask(t, server, "POST", resetPath, c.body, nil)
			if got := strings.Join(chassis.calls, ","); resp.StatusCode != c.status || got != c.call {
				t.Errorf("status %d, calls %q; want %d, %q", resp.StatusCode, got, c.status, c.call)
			}
			if c.message != "" {
				info := body["error"].(map[string]any)["@Message.ExtendedInfo"].([]any)[0].(map[string]any)
				if got := info["MessageId"]; got != "Base.1.8."+c.message {
					t.Errorf("message %v, want %s", got, c.message)
				}
			}
		})
	}
}

func TestAuthentication(t *testing.T) {
	_, server := start(t, &fakeChassis{})
	nobody := func(r *http.Request) { r.Header.Del("Authorization") }
	for _, path := range []string{"/redfish", "/redfish/v1", "/redfish/v1/"} {
		if resp, _ := ask(t, server, "GET", path, "", nobody); resp.StatusCode != 200 {
			t.Errorf("%s without a login: %d", path, resp.StatusCode)
		}
	}
	for name, change := range map[string]func(*http.Request){
		"nobody":         nobody,
		"wrong password": func(r *http.Request) { r.SetBasicAuth("admin", "wrong") },
		"wrong token":    func(r *http.Request) { nobody(r); r.Header.Set("X-Auth-Token", "wrong") },
	} {
		for _, path := range []string{systemPath, systemPath + "/", "/redfish/v1/Systems", sessionsPath} {
			if resp, _ := ask(t, server, "GET", path, "", change); resp.StatusCode != 401 {
				t.Errorf("%s by %s: %d, want 401", path, name, resp.StatusCode)
			}
		}
	}
	if resp, _ := ask(t, server, "POST", sessionsPath, `{"UserName":"admin","Password":"wrong"}`, nobody); resp.StatusCode != 401 {
		t.Errorf("login with a wrong password: %d", resp.StatusCode)
	}
	resp, _ := ask(t, server, "POST", sessionsPath, `{"UserName":"admin","Password":"pw"}`, nobody)
	token, session := resp.Header.Get("X-Auth-Token"), resp.Header.Get("Location")
	withToken := func(r *http.Request) { nobody(r); r.Header.Set("X-Auth-Token", token) }
	if resp, _ := ask(t, server, "GET", systemPath, "", withToken); resp.StatusCode != 200 {
		t.Errorf("with a session: %d", resp.StatusCode)
	}
	if resp, _ := ask(t, server, "DELETE", session, "", withToken); resp.StatusCode != 204 {
		t.Errorf("logout: %d", resp.StatusCode)
	}
	if resp, _ := ask(t, server, "GET", systemPath, "", withToken); resp.StatusCode != 401 {
		t.Errorf("after the logout: %d", resp.StatusCode)
	}
}

func TestSessionsAreFew(t *testing.T) {
	var s sessions
	now := time.Unix(0, 0)
	for range maxSessions {
		if _, ok := s.add(now); !ok {
			t.Fatal("a session was refused too early")
		}
	}
	if _, ok := s.add(now); ok {
		t.Error("the limit does not hold")
	}
	if _, ok := s.add(now.Add(sessionTimeout + time.Second)); !ok {
		t.Error("expired sessions count")
	}
}

// TestGofish checks that the library which fencing uses finds its way.
func TestGofish(t *testing.T) {
	chassis := &fakeChassis{on: true}
	_, server := start(t, chassis)
	for _, basic := range []bool{false, true} {
		t.Run(fmt.Sprintf("basic %v", basic), func(t *testing.T) {
			client, err := gofish.ConnectContext(t.Context(), gofish.ClientConfig{
				Endpoint: server.URL, Username: "admin", Password: "pw", BasicAuth: basic, HTTPClient: server.Client(),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Logout()
			systems, err := client.GetService().Systems()
			if err != nil || len(systems) != 1 {
				t.Fatalf("systems: %v, %v", systems, err)
			}
			if _, err := systems[0].Reset(schemas.ForceOffResetType); err != nil {
				t.Fatal(err)
			}
			systems, err = client.GetService().Systems()
			if err != nil || systems[0].PowerState != schemas.OffPowerState {
				t.Errorf("after ForceOff: %v, %v", systems[0].PowerState, err)
			}
		})
	}
}

func TestHang(t *testing.T) {
	emulator, server := start(t, &fakeChassis{})
	emulator.SetFault(bmc.Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", server.URL+resetPath, strings.NewReader(`{"ResetType":"On"}`))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := server.Client().Do(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v", resp, err)
	}
}

func TestSelfSigned(t *testing.T) {
	certificate, pem, err := SelfSigned("127.0.0.1", "bmc")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(New("c", "u", "p", &fakeChassis{}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	defer server.Close()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("the PEM holds no certificate")
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	resp, err := client.Get(server.URL + "/redfish/v1/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	client.CloseIdleConnections()
}
