// Package ironic is a small stand-in for the Ironic API: as much of it as
// ironic-inspector asks for to start, to filter DHCP, and to inspect nodes.
//
// It keeps nodes and ports in memory and starts no goroutine. It checks no
// credentials.
package ironic

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
)

// maxBody bounds a request's body.
const maxBody = 1 << 20

type object = map[string]any

// API is the service. It is an http.Handler.
type API struct {
	base string
	mux  *http.ServeMux

	mu    sync.Mutex // guards what follows
	nodes []object
	ports []object
}

// New returns an API that tells clients to find it at base, a URL without a
// final slash. It knows count nodes, node-0 and so on, with one port each:
// 52:54:00:00:00:01 and up.
func New(base string, count int) *API {
	a := &API{base: base, mux: http.NewServeMux()}
	for i := range count {
		uuid := fmt.Sprintf("22222222-2222-4222-8222-%012d", i)
		a.nodes = append(a.nodes, object{
			"uuid": uuid, "name": fmt.Sprintf("node-%d", i), "driver": "ipmi",
			"provision_state": "manageable", "power_state": "power off", "maintenance": false,
			"driver_info": object{"ipmi_address": fmt.Sprintf("192.0.2.%d", 10+i)},
			"properties":  object{}, "extra": object{}, "instance_info": object{}, "instance_uuid": nil,
			"inspect_interface": "inspector", "links": []any{},
		})
		a.ports = append(a.ports, object{
			"uuid": fmt.Sprintf("33333333-3333-4333-8333-%012d", i), "node_uuid": uuid,
			"address": fmt.Sprintf("52:54:00:00:00:%02x", i+1),
			"extra":   object{}, "pxe_enabled": true, "links": []any{},
		})
	}
	a.routes()
	return a
}

func (a *API) routes() {
	handle := func(pattern string, handler http.HandlerFunc) { a.mux.HandleFunc(pattern, handler) }
	handle("GET /{$}", a.discover)
	handle("GET /v1", a.version)
	handle("GET /v1/nodes", a.listNodes)
	handle("GET /v1/nodes/detail", a.listNodes)
	handle("GET /v1/ports", a.listPorts)
	handle("POST /v1/ports", a.addPort)
	handle("GET /v1/ports/detail", a.listPorts)
	handle("GET /v1/nodes/{node}", a.node(showNode))
	handle("PATCH /v1/nodes/{node}", a.node(patchNode))
	handle("GET /v1/nodes/{node}/ports", a.node(a.nodePorts))
	handle("GET /v1/nodes/{node}/validate", a.node(validate))
	handle("GET /v1/nodes/{node}/states", a.node(showStates))
	handle("PUT /v1/nodes/{node}/states/power", a.node(setPower))
	handle("PUT /v1/nodes/{node}/management/boot_device", a.node(setBootDevice))
	handle("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "no such path: "+r.URL.Path)
	})
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Clients negotiate: any microversion that they ask for is fine.
	version := r.Header.Get("X-OpenStack-Ironic-API-Version")
	if version == "" || version == "latest" {
		version = maxVersion
	}
	header := w.Header()
	header.Set("X-OpenStack-Ironic-API-Version", version)
	header.Set("X-OpenStack-Ironic-API-Minimum-Version", "1.1")
	header.Set("X-OpenStack-Ironic-API-Maximum-Version", maxVersion)
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if r.URL.Path != "/" {
		r.URL.Path = strings.TrimRight(r.URL.Path, "/")
	}
	a.mux.ServeHTTP(w, r)
}

const maxVersion = "1.82"

func (a *API) versionObject() object {
	return object{"id": "v1", "status": "CURRENT", "version": maxVersion, "min_version": "1.1",
		"links": []object{{"href": a.base + "/v1/", "rel": "self"}}}
}

func (a *API) discover(w http.ResponseWriter, _ *http.Request) {
	version := a.versionObject()
	answer(w, http.StatusOK, object{"name": "OpenStack Ironic API", "default_version": version, "versions": []object{version}})
}

func (a *API) version(w http.ResponseWriter, _ *http.Request) {
	version := a.versionObject()
	answer(w, http.StatusOK, object{"id": "v1", "version": version, "links": version["links"]})
}

func (a *API) listNodes(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	answer(w, http.StatusOK, object{"nodes": page(r, a.nodes)})
}

func (a *API) listPorts(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ports := a.ports
	if address := r.URL.Query().Get("address"); address != "" {
		ports = nil
		for _, port := range a.ports {
			if strings.EqualFold(port["address"].(string), address) {
				ports = append(ports, port)
			}
		}
	}
	answer(w, http.StatusOK, object{"ports": page(r, ports)})
}

// page returns all of a list on the first page and nothing after it.
func page(r *http.Request, list []object) []object {
	if r.URL.Query().Has("marker") || list == nil {
		return []object{}
	}
	return list
}

func (a *API) addPort(w http.ResponseWriter, r *http.Request) {
	var port object
	if err := json.NewDecoder(r.Body).Decode(&port); err != nil {
		fail(w, http.StatusBadRequest, "the body is not JSON")
		return
	}
	address, _ := port["address"].(string)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, known := range a.ports {
		if strings.EqualFold(known["address"].(string), address) {
			fail(w, http.StatusConflict, "a port with that address exists")
			return
		}
	}
	port["uuid"] = fmt.Sprintf("33333333-3333-4333-8333-%012d", len(a.ports))
	a.ports = append(a.ports, port)
	answer(w, http.StatusCreated, port)
}

// nodeHandler answers for one node. The API's lock is held.
type nodeHandler func(w http.ResponseWriter, r *http.Request, node object)

// node finds the node that the path names by UUID or name.
func (a *API) node(next nodeHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// The body comes from the network: read it before taking the lock.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			fail(w, http.StatusBadRequest, "the body could not be read")
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		name := r.PathValue("node")
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, node := range a.nodes {
			if node["uuid"] == name || node["name"] == name {
				next(w, r, node)
				return
			}
		}
		fail(w, http.StatusNotFound, "no such node: "+name)
	}
}

func showNode(w http.ResponseWriter, _ *http.Request, node object) { answer(w, http.StatusOK, node) }

// patchNode applies a JSON patch of depth one or two, which is what the
// inspector sends.
func patchNode(w http.ResponseWriter, r *http.Request, node object) {
	var patch []struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	if err := json.NewDecoder(r.Body).Decode(&patch); err != nil {
		fail(w, http.StatusBadRequest, "the body is not a JSON patch")
		return
	}
	for _, change := range patch {
		into, key := node, strings.TrimPrefix(change.Path, "/")
		if parent, child, deep := strings.Cut(key, "/"); deep {
			old, _ := node[parent].(object)
			into, key = maps.Clone(old), child
			if into == nil {
				into = object{}
			}
			node[parent] = into
		}
		if change.Op == "remove" {
			delete(into, key)
		} else {
			into[key] = change.Value
		}
	}
	answer(w, http.StatusOK, node)
}

func (a *API) nodePorts(w http.ResponseWriter, r *http.Request, node object) {
	var ports []object
	for _, port := range a.ports {
		if port["node_uuid"] == node["uuid"] {
			ports = append(ports, port)
		}
	}
	answer(w, http.StatusOK, object{"ports": page(r, ports)})
}

func validate(w http.ResponseWriter, _ *http.Request, _ object) {
	result := object{}
	for _, interfaceName := range []string{"boot", "deploy", "inspect", "management", "power"} {
		result[interfaceName] = object{"result": true, "reason": ""}
	}
	answer(w, http.StatusOK, result)
}

func showStates(w http.ResponseWriter, _ *http.Request, node object) {
	answer(w, http.StatusOK, object{"power_state": node["power_state"], "target_power_state": nil})
}

func setPower(w http.ResponseWriter, r *http.Request, node object) {
	var request struct{ Target string }
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		fail(w, http.StatusBadRequest, "the body is not JSON")
		return
	}
	switch request.Target {
	case "power off", "soft power off":
		node["power_state"] = "power off"
	case "power on", "rebooting", "soft rebooting":
		node["power_state"] = "power on"
	default:
		fail(w, http.StatusBadRequest, "no such power state: "+request.Target)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func setBootDevice(w http.ResponseWriter, _ *http.Request, _ object) {
	w.WriteHeader(http.StatusNoContent)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The client may be gone; there is nobody else to tell.
	_ = json.NewEncoder(w).Encode(body)
}

func fail(w http.ResponseWriter, status int, message string) {
	answer(w, status, object{"error_message": object{"faultstring": message, "faultcode": "Client", "debuginfo": nil}})
}
