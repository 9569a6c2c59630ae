package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// pagesDir holds the pages of the commands.
const pagesDir = "../../docs/cli"

// TestCommandPages: docs/cli says what every --help says, a page for each noun.
func TestCommandPages(t *testing.T) {
	root := newConsole(t).app.root()
	want := []string{"README.md"}
	golden(t, filepath.Join(pagesDir, "README.md"), indexPage(root))
	for _, cmd := range root.Commands() {
		if cmd.Hidden {
			continue
		}
		name := cmd.Name() + ".md"
		golden(t, filepath.Join(pagesDir, name), commandPage(cmd))
		want = append(want, name)
	}
	files, err := os.ReadDir(pagesDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !slices.Contains(want, file.Name()) {
			t.Errorf("%s is of no command: remove it", filepath.Join(pagesDir, file.Name()))
		}
	}
}

const generated = "<!-- Written from the commands' help by `make golden`. -->\n\n"

func indexPage(root *cobra.Command) string {
	var page strings.Builder
	page.WriteString(generated + "# Commands of belayctl\n\nWhat they have in common is in [cli.md](../cli.md); which to use when, in [operating.md](../operating.md).\n\n| command | what it does |\n| --- | --- |\n")
	for _, cmd := range commands(root)[1:] {
		path := strings.TrimPrefix(cmd.CommandPath(), "belayctl ")
		if cmd.HasSubCommands() && cmd.Name() != "fence" && cmd.Name() != "help" {
			continue
		}
		fmt.Fprintf(&page, "| [`%s`](%s.md%s) | %s |\n", path, strings.Fields(path)[0], anchor(cmd), cell(cmd.Short))
	}
	page.WriteString("\n## Flags of every command\n\n" + flagTable(root.PersistentFlags()))
	return page.String()
}

// anchor is where a command stands on the page of its noun.
func anchor(cmd *cobra.Command) string {
	if !cmd.Parent().HasParent() {
		return ""
	}
	return "#" + strings.ReplaceAll(cmd.CommandPath(), " ", "-")
}

// cell makes text fit for a cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "|", `\|`), "\n", " ")
}

func commandPage(cmd *cobra.Command) string {
	var page strings.Builder
	page.WriteString(generated)
	for i, one := range commands(cmd) {
		heading := "## "
		if i == 0 {
			heading = "# "
		} else {
			page.WriteString("\n")
		}
		page.WriteString(heading + one.CommandPath() + "\n\n" + one.Short + ".\n")
		if one.Long != "" {
			page.WriteString("\n```text\n" + strings.TrimSpace(one.Long) + "\n```\n")
		}
		if !one.HasSubCommands() || one.Name() == "fence" || one.Name() == "help" {
			page.WriteString("\n```text\n" + one.UseLine() + "\n```\n")
		}
		if aliases := one.Aliases; len(aliases) > 0 {
			page.WriteString("\nAlso: `" + strings.Join(aliases, "`, `") + "`.\n")
		}
		if table := flagTable(one.LocalNonPersistentFlags()); table != "" {
			page.WriteString("\n" + table)
		}
		page.WriteString("\n```sh\n")
		for line := range strings.SplitSeq(one.Example, "\n") {
			page.WriteString(strings.TrimSpace(line) + "\n")
		}
		page.WriteString("```\n")
		if names := schemasOf(one.CommandPath()); len(names) > 0 {
			var links []string
			for _, name := range names {
				links = append(links, "["+name+"](../../cmd/belayctl/schemas/"+name+".json)")
			}
			page.WriteString("\nAs JSON: " + strings.Join(links, ", ") + ".\n")
		}
	}
	return page.String()
}

func flagTable(flags *pflag.FlagSet) string {
	var rows strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		kind, text := pflag.UnquoteUsage(f)
		if f.NoOptDefVal != "" && kind != "" {
			name += "[=" + strings.ToUpper(kind) + "]"
		} else if kind != "" {
			name += " " + strings.ToUpper(kind)
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" {
			text += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(&rows, "| `%s` | %s |\n", cell(name), cell(text))
	})
	if rows.Len() == 0 {
		return ""
	}
	return "| flag | meaning |\n| --- | --- |\n" + rows.String()
}

// TestGuides runs what the guide for operators says to type.
func TestGuides(t *testing.T) {
	text, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	exampleFiles(t)
	ran := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "  #")
			if !strings.HasPrefix(line, "belayctl ") {
				continue
			}
			ran++
			t.Run(line, func(t *testing.T) { runExample(t, line) })
		}
	}
	if ran < 30 {
		t.Errorf("the guide has %d commands only", ran)
	}
}
