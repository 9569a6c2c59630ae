package fencing

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/belay-ha/belay/internal/redact"
)

// Evidence is one thing that was asked of a device and what it answered. It is
// stored in the cluster's log and shown to people, so it is bounded and never
// holds a secret.
type Evidence struct {
	// At is the asking member's clock when it asked; it orders nothing.
	At     time.Time `json:"at"`
	Device string    `json:"device"`
	// Step is what was asked: one of the steps below; StepNote is a remark.
	Step string `json:"step"`
	// Detail is what was answered, at most MaxText bytes.
	Detail string `json:"detail,omitempty"`
	Power  Power  `json:"power"`
	// HTTPStatus of the decisive answer, or 0.
	HTTPStatus int           `json:"http_status,omitempty"`
	Took       time.Duration `json:"took_ns"`
	// Err is the error's text, at most MaxText bytes.
	Err string `json:"err,omitempty"`
}

// The steps.
const (
	StepRead  = "read power"
	StepOff   = "ask for off"
	StepOn    = "ask for on"
	StepCycle = "ask for a power cycle"
	StepDump  = "listen for a crash"
	StepNote  = "note"
)

// Bounds of what one fencing leaves in the log.
const (
	// MaxText bounds Evidence.Detail and Evidence.Err, in bytes.
	MaxText = 1024
	// MaxEvidence bounds what one call of Off, On, Reboot or Read returns.
	MaxEvidence = 32
)

const scrubbed = "[secret]"

// Scrub returns one line of text fit for errors, evidence and logs: without the
// secrets, in whatever way they are written, without control characters, and at most
// MaxText bytes long. A device passes everything that came from outside through it.
func Scrub(text string, secrets ...string) string {
	marks := map[string]string{}
	for _, secret := range secrets {
		marks[secret] = scrubbed
	}
	text = redact.New(marks).Text(text)
	// Short ones as well: a device has few. Longest first, so that a secret that is part
	// of another leaves no rest.
	secrets = slices.Clone(secrets)
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, scrubbed)
		}
	}
	text = strings.ToValidUTF8(text, "?")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if len(text) <= MaxText {
		return text
	}
	cut := MaxText - len("...")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "..."
}

// trail collects evidence and keeps its beginning and its end when there is
// more than MaxEvidence of it.
type trail struct {
	head, tail []Evidence
	dropped    int
}

const trailHead = 8

func (t *trail) add(e Evidence) {
	e.Detail, e.Err = Scrub(e.Detail), Scrub(e.Err)
	if len(t.head) < trailHead {
		t.head = append(t.head, e)
		return
	}
	if len(t.tail) == MaxEvidence-trailHead-1 {
		t.tail = t.tail[1:]
		t.dropped++
	}
	t.tail = append(t.tail, e)
}

func (t *trail) all() []Evidence {
	all := slices.Clone(t.head)
	if t.dropped > 0 {
		all = append(all, Evidence{
			At: t.tail[0].At, Device: t.tail[0].Device, Step: StepNote,
			Detail: plural(t.dropped, "step") + " left out here",
		})
	}
	return append(all, t.tail...)
}
