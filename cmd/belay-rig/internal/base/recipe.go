package base

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed recipe
var recipeFiles embed.FS

// suite is the Debian release of the base: the one whose service versions
// Belay's agents are written for.
const suite = "bookworm"

// bootstrapPackages is what debootstrap itself puts in: enough to boot systemd
// with D-Bus and to run the provisioning script.
var bootstrapPackages = []string{
	"ca-certificates", "dbus", "debconf", "iproute2", "kmod", "systemd", "systemd-sysv", "udev",
}

// MachinePackages are the Debian packages that the machine itself needs to
// build the base and to run the rig.
var MachinePackages = []string{
	"debootstrap", "e2fsprogs", "iproute2", "ipmitool", "iputils-arping", "iputils-ping", "mount",
	"nftables", "openipmi", "systemd-container", "util-linux",
}

// recipeFile returns one embedded file of the recipe. The names are constants
// of this package, so a missing one is a broken build.
func recipeFile(name string) []byte {
	data, err := recipeFiles.ReadFile("recipe/" + name)
	if err != nil {
		panic(fmt.Sprintf("recipe file %s is not embedded: %v", name, err))
	}
	return data
}

// Version names the recipe that this program carries: 12 hex digits of a hash
// over every file and package list. Two programs with one Version build bases
// that differ only by what the mirror served.
func Version() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %s\n", suite, strings.Join(bootstrapPackages, " "))
	err := fs.WalkDir(recipeFiles, "recipe", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := recipeFiles.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n", path, len(data))
		sum.Write(data)
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("walk the embedded recipe: %v", err))
	}
	return hex.EncodeToString(sum.Sum(nil))[:12]
}
