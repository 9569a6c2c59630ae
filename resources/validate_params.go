package resources

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

func (v *validator) params(path string, id ResourceID, params Params, info AgentInfo) {
	path += ".params"
	for _, name := range sortedKeys(params) {
		spec, known := findParam(info.Params, name)
		if !known {
			v.add(ProblemUnknownParam, path+"."+name, v.paramHint(name, info), "agent %q has no parameter %q", info.Name, name)
			continue
		}
		if text, hint := v.checkParam(spec, params[name]); text != "" {
			v.add(ProblemInvalidParam, path+"."+name, hint, "%s", text)
		}
		if spec.secret(name) && !v.agents.foreign {
			v.clearSecret(path, string(id), name, params[name])
		}
	}
	for _, spec := range info.Params {
		if !spec.Required {
			continue
		}
		for _, name := range requiredNames(spec.Name, params) {
			if params[name] == "" {
				v.add(ProblemMissingParam, path, "", "agent %q needs the parameter %q", info.Name, name)
			}
		}
	}
}

// findParam returns the spec of a parameter; an exact name wins over a pattern.
func findParam(specs []ParamInfo, name string) (ParamInfo, bool) {
	for _, spec := range specs {
		if spec.Name == name {
			return spec, true
		}
	}
	parts := strings.Split(name, ".")
	for _, spec := range specs {
		if matchParts(strings.Split(spec.Name, "."), parts) {
			return spec, true
		}
	}
	return ParamInfo{}, false
}

func matchParts(pattern, parts []string) bool {
	return len(pattern) == len(parts) && matchPrefix(pattern, parts)
}

func matchPrefix(pattern, parts []string) bool {
	for i, p := range pattern {
		if i >= len(parts) || p != "*" && p != parts[i] || p == "*" && parts[i] == "" {
			return false
		}
	}
	return true
}

// requiredNames returns the names that a required parameter must be given
// under: its own, or for a pattern one for each table that is there.
func requiredNames(pattern string, params Params) []string {
	parts := strings.Split(pattern, ".")
	last := -1
	for i, p := range parts {
		if p == "*" {
			last = i
		}
	}
	if last < 0 {
		return []string{pattern}
	}
	var names []string
	for _, given := range sortedKeys(params) {
		have := strings.Split(given, ".")
		if len(have) <= last || !matchPrefix(parts[:last+1], have) {
			continue
		}
		name := strings.Join(append(slices.Clone(have[:last+1]), parts[last+1:]...), ".")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func (v *validator) paramHint(name string, info AgentInfo) string {
	parts := strings.Split(name, ".")
	known := make([]string, 0, len(info.Params))
	for _, spec := range info.Params {
		pattern := strings.Split(spec.Name, ".")
		if len(pattern) == len(parts) {
			for i := range pattern {
				if pattern[i] == "*" {
					pattern[i] = parts[i]
				}
			}
		}
		known = append(known, strings.Join(pattern, "."))
	}
	if hint := didYouMean(name, known); hint != "" {
		return hint
	}
	const enough = 12
	if len(known) == 0 {
		return "it has none"
	}
	slices.Sort(known)
	text := strings.Join(known[:min(len(known), enough)], ", ")
	if len(known) > enough {
		text += ", ..."
	}
	return "it has " + text
}

// checkParam returns what is wrong with a value and what to do about it. The
// text never holds the value of a secret parameter, and only those may refer to
// secrets.
func (v *validator) checkParam(spec ParamInfo, value string) (text, hint string) {
	if name, isSecret := strings.CutPrefix(value, SecretPrefix); isSecret {
		switch {
		case !ValidName(name):
			return "a secret reference is " + SecretPrefix + "NAME", ""
		case !spec.Secret && spec.Kind != ParamString:
			return "must be a plain " + string(spec.Kind) + ", not a secret", ""
		case !spec.Secret: // it may become an argument of a program
			return "is nothing that the agent keeps secret: others could read it on the node", "write it as it is"
		}
		return "", ""
	}
	shown := strconv.Quote(value)
	if spec.Secret {
		shown = "the value"
	}
	if value == "" && spec.Kind != ParamString && spec.Kind != "" {
		return "is empty, and must be a " + string(spec.Kind), "leave it out for the default"
	}
	switch spec.Kind {
	case ParamString, "":
		return "", ""
	case ParamResource:
		if !v.exists(ResourceID(value)) {
			return "no resource or group is called " + shown, didYouMean(value, v.names)
		}
		return "", ""
	case ParamEnum:
		if !slices.Contains(spec.Enum, value) {
			return shown + " is not one of " + strings.Join(spec.Enum, ", "), didYouMean(value, spec.Enum)
		}
		return "", ""
	}
	if form, ok := paramForms[spec.Kind]; ok && !form.valid(value) {
		return shown + " is not " + form.name, form.hint
	}
	return "", ""
}

type paramForm struct {
	name, hint string
	valid      func(string) bool
}

var paramForms = map[ParamKind]paramForm{
	ParamInt: {"a whole number", "", func(text string) bool {
		_, err := strconv.ParseInt(text, 10, 64)
		return err == nil
	}},
	ParamBool: {"true or false", "", func(text string) bool { return text == "true" || text == "false" }},
	ParamDuration: {"a time", "such as 500ms, 30s or 5m", func(text string) bool {
		_, err := ParseDuration(text)
		return err == nil
	}},
	ParamAddress: {"an IP address", "such as 192.0.2.1 or 2001:db8::1, without prefix", func(text string) bool {
		_, err := netip.ParseAddr(text)
		return err == nil
	}},
	ParamPrefix: {"an address with its prefix length", "such as 192.0.2.1/24", func(text string) bool {
		_, err := netip.ParsePrefix(text)
		return err == nil
	}},
	ParamEndpoint: {"HOST:PORT", "such as 192.0.2.1:3306 or [2001:db8::1]:3306", validEndpoint},
	ParamPath:     {"an absolute path", "begin it with /", func(text string) bool { return strings.HasPrefix(text, "/") }},
}

// validEndpoint takes host:port where the host may be empty or "*".
func validEndpoint(text string) bool {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return false
	}
	port, err := strconv.ParseUint(text[colon+1:], 10, 16)
	if err != nil || port == 0 {
		return false
	}
	host := text[:colon]
	if inner, ok := strings.CutPrefix(host, "["); ok {
		address, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return err == nil && strings.HasSuffix(host, "]") && address.Is6()
	}
	if host == "" || host == "*" || validHostName(host) {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Is4()
}
