package edit

import (
	"slices"

	"github.com/belay-ha/belay/resources"
)

// SetResourceDefaults sets meta-attributes that resources take when they say
// nothing.
func SetResourceDefaults(def *resources.Definition, words []string) (*resources.Definition, error) {
	pairs, err := somePairs(words)
	if err != nil {
		return nil, err
	}
	changed := def.Clone()
	if err := apply("meta-attribute", metaSetters(&changed.Defaults.Resource), metaAliases, pairs); err != nil {
		return nil, err
	}
	return changed, nil
}

// SetOpDefaults sets what operations take when they say nothing.
func SetOpDefaults(def *resources.Definition, words []string) (*resources.Definition, error) {
	pairs, err := somePairs(words)
	if err != nil {
		return nil, err
	}
	changed := def.Clone()
	if err := setDefaultOp(&changed.Defaults.Op, pairs); err != nil {
		return nil, err
	}
	return changed, nil
}

func setDefaultOp(op *resources.Operation, pairs []pair) error {
	setters := opSetters(op)
	delete(setters, "role")
	delete(setters, "start_delay")
	delete(setters, "OCF_CHECK_LEVEL")
	return apply("operation default", setters, nil, pairs)
}

// AddResourceDefaults adds meta-attributes that resources take while a rule holds,
// as number at of Defaults.When: of several that hold, the first counts.
func AddResourceDefaults(def *resources.Definition, at int, rule string, words []string) (*resources.Definition, error) {
	pairs, err := somePairs(words)
	if err != nil {
		return nil, err
	}
	w := resources.DefaultsWhen{Rule: rule}
	if err := apply("meta-attribute", metaSetters(&w.Resource), metaAliases, pairs); err != nil {
		return nil, err
	}
	return addDefaults(def, at, w)
}

// AddOpDefaults adds what operations take while a rule holds, as AddResourceDefaults
// does for resources.
func AddOpDefaults(def *resources.Definition, at int, rule string, words []string) (*resources.Definition, error) {
	pairs, err := somePairs(words)
	if err != nil {
		return nil, err
	}
	w := resources.DefaultsWhen{Rule: rule}
	if err := setDefaultOp(&w.Op, pairs); err != nil {
		return nil, err
	}
	return addDefaults(def, at, w)
}

func addDefaults(def *resources.Definition, at int, w resources.DefaultsWhen) (*resources.Definition, error) {
	if _, err := resources.ParseRule(w.Rule); err != nil {
		return nil, errorf("", "%v, in %q", err, w.Rule)
	}
	changed := def.Clone()
	at = max(0, min(at, len(changed.Defaults.When)))
	changed.Defaults.When = slices.Insert(changed.Defaults.When, at, w)
	return changed, nil
}
