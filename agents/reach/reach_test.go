package reach

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestAnswers(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(serve))
	defer plain.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(serve))
	defer secure.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	closed.Close()
	for name, c := range map[string]struct {
		target string
		verify bool
		want   string // in the error; empty for an answer
	}{
		"a connection":                 {"tcp://" + plain.Listener.Addr().String(), true, ""},
		"nobody listens":               {"tcp://" + nobody, true, "connection refused"},
		"a page":                       {plain.URL + "/200", true, ""},
		"a redirect is not followed":   {plain.URL + "/302", true, ""},
		"a demand for credentials":     {plain.URL + "/401", true, ""},
		"no such page":                 {plain.URL + "/404", true, "status 404"},
		"a service that does not work": {plain.URL + "/503", true, "status 503"},
		"nobody serves":                {"http://" + nobody, true, "connection refused"},
		"an unknown certificate":       {secure.URL + "/200", false, ""},
		"one that is not taken":        {secure.URL + "/200", true, "certificate"},
		"an answer without an end":     {plain.URL + "/endless", true, ""},
		"a password is not told":       {"http://jo:hunter2@" + nobody, true, "xxxxx"},
	} {
		target, err := url.Parse(c.target)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err = Answers(ctx, target, c.verify)
		cancel()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, text := range []string{plain.URL, "tcp://" + plain.Listener.Addr().String()} {
		target, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if Answers(ended, target, true) == nil {
			t.Errorf("%s answers whom nobody waits for", text)
		}
	}
}

func serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/302":
		http.Redirect(w, r, "/503", http.StatusFound)
	case "/401":
		w.WriteHeader(http.StatusUnauthorized)
	case "/404":
		w.WriteHeader(http.StatusNotFound)
	case "/503":
		w.WriteHeader(http.StatusServiceUnavailable)
	case "/endless":
		chunk := make([]byte, 4<<10)
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
}
