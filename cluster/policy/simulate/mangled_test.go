package simulate_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/policy/simulate"
	"github.com/belay-ha/belay/resources/cib"
)

// TestMangled mangles recorded clusters as transfers, editors and people do: it
// cuts them off, turns bits, loses attributes and writes what nobody means. Each
// is either refused with its place or simulated to the end, and written in every
// form. CIB_MANGLED_ROUNDS asks for more than a part of one round.
func TestMangled(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(casesDir(), "*.xml"))
	if len(files) == 0 {
		t.Skip("no recorded cases on this machine")
	}
	rounds, _ := strconv.Atoi(os.Getenv("CIB_MANGLED_ROUNDS"))
	ran, simulated, slowest, slow := 0, 0, time.Duration(0), ""
	for round := range max(rounds, 1) {
		for i, name := range files {
			if rounds == 0 && i%6 != 0 {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for kind, mangle := range mangles {
				r := rand.New(rand.NewPCG(uint64(round*len(mangles)+kind), uint64(i)))
				what := fmt.Sprintf("round %d, mangle %d, %s", round, kind, filepath.Base(name))
				began := time.Now()
				if survives(t, what, mangle(bytes.Clone(text), r)) {
					simulated++
				}
				if took := time.Since(began); took > slowest {
					slowest, slow = took, what
				}
				ran++
			}
		}
	}
	t.Logf("%d mangled clusters, %d of which could be simulated; the slowest took %s: %s", ran, simulated, slowest, slow)
}

// survives reads and simulates a file and reports whether it could be read. A
// refusal must say where, a panic fails the test.
func survives(t *testing.T, what string, text []byte) (read bool) {
	defer func() {
		if fault := recover(); fault != nil {
			t.Errorf("%s: panic: %v\n%s", what, fault, debug.Stack())
			if dir := os.Getenv("CIB_MANGLED_KEEP"); dir != "" {
				os.WriteFile(filepath.Join(dir, fmt.Sprintf("mangled-%d.xml", len(text))), text, 0o600) //nolint:errcheck // the report stands
			}
		}
	}()
	in, err := cib.Read(bytes.NewReader(text), "mangled.xml")
	if err != nil {
		var places *cib.Error
		if !errors.As(err, &places) || len(places.Problems) == 0 {
			t.Errorf("%s: refused without a place: %v", what, err)
			return false
		}
		for _, p := range places.Problems {
			if p.File != "mangled.xml" || p.Line < 1 || p.Col < 1 || p.Text == "" {
				t.Errorf("%s: refused without a place: %s", what, p)
			}
		}
		return false
	}
	changes := simulate.Changes{At: in.Now}
	if changes.At.IsZero() {
		changes.At = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	}
	if in, err = simulate.Apply(in, changes); err != nil {
		t.Errorf("%s: %v", what, err)
		return false
	}
	result := simulate.Run(in, simulate.Options{Explain: true})
	simulate.NewForm(result, changes.At)
	if err := errors.Join(simulate.WriteText(io.Discard, result, nil), simulate.WriteDot(io.Discard, result)); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if _, err := cib.Import(bytes.NewReader(text), "mangled.xml"); err != nil {
		t.Errorf("%s: it can be simulated and not be imported: %v", what, err)
	}
	return true
}

var (
	anyAttribute = regexp.MustCompile(` [a-zA-Z_-]+="[^"]*"`)
	anyValue     = regexp.MustCompile(`="[^"]*"`)
	scoreOrTime  = regexp.MustCompile(`(?:score|value|interval|timeout|priority|rc-code|call-id|last-run|last-rc-change|exec-time|op-status|replicas|index|start|end|hours|months|years|kind|name)="[^"]*"`)
)

// hostile are values that nobody means.
var hostile = []string{
	"", "0", "-1", "+INFINITY", "-INFINITY", "INFINITY", "infinity", "1000001", "-99999999999999999999999", "99999999999999999999999", "9223372036854775807", "-9223372036854775808",
	"2147483648", "1e9", "NaN", "0x10", "PT5M", "P1Y", "5min", "5 min", "-5s", "1000000000h", "9999-12-31", "0000-00-00", "2026-02-30T25:61:61Z", "-0001-W60-9", "+99999999-001",
	"true", "%s%n", "..", "\u202e\u0000"[:3], "&amp;&lt;", "ü", " ", "promote", "Stopped", "Promoted", "Mandatory", "nosuch", "block", "fence", "0:1;1:0:7:", "a:b:c:d", ":::", ";", ",", ",,", "$(id)",
}

// mangles are the ways in which files come to harm.
var mangles = []func([]byte, *rand.Rand) []byte{
	func(text []byte, r *rand.Rand) []byte { return text[:r.IntN(len(text)+1)] },
	func(text []byte, r *rand.Rand) []byte {
		for range 1 + r.IntN(8) {
			text[r.IntN(len(text))] ^= 1 << r.IntN(8)
		}
		return text
	},
	func(text []byte, r *rand.Rand) []byte {
		return some(anyAttribute, text, r, func([]byte) []byte { return nil })
	},
	func(text []byte, r *rand.Rand) []byte {
		return some(anyValue, text, r, func([]byte) []byte { return []byte(`="` + hostile[r.IntN(len(hostile))] + `"`) })
	},
	func(text []byte, r *rand.Rand) []byte {
		return some(scoreOrTime, text, r, func(was []byte) []byte {
			name, _, _ := bytes.Cut(was, []byte("="))
			return []byte(string(name) + `="` + hostile[r.IntN(len(hostile))] + `"`)
		})
	},
	func(text []byte, r *rand.Rand) []byte { // a stretch twice, or gone
		a := r.IntN(len(text))
		b := a + r.IntN(min(2000, len(text)-a)+1)
		if r.IntN(2) == 0 {
			return append(text[:a:a], text[b:]...)
		}
		return append(text[:b:b], text[a:]...)
	},
}

// some changes a few of what matches.
func some(what *regexp.Regexp, text []byte, r *rand.Rand, change func([]byte) []byte) []byte {
	share := 1 + r.IntN(300)
	return what.ReplaceAllFunc(text, func(was []byte) []byte {
		if r.IntN(share) > 0 {
			return was
		}
		return change(was)
	})
}
