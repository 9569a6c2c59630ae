package examine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/cluster/doctor"
)

// TestHost looks at the host that the test runs on.
func TestHost(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	h := Host(t.Context(), Options{
		DataDir: filepath.Join(dir, "not", "there", "yet"), TLSDir: dir,
		Ports: []doctor.Port{{Address: "127.0.0.1:0", Use: "any"}, {Address: taken.Addr().String(), Use: "one that is taken"}},
		Wants: doctor.Wants{Programs: []doctor.Program{{Path: "ls", For: "a"}, {Path: "/no/such/program", For: "b"}, {Path: "fence_no_such", For: "c"}}},
	})
	if h.Memory.Total == 0 || h.Memory.Available > h.Memory.Total || h.Name == "" {
		t.Errorf("memory %+v of %q", h.Memory, h.Name)
	}
	disk := h.Disks[0]
	if disk.Path != dir || disk.Error != "" || disk.Size == 0 || disk.Typical <= 0 || disk.Worst < disk.Typical {
		t.Errorf("disk %+v, want one of %s", disk, dir)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if h.Ports[0].Error != "" || !strings.Contains(h.Ports[1].Error, "in use") {
		t.Errorf("ports %+v", h.Ports)
	}
	found := []bool{}
	for _, p := range h.Programs {
		found = append(found, p.Found)
	}
	if !slices.Equal(found, []bool{true, false, false}) {
		t.Errorf("programs %+v", h.Programs)
	}
	if len(h.Certificates) != 1 || h.Certificates[0].Error == "" {
		t.Errorf("no certificate is %+v", h.Certificates)
	}
}

func TestDiskThatCannotBeWritten(t *testing.T) {
	if d := measureDisk(t.Context(), "/proc"); d.Error == "" {
		t.Errorf("/proc: %+v", d)
	}
}

// TestCertificates reads dates, and tells what is no certificate.
func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	notAfter := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"node.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), "ca.crt": []byte("torn"), "node.key": []byte("a secret")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := readCertificates(dir)
	if len(got) != 2 || got[0].Name != "ca.crt" || got[0].Error == "" || got[1].Error != "" || !got[1].NotAfter.Equal(notAfter) {
		t.Errorf("%+v", got)
	}
}

func TestParseUnits(t *testing.T) {
	out := "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n"
	got, err := parseUnits(out, []doctor.Unit{{Name: "web.service", Resource: "web"}, {Name: "gone.service", Resource: "gone"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []doctor.Unit{{Name: "web.service", Resource: "web", Load: "loaded", File: "enabled", Active: "active"}, {Name: "gone.service", Resource: "gone", Load: "not-found", Active: "inactive"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := parseUnits("LoadState=loaded\n", []doctor.Unit{{Name: "a"}, {Name: "b"}}); err == nil {
		t.Error("one answer about two units is taken")
	}
}

// TestTailKeepsTheNewest: a journal's end matters, from the beginning of a line.
func TestTailKeepsTheNewest(t *testing.T) {
	tail := &tailBuffer{limit: 100}
	for n := range 1000 {
		if _, err := tail.Write([]byte(strings.Repeat("x", n%7) + "line\n")); err != nil {
			t.Fatal(err)
		}
	}
	tail.Write([]byte("the last\n")) //nolint:errcheck // as above
	text := tail.String()
	if len(text) > 140 || !strings.HasPrefix(text, "[what was before is left out]\n") || !strings.HasSuffix(text, "line\nthe last\n") || cap(tail.kept) > 400 {
		t.Errorf("%d bytes: %q", len(text), text)
	}
	whole := &tailBuffer{limit: 100}
	whole.Write([]byte("all of it\n")) //nolint:errcheck // as above
	if whole.String() != "all of it\n" {
		t.Errorf("%q", whole.String())
	}
}

func TestParseClock(t *testing.T) {
	for out, want := range map[string]doctor.Clock{"yes\n": {Known: true, Synced: true}, "no\n": {Known: true}} {
		if got, err := parseClock(out); err != nil || got != want {
			t.Errorf("%q: %+v %v", out, got, err)
		}
	}
	if _, err := parseClock("Failed to query server"); err == nil {
		t.Error("an error is taken for an answer")
	}
}
