package stage

import (
	"errors"
	"fmt"
	"os/exec"
	"testing"
)

func TestLocalAddress(t *testing.T) {
	const trie = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
        +-- 10.77.0.0/25 2 0 2
           |-- 10.77.0.11
              /32 link UNICAST
Local:
  +-- 0.0.0.0/0 3 0 5
        |-- 10.77.0.12
           /32 host LOCAL
        |-- 10.77.0.100
           /32 host LOCAL
        |-- 10.77.0.255
           /32 link BROADCAST
`
	for address, want := range map[string]bool{
		"10.77.0.12": true, "10.77.0.100": true, "10.77.0.10": false, "10.77.0.11": false, "10.77.0.255": false,
	} {
		if got := localAddress(trie, address); got != want {
			t.Errorf("%s: got %v, want %v", address, got, want)
		}
	}
	if localAddress("", "10.77.0.12") {
		t.Error("a host that is off holds an address")
	}
}

func TestBoundTo(t *testing.T) {
	const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
  123: 00000000:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 41 2 0 0
  124: 0B004D0A:1D1B 00000000:0043 07 00000000:00000000 00:00000000 00000000     0        0 42 2 0 0
`
	for port, want := range map[int]bool{67: true, 7451: true, 68: false, 0: false} {
		if got := boundTo(table, port); got != want {
			t.Errorf("port %d: got %v, want %v", port, got, want)
		}
	}
}

func TestExitStatus(t *testing.T) {
	failed := exec.Command("sh", "-c", "exit 3").Run()
	cases := []struct {
		name   string
		err    error
		status int
		known  bool
	}{
		{"done", nil, 0, true},
		{"failed", fmt.Errorf("run it: %w", failed), 3, true},
		{"never ran", errors.New("the host is off"), 0, false},
	}
	for _, c := range cases {
		if status, known := exitStatus(c.err); status != c.status || known != c.known {
			t.Errorf("%s: got %d, %v", c.name, status, known)
		}
	}
}

func TestListensOn(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 64004D0A:13BA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 6007773 1 00000000ec0d92c1 100 0 1 10 0
   1: 0B004D0A:13BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 6021609 1 000000000823f76d 100 0 0 10 0
   2: 00000000:1F3F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 6010918 1 000000000a65203e 100 0 0 10 0
   3: 0B004D0A:13BC 0B004D0A:A62C 06 00000000:00000000 03:00000A74 00000000     0        0 0 3 0000000050470abe
`
	cases := []struct {
		address string
		port    int
		want    bool
	}{
		{"10.77.0.11", 5051, true},
		{"10.77.0.11", 5050, false}, // that is the balancer, at the virtual address
		{"10.77.0.100", 5050, true},
		{"10.77.0.11", 5052, false}, // a connection that is over
		{"0.0.0.0", 7999, true},
		{"10.77.0.11", 7999, false},
		{"nonsense", 7999, false},
	}
	for _, c := range cases {
		if got := listensOn(table, c.address, c.port); got != c.want {
			t.Errorf("%s port %d: got %v, want %v", c.address, c.port, got, c.want)
		}
	}
	if listensOn("", "0.0.0.0", 7999) {
		t.Error("a host that is off listens")
	}
}
