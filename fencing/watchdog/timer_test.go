package watchdog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/fencing"
)

// kernel plays the ioctl layer of a driver.
type kernel struct {
	options  uint32
	identity string
	actual   int32 // 0: what was asked for
	refuses  uint
	timeout  int32
}

func (k *kernel) do(_ uintptr, request uint, arg unsafe.Pointer) error {
	if request == k.refuses {
		return unix.ENOTTY
	}
	switch request {
	case unix.WDIOC_GETSUPPORT:
		(*info)(arg).options = k.options
		copy((*info)(arg).identity[:], k.identity)
	case unix.WDIOC_SETTIMEOUT:
		k.timeout = *(*int32)(arg)
	case unix.WDIOC_GETTIMEOUT:
		*(*int32)(arg) = k.timeout
		if k.actual != 0 {
			*(*int32)(arg) = k.actual
		}
	}
	return nil
}

func fake(t *testing.T) (*Timer, func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "watchdog")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	return &Timer{file: file, path: path}, func() string {
		written, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(written)
	}
}

func TestSet(t *testing.T) {
	const magic = unix.WDIOF_MAGICCLOSE | unix.WDIOF_SETTIMEOUT
	tests := []struct {
		name string
		k    kernel
		want time.Duration
		says string
	}{
		{name: "as asked", k: kernel{options: magic}, want: 10 * time.Second},
		{name: "rounded by the hardware", k: kernel{options: magic, actual: 12}, want: 12 * time.Second},
		{name: "far too long", k: kernel{options: magic, actual: 600}, says: "it takes 10m0s"},
		{name: "far too short", k: kernel{options: magic, actual: 1}, says: "it takes 1s"},
		{name: "a crash would disarm it", k: kernel{options: unix.WDIOF_SETTIMEOUT}, says: "disarmed when belayd dies"},
		{name: "no watchdog", k: kernel{refuses: unix.WDIOC_GETSUPPORT}, says: "is it a watchdog?"},
		{name: "a fixed timeout", k: kernel{options: magic, refuses: unix.WDIOC_SETTIMEOUT}, says: "set its timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			timer, _ := fake(t)
			tt.k.identity = "iTCO_wdt"
			err := timer.set(10*time.Second, tt.k.do)
			if tt.says == "" && (err != nil || timer.Timeout() != tt.want) {
				t.Errorf("got %v, timeout %s", err, timer.Timeout())
			}
			if tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("got %v, want it to say %q", err, tt.says)
			}
		})
	}
}

func TestSoftware(t *testing.T) {
	for identity, want := range map[string]bool{"Software Watchdog": true, "iTCO_wdt": false, "i6300ESB timer": false, "": false} {
		timer, _ := fake(t)
		k := kernel{options: unix.WDIOF_MAGICCLOSE, identity: identity}
		if err := timer.set(10*time.Second, k.do); err != nil || timer.Software() != want {
			t.Errorf("%q: software %v, %v", identity, timer.Software(), err)
		}
	}
}

// What is written decides: anything feeds, a V before the close disarms.
func TestFeedDisarmAbandon(t *testing.T) {
	timer, written := fake(t)
	for range 3 {
		if err := timer.Feed(); err != nil {
			t.Fatal(err)
		}
	}
	if err := timer.Disarm(); err != nil {
		t.Fatal(err)
	}
	if got := written(); got != "\x00\x00\x00V" {
		t.Errorf("wrote %q", got)
	}
	if err := timer.Feed(); err == nil {
		t.Error("fed after it was closed")
	}
	left, written := fake(t)
	_ = left.Feed()
	if err := left.Abandon(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(written(), "V") {
		t.Error("abandoning disarmed it")
	}
}

// A file that is no watchdog is refused, and not left armed.
func TestOpenRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "watchdog")
	if _, err := Open(path, DefaultTimeout); err == nil || !strings.Contains(err.Error(), "load the driver") {
		t.Errorf("a device that is missing: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, DefaultTimeout); err == nil || !strings.Contains(err.Error(), "is it a watchdog?") {
		t.Errorf("a plain file: %v", err)
	}
	if written, _ := os.ReadFile(path); string(written) != "V" {
		t.Errorf("it was left with %q", written)
	}
}

func TestParameters(t *testing.T) {
	for name, c := range map[string]struct {
		params fencing.Params
		wrong  string
	}{
		"defaults":     {nil, ""},
		"good":         {fencing.Params{"device": "/dev/watchdog1", "timeout": "30s"}, ""},
		"elsewhere":    {fencing.Params{"device": "/tmp/x"}, "device"},
		"too short":    {fencing.Params{"timeout": "4s"}, "timeout"},
		"too long":     {fencing.Params{"timeout": "10m"}, "timeout"},
		"half seconds": {fencing.Params{"timeout": "7500ms"}, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := Spec().Validate(c.params)
			if c.wrong == "" && len(problems) > 0 || c.wrong != "" && (len(problems) != 1 || problems[0].Param != c.wrong) {
				t.Errorf("got %v", problems)
			}
		})
	}
	dev, err := Spec().Make("wd", nil)
	if err != nil {
		t.Fatal(err)
	}
	if outcome, _, err := fencing.Off(t.Context(), dev, fencing.Options{Timeout: time.Second}); outcome == fencing.OutcomeConfirmed || err == nil {
		t.Errorf("it proved something by itself: %s", outcome)
	}
}
