package fencetest

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/belay-ha/belay/fencing"
)

// System is one computer system that a Redfish service shows.
type System struct {
	ID, Name, UUID, Serial string
	// ResetTypes it allows; nil for ForceOff, On and ForceRestart.
	ResetTypes []string
	// ActionInfo shows the allowed types in a resource of their own instead of
	// with the action.
	ActionInfo bool
	// Tasks answers resets with 202 and a task to look at.
	Tasks bool
	// TaskState of those tasks: "Completed" if empty, "Running" for ever, "Gone" for
	// one that the BMC has forgotten, "Empty" for a monitor that ends without a body.
	TaskState string
	// Machine that it switches.
	Machine *Machine
}

// Redfish is an emulated Redfish service.
type Redfish struct {
	// Script of faults; it may be changed at any time.
	Script Script

	config   RedfishConfig
	server   *http.Server
	listener net.Listener
	certPEM  []byte
	leaf     [sha256.Size]byte
	served   chan struct{}
	stop     context.CancelFunc

	mu       sync.Mutex
	sessions map[string]int // requests so far by id; its token is "token-" and the id
	nextID   int
	linked   string
	requests []string
}

// RedfishConfig is what a Redfish service is made of.
type RedfishConfig struct {
	Username, Password string
	Systems            []*System
	// NoBasic refuses basic authentication; NoSessions has no session service.
	NoBasic, NoSessions bool
	// SessionsLink replaces the root's reference to the sessions.
	SessionsLink string
	// MaxSessions refuses logins beyond so many, as an iDRAC does; 0 for no limit.
	MaxSessions int
	// SessionUses ends each session after so many requests; 0 for never.
	SessionUses int
	// Conflict is the HTTP status that a reset gets which the power state makes
	// needless: 409 of an iDRAC, 400 of an iLO. 0 takes it.
	Conflict int
	// ETag is what a system's answers carry in their header instead of their body,
	// and, without a W/ before it, what a reset must have as If-Match.
	ETag string
	// AnyETagRefused answers 412 to every reset with an If-Match.
	AnyETagRefused bool
	// Slash redirects resets to the path with a slash at its end, by 308.
	Slash bool
	// TaskInBody leaves out the Location of a task's answer.
	TaskInBody bool
	// MaxTLS is the newest version of TLS, tls.VersionTLS10 say; 0 for Go's own.
	MaxTLS uint16
	// RSAOnly knows no key exchange but RSA, within TLS 1.2.
	RSAOnly bool
	// Address to listen on, "127.0.0.1:0" if empty.
	Address string
}

// StartRedfish listens and serves until Close. Its certificate is self-signed,
// for the address that it listens on.
func StartRedfish(config RedfishConfig) (*Redfish, error) {
	if config.Address == "" {
		config.Address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", config.Address)
	if err != nil {
		return nil, fmt.Errorf("listen for redfish: %w", err)
	}
	cert, certPEM, err := selfSigned(listener.Addr().(*net.TCPAddr).IP, config.RSAOnly)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &Redfish{
		config: config, listener: listener, certPEM: certPEM,
		leaf: sha256.Sum256(cert.Certificate[0]), served: make(chan struct{}), stop: stop,
		sessions: map[string]int{},
	}
	r.server = &http.Server{
		Handler:           r.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         config.tls(cert),
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1, as BMCs
		ErrorLog:          log.New(io.Discard, "", 0),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	go func() {
		defer close(r.served)
		_ = r.server.ServeTLS(listener, "", "")
	}()
	return r, nil
}

// Close ends the service and every request that hangs in it.
func (r *Redfish) Close() {
	r.stop()
	_ = r.server.Close()
	<-r.served
}

// URL is the service's endpoint.
func (r *Redfish) URL() string { return "https://" + r.listener.Addr().String() }

// CertPEM is the certificate that the service shows.
func (r *Redfish) CertPEM() string { return string(r.certPEM) }

// Fingerprint is the certificate's SHA-256, in hex.
func (r *Redfish) Fingerprint() string { return hex.EncodeToString(r.leaf[:]) }

// Requests returns "METHOD path" of the requests so far, at most the last 1024.
func (r *Redfish) Requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// LinkSystemsTo makes the collection of systems refer to this one resource
// instead of its members, or undoes that when empty.
func (r *Redfish) LinkSystemsTo(ref string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.linked = ref
}

const (
	systemsPath  = "/redfish/v1/Systems"
	sessionsPath = "/redfish/v1/SessionService/Sessions"
	resetSuffix  = "/Actions/ComputerSystem.Reset"
	tasksPath    = "/redfish/v1/TaskService/TaskMonitors/"
)

func (r *Redfish) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /redfish/v1", r.root)
	mux.HandleFunc("GET /redfish/v1/{$}", r.root)
	mux.HandleFunc("POST "+sessionsPath, r.login)
	mux.HandleFunc("DELETE "+sessionsPath+"/{id}", r.signedIn(r.logout))
	mux.HandleFunc("GET "+systemsPath, r.signedIn(r.listSystems))
	mux.HandleFunc("GET "+systemsPath+"/{id}", r.signedIn(r.showSystem))
	mux.HandleFunc("GET "+systemsPath+"/{id}/ResetActionInfo", r.signedIn(r.actionInfo))
	mux.HandleFunc("POST "+systemsPath+"/{id}"+resetSuffix, r.signedIn(r.slash))
	mux.HandleFunc("POST "+systemsPath+"/{id}"+resetSuffix+"/{$}", r.signedIn(r.reset))
	mux.HandleFunc("GET "+tasksPath+"{id}", r.signedIn(r.task))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answerError(w, http.StatusNotFound, "The resource was not found.")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.requests = keep(append(r.requests, req.Method+" "+req.URL.Path))
		r.mu.Unlock()
		mux.ServeHTTP(w, req)
	})
}

func (r *Redfish) root(w http.ResponseWriter, _ *http.Request) {
	root := map[string]any{
		"@odata.id": "/redfish/v1/", "Id": "RootService", "Name": "Root Service", "RedfishVersion": "1.15.0",
		"Systems": link(systemsPath),
	}
	if !r.config.NoSessions {
		root["SessionService"] = link("/redfish/v1/SessionService")
		sessions := sessionsPath
		if r.config.SessionsLink != "" {
			sessions = r.config.SessionsLink
		}
		root["Links"] = map[string]any{"Sessions": link(sessions)}
	}
	answer(w, http.StatusOK, root)
}

func (r *Redfish) listSystems(w http.ResponseWriter, _ *http.Request) {
	members := make([]any, 0, len(r.config.Systems))
	for _, system := range r.config.Systems {
		members = append(members, link(systemsPath+"/"+system.ID))
	}
	r.mu.Lock()
	if r.linked != "" {
		members = []any{link(r.linked)}
	}
	r.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{
		"@odata.id": systemsPath, "Members": members, "Members@odata.count": len(members),
	})
}

func (r *Redfish) system(w http.ResponseWriter, req *http.Request) *System {
	for _, system := range r.config.Systems {
		if system.ID == req.PathValue("id") {
			return system
		}
	}
	answerError(w, http.StatusNotFound, "There is no such system.")
	return nil
}

func (s *System) resetTypes() []string {
	if s.ResetTypes != nil {
		return s.ResetTypes
	}
	return []string{"On", "ForceOff", "ForceRestart"}
}

func (r *Redfish) showSystem(w http.ResponseWriter, req *http.Request) {
	system := r.system(w, req)
	if system == nil {
		return
	}
	fault := r.Script.next(OpRead)
	if r.faulty(w, req, fault, nil) {
		return
	}
	power := system.Machine.Power()
	if fault.Report != fencing.PowerUnknown {
		power = fault.Report
	}
	path := systemsPath + "/" + system.ID
	action := map[string]any{"target": path + resetSuffix}
	if system.ActionInfo {
		action["@Redfish.ActionInfo"] = path + "/ResetActionInfo"
	} else {
		action["ResetType@Redfish.AllowableValues"] = system.resetTypes()
	}
	state := "On"
	if power == fencing.PowerOff {
		state = "Off"
	}
	if fault.State != "" {
		state = fault.State
	}
	body := map[string]any{
		"@odata.id": path, "@odata.etag": `"1"`, "Id": system.ID, "Name": system.Name, "UUID": system.UUID,
		"SerialNumber": system.Serial, "PowerState": state,
		"Actions": map[string]any{"#ComputerSystem.Reset": action},
	}
	if r.config.ETag != "" {
		delete(body, "@odata.etag")
		w.Header().Set("ETag", r.config.ETag)
	}
	answer(w, http.StatusOK, body)
}

func (r *Redfish) actionInfo(w http.ResponseWriter, req *http.Request) {
	system := r.system(w, req)
	if system == nil {
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"@odata.id": req.URL.Path, "Id": "ResetActionInfo", "Name": "Reset Action Info",
		"Parameters": []any{map[string]any{
			"Name": "ResetType", "Required": true, "DataType": "String", "AllowableValues": system.resetTypes(),
		}},
	})
}

func (r *Redfish) slash(w http.ResponseWriter, req *http.Request) {
	if r.config.Slash {
		http.Redirect(w, req, req.URL.Path+"/", http.StatusPermanentRedirect)
		return
	}
	r.reset(w, req)
}

func (r *Redfish) reset(w http.ResponseWriter, req *http.Request) {
	system := r.system(w, req)
	if system == nil {
		return
	}
	var body struct{ ResetType string }
	_ = json.NewDecoder(req.Body).Decode(&body)
	op, on := OpOff, false
	switch body.ResetType {
	case "ForceRestart", "PowerCycle":
		op = OpCycle
	case "On", "ForceOn":
		op, on = OpOn, true
	case "PushPowerButton":
		if system.Machine.Power() == fencing.PowerOff {
			op, on = OpOn, true
		}
	}
	if !slices.Contains(system.resetTypes(), body.ResetType) {
		answerError(w, http.StatusBadRequest, "The value "+body.ResetType+" for ResetType is not in the list of acceptable values.")
		return
	}
	fault := r.Script.next(op)
	act := func() { fault.act(system.Machine, on) }
	if op == OpCycle {
		act = func() { fault.cycle(system.Machine) }
	}
	if r.faulty(w, req, fault, act) {
		return
	}
	if match := req.Header.Get("If-Match"); r.config.AnyETagRefused && match != "" || r.config.ETag != "" && match != strings.TrimPrefix(r.config.ETag, "W/") {
		answerError(w, http.StatusPreconditionFailed, "The ETag supplied did not match the ETag required.")
		return
	}
	if r.config.Conflict != 0 && op != OpCycle && on == (system.Machine.Power() == fencing.PowerOn) {
		answerMessage(w, r.config.Conflict, "IDRAC.2.4.PSU501", "Server is already powered "+strings.ToUpper(system.Machine.Power().String())+".")
		return
	}
	act()
	if !system.Tasks {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	monitor := tasksPath + system.ID
	created := map[string]any{"@odata.id": monitor, "Id": system.ID, "TaskState": "Running"}
	if !r.config.TaskInBody {
		w.Header().Set("Location", monitor)
		created["@odata.id"] = "/redfish/v1/TaskService/Tasks/" + system.ID
	}
	answer(w, http.StatusAccepted, created)
}

func (r *Redfish) task(w http.ResponseWriter, req *http.Request) {
	system := r.system(w, req)
	if system == nil {
		return
	}
	state, status := system.TaskState, http.StatusOK
	switch state {
	case "":
		state = "Completed"
	case "Running":
		status = http.StatusAccepted
	case "Gone":
		answerError(w, http.StatusNotFound, "There is no such task.")
		return
	case "Empty":
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer(w, status, map[string]any{
		"@odata.id": req.URL.Path, "Id": system.ID, "TaskState": state, "TaskStatus": "Critical",
		"Messages": []any{map[string]any{"Message": "the host board did not answer"}},
	})
}
