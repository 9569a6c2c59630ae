package cib_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources/cib"
)

// TestTorn tears recorded clusters: it loses elements and swaps values. What
// can still be read must be decided about without a panic. CIB_TORN_ROUNDS
// asks for more than one round.
func TestTorn(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/scheduler-cases/*.xml")
	if len(files) == 0 {
		t.Skip("the recorded clusters are not here")
	}
	rounds, _ := strconv.Atoi(os.Getenv("CIB_TORN_ROUNDS"))
	decided := 0
	for round := range max(rounds, 1) {
		for i, name := range files {
			if rounds == 0 && i%8 != 0 {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			torn := tear(text, rand.New(rand.NewPCG(uint64(round), uint64(i))))
			if decides(t, fmt.Sprintf("round %d, %s", round, filepath.Base(name)), torn) {
				decided++
			}
		}
	}
	t.Logf("%d torn clusters could be read", decided)
}

// decides reports whether a CIB could be read; it fails the test if that cannot
// be decided about.
func decides(t *testing.T, name string, text []byte) bool {
	defer func() {
		if fault := recover(); fault != nil {
			t.Errorf("%s: %v", name, fault)
			if dir := os.Getenv("CIB_TORN_KEEP"); dir != "" {
				os.WriteFile(filepath.Join(dir, fmt.Sprintf("torn-%d.xml", len(text))), text, 0o600)
			}
		}
	}()
	input, err := cib.Read(bytes.NewReader(text), name)
	if err != nil {
		return false
	}
	policy.Compute(input)
	return true
}

var (
	emptyElement = regexp.MustCompile(`<[a-z_]+ [^<>]*/>`)
	quotedValue  = regexp.MustCompile(` (?:rsc|with-rsc|first|then|node|uname|value|score|role|operation|rc-code|on_node|in_ccm|crmd|join|expected|then-action|first-action|migrate_source|migrate_target|container|interval|call-id)="[^"]*"`)
)

// tear loses a few elements, and gives a few attributes values of others of the
// same name.
func tear(text []byte, r *rand.Rand) []byte {
	// No validation: more of what is torn can be read.
	text = regexp.MustCompile(`validate-with="[^"]*"`).ReplaceAll(text, []byte(`validate-with="none"`))
	lost := 1 + r.IntN(6)
	places := emptyElement.FindAllIndex(text, -1)
	text = bytes.Clone(text)
	for range lost {
		if len(places) == 0 {
			break
		}
		at := places[r.IntN(len(places))]
		for i := at[0]; i < at[1]; i++ {
			text[i] = ' '
		}
	}
	byName := map[string][][]byte{}
	for _, v := range quotedValue.FindAll(text, -1) {
		name, _, _ := bytes.Cut(v, []byte("="))
		byName[string(name)] = append(byName[string(name)], v)
	}
	share := 1 + r.IntN(200)
	return quotedValue.ReplaceAllFunc(text, func(v []byte) []byte {
		if r.IntN(share) > 0 {
			return v
		}
		name, _, _ := bytes.Cut(v, []byte("="))
		others := byName[string(name)]
		return others[r.IntN(len(others))]
	})
}
