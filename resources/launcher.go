package resources

import (
	"fmt"
	"strings"
)

// LauncherOptions splits further options for `podman run` (or docker's) as a shell
// does, and refuses those by which a container would escape the cluster: options
// that name it, start it again, remove it, fetch its image, or let its processes
// outlive its first one (podman-run(1)).
func LauncherOptions(text string) ([]string, error) {
	words, err := SplitWords(text)
	if err != nil {
		return nil, err
	}
	for i, word := range words {
		name, value, given := strings.Cut(word, "=")
		if !given && i+1 < len(words) {
			value = words[i+1]
		}
		if why := refusedOption(name, value); why != "" {
			return nil, fmt.Errorf("%s: %s", name, why)
		}
	}
	return words, nil
}

// secretVariable returns the name of a variable that options give a secret in the
// clear, "" for none (podman-run(1): --env, -e).
func secretVariable(options string) string {
	words, err := SplitWords(options)
	if err != nil {
		return ""
	}
	for i, word := range words {
		given, is := "", false
		switch {
		case (word == "-e" || word == "--env") && i+1 < len(words):
			given, is = words[i+1], true
		case strings.HasPrefix(word, "--env="):
			given, is = strings.TrimPrefix(word, "--env="), true
		case strings.HasPrefix(word, "-e"):
			given, is = strings.TrimPrefix(strings.TrimPrefix(word, "-e"), "="), true
		}
		if name, value, assigns := strings.Cut(given, "="); is && assigns && value != "" && SecretName(name) {
			return name
		}
	}
	return ""
}

// refused are the options that Belay gives itself, or that would undo what it
// proves.
var refused = map[string]string{
	"--name": "the cluster names its containers", "--replace": "the cluster replaces its containers", "--cidfile": "the cluster finds its containers by their labels",
	"--detach": "the cluster always detaches", "--attach": "the cluster always detaches",
	"--rm": "the cluster removes its containers, after it has looked at them", "--restart": "the cluster restarts its containers",
	"--pull": "say it with pull",
	"--pod":  "what shares a pod outlives its container", "--pod-id-file": "what shares a pod outlives its container",
	"--label-file": "use --label",
}

func refusedOption(name, value string) string {
	switch {
	case refused[name] != "":
		return refused[name]
	case name == "--pid" && value != "private":
		return "without a process table of its own, no end of a container proves that nothing of it is left"
	case (name == "--label" || name == "-l") && strings.HasPrefix(value, LabelPrefix):
		return "labels that begin with " + LabelPrefix + " are the cluster's own"
	case len(name) > 1 && name[0] == '-' && name[1] != '-':
		return refusedShorthand(name[1:])
	}
	return ""
}

// refusedShorthand looks into letters that are given together, up to the first that
// takes the rest for its value.
func refusedShorthand(letters string) string {
	for i := range len(letters) {
		switch letters[i] {
		case 'd', 'a':
			return "the cluster always detaches"
		case 'l':
			if strings.HasPrefix(letters[i+1:], LabelPrefix) {
				return "labels that begin with " + LabelPrefix + " are the cluster's own"
			}
			return ""
		case 'c', 'e', 'h', 'm', 'p', 'u', 'v', 'w':
			return ""
		}
	}
	return ""
}

// LabelPrefix begins the labels by which the cluster knows its own containers.
const LabelPrefix = "belay."
