package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/metrics"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// tableRoute is a request and who may make it.
type tableRoute struct {
	method, path, body string
	least              Role
	peersOnly          bool
}

func routeTable(t *testing.T) []tableRoute {
	standby := command(t, &state.NodeStandby{Node: "a", Standby: true})
	removal := command(t, &state.MemberRemoved{Node: "a"})
	report := command(t, &state.InstanceReported{Node: "x", Instance: "vip"})
	return []tableRoute{
		{"GET", "/v1/ping", "", RoleNone, false},
		{"GET", "/metrics", "", RoleViewer, false},
		{"GET", "/v1/status", "", RoleViewer, false},
		{"GET", "/v1/status?stale=1", "", RoleViewer, false},
		{"GET", "/v1/state", "", RoleViewer, false},
		{"GET", "/v1/state?stale=1", "", RoleViewer, false},
		{"GET", "/v1/definition", "", RoleViewer, false},
		{"GET", "/v1/history", "", RoleViewer, false},
		{"GET", "/v1/audit", "", RoleViewer, false},
		{"GET", "/v1/audit?stale=1", "", RoleViewer, false},
		{"GET", "/v1/whoami", "", RoleNone, false},
		{"GET", "/v1/history?stale=1", "", RoleViewer, false},
		{"GET", "/v1/live", "", RoleViewer, false},
		{"POST", "/v1/wait", "{}", RoleViewer, false},
		{"POST", "/v1/commands", standby, RoleOperator, false},
		{"POST", "/v1/commands", removal, RoleAdmin, false},
		{"POST", "/v1/secrets", "{}", RoleAdmin, false},
		{"POST", "/v1/data-key", "{}", RoleAdmin, false},
		{"GET", "/v1/peer/data-key?id=k", "", RolePeer, true},
		{"POST", "/v1/peer/data-key", "{}", RolePeer, true},
		{"POST", "/v1/tokens", "{}", RoleAdmin, false},
		{"GET", "/v1/doctor", "", RoleOperator, false},
		{"GET", "/v1/report?node=b", "", RoleAdmin, false},
		{"GET", "/v1/peer/report", "", RolePeer, true},
		{"GET", "/v1/units?unit=a.service", "", RoleViewer, false},
		{"GET", "/v1/peer/units?unit=a.service", "", RolePeer, true},
		{"GET", "/v1/peer/examine", "", RolePeer, true},
		{"POST", "/v1/peer/echo", "{}", RolePeer, true},
		{"POST", "/v1/certificates", "{}", RoleAdmin, false},
		{"POST", "/v1/peer/propose", report, RolePeer, true},
		{"POST", "/v1/peer/order", "{}", RolePeer, true},
		{"POST", "/v1/peer/cancel", `"1.0"`, RolePeer, true},
		{"POST", "/v1/peer/fence", "{}", RolePeer, true},
		{"GET", "/v1/peer/check", "", RolePeer, true},
		{"POST", "/v1/join", "{}", RolePeer, true},
		{"GET", "/v1/revisions", "", RoleViewer, false},
		{"GET", "/v1/explain?resource=vip", "", RoleViewer, false},
		{"POST", "/v1/fence/check", "{}", RoleOperator, false},
		{"POST", "/v1/peer/fence-check", "{}", RolePeer, true},
		{"POST", "/v1/peer/lease", `{"node": "x"}`, RolePeer, true},
	}
}

func TestEveryRouteChecksTheRole(t *testing.T) {
	roles := []string{"belay:stranger", "belay:viewer", "belay:operator", "belay:admin", "belay:node"}
	leader := newMember(t, "leader")
	follower := newMember(t, "follower")
	follower.leader = leader
	for _, route := range routeTable(t) {
		for role, organisation := range roles {
			for _, m := range []*member{leader, follower} {
				want := http.StatusOK
				if strings.HasPrefix(route.path, "/v1/explain") {
					want = http.StatusNotFound // there is no such resource
				}
				if Role(role) < route.least {
					want = http.StatusForbidden
				}
				got, body := m.ask("x", organisation, route.method, route.path, route.body)
				if got != want {
					t.Errorf("%s %s as %s at the %s: %d, want %d: %s", route.method, route.path, organisation, m.name, got, want, body)
				}
			}
		}
	}
}

// Numbers are no JSON: who reads them knows the format by its name.
func TestMetricsAreText(t *testing.T) {
	m := newMember(t, "a")
	request, err := http.NewRequestWithContext(t.Context(), "GET", m.server.URL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := presenting("prometheus belay:viewer").RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || string(text) != "belay_up 1\n" || answer.Header.Get("Content-Type") != metrics.ContentType {
		t.Errorf("%q as %q, %v", text, answer.Header.Get("Content-Type"), err)
	}
}

func TestForwarding(t *testing.T) {
	leader, follower := newMember(t, "leader"), newMember(t, "follower")
	follower.leader = leader
	if status, body := follower.ask("jo", "belay:operator", "POST", "/v1/commands", command(t, &state.NodeStandby{Node: "a"})); status != http.StatusOK || !strings.Contains(body, `"index":7`) {
		t.Fatalf("%d %s", status, body)
	}
	if want := []string{"jo *state.NodeStandby"}; !slices.Equal(leader.proposed, want) {
		t.Errorf("the leader was asked %q, want %q", leader.proposed, want)
	}
	if _, body := follower.ask("jo", "belay:viewer", "GET", "/v1/state", ""); !strings.Contains(body, "read at leader") {
		t.Errorf("a fresh read was answered by %s", body)
	}
	if _, body := follower.ask("jo", "belay:viewer", "GET", "/v1/state?stale=1", ""); !strings.Contains(body, "copy of follower") {
		t.Errorf("a stale read was answered by %s", body)
	}
}

// Two members that hold each other for the leader must not send a request
// round and round.
func TestForwardedOnceOnly(t *testing.T) {
	a, b := newMember(t, "a"), newMember(t, "b")
	a.leader, b.leader = b, a
	status, body := a.ask("jo", "belay:admin", "POST", "/v1/commands", command(t, &state.NodeStandby{Node: "a"}))
	if status != http.StatusServiceUnavailable || !strings.Contains(body, string(CodeNoQuorum)) || a.forwards+b.forwards != 1 {
		t.Errorf("%d %s after %d forwards", status, body, a.forwards+b.forwards)
	}
}

func TestWhatALostAnswerMeans(t *testing.T) {
	unreachable := &net.OpError{Op: "dial", Err: errors.New("no route to host")}
	broken := &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	cases := map[string]struct {
		lost   error
		method string
		want   Code
	}{
		"change, not even sent":     {fmt.Errorf("connect: %w", unreachable), "POST", CodeNoQuorum},
		"change, answer lost":       {broken, "POST", CodeUnknown},
		"change, no answer in time": {context.DeadlineExceeded, "POST", CodeUnknown},
		"look, no answer":           {broken, "GET", CodeNoQuorum},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := newMember(t, "a")
			m.leader, m.lost = newMember(t, "b"), c.lost
			path := "/v1/commands"
			if c.method == "GET" {
				path = "/v1/status"
			}
			_, body := m.ask("jo", "belay:admin", c.method, path, command(t, &state.NodeStandby{Node: "a"}))
			if !strings.Contains(body, fmt.Sprintf("%q", c.want)) {
				t.Errorf("got %s, want %s", body, c.want)
			}
		})
	}
}

func TestNoLeader(t *testing.T) {
	m := newMember(t, "a")
	m.leader = nil
	status, body := m.ask("jo", "belay:admin", "POST", "/v1/commands", command(t, &state.NodeStandby{Node: "a"}))
	if status != http.StatusServiceUnavailable || !strings.Contains(body, string(CodeNoQuorum)) || !strings.Contains(body, "a reaches 1 of 3 voters") || len(m.proposed) != 0 {
		t.Errorf("%d %s", status, body)
	}
	if status, body := m.ask("jo", "belay:viewer", "GET", "/v1/status?stale=1", ""); status != http.StatusOK || !strings.Contains(body, `"stale":true`) {
		t.Errorf("its own copy: %d %s", status, body)
	}
}

// Between two leaders a request waits, and is then carried out once.
func TestElectionIsWaitedFor(t *testing.T) {
	m := newMember(t, "a")
	m.leader, m.election = nil, 3
	status, body := m.ask("jo", "belay:admin", "POST", "/v1/commands", command(t, &state.NodeStandby{Node: "a"}))
	if status != http.StatusOK || len(m.proposed) != 1 {
		t.Errorf("%d %s, proposed %v", status, body, m.proposed)
	}
}

func TestErrorsOnTheWire(t *testing.T) {
	cases := map[string]struct {
		err    error
		status int
		code   Code
	}{
		"conflict":      {&state.Rejection{Code: state.Conflict, Text: "read it again"}, 409, CodeConflict},
		"not found":     {&state.Rejection{Code: state.NotFound, Text: "no such node"}, 404, CodeNotFound},
		"with a reason": {&state.Rejection{Code: state.Refused, Reason: state.ReasonNodeInUse, Text: "it still runs vip"}, 422, CodeRefused},
		"can never be":  {&state.Rejection{Code: state.Invalid, Text: "no role"}, 400, CodeInvalid},
		"refused":       {&state.Rejection{Code: state.Refused, Text: "it is lost"}, 422, CodeRefused},
		"unknown":       {&Error{Code: CodeUnknown, Text: "may be committed"}, 504, CodeUnknown},
		"unavailable":   {&Error{Code: CodeUnavailable, Text: "busy"}, 503, CodeUnavailable},
		"untyped":       {errors.New("boom"), 500, CodeInternal},
		"unknown code":  {&Error{Code: "novel", Text: "x"}, 500, "novel"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := newMember(t, "a")
			m.err = c.err
			client := &Client{http: &http.Client{Transport: presenting("jo belay:admin")}, base: m.server.URL}
			_, err := client.Command(t.Context(), &state.NodeStandby{Node: "a"})
			var wire *Error
			if !errors.As(err, &wire) || wire.Code != c.code || wire.Text != c.err.Error() {
				t.Errorf("the client got %v", err)
			}
			if rejection := (*state.Rejection)(nil); errors.As(c.err, &rejection) && wire.Reason != string(rejection.Reason) {
				t.Errorf("the client got the reason %q", wire.Reason)
			}
			if status, _ := m.ask("jo", "belay:admin", "POST", "/v1/commands", command(t, &state.NodeStandby{Node: "a"})); status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
		})
	}
}

func TestCommandsThatNobodyMayGive(t *testing.T) {
	m := newMember(t, "a")
	for name, body := range map[string]string{
		"the cluster's own": command(t, &state.FenceReported{Fence: "f1", Node: "b", Proven: true}),
		"a member's report": command(t, &state.InstanceReported{Node: "b"}),
		"unknown":           `{"name":"node.painted/1","data":{}}`,
	} {
		if status, answer := m.ask("jo", "belay:admin", "POST", "/v1/commands", body); status != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	for name, body := range map[string]string{"not JSON": "{", "unknown field": `{"name":"node.standby/1","data":{"colour":"red"}}`, "no data": `{"name":"node.standby/1"}`} {
		if status, answer := m.ask("jo", "belay:admin", "POST", "/v1/commands", body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	if len(m.proposed) != 0 {
		t.Errorf("proposed: %v", m.proposed)
	}
}

func TestMembersReportAboutThemselvesOnly(t *testing.T) {
	m := newMember(t, "leader")
	for body, want := range map[string]int{
		command(t, &state.InstanceReported{Node: "b", Instance: "vip"}):           http.StatusOK,
		command(t, &state.MemberBooted{Node: "b", Incarnation: "i"}):              http.StatusOK,
		command(t, &state.InstanceReported{Node: "c", Instance: "vip"}):           http.StatusForbidden,
		command(t, &state.MemberBooted{Node: "c", Incarnation: "i"}):              http.StatusForbidden,
		command(t, &state.MemberVerdict{Node: "b", Liveness: state.LivenessDead}): http.StatusForbidden,
		command(t, &state.DefinitionSet{Definition: &resources.Definition{}}):     http.StatusForbidden,
	} {
		if got, answer := m.ask("b", "belay:node", "POST", "/v1/peer/propose", body); got != want {
			t.Errorf("%s: %d, want %d: %s", body, got, want, answer)
		}
	}
}

// Only a member is believed about whom it asks for, and it cannot raise them.
func TestWhoIsBelievedAboutOthers(t *testing.T) {
	cases := map[string]struct {
		organisation, by, role string
		want                   Identity
	}{
		"a member":                   {"belay:node", "", "", Identity{Name: "b", Role: RolePeer}},
		"a member for an operator":   {"belay:node", "jo", "operator", Identity{Name: "jo", Role: RoleOperator}},
		"a member for a joiner":      {"belay:node", "joiner", "none", Identity{Name: "joiner", Role: RolePeer}},
		"a member for another":       {"belay:node", "c", "member", Identity{Name: "c", Role: RolePeer}},
		"a person who pretends":      {"belay:viewer", "root", "admin", Identity{Name: "b", Role: RoleViewer}},
		"a stranger who pretends":    {"acme:node", "root", "member", Identity{Name: "b", Role: RoleNone}},
		"a role that does not exist": {"belay:node", "jo", "emperor", Identity{Name: "jo", Role: RolePeer}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.TLS = certificate("b", c.organisation)
			r.RemoteAddr, c.want.From = "192.0.2.7:4711", "192.0.2.7"
			if c.organisation != "belay:node" {
				c.want.Subject = "cert:b"
			}
			r.Header.Set(headerBy, c.by)
			r.Header.Set(headerRole, c.role)
			if got := CertificateIdentity(r); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
	if got := CertificateIdentity(httptest.NewRequest("GET", "/", nil)); got.Role != RoleNone {
		t.Errorf("without a certificate: %+v", got)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	m := newMember(t, "a")
	if status, _ := m.ask("jo", "belay:admin", "POST", "/v1/commands", strings.Repeat(" ", MaxBody+1)); status != http.StatusBadRequest {
		t.Errorf("status %d", status)
	}
	join := httptest.NewServer(NewServer(m, m, zap.NewNop()).JoinHandler())
	defer join.Close()
	for size, want := range map[int]int{MaxJoinBody: http.StatusOK, MaxJoinBody + 1: http.StatusBadRequest} {
		answer, err := http.Post(join.URL+"/v1/join", "application/json", strings.NewReader(strings.Repeat(" ", size)))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%d bytes of a stranger: status %d, want %d", size, answer.StatusCode, want)
		}
	}
}

func TestJoinByWayOfAFollower(t *testing.T) {
	leader, follower := newMember(t, "leader"), newMember(t, "follower")
	follower.leader = leader
	join := httptest.NewServer(NewServer(follower, follower, zap.NewNop()).JoinHandler())
	defer join.Close()
	client := &Client{http: http.DefaultClient, base: join.URL}
	var answer map[string]string
	if err := client.Join(t.Context(), "hello", &answer); err != nil || answer["admitted_by"] != "leader" {
		t.Errorf("got %v, %v", answer, err)
	}
}

func TestJoinHandlerServesNothingElse(t *testing.T) {
	m := newMember(t, "a")
	join := httptest.NewServer(NewServer(m, m, zap.NewNop()).JoinHandler())
	defer join.Close()
	for _, path := range []string{"/v1/status", "/v1/ping", "/v1/commands", "/v1/peer/order"} {
		answer, err := http.Get(join.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d", path, answer.StatusCode)
		}
	}
}

func TestLocalSocketNamesTheCaller(t *testing.T) {
	m := newMember(t, "a")
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: NewServer(m, m, zap.NewNop()).Handler(Access{Member: "a", Roles: unbound}.Local), ConnContext: WithPeerCredentials}
	go server.Serve(listener) //nolint:errcheck // ends with Close
	defer server.Close()
	if _, err := NewLocalClient(path).Command(t.Context(), &state.NodeStandby{Node: "a"}); err != nil {
		t.Fatal(err)
	}
	if len(m.proposed) != 1 || strings.HasPrefix(m.proposed[0], "local ") {
		t.Errorf("proposed: %v", m.proposed)
	}
	if who := (Access{Roles: unbound}).Local(httptest.NewRequest("GET", "/", nil)); who.Role != RoleNone {
		t.Errorf("without credentials: %+v", who)
	}
}

func TestWaitIsBounded(t *testing.T) {
	m := newMember(t, "a")
	client := &Client{http: &http.Client{Transport: presenting("jo belay:viewer")}, base: m.server.URL}
	answer, err := client.Wait(t.Context(), WaitRequest{Timeout: resources.Duration(time.Hour)})
	if err != nil || !answer.Settled {
		t.Errorf("the member was asked to wait longer than %s: %v", MaxWait, err)
	}
}

// TestStalledBody: who stalls half way through a request is cut off, and whoever
// waits long for an answer is not.
func TestStalledBody(t *testing.T) {
	m := &member{t: t, name: "a"}
	server := NewServer(m, m, zap.NewNop())
	server.bodyLimit = 50 * time.Millisecond
	slow := func(r *http.Request, body []byte, _ Identity) (any, error) {
		select {
		case <-time.After(4 * server.bodyLimit):
			return string(body), nil
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.serve(w, r, MaxBody, RoleNone, func(*http.Request) Identity { return Identity{Name: "x"} }, slow)
	}))
	defer web.Close()
	for body, want := range map[string]string{"abc": "400 Bad Request", strings.Repeat("a", 10): "200 OK"} {
		conn, err := net.Dial("tcp", web.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nConnection: close\r\n\r\n%s", body)
		conn.SetReadDeadline(time.Now().Add(time.Minute)) //nolint:errcheck // a read that waits for ever fails the run
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.Contains(string(answer), want) {
			t.Errorf("%d of 10 bytes: %v, %q, want %s", len(body), err, answer, want)
		}
	}
}
