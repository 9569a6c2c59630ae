package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/belay-ha/belay/cluster/state"
)

func unbound() map[state.Subject]state.RoleBinding { return nil }

func TestRolesOfLocalUsers(t *testing.T) {
	bound := map[state.Subject]state.RoleBinding{
		"user:jo": {Role: "viewer"}, "user:out": {Role: "none"}, "group:ops": {Role: "operator"}, "group:audit": {Role: "viewer"}, "user:odd": {Role: "emperor"}, "cert:anna": {Role: "admin"},
		"user:": {Role: "admin"},
	}
	all := map[state.Subject]state.RoleBinding{"group:belay": {Role: "viewer"}}
	for name, c := range map[string]struct {
		caller localCaller
		bound  map[state.Subject]state.RoleBinding
		want   Role
	}{
		"in the socket's group, nothing bound":  {localCaller{user: "anna", groups: []string{"anna", "belay"}, known: true}, nil, RoleAdmin},
		"not in it":                             {localCaller{user: "anna", groups: []string{"anna"}, known: true}, nil, RoleNone},
		"a certificate's binding is no user's":  {localCaller{user: "anna", groups: []string{"anna"}, known: true}, bound, RoleNone},
		"their own binding comes first":         {localCaller{user: "jo", groups: []string{"ops", "belay"}, known: true}, bound, RoleViewer},
		"bound to nothing":                      {localCaller{user: "out", groups: []string{"ops", "belay"}, known: true}, bound, RoleNone},
		"the highest of their groups":           {localCaller{user: "max", groups: []string{"audit", "ops"}, known: true}, bound, RoleOperator},
		"a group's binding before the socket's": {localCaller{user: "max", groups: []string{"audit", "belay"}, known: true}, bound, RoleViewer},
		"the socket's group, bound":             {localCaller{user: "max", groups: []string{"belay"}, known: true}, all, RoleViewer},
		"a role that does not exist":            {localCaller{user: "odd", groups: []string{"belay"}, known: true}, bound, RoleNone},
		"groups unknown, some bound":            {localCaller{user: "max", groups: []string{"belay"}}, bound, RoleNone},
		"groups unknown, none bound":            {localCaller{user: "max", groups: []string{"belay"}}, nil, RoleAdmin},
		"a number without a name":               {localCaller{groups: []string{"x"}, known: true}, bound, RoleNone},
	} {
		if got := c.caller.role(c.bound, "belay"); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestRolesOfCertificates(t *testing.T) {
	access := Access{Roles: func() map[state.Subject]state.RoleBinding {
		return map[state.Subject]state.RoleBinding{"cert:jo": {Role: "operator"}, "cert:out": {Role: "none"}, "cert:b": {Role: "none"}}
	}}
	for name, c := range map[string]struct {
		name, organisation, by, role string
		subject                      state.Subject
		want                         Role
	}{
		"as the certificate says":              {"anna", "belay:viewer", "", "", "", RoleViewer},
		"raised":                               {"jo", "belay:viewer", "", "", "", RoleOperator},
		"lowered":                              {"jo", "belay:admin", "", "", "", RoleOperator},
		"locked out":                           {"out", "belay:admin", "", "", "", RoleNone},
		"a stranger is not raised":             {"jo", "acme:viewer", "", "", "", RoleNone},
		"a member is not bound":                {"b", "belay:node", "", "", "", RolePeer},
		"a member that forwards is believed":   {"c", "belay:node", "jo", "viewer", "", RoleViewer},
		"lowered a moment ago":                 {"c", "belay:node", "jo", "admin", "cert:jo", RoleOperator},
		"raised a moment ago":                  {"c", "belay:node", "jo", "viewer", "cert:jo", RoleViewer},
		"shut out a moment ago":                {"c", "belay:node", "out", "admin", "cert:out", RoleNone},
		"a user of a certificate's name":       {"c", "belay:node", "out", "admin", "user:out", RoleAdmin},
		"a person who pretends to be a member": {"jo", "belay:viewer", "root", "admin", "", RoleOperator},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.TLS = certificate(c.name, c.organisation)
		r.Header.Set(headerBy, c.by)
		r.Header.Set(headerRole, c.role)
		r.Header.Set(headerSubject, string(c.subject))
		if got := access.Certificate(r); got.Role != c.want {
			t.Errorf("%s: %s, want %s", name, got.Role, c.want)
		}
	}
}

// TestEveryRouteIsInTheTable: no route can be added without saying in
// TestEveryRouteChecksTheRole who may use it.
func TestEveryRouteIsInTheTable(t *testing.T) {
	known := map[string]bool{}
	for _, route := range routeTable(t) {
		r := httptest.NewRequest(route.method, route.path, nil)
		known[route.method+" "+r.URL.Path] = true
	}
	m := newMember(t, "a")
	for _, route := range NewServer(m, m, zap.NewNop()).routes() {
		pattern := route.pattern
		if !known[pattern] {
			t.Errorf("%s has no line in the table of routes", pattern)
		}
		delete(known, pattern)
	}
	for pattern := range known {
		t.Errorf("the table has %s, the server has not", pattern)
	}
}

// TestEveryCommandHasARole holds who may give which command.
func TestEveryCommandHasARole(t *testing.T) {
	admins := []string{"member.removed", "member.voting", "role.bound"}
	for kind, least := range asked {
		want := RoleOperator
		for _, admin := range admins {
			if kind == admin {
				want = RoleAdmin
			}
		}
		if least != want {
			t.Errorf("%s is for %s, want %s", kind, least, want)
		}
	}
	m := newMember(t, "a")
	standby, removal := command(t, &state.NodeStandby{Node: "a", Standby: true}), command(t, &state.MemberRemoved{Node: "a"})
	for _, c := range []struct{ organisation, request, role string }{{"belay:viewer", standby, "operator"}, {"belay:viewer", removal, "admin"}, {"belay:operator", removal, "admin"}} {
		if code, body := m.ask("jo", c.organisation, "POST", "/v1/commands", c.request); code != http.StatusForbidden || !strings.Contains(body, "needs "+c.role+"; an admin can give it: belayctl role bind cert:jo "+c.role) {
			t.Errorf("%s is not told how to get the role: %d %s", c.organisation, code, body)
		}
	}
	binding := command(t, &state.RoleBound{Subject: "user:jo", Role: "admin"})
	for organisation, want := range map[string]int{"belay:viewer": http.StatusForbidden, "belay:operator": http.StatusForbidden, "belay:admin": http.StatusOK} {
		if got, body := m.ask("jo", organisation, "POST", "/v1/commands", binding); got != want {
			t.Errorf("%s binds a role: %d, want %d: %s", organisation, got, want, body)
		}
	}
}

// TestRefusalsAreLogged, with who asked, from where, and for what: those of a route and
// those of a command, at the member that decides.
func TestRefusalsAreLogged(t *testing.T) {
	core, lines := observer.New(zap.InfoLevel)
	m := newMember(t, "a")
	m.server.Close()
	m.server = httptest.NewServer(NewServer(m, m, zap.New(core)).Handler(asHeaderSays))
	t.Cleanup(m.server.Close)
	m.ask("jo", "belay:viewer", "POST", "/v1/secrets", "{}")
	m.ask("jo", "belay:operator", "POST", "/v1/commands", command(t, &state.MemberRemoved{Node: "a"}))
	m.ask("jo", "belay:operator", "POST", "/v1/commands", command(t, &state.NodeStandby{Node: "a"}))
	var got []string
	for _, line := range lines.FilterMessage("refused").All() {
		f := line.ContextMap()
		got = append(got, fmt.Sprint(f["by"], " ", f["role"], " ", f["request"], " ", f["from"] != ""))
	}
	if want := []string{"jo viewer POST /v1/secrets true", "jo operator POST /v1/commands true"}; !slices.Equal(got, want) {
		t.Errorf("logged %q, want %q", got, want)
	}
}
