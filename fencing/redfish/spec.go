package redfish

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/belay-ha/belay/fencing"
)

// Name of the device in definitions.
const Name = "redfish"

// Ways to sign in.
const (
	authAuto    = "auto"
	authBasic   = "basic"
	authSession = "session"
)

// Spec describes the device and makes it. The devices that it makes share what they
// learn of how BMCs are signed in to.
func Spec() fencing.Spec {
	known := newLearnt()
	return fencing.Spec{
		Name:    Name,
		Host:    "system",
		Summary: "a BMC that speaks Redfish (iDRAC, iLO, XCC, OpenBMC, Supermicro, ...)",
		Params: []fencing.ParamSpec{
			{Name: "endpoint", Type: fencing.TypeString, Required: true, Description: "the BMC's address, such as https://192.0.2.10"},
			{Name: "system", Type: fencing.TypeString, Description: "the node's system on this BMC: its path, UUID, Id, serial number or name; may be left out when the BMC has exactly one"},
			{Name: "username", Type: fencing.TypeString, Required: true, Description: "an account that may reset the system"},
			{Name: "password", Type: fencing.TypeSecret, Required: true, Description: "its password"},
			{Name: "auth", Type: fencing.TypeEnum, Enum: []string{authAuto, authBasic, authSession}, Default: authAuto, Description: "how to sign in; auto takes basic and falls back to a session"},
			{Name: "verify_tls", Type: fencing.TypeBool, Default: "true", Description: "whether the BMC must prove who it is"},
			{Name: "ca_file", Type: fencing.TypeString, Description: "PEM file on every member with the CA of the BMC's certificate"},
			{Name: "ca_pem", Type: fencing.TypeString, Max: 64 << 10, Description: "the same, in the definition"},
			{Name: "fingerprint", Type: fencing.TypeString, Description: "SHA-256 of the BMC's certificate, in hex; trusts that certificate alone"},
			{Name: "tls_server_name", Type: fencing.TypeString, Description: "the name in the BMC's certificate, when it differs from the endpoint's"},
			{Name: "tls_legacy", Type: fencing.TypeBool, Default: "false", Description: "take TLS 1.0 and 1.1 and RSA key exchange, too, from a BMC that knows nothing newer"},
			{Name: "allow_power_button", Type: fencing.TypeBool, Default: "false", Description: "press the power button where the BMC has no ForceOff; the operating system may ignore it"},
			{Name: "timeout", Type: fencing.TypeDuration, Default: "20s", Description: "the longest that reading or asking once may take"},
			{Name: "request_timeout", Type: fencing.TypeDuration, Default: "10s", Description: "the longest that one HTTP request may take"},
		},
		Check: check,
		New:   func(name string, p fencing.Params) (fencing.Device, error) { return newDevice(name, p, known) },
	}
}

func check(p fencing.Params) []fencing.Problem {
	var problems []fencing.Problem
	add := func(code fencing.ProblemCode, param, message, fix string) {
		problems = append(problems, fencing.Problem{Code: code, Param: param, Message: message, Fix: fix})
	}
	opened := func(name string) bool {
		return p[name] != "" && !strings.HasPrefix(p[name], fencing.SecretPrefix)
	}
	if opened("endpoint") {
		if _, err := parseEndpoint(p["endpoint"]); err != "" {
			add(fencing.ProblemInvalid, "endpoint", err, "write it as https://192.0.2.10 or https://bmc.example.org:8443")
		}
	}
	if opened("fingerprint") {
		if _, ok := parseFingerprint(p["fingerprint"]); !ok {
			add(fencing.ProblemInvalid, "fingerprint", "is not a SHA-256 in hex",
				"openssl x509 -noout -fingerprint -sha256 shows it")
		}
	}
	if opened("ca_pem") && !x509.NewCertPool().AppendCertsFromPEM([]byte(p["ca_pem"])) {
		add(fencing.ProblemInvalid, "ca_pem", "holds no certificate", "")
	}
	if p["ca_file"] != "" && !strings.HasPrefix(p["ca_file"], "/") {
		add(fencing.ProblemInvalid, "ca_file", "is not an absolute path", "")
	}
	if p["system"] != "" && strings.HasPrefix(p["system"], "/") && strings.ContainsAny(p["system"], "?#@ ") {
		add(fencing.ProblemInvalid, "system", "is not a path of the BMC", "write it as /redfish/v1/Systems/1")
	}
	for _, name := range []string{"fingerprint", "ca_file", "ca_pem", "tls_server_name"} {
		if p[name] != "" && p["verify_tls"] == "false" {
			add(fencing.ProblemConflict, name, "has no effect with verify_tls = false", "remove one of them")
		}
	}
	if p["fingerprint"] != "" && (p["ca_file"] != "" || p["ca_pem"] != "") {
		add(fencing.ProblemConflict, "fingerprint", "trusts one certificate, ca_file and ca_pem trust many", "remove one of them")
	}
	return problems
}

// parseEndpoint returns the endpoint without a trailing slash, or what is wrong
// with it.
func parseEndpoint(text string) (*url.URL, string) {
	u, err := url.Parse(strings.TrimRight(text, "/"))
	switch {
	case err != nil:
		return nil, "is not a URL"
	case u.Scheme == "http":
		return nil, "sends the password in the clear; only https is taken"
	case u.Scheme != "https" || u.Hostname() == "":
		return nil, "is not an https URL"
	case u.User != nil:
		return nil, "must not hold a user or password"
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, "must not hold a path; the system's path goes into system"
	}
	return u, ""
}

func parseFingerprint(text string) ([sha256.Size]byte, bool) {
	var sum [sha256.Size]byte
	text = strings.TrimPrefix(strings.ToLower(text), "sha256:")
	raw, err := hex.DecodeString(strings.NewReplacer(":", "", " ", "").Replace(text))
	if err != nil || len(raw) != len(sum) {
		return sum, false
	}
	copy(sum[:], raw)
	return sum, true
}
