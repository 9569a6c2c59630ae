package main

import (
	"strings"
	"testing"
)

func TestDialable(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.10": "192.0.2.10:7450", "192.0.2.10:7500": "192.0.2.10:7500", "2001:db8::1": "[2001:db8::1]:7450", "[2001:db8::1]": "[2001:db8::1]:7450",
		"[2001:db8::1]:7500": "[2001:db8::1]:7500", "controller-0": "controller-0:7450", "controller-0.example.org:65534": "controller-0.example.org:65534", "127.0.0.1:1": "127.0.0.1:1",
	} {
		if got, err := dialable(address); got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", address, got, err, want)
		}
	}
	for _, address := range []string{
		"", ":7450", "192.0.2.10:0", "192.0.2.10:65535", "192.0.2.10:x", "192.0.2.10:-1", "http://h", "https://h:7450", "0.0.0.0", "[::]:7450", "255.255.255.255",
		"224.0.0.1", "fe80::1%eth0", "192.0.2", "192.0.2.256", "a b", "-a", "a/b", "192.0.2.10/24", strings.Repeat("x", 300),
	} {
		if got, err := dialable(address); err == nil {
			t.Errorf("%q: taken as %q", address, got)
		}
	}
}
