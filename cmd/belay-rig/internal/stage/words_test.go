package stage

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"testing"

	"github.com/belay-ha/belay/cluster/api"
)

func TestLineWith(t *testing.T) {
	const text = "a.toml:3:1: unknown key\na.toml:4:1: a cycle\n"
	cases := []struct {
		words []string
		want  bool
	}{
		{[]string{"a.toml:3:", "unknown"}, true},
		{[]string{"cycle"}, true},
		{[]string{"a.toml:3:", "cycle"}, false},
		{[]string{"a.toml:5:"}, false},
	}
	for _, c := range cases {
		if got := lineWith(text, c.words...); got != c.want {
			t.Errorf("%q: got %v", c.words, got)
		}
	}
}

func TestProblemOf(t *testing.T) {
	status := api.Status{Problems: []api.ProblemStatus{
		{Node: "controller-0", Text: "HTTP 401", Next: "mend it"},
		{Node: "controller-1", Text: "HTTP 401"},
		{Node: "controller-1", Text: "slow", Next: "wait"},
	}}
	if p, found := problemOf(status, "controller-0", "401"); !found || p.Next != "mend it" {
		t.Errorf("got %+v, %v", p, found)
	}
	if p, found := problemOf(status, "controller-1", "401"); found {
		t.Errorf("a problem without a next step counts: %+v", p)
	}
	if _, found := problemOf(status, "controller-2", ""); found {
		t.Error("another node's problem counts")
	}
}

// RabbitMQ checks a password against the salt in the hash's first 4 bytes.
func TestPasswordHash(t *testing.T) {
	hash, err := base64.StdEncoding.DecodeString(passwordHash("secret"))
	if err != nil || len(hash) != 4+sha256.Size {
		t.Fatalf("%d bytes, %v", len(hash), err)
	}
	want := sha256.Sum256(append(hash[:4:4], "secret"...))
	if string(hash[4:]) != string(want[:]) {
		t.Error("the hash is not that of salt and password")
	}
}

func TestMainProcesses(t *testing.T) {
	const shown = "MainPID=12\nId=haproxy.service\n\nMainPID=0\nId=mariadb.service\n\nId=belay-door.service\nMainPID=7\n\nMainPID=1\nId=dbus.service\n"
	if got, want := mainProcesses(shown), []string{"belay-door.service 7", "haproxy.service 12"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
