package security

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// maxName is the length of a DNS label, since node names are DNS names in
// certificates.
const maxName = 63

// CheckName reports whether a node or person may have that name: 1 to 63 of
// a-z A-Z 0-9 . _ -, beginning and ending with a letter or digit, and not an IP
// address, which a certificate would treat as something else.
func CheckName(name string) error {
	alnum := func(r byte) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' }
	if name == "" || len(name) > maxName {
		return fmt.Errorf("name %q: must have 1 to %d characters", name, maxName)
	}
	for i := range len(name) {
		edge := i == 0 || i == len(name)-1
		if !alnum(name[i]) && (edge || !strings.ContainsRune("._-", rune(name[i]))) {
			return fmt.Errorf("name %q: only letters, digits, '.', '_' and '-', with a letter or digit at both ends", name)
		}
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return fmt.Errorf("name %q: an IP address is not a name", name)
	}
	return nil
}

// CheckSecretName reports whether a secret may have that name: 1 to 128 of
// a-z A-Z 0-9 . _ - /, as it stands in secret://NAME.
func CheckSecretName(name string) error {
	if name == "" || len(name) > 128 {
		return fmt.Errorf("secret %q: its name must have 1 to 128 characters", name)
	}
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-/", r) {
			return fmt.Errorf("secret %q: its name may have letters, digits, '.', '_', '-' and '/' only", name)
		}
	}
	return nil
}

// subjectNames splits addresses (IP or host name, with or without a port) into
// the two kinds that a certificate knows.
func subjectNames(addresses []string) (dns []string, ips []net.IP, err error) {
	for _, a := range addresses {
		host := a
		if h, _, err := net.SplitHostPort(a); err == nil {
			host = h
		}
		if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
			ips = append(ips, ip.Unmap().WithZone("").AsSlice())
			continue
		}
		if err := checkHost(host); err != nil {
			return nil, nil, err
		}
		dns = append(dns, host)
	}
	return dns, ips, nil
}

// checkHost accepts host names such as those of CheckName, but longer.
func checkHost(host string) error {
	if len(host) > 253 {
		return fmt.Errorf("address %q: a host name has at most 253 characters", host)
	}
	for label := range strings.SplitSeq(host, ".") {
		if err := CheckName(label); err != nil {
			return fmt.Errorf("address %q: %w", host, err)
		}
	}
	return nil
}
