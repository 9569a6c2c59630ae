package watchdog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWayOut: a timer that cannot be disarmed is refused before it is opened, by
// whatever name.
func TestWayOut(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("dev/watchdog", "")
	write("dev/watchdog0", "")
	write("dev/watchdog1", "")
	write("dev/watchdog2", "")
	write("sys/class/watchdog/watchdog0/nowayout", "1\n")
	write("sys/class/watchdog/watchdog0/state", "inactive\n")
	write("sys/class/watchdog/watchdog1/nowayout", "0\n")
	write("dev/watchdog4", "")
	write("sys/class/watchdog/watchdog4/nowayout", "1\n")
	write("sys/class/watchdog/watchdog4/state", "active\n") // it runs: it is better fed
	if err := os.Symlink("watchdog0", filepath.Join(root, "dev/watchdog_hw")); err != nil {
		t.Fatal(err)
	}
	for path, refused := range map[string]bool{
		"/dev/watchdog": true, "/dev/watchdog0": true, "/dev/watchdog_hw": true,
		"/dev/watchdog1": false, "/dev/watchdog2": false, "/dev/watchdog3": false, "/dev/watchdog4": false,
	} {
		err := wayOut(root, path)
		if refused != (err != nil) || err != nil && !strings.Contains(err.Error(), "nowayout=0") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
