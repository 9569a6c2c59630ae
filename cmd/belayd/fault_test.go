package main

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// The socket stays open, as in a process that cannot die.
func TestRefuse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	held, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	dial := func() error {
		conn, err := net.DialTimeout("tcp", listener.Addr().String(), 10*time.Second)
		if err == nil {
			conn.Close()
		}
		return err
	}
	if err := dial(); err != nil {
		t.Fatalf("before: %v", err)
	}
	refuse(listener)
	if err := dial(); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want a refusal", err)
	}
	listener.Close()
	refuse(listener) // closed already: nothing happens
}
