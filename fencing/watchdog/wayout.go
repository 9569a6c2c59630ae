package watchdog

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// wayOut refuses a timer that nothing can disarm (nowayout): whoever opens it once has
// to feed it until the host ends. An orderly end of belayd, or a definition without the
// watchdog, would reset the host. One that somebody has opened already runs, and is
// better fed than not. root is "/" but in tests.
//
// A kernel that does not say, because it has no CONFIG_WATCHDOG_SYSFS, is believed to
// have its default, which is that timers can be disarmed (Linux,
// Documentation/ABI/testing/sysfs-class-watchdog).
func wayOut(root, path string) error {
	real, err := filepath.EvalSymlinks(filepath.Join(root, path))
	if err != nil {
		return nil //nolint:nilerr // opening it says what is wrong
	}
	name := filepath.Base(real)
	if name == "watchdog" {
		name = "watchdog0" // the older name of the first (drivers/watchdog/watchdog_dev.c)
	}
	class := filepath.Join(root, "sys/class/watchdog", name)
	says := func(attribute string) string {
		text, err := os.ReadFile(filepath.Join(class, attribute)) //nolint:gosec // below /sys/class/watchdog
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(text))
	}
	if says("nowayout") != "1" || says("state") == "active" {
		return nil
	}
	return fmt.Errorf("%s/nowayout says that nothing disarms it: an orderly end of belayd would reset this host; load its driver with nowayout=0", class)
}
