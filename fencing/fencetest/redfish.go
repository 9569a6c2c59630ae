package fencetest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strconv"
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
	// TaskState of those tasks: "Completed" if empty.
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
	sessions map[string]string // token by id
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
	cert, certPEM, err := selfSigned(listener.Addr().(*net.TCPAddr).IP)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &Redfish{
		config: config, listener: listener, certPEM: certPEM,
		leaf: sha256.Sum256(cert.Certificate[0]), served: make(chan struct{}), stop: stop,
		sessions: map[string]string{},
	}
	r.server = &http.Server{
		Handler:           r.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
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

// Sessions returns how many sessions are open.
func (r *Redfish) Sessions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sessions)
}

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
	mux.HandleFunc("POST "+systemsPath+"/{id}"+resetSuffix, r.signedIn(r.reset))
	mux.HandleFunc("GET /redfish/v1/TaskService/TaskMonitors/{id}", r.signedIn(r.task))
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

func (r *Redfish) login(w http.ResponseWriter, req *http.Request) {
	if r.faulty(w, req, r.Script.next(OpLogin), nil) {
		return
	}
	var body struct{ UserName, Password string }
	_ = json.NewDecoder(req.Body).Decode(&body)
	switch {
	case r.config.NoSessions:
		answerError(w, http.StatusNotFound, "There is no session service.")
		return
	case body.UserName != r.config.Username || body.Password != r.config.Password:
		answerError(w, http.StatusUnauthorized, "Invalid username or password.")
		return
	}
	r.mu.Lock()
	r.nextID++
	id := strconv.Itoa(r.nextID)
	r.sessions[id] = "token-" + id
	r.mu.Unlock()
	w.Header().Set("X-Auth-Token", "token-"+id)
	w.Header().Set("Location", sessionsPath+"/"+id)
	answer(w, http.StatusCreated, map[string]any{"@odata.id": sessionsPath + "/" + id, "Id": id})
}

func (r *Redfish) logout(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	delete(r.sessions, req.PathValue("id"))
	r.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (r *Redfish) signedIn(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		user, password, basic := req.BasicAuth()
		ok := basic && !r.config.NoBasic && user == r.config.Username && password == r.config.Password
		if token := req.Header.Get("X-Auth-Token"); token != "" {
			r.mu.Lock()
			for _, open := range r.sessions {
				ok = ok || open == token
			}
			r.mu.Unlock()
		}
		if !ok {
			answerError(w, http.StatusUnauthorized, "The credentials are missing or not valid.")
			return
		}
		next(w, req)
	}
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
	answer(w, http.StatusOK, map[string]any{
		"@odata.id": path, "@odata.etag": `"1"`, "Id": system.ID, "Name": system.Name, "UUID": system.UUID,
		"SerialNumber": system.Serial, "PowerState": state,
		"Actions": map[string]any{"#ComputerSystem.Reset": action},
	})
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
	act()
	if !system.Tasks {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	monitor := "/redfish/v1/TaskService/TaskMonitors/" + system.ID
	w.Header().Set("Location", monitor)
	answer(w, http.StatusAccepted, map[string]any{
		"@odata.id": "/redfish/v1/TaskService/Tasks/" + system.ID, "Id": system.ID, "TaskState": "Running",
	})
}

func (r *Redfish) task(w http.ResponseWriter, req *http.Request) {
	system := r.system(w, req)
	if system == nil {
		return
	}
	state := system.TaskState
	if state == "" {
		state = "Completed"
	}
	answer(w, http.StatusOK, map[string]any{
		"@odata.id": req.URL.Path, "Id": system.ID, "TaskState": state, "TaskStatus": "Critical",
		"Messages": []any{map[string]any{"Message": "the host board did not answer"}},
	})
}

// faulty answers in the way of the fault and reports whether it did.
func (r *Redfish) faulty(w http.ResponseWriter, req *http.Request, fault Fault, act func()) bool {
	if fault.Delay > 0 {
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		select {
		case <-req.Context().Done():
			return true
		case <-timer.C:
		}
	}
	if fault.Act && act != nil {
		act()
	}
	switch {
	case fault.Hang:
		<-req.Context().Done()
		return true
	case fault.Drop:
		panic(http.ErrAbortHandler)
	case fault.Redirect != "":
		http.Redirect(w, req, fault.Redirect, http.StatusTemporaryRedirect)
		return true
	case fault.Status != 0:
		if fault.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(fault.RetryAfter/time.Second)))
		}
		answerError(w, fault.Status, fault.Message)
		return true
	}
	return false
}

func link(path string) map[string]string { return map[string]string{"@odata.id": path} }

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func answerError(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]any{"error": map[string]any{
		"code": "Base.1.8.GeneralError", "message": "See @Message.ExtendedInfo.",
		"@Message.ExtendedInfo": []any{map[string]any{
			"MessageId": "Base.1.8." + strings.ReplaceAll(http.StatusText(status), " ", ""), "Message": message,
		}},
	}})
}

func selfSigned(ip net.IP) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "emulated BMC"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IPAddresses: []net.IP{ip}, BasicConstraintsValid: true, IsCA: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
