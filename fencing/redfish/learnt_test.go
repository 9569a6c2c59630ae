package redfish_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/fencetest"
	"github.com/belay-ha/belay/fencing/redfish"
)

// What one look has learnt of how to sign in serves the next, until the BMC refuses
// it: then it is learnt anew.
func TestWayToSignInIsRemembered(t *testing.T) {
	r := start(t, fencetest.RedfishConfig{NoBasic: true})
	spec := redfish.Spec()
	look := func() (asked []string, err error) {
		before := len(r.Requests())
		device, err := spec.Make("bmc-1", fencing.Params{"endpoint": r.URL(), "username": "admin", "password": password, "fingerprint": r.Fingerprint()})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = device.Status(t.Context())
		return r.Requests()[before:], err
	}
	// basicFirst reports whether something but the root was read before a session.
	basicFirst := func(asked []string) bool {
		for _, request := range asked {
			switch {
			case strings.HasPrefix(request, "POST"):
				return false
			case strings.Contains(request, "/Systems"):
				return true
			}
		}
		t.Fatalf("neither: %v", asked)
		return false
	}
	for n, c := range []struct {
		refused, basic bool
	}{{false, true}, {false, false}, {false, false}, {true, false}, {false, true}, {false, false}} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			if c.refused {
				r.Script.Add(fencetest.Fault{On: fencetest.OpLogin, Times: 1, Status: 401, Message: "Invalid username or password."})
			}
			asked, err := look()
			if (err != nil) != c.refused || c.refused && fencing.KindOf(err) != fencing.KindAuth {
				t.Fatalf("got %v", err)
			}
			if got := basicFirst(asked); got != c.basic {
				t.Errorf("basic authentication first: %v; %v", got, asked)
			}
		})
	}
}

// The way is that of one account: another one's refusal says nothing of it.
func TestWayToSignInIsTheAccounts(t *testing.T) {
	r := start(t, fencetest.RedfishConfig{NoBasic: true})
	spec := redfish.Spec()
	for _, user := range []string{"admin", "other", "admin"} {
		device, err := spec.Make("bmc-1", fencing.Params{"endpoint": r.URL(), "username": user, "password": password, "fingerprint": r.Fingerprint()})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := device.Status(t.Context()); (err == nil) != (user == "admin") {
			t.Errorf("%s: %v", user, err)
		}
	}
}
