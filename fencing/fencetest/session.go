package fencetest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Sessions returns how many sessions are open.
func (r *Redfish) Sessions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sessions)
}

// OpenSession opens a session as another client of the BMC would, which never
// ends it.
func (r *Redfish) OpenSession() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nextID++
	r.sessions[strconv.Itoa(r.nextID)] = 0
}

// EndSessions ends all sessions.
func (r *Redfish) EndSessions() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.sessions)
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
	spent := r.config.MaxSessions > 0 && len(r.sessions) >= r.config.MaxSessions
	if spent {
		r.mu.Unlock()
		answerMessage(w, http.StatusServiceUnavailable, "IDRAC.2.4.RAC0218", "The maximum number of user sessions is reached.")
		return
	}
	r.nextID++
	id := strconv.Itoa(r.nextID)
	r.sessions[id] = 0
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
			ok = r.use(strings.TrimPrefix(token, "token-"))
		}
		if !ok {
			answerError(w, http.StatusUnauthorized, "The credentials are missing or not valid.")
			return
		}
		next(w, req)
	}
}

// use counts a request in a session, and reports whether there is such a one.
func (r *Redfish) use(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	uses, open := r.sessions[id]
	if open && r.config.SessionUses > 0 && uses >= r.config.SessionUses {
		delete(r.sessions, id)
		return false
	}
	if open {
		r.sessions[id]++
	}
	return open
}
