package membership

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sample() message {
	return message{
		kind: kindReport, seq: 7, instance: 9, from: "a", fromAddr: "10.0.0.1:7451",
		target: "b", targetAddr: "[fd00::1]:7451", forward: strings.Repeat("x", 255),
		reports: []report{{"c", 450 * time.Millisecond, never}, {"d", 0, 12 * time.Millisecond}},
	}
}

func TestWireRoundTrip(t *testing.T) {
	for name, want := range map[string]message{
		"full":  sample(),
		"least": {kind: kindLeaving, from: "a"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decode(want.encode())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(message{}, report{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWireRefusesDamage(t *testing.T) {
	whole := sample().encode()
	for n := range whole {
		if _, err := decode(whole[:n]); err == nil {
			t.Errorf("the first %d of %d bytes decode", n, len(whole))
		}
	}
	for name, b := range map[string][]byte{
		"trailing byte":   append(sample().encode(), 0),
		"other version":   append([]byte{wireVersion + 1}, whole[1:]...),
		"unknown kind":    append([]byte{wireVersion, byte(kindEnd)}, whole[2:]...),
		"nameless sender": message{kind: kindPing}.encode(),
	} {
		if _, err := decode(b); err == nil {
			t.Errorf("%s: decodes", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(sample().encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode(b)
		if err != nil {
			return
		}
		again, err := decode(m.encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, again, cmp.AllowUnexported(message{}, report{})); diff != "" {
			t.Error(diff)
		}
	})
}
