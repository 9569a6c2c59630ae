package resources

import (
	"slices"
	"strings"
)

// SecretPrefix begins a value that refers to a sealed secret.
const SecretPrefix = "secret://"

// secretEnds are ends of names whose values are secrets, whatever an agent says
// of its parameters: OCF and fence agents have names for them and no types.
var secretEnds = []string{"password", "passwd", "passphrase", "secret", "token", "_pass", "community", "api_key"}

// SecretName reports whether a parameter's name says that its value is a secret:
// "passwd", "admin-password", "env.API_TOKEN".
func SecretName(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name[strings.LastIndexByte(name, '.')+1:]), "-", "_")
	return name == "pass" || slices.ContainsFunc(secretEnds, func(end string) bool { return strings.HasSuffix(name, end) })
}

// SecretFor is the name for the secret of a thing's parameter.
func SecretFor(thing, param string) string { return thing + "-" + param }

// clearSecret reports a secret that stands in the definition itself, where all
// read it who may read the definition, its history or an export.
func (v *validator) clearSecret(path, thing, param, value string) {
	if value == "" || strings.HasPrefix(value, SecretPrefix) {
		return
	}
	name := SecretFor(thing, param)
	v.add(ProblemClearSecret, path+"."+param, "`belayctl secret set "+name+"`, and write \""+SecretPrefix+name+"\" here",
		"a secret stands in the clear, for all who may read the definition")
}

// secret reports whether a value of the parameter is a secret. Those of a pattern
// may be anything, so that their names tell.
func (p ParamInfo) secret(name string) bool {
	return p.Secret && (!strings.Contains(p.Name, "*") || SecretName(name))
}
