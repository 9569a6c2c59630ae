package redfish

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// maxSessions is few, as on real BMCs: a client that never logs out
	// notices.
	maxSessions = 16
	// sessionTimeout ends a session that is not used.
	sessionTimeout = 5 * time.Minute
)

type session struct {
	id, token string
	used      time.Time
}

// sessions are the logins of one BMC.
type sessions struct {
	mu   sync.Mutex // guards what follows
	last int
	open []session
}

// add opens a session, or returns false if there are too many.
func (s *sessions) add(now time.Time) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	if len(s.open) >= maxSessions {
		return session{}, false
	}
	s.last++
	opened := session{id: strconv.Itoa(s.last), token: rand.Text(), used: now}
	s.open = append(s.open, opened)
	return opened, true
}

// use reports whether a token belongs to an open session, and keeps it open.
func (s *sessions) use(token string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	for i := range s.open {
		if subtle.ConstantTimeCompare([]byte(s.open[i].token), []byte(token)) == 1 {
			s.open[i].used = now
			return true
		}
	}
	return false
}

func (s *sessions) remove(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.open)
	s.open = slices.DeleteFunc(s.open, func(o session) bool { return o.id == id })
	return len(s.open) < before
}

func (s *sessions) ids(now time.Time) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	var ids []string
	for _, open := range s.open {
		ids = append(ids, open.id)
	}
	return ids
}

// expire drops what was not used for sessionTimeout. The caller holds mu.
func (s *sessions) expire(now time.Time) {
	s.open = slices.DeleteFunc(s.open, func(o session) bool { return now.Sub(o.used) > sessionTimeout })
}

// authenticated lets only requests with a session's token, or with the user's
// name and password, pass.
func (e *Emulator) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, basic := r.BasicAuth()
		switch {
		case basic && e.known(user, password):
		case e.sessions.use(r.Header.Get("X-Auth-Token"), time.Now()):
		default:
			fail(w, http.StatusUnauthorized, "NoValidSession", "There is no valid session or credential with the request.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (e *Emulator) known(user, password string) bool {
	sameUser := subtle.ConstantTimeCompare([]byte(user), []byte(e.user))
	samePassword := subtle.ConstantTimeCompare([]byte(password), []byte(e.password))
	return sameUser&samePassword == 1
}

func (e *Emulator) login(w http.ResponseWriter, r *http.Request) {
	var request struct{ UserName, Password string }
	if !decode(w, r, &request) {
		return
	}
	if !e.known(request.UserName, request.Password) {
		fail(w, http.StatusUnauthorized, "NoValidSession", "The user name or password is wrong.")
		return
	}
	opened, ok := e.sessions.add(time.Now())
	if !ok {
		fail(w, http.StatusServiceUnavailable, "SessionLimitExceeded", "The session limit is reached: delete a session first.")
		return
	}
	w.Header().Set("X-Auth-Token", opened.token)
	w.Header().Set("Location", sessionsPath+"/"+opened.id)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	answer(w, e.sessionObject(opened.id))
}

func (e *Emulator) logout(w http.ResponseWriter, r *http.Request) {
	if !e.sessions.remove(r.PathValue("id")) {
		fail(w, http.StatusNotFound, "ResourceMissingAtURI", "There is no such session.")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (e *Emulator) sessionService(w http.ResponseWriter, _ *http.Request) {
	answer(w, object{
		"@odata.id": "/redfish/v1/SessionService", "@odata.type": "#SessionService.v1_1_6.SessionService",
		"Id": "SessionService", "Name": "Session Service", "ServiceEnabled": true,
		"SessionTimeout": int(sessionTimeout.Seconds()), "Status": healthy, "Sessions": link(sessionsPath),
	})
}

func (e *Emulator) listSessions(w http.ResponseWriter, _ *http.Request) {
	members := []object{}
	for _, id := range e.sessions.ids(time.Now()) {
		members = append(members, link(sessionsPath+"/"+id))
	}
	answer(w, object{
		"@odata.id": sessionsPath, "@odata.type": "#SessionCollection.SessionCollection",
		"Name": "Session Collection", "Members@odata.count": len(members), "Members": members,
	})
}

func (e *Emulator) showSession(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !slices.Contains(e.sessions.ids(time.Now()), id) {
		fail(w, http.StatusNotFound, "ResourceMissingAtURI", "There is no such session.")
		return
	}
	answer(w, e.sessionObject(id))
}

func (e *Emulator) sessionObject(id string) object {
	return object{
		"@odata.id": sessionsPath + "/" + id, "@odata.type": "#Session.v1_2_1.Session",
		"Id": id, "Name": "User Session", "UserName": e.user,
	}
}
