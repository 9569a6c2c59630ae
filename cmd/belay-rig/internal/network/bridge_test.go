package network

import (
	"context"
	"strings"
	"testing"
)

func TestElements(t *testing.T) {
	got := elements("add", []Pair{{"a", "b"}, {"b", "a"}})
	if want := `add element bridge belay_rig cut { "a" . "b", "b" . "a" }`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestLosing(t *testing.T) {
	for percent, want := range map[int]string{
		0:   "flush chain bridge belay_rig losing",
		30:  "flush chain bridge belay_rig losing\nadd rule bridge belay_rig losing numgen random mod 100 < 30 counter drop",
		100: "flush chain bridge belay_rig losing\nadd rule bridge belay_rig losing counter drop",
	} {
		if got := losing(percent); got != want {
			t.Errorf("%d: got %q, want %q", percent, got, want)
		}
	}
}

func TestDialWantsAnAddress(t *testing.T) {
	_, err := Namespace("none").DialContext(context.Background(), "tcp", "example.org:80")
	if err == nil || !strings.Contains(err.Error(), "not an IP address") {
		t.Error(err)
	}
}

func TestMissingNamespace(t *testing.T) {
	ns := Namespace("belay-rig-none")
	if ns.Exists() {
		t.Fatal("it exists")
	}
	if err := ns.Do(func() error { t.Error("ran"); return nil }); err == nil {
		t.Error("entered a namespace that does not exist")
	}
	if err := ns.Remove(t.Context()); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
}
