package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// requests are those that carry a body.
var requests = []string{
	"/v1/commands", "/v1/wait", "/v1/secrets", "/v1/tokens", "/v1/fence/check", "/v1/peer/propose", "/v1/peer/order", "/v1/peer/cancel", "/v1/peer/fence", "/v1/peer/fence-check",
	"/v1/data-key", "/v1/peer/data-key", "/v1/certificates", "/v1/peer/lease", "/v1/peer/echo", "/v1/join",
}

// TestEveryBodyIsFuzzed: no route that takes a body is left out of the list.
func TestEveryBodyIsFuzzed(t *testing.T) {
	m := newMember(t, "a")
	for _, route := range NewServer(m, m, zap.NewNop()).routes() {
		if method, path, _ := strings.Cut(route.pattern, " "); method != http.MethodGet && !slices.Contains(requests, path) {
			t.Errorf("%s is not fuzzed", route.pattern)
		}
	}
}

// FuzzRequests: whatever a caller sends, the server answers in JSON, and says of
// what it cannot read at which byte.
func FuzzRequests(f *testing.F) {
	for n := range requests {
		for _, body := range []string{
			"", "{", "null", "[]", "{}", `{"name":"node.standby/1","data":{"node":"a","standby":true}}`, `{"name":"definition.set/1","data":{"base":1,"definition":{"name":"x","resources":[{"id":"r","agent":"vip"}]}}}`,
			`{"name":"definition.set/2","data":{"base":0,"definition":{},"owners":{"resource[x]":"files"}}}`, `{"index":7,"resources":["x"],"timeout":"5s"}`, `{"secret":"x","value":"y"}`, `{"ttl":"1h"}`, `{"devices":["a","b"]}`,
			`{"id":"1.0","node":"a","instance":"x","op":"start","timeout":"1s","term":1}`, `{"fence":"f1","node":"a","timeout":"9s"}`, `{"index":"seven"}`, `{"timeout":"soon"}`,
			strings.Repeat("[", 20000),
		} {
			f.Add(uint8(n), []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, route uint8, body []byte) {
		m := &member{name: "a"}
		m.leader, m.server = m, &httptest.Server{}
		handler := NewServer(m, m, zap.NewNop()).Handler(func(*http.Request) Identity { return Identity{Name: "a", Role: RolePeer} })
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest("POST", requests[int(route)%len(requests)], bytes.NewReader(body)))
		var reply struct {
			Error *Error `json:"error"`
		}
		if err := json.Unmarshal(answer.Body.Bytes(), &reply); err != nil && answer.Code != http.StatusOK {
			t.Fatalf("%d: %s", answer.Code, answer.Body)
		}
		if reply.Error != nil && strings.HasPrefix(reply.Error.Text, "read the request: ") && !strings.HasPrefix(reply.Error.Text, "read the request: byte ") {
			t.Errorf("no place in %q", reply.Error.Text)
		}
	})
}
