// Package redfish emulates the Redfish service of one BMC with one system, as
// far as a fencing device uses it: sessions and basic authentication, the
// system's power state, and ComputerSystem.Reset.
//
// An Emulator is an http.Handler: serve it over TLS in a rig, or with
// httptest.NewTLSServer in a unit test. It starts no goroutine.
package redfish

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/bmc"
)

// maxBody bounds a request's body.
const maxBody = 64 << 10

// Chassis is the power switch behind the service: *bmc.Chassis.
type Chassis interface {
	Power(ctx context.Context) (on bool, err error)
	On(ctx context.Context) error
	Off(ctx context.Context) error
	Restart(ctx context.Context) error
	Press(ctx context.Context) error
}

// Emulator is one BMC's Redfish service.
type Emulator struct {
	name           string
	user, password string
	chassis        Chassis
	sessions       sessions
	mux            *http.ServeMux

	mu         sync.Mutex // guards what follows
	fault      bmc.Fault
	bootTarget string
}

// New returns the service of the named host. It answers only to that user.
func New(name, user, password string, chassis Chassis) *Emulator {
	e := &Emulator{name: name, user: user, password: password, chassis: chassis,
		mux: http.NewServeMux(), fault: bmc.Healthy, bootTarget: "None"}
	open := map[string]http.HandlerFunc{
		"GET /redfish":         e.versions,
		"GET /redfish/v1":      e.root,
		"GET /redfish/v1/{$}":  e.root,
		"POST " + sessionsPath: e.login,
	}
	closed := map[string]http.HandlerFunc{
		"GET /redfish/v1/SessionService":   e.sessionService,
		"GET " + sessionsPath:              e.listSessions,
		"GET " + sessionsPath + "/{id}":    e.showSession,
		"DELETE " + sessionsPath + "/{id}": e.logout,
		"GET /redfish/v1/Systems":          e.collection("ComputerSystem", systemPath),
		"GET " + systemPath:                e.system,
		"PATCH " + systemPath:              e.patchSystem,
		"POST " + resetPath:                e.reset,
		"GET /redfish/v1/Chassis":          e.collection("Chassis", chassisPath),
		"GET " + chassisPath:               e.chassisResource,
		"GET /redfish/v1/Managers":         e.collection("Manager", managerPath),
		"GET " + managerPath:               e.manager,
	}
	for pattern, handler := range open {
		e.mux.Handle(pattern, handler)
	}
	for pattern, handler := range closed {
		e.mux.Handle(pattern, e.authenticated(handler))
		if _, exact := strings.CutSuffix(pattern, "}"); !exact {
			e.mux.Handle(pattern+"/{$}", e.authenticated(handler))
		}
	}
	e.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "ResourceMissingAtURI", "The resource at the URI "+r.URL.Path+" was not found.")
	})
	return e
}

// SetFault makes the service faulty from the next request on. Stop and Silent
// are for whoever listens: to the Emulator they are as Healthy.
func (e *Emulator) SetFault(fault bmc.Fault) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fault = fault
}

// Fault returns what is wrong with the service.
func (e *Emulator) Fault() bmc.Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fault
}

// ServeHTTP answers one request, or with the fault Hang waits until the client
// gives up.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("OData-Version", "4.0")
	w.Header().Set("Cache-Control", "no-store")
	switch e.Fault() {
	case bmc.Hang:
		// A body that is not read keeps the server from seeing that the client left.
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxBody))
		<-r.Context().Done()
		return
	case bmc.Broken:
		fail(w, http.StatusInternalServerError, "InternalError", "The request failed due to an internal service error.")
		return
	}
	e.mux.ServeHTTP(w, r)
}

// resetTypes are the values of ResetType that this BMC allows.
var resetTypes = []string{"On", "ForceOff", "GracefulShutdown", "ForceRestart"}

func (e *Emulator) reset(w http.ResponseWriter, r *http.Request) {
	var request struct{ ResetType string }
	if !decode(w, r, &request) {
		return
	}
	var action func(context.Context) error
	switch request.ResetType {
	case "On":
		action = e.chassis.On
	case "ForceOff":
		action = e.chassis.Off
	case "ForceRestart":
		action = e.chassis.Restart
	case "GracefulShutdown":
		action = e.chassis.Press
	case "":
		fail(w, http.StatusBadRequest, "ActionParameterMissing",
			"The action ComputerSystem.Reset requires that the parameter ResetType be present in the request body.")
		return
	default:
		fail(w, http.StatusBadRequest, "ActionParameterNotSupported",
			"The parameter ResetType with the value "+request.ResetType+" is not supported; use one of "+strings.Join(resetTypes, ", ")+".")
		return
	}
	if e.Fault() != bmc.Ignore {
		// A client that hangs up does not take its request back.
		if err := action(context.WithoutCancel(r.Context())); err != nil {
			failAction(w, err)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func failAction(w http.ResponseWriter, err error) {
	if errors.Is(err, bmc.ErrConflict) {
		fail(w, http.StatusConflict, "ResourceInUse", "The system already has the requested power state.")
		return
	}
	fail(w, http.StatusInternalServerError, "InternalError", "The power could not be switched: "+err.Error())
}

// patchSystem takes the one-time boot device, which provisioning sets.
func (e *Emulator) patchSystem(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Boot struct{ BootSourceOverrideTarget string }
	}
	if !decode(w, r, &request) {
		return
	}
	if target := request.Boot.BootSourceOverrideTarget; target != "" {
		e.mu.Lock()
		e.bootTarget = target
		e.mu.Unlock()
	}
	e.system(w, r)
}

func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" {
		fail(w, http.StatusUnsupportedMediaType, "UnrecognizedRequestBody", "The Content-Type must be application/json.")
		return false
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(into); err != nil {
		fail(w, http.StatusBadRequest, "MalformedJSON", "The request body could not be read as JSON.")
		return false
	}
	return true
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	// The client may be gone; there is nobody else to tell.
	_ = json.NewEncoder(w).Encode(body)
}

// fail answers with Redfish's error body: a code and, in the extended info,
// the message again with its registry id (DSP0266, "Error responses").
func fail(w http.ResponseWriter, status int, id, message string) {
	const registry = "Base.1.8."
	w.Header().Set("Content-Type", "application/json")
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="BMC"`)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
		"code":    registry + id,
		"message": message,
		"@Message.ExtendedInfo": []any{map[string]any{
			"@odata.type": "#Message.v1_1_1.Message",
			"MessageId":   registry + id, "Message": message,
			"Severity": "Critical", "MessageArgs": []string{},
			"Resolution": "Correct the request, or try again later.",
		}},
	}})
}
