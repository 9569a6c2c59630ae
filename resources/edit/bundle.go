package edit

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/belay-ha/belay/resources"
)

// CreateBundle adds a bundle. Words are pcs':
//
//	ID [container podman|docker] [NAME=VALUE…] [network NAME=VALUE…] [port-map NAME=VALUE…]…
//	[storage-map NAME=VALUE…]… [meta NAME=VALUE…] [--disabled]
//
// Names are the definition's or pcs' (source-dir, replicas-per-host, masters).
func CreateBundle(def *resources.Definition, words []string) (*resources.Definition, error) {
	if i := slices.IndexFunc(words, func(word string) bool { return !utf8.ValidString(word) }); i >= 0 {
		return nil, errorf("", "%q is not UTF-8", words[i])
	}
	if len(words) == 0 || strings.HasPrefix(words[0], "-") || strings.Contains(words[0], "=") {
		return nil, errorf("write ID container podman image=IMAGE", "a bundle needs an id and an image")
	}
	b := resources.Bundle{ID: resources.ResourceID(words[0])}
	if slices.Contains(ids(def), words[0]) {
		return nil, errorf("", "%q is there already", b.ID)
	}
	sections, err := bundleSections(words[1:])
	if err != nil {
		return nil, err
	}
	for _, s := range sections {
		if err := s.into(&b); err != nil {
			return nil, err
		}
	}
	changed := def.Clone()
	changed.Bundles = append(changed.Bundles, b)
	return changed, nil
}

// bundleSection is one word of CreateBundle with the pairs behind it.
type bundleSection struct {
	name  string
	pairs []pair
	// launcher is the word after container.
	launcher string
}

func bundleSections(words []string) ([]bundleSection, error) {
	sections := []bundleSection{{name: "container"}}
	for i := 0; i < len(words); i++ {
		last := &sections[len(sections)-1]
		switch word := words[i]; word {
		case "container":
			s := bundleSection{name: word}
			if i+1 < len(words) && !strings.Contains(words[i+1], "=") {
				i++
				s.launcher = words[i]
			}
			sections = append(sections, s)
		case "network", "port-map", "storage-map", "meta", "--disabled":
			sections = append(sections, bundleSection{name: word})
		case "--force":
		default:
			p, isPair := splitPair(word)
			if !isPair || last.name == "--disabled" {
				return nil, errorf("write container, network, port-map, storage-map or meta, and NAME=VALUE", "unexpected %q", word)
			}
			last.pairs = append(last.pairs, p)
		}
	}
	return sections, nil
}

func (s *bundleSection) into(b *resources.Bundle) error {
	switch s.name {
	case "container":
		if s.launcher != "" && s.launcher != string(b.Launches()) {
			b.Launcher = resources.BundleLauncher(s.launcher)
		}
		return apply("setting of the container", map[string]setter{
			"image": plain(&b.Image, verbatim), "pull": plain(&b.Pull, word[resources.BundlePull]), "replicas": optional(&b.Replicas, parseCount),
			"replicas_per_host": optional(&b.PerHost, parseCount), "promoted_max": optional(&b.PromotedMax, parseCount),
			"run_command": plain(&b.RunCommand, verbatim), "options": plain(&b.Options, verbatim), "network": plain(&b.Network, verbatim),
		}, map[string]string{"masters": "promoted_max"}, s.pairs)
	case "network":
		return apply("setting of the network", map[string]setter{
			"ip_range_start": plain(&b.IPRangeStart, verbatim), "host_netmask": optional(&b.HostNetmask, parseCount), "host_interface": plain(&b.HostInterface, verbatim),
			"control_port": optional(&b.ControlPort, parseCount), "add_host": optional(&b.AddHost, parseTruth),
		}, nil, s.pairs)
	case "port-map":
		b.Ports = append(b.Ports, resources.BundlePort{})
		into := &b.Ports[len(b.Ports)-1]
		return apply("setting of a port", map[string]setter{
			"id": ignored, "port": optional(&into.Port, parseCount), "internal_port": optional(&into.InternalPort, parseCount), "range": plain(&into.Range, verbatim),
		}, nil, s.pairs)
	case "storage-map":
		b.Storage = append(b.Storage, resources.BundleStorage{})
		into := &b.Storage[len(b.Storage)-1]
		return apply("setting of a storage", map[string]setter{
			"id": ignored, "source": plain(&into.Source, verbatim), "source_root": plain(&into.SourceRoot, verbatim), "target": plain(&into.Target, verbatim), "options": plain(&into.Options, verbatim),
		}, map[string]string{"source_dir": "source", "source_dir_root": "source_root", "target_dir": "target"}, s.pairs)
	case "--disabled":
		b.Meta.TargetRole = stopped()
		return nil
	}
	return apply("meta-attribute", metaSetters(&b.Meta), metaAliases, s.pairs)
}

// ignored takes the ids that pcs gives to parts of a bundle, which have none here.
func ignored(string) error { return nil }
