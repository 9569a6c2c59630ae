package base

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// sources is where this machine's own apt gets Debian from: the base is built
// from the same place, so that a mirror or proxy set up once serves both.
type sources struct {
	mirror      string   // base URL for debootstrap
	list        string   // text of sources.list for the base
	environment []string // proxy settings, as KEY=VALUE
}

// installMachinePackages installs those of MachinePackages that are missing.
func (b *Builder) installMachinePackages(ctx context.Context) error {
	missing, err := missingPackages(ctx, MachinePackages)
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		return nil
	}
	b.step("installing on this machine: %s", strings.Join(missing, " "))
	env := append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")
	install := append([]string{"-q", "install", "-y", "--no-install-recommends"}, missing...)
	for _, args := range [][]string{{"-q", "update"}, install} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w: %s", strings.Join(args, " "), err, lastLines(out, 5))
		}
	}
	return nil
}

func missingPackages(ctx context.Context, names []string) ([]string, error) {
	args := append([]string{"-W", "-f", "${Package} ${db:Status-Status}\n"}, names...)
	cmd := exec.CommandContext(ctx, "dpkg-query", args...)
	out, err := cmd.Output()
	// Exit status 1 only says that a name is unknown: it is missing then.
	if exit, ok := err.(*exec.ExitError); err != nil && (!ok || exit.ExitCode() != 1) {
		return nil, fmt.Errorf("dpkg-query (is this Debian?): %w", err)
	}
	return notInstalled(names, string(out)), nil
}

// notInstalled returns the names that dpkg-query's answer does not show as
// installed, in order.
func notInstalled(names []string, answer string) []string {
	lines := strings.Split(answer, "\n")
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.Contains(lines, name+" installed")
	})
}

// machineSources reads this machine's apt configuration.
func machineSources(ctx context.Context) (sources, error) {
	const format = "$(ORIGIN)|$(SITE)|$(RELEASE)|$(COMPONENT)|$(CREATED_BY)"
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", format).Output()
	if err != nil {
		return sources{}, fmt.Errorf("ask apt for its sources: %w", err)
	}
	from, err := parseTargets(string(out))
	if err != nil {
		return sources{}, err
	}
	for _, scheme := range []string{"http", "https"} {
		out, err := exec.CommandContext(ctx, "apt-config", "shell", "P", "Acquire::"+scheme+"::Proxy").Output()
		if err != nil {
			return sources{}, fmt.Errorf("ask apt for its proxy: %w", err)
		}
		if proxy := parseShellValue(string(out)); proxy != "" && proxy != "DIRECT" {
			from.environment = append(from.environment, scheme+"_proxy="+proxy)
		}
	}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if value := os.Getenv(name); value != "" {
			from.environment = append(from.environment, name+"="+value)
		}
	}
	return from, nil
}

// parseTargets turns apt's index targets into the sources of the base: every
// Debian release that belongs to the suite, component main only.
func parseTargets(targets string) (sources, error) {
	var from sources
	seen := make(map[string]bool)
	var list strings.Builder
	for line := range strings.Lines(targets) {
		field := strings.Split(strings.TrimSpace(line), "|")
		if len(field) != 5 || field[0] != "Debian" || field[3] != "main" || field[4] != "Packages" {
			continue
		}
		site, release := field[1], field[2]
		if release != suite && !strings.HasPrefix(release, suite+"-") {
			continue
		}
		if release == suite && from.mirror == "" {
			from.mirror = site
		}
		if entry := fmt.Sprintf("deb %s %s main\n", site, release); !seen[entry] {
			seen[entry] = true
			list.WriteString(entry)
		}
	}
	if from.mirror == "" {
		return sources{}, fmt.Errorf("apt of this machine has no %s main: run apt-get update, or add that Debian release to its sources", suite)
	}
	from.list = list.String()
	return from, nil
}

// parseShellValue reads the value out of apt-config's P='value'.
func parseShellValue(text string) string {
	_, value, _ := strings.Cut(strings.TrimSpace(text), "=")
	return strings.Trim(value, "'")
}

func lastLines(out []byte, n int) string {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return string(bytes.Join(lines, []byte("; ")))
}
