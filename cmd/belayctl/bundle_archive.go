package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/api"
)

// maxBundle bounds an archive before it is packed, in bytes.
const maxBundle = 256 << 20

// archive is a support archive while it is gathered.
type archive struct {
	made    time.Time
	files   []api.ReportFile
	size    int
	missing []string
}

// add puts a file in, or says that there was no room for it.
func (b *archive) add(name, text string) {
	if b.size+len(text) > maxBundle {
		b.lack("%s: no room for its %d KiB", name, len(text)>>10)
		return
	}
	b.size += len(text)
	b.files = append(b.files, api.ReportFile{Name: name, Text: text})
}

func (b *archive) lack(format string, args ...any) {
	b.missing = append(b.missing, fmt.Sprintf(format, args...))
}

// member puts in what a member says of itself.
func (b *archive) member(r api.MemberReport, a *app) {
	before := b.size
	for _, file := range r.Files {
		switch file.Name {
		case api.ReportState, api.ReportAudit, api.ReportStatus, api.ReportDoctor:
			continue // of the whole cluster
		}
		// A name is the member's: nothing that it says may leave its directory.
		b.add("members/"+string(r.Node)+"/"+strings.NewReplacer("/", "_", "..", "_").Replace(file.Name), file.Text)
	}
	for _, what := range r.Missing {
		b.lack("%s: %s", r.Node, what)
	}
	fmt.Fprintf(a.errOut, "  %s: %d KiB\n", r.Node, (b.size-before+1023)>>10)
}

func (b *archive) names() []string {
	names := []string{"MANIFEST.txt"}
	for _, file := range b.files {
		names = append(names, file.Name)
	}
	return names
}

// manifest says what is in the archive and what is not.
func (b *archive) manifest() string {
	var text strings.Builder
	fmt.Fprintf(&text, "Support archive of a Belay cluster, made on %s by belayctl %s.\nSecrets are taken out. Names, addresses and accounts are not.\n\n", b.made.Format(time.RFC3339), version)
	for _, file := range b.files {
		fmt.Fprintf(&text, "%10d  %s\n", len(file.Text), file.Name)
	}
	for n, what := range b.missing {
		if n == 0 {
			fmt.Fprint(&text, "\nNot had:\n")
		}
		fmt.Fprintf(&text, "  %s\n", what)
	}
	return text.String()
}

// write packs the archive into a new file, whole or not at all, and returns its
// size in bytes.
func (b *archive) write(path string) (int, error) {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	out := tar.NewWriter(zip)
	for _, file := range append([]api.ReportFile{{Name: "MANIFEST.txt", Text: b.manifest()}}, b.files...) {
		if err := out.WriteHeader(&tar.Header{Name: "belay/" + file.Name, Mode: 0o600, Size: int64(len(file.Text)), ModTime: b.made}); err != nil {
			return 0, err
		}
		if _, err := out.Write([]byte(file.Text)); err != nil {
			return 0, err
		}
	}
	if err := out.Close(); err != nil {
		return 0, err
	}
	if err := zip.Close(); err != nil {
		return 0, err
	}
	target, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	if _, err := target.Write(packed.Bytes()); err != nil {
		target.Close()
		os.Remove(path) //nolint:errcheck // the first error says more
		return 0, err
	}
	return packed.Len(), target.Close()
}
