package resources

import (
	"net/netip"
	"testing"
)

func TestOwnAgent(t *testing.T) {
	for name, want := range map[string]string{
		"IPaddr2": "vip", "ocf:heartbeat:IPaddr": "vip", "galera": "galera", "ocf:rabbitmq:rabbitmq-server-ha": "rabbitmq",
		"rabbitmq-server-ha": "", "ocf:heartbeat:Filesystem": "", "ocf:other:galera": "", "": "",
	} {
		if got, known := OwnAgent(name); got != want || known != (want != "") {
			t.Errorf("%q: got %q, %v", name, got, known)
		}
	}
}

func TestPrefixBits(t *testing.T) {
	for _, c := range []struct {
		text, address string
		bits          int
		known         bool
	}{
		{"24", "192.0.2.1", 24, true}, {"0", "192.0.2.1", 0, true}, {"33", "192.0.2.1", 32, false}, {"-1", "192.0.2.1", 32, false}, {"64", "2001:db8::1", 64, true},
		{"255.255.255.0", "192.0.2.1", 24, true}, {"255.255.255.255", "192.0.2.1", 32, true}, {"0.0.0.0", "192.0.2.1", 0, true}, {"255.0.255.0", "192.0.2.1", 32, false},
		{"255.255.255.0", "2001:db8::1", 128, false}, {"", "192.0.2.1", 32, false}, {"x", "192.0.2.1", 32, false},
	} {
		bits, known := PrefixBits(c.text, netip.MustParseAddr(c.address))
		if bits != c.bits || known != c.known {
			t.Errorf("%q of %s: got %d, %v", c.text, c.address, bits, known)
		}
	}
}
