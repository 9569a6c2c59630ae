package ironic

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ask(t *testing.T, api *API, method, path, body string) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	var decoded map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &decoded); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return w.Code, decoded
}

func TestPathsOfTheInspector(t *testing.T) {
	const uuid = "22222222-2222-4222-8222-000000000001"
	cases := []struct {
		method, path, body string
		status             int
		key                string // that the answer must have
	}{
		{"GET", "/", "", 200, "default_version"},
		{"GET", "/v1/", "", 200, "version"},
		{"GET", "/v1/nodes?limit=1000", "", 200, "nodes"},
		{"GET", "/v1/nodes/detail", "", 200, "nodes"},
		{"GET", "/v1/ports?fields=address,extra", "", 200, "ports"},
		{"GET", "/v1/nodes/" + uuid, "", 200, "power_state"},
		{"GET", "/v1/nodes/node-1", "", 200, "power_state"},
		{"GET", "/v1/nodes/node-9", "", 404, "error_message"},
		{"GET", "/v1/nodes/" + uuid + "/ports", "", 200, "ports"},
		{"GET", "/v1/nodes/" + uuid + "/validate", "", 200, "inspect"},
		{"GET", "/v1/nodes/" + uuid + "/states", "", 200, "power_state"},
		{"PUT", "/v1/nodes/" + uuid + "/states/power", `{"target":"rebooting"}`, 202, ""},
		{"PUT", "/v1/nodes/" + uuid + "/states/power", `{"target":"sideways"}`, 400, "error_message"},
		{"PUT", "/v1/nodes/" + uuid + "/management/boot_device", `{"boot_device":"pxe"}`, 204, ""},
		{"POST", "/v1/ports", `{"address":"52:54:00:00:00:01"}`, 409, "error_message"},
		{"POST", "/v1/ports", `{"address":"52:54:00:00:00:99"}`, 201, "uuid"},
		{"GET", "/v1/volume", "", 404, "error_message"},
	}
	for _, c := range cases {
		status, body := ask(t, New("http://ironic", 2), c.method, c.path, c.body)
		if _, has := body[c.key]; status != c.status || (c.key != "" && !has) {
			t.Errorf("%s %s: %d, %v; want %d with %q", c.method, c.path, status, body, c.status, c.key)
		}
	}
}

func TestPatch(t *testing.T) {
	api := New("http://ironic", 1)
	patch := `[{"op":"add","path":"/properties/cpus","value":"4"},{"op":"add","path":"/extra/a","value":1},
		{"op":"replace","path":"/maintenance","value":true},{"op":"remove","path":"/extra/a"}]`
	if status, _ := ask(t, api, "PATCH", "/v1/nodes/node-0", patch); status != http.StatusOK {
		t.Fatal(status)
	}
	_, node := ask(t, api, "GET", "/v1/nodes/node-0", "")
	got := map[string]any{"properties": node["properties"], "extra": node["extra"], "maintenance": node["maintenance"]}
	want := map[string]any{"properties": map[string]any{"cpus": "4"}, "extra": map[string]any{}, "maintenance": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPowerIsKept(t *testing.T) {
	api := New("http://ironic", 1)
	ask(t, api, "PUT", "/v1/nodes/node-0/states/power", `{"target":"power on"}`)
	if _, body := ask(t, api, "GET", "/v1/nodes/node-0/states", ""); body["power_state"] != "power on" {
		t.Error(body)
	}
}

func TestPaging(t *testing.T) {
	api := New("http://ironic", 2)
	_, first := ask(t, api, "GET", "/v1/ports", "")
	_, next := ask(t, api, "GET", "/v1/ports?marker=x", "")
	_, one := ask(t, api, "GET", "/v1/ports?address=52:54:00:00:00:02", "")
	if len(first["ports"].([]any)) != 2 || len(next["ports"].([]any)) != 0 || len(one["ports"].([]any)) != 1 {
		t.Errorf("first %v, next %v, one %v", first, next, one)
	}
}
