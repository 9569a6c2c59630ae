package api

import (
	"fmt"
	"net/http"
)

// handler answers a request whose caller may make it.
type handler func(*http.Request, []byte, Identity) (any, error)

// route is one request that can be made, and the least role for it.
type route struct {
	pattern string // method and path
	least   Role
	handle  handler
}

// routes are all that members and people can ask for. Who may give which command
// is in asked.
func (s *Server) routes() []route {
	here := func(pattern string, least Role, h handler) route { return route{pattern, least, h} }
	leader := func(pattern string, least Role, h handler) route { return route{pattern, least, s.atLeader(h)} }
	return []route{
		here("GET /v1/ping", RoleNone, func(*http.Request, []byte, Identity) (any, error) { return struct{}{}, nil }),
		here("GET /metrics", RoleViewer, func(*http.Request, []byte, Identity) (any, error) { return page(s.cluster.Metrics()), nil }),
		here("GET /v1/status", RoleViewer, s.staleOrLeader(s.status)),
		here("GET /v1/state", RoleViewer, s.staleOrLeader(s.state)),
		here("GET /v1/definition", RoleViewer, s.staleOrLeader(s.definition)),
		here("GET /v1/history", RoleViewer, s.history),
		here("GET /v1/audit", RoleViewer, s.staleOrLeader(s.audit)),
		here("GET /v1/whoami", RoleNone, func(_ *http.Request, _ []byte, who Identity) (any, error) { return s.whoami(who), nil }),
		leader("GET /v1/revisions", RoleViewer, s.revisions),
		leader("GET /v1/live", RoleViewer, func(*http.Request, []byte, Identity) (any, error) { return s.cluster.Live(), nil }),
		leader("GET /v1/explain", RoleViewer, s.explain),
		leader("POST /v1/commands", RoleViewer, s.command), // each command has a role of its own
		leader("POST /v1/wait", RoleViewer, s.wait),
		leader("POST /v1/secrets", RoleAdmin, s.secret),
		leader("POST /v1/data-key", RoleAdmin, s.rotateKey),
		leader("POST /v1/tokens", RoleAdmin, s.token),
		leader("POST /v1/certificates", RoleAdmin, s.certificate),
		leader("POST /v1/fence/check", RoleOperator, s.checkFences), // it logs in with the cluster's accounts
		here("GET /v1/doctor", RoleOperator, s.doctor),              // it writes to disks and dials
		here("GET /v1/report", RoleAdmin, s.report),
		here("GET /v1/units", RoleViewer, s.units),
		here("GET /v1/peer/units", RolePeer, s.ownUnits),
		here("GET /v1/peer/data-key", RolePeer, s.dataKey),
		here("POST /v1/peer/data-key", RolePeer, s.learnKey),
		here("GET /v1/peer/examine", RolePeer, s.examine),
		here("GET /v1/peer/report", RolePeer, s.peerReport),
		here("POST /v1/peer/echo", RolePeer, s.echo),
		leader("POST /v1/peer/propose", RolePeer, s.peerPropose),
		here("POST /v1/peer/order", RolePeer, s.order),
		here("POST /v1/peer/cancel", RolePeer, s.cancel),
		here("POST /v1/peer/fence", RolePeer, s.fence),
		here("POST /v1/peer/fence-check", RolePeer, s.readFence),
		leader("POST /v1/peer/lease", RolePeer, s.lease),
		here("GET /v1/peer/check", RolePeer, s.check),
		leader("POST /v1/join", RolePeer, s.join), // a joiner's request that another member sends on
	}
}

// Handler returns the routes for callers whose identity identify finds.
func (s *Server) Handler(identify func(*http.Request) Identity) http.Handler {
	mux := http.NewServeMux()
	for _, route := range s.routes() {
		mux.HandleFunc(route.pattern, func(w http.ResponseWriter, r *http.Request) {
			s.serve(w, r, MaxBody, route.least, identify, route.handle)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, &Error{Code: CodeNotFound, Text: fmt.Sprintf("no such request: %s %s", r.Method, r.URL.Path)})
	})
	return mux
}
