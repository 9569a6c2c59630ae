package network

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// TestDelay has two hosts on a bridge, one behind a slow cable: an answer takes the
// longer by both ways, a megabyte arrives as it was sent, and afterwards the cable
// is as before.
func TestDelay(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes network namespaces; continuous integration is root")
	}
	const bridge = "br-t"
	middle := namespace(t, "middle")
	if err := middle.MakeBridge(Bridge{Name: bridge, MAC: "02:00:00:00:00:01"}); err != nil {
		t.Skipf("needs bridges: %v", err)
	}
	near, far := host(t, middle, bridge, 1), host(t, middle, bridge, 2)
	serve(t, far)
	exchange := func(size int) time.Duration {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		conn, err := near.DialContext(ctx, "tcp", "192.0.2.2:7")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		sent := bytes.Repeat([]byte("belay"), size/5+1)
		began := time.Now()
		go func() { _, _ = conn.Write(sent) }()
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(conn, got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, sent) {
			t.Fatal("it arrived otherwise")
		}
		return time.Since(began)
	}
	exchange(1 << 20)

	const least = 150 * time.Millisecond
	delay, err := middle.Delay("cable-2", bridge, least, 200*time.Millisecond)
	if err != nil {
		t.Skipf("needs packet sockets: %v", err)
	}
	if took := exchange(1); took < 2*least {
		t.Errorf("an answer took %s, at least %s is right", took, 2*least)
	}
	exchange(1 << 20)
	if err := delay.Stop(); err != nil {
		t.Fatal(err)
	}
	quick := time.Hour
	for range 5 {
		quick = min(quick, exchange(1))
	}
	if quick >= least {
		t.Errorf("afterwards an answer takes %s still", quick)
	}
	if err := delay.Stop(); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

// A cable that its host took along is no mistake.
func TestDelayOfACableThatGoes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes network namespaces; continuous integration is root")
	}
	middle := namespace(t, "middle")
	if err := middle.MakeBridge(Bridge{Name: "br-t", MAC: "02:00:00:00:00:01"}); err != nil {
		t.Skipf("needs bridges: %v", err)
	}
	host(t, middle, "br-t", 1)
	delay, err := middle.Delay("cable-1", "br-t", time.Millisecond, time.Millisecond)
	if err != nil {
		t.Skipf("needs packet sockets: %v", err)
	}
	if err := middle.Delete("cable-1"); err != nil {
		t.Fatal(err)
	}
	if err := delay.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := middle.Delay("cable-1", "br-t", 0, 0); !IsNotFound(err) {
		t.Errorf("delay of what is not there: %v", err)
	}
}

func namespace(t *testing.T, name string) Namespace {
	t.Helper()
	ns := Namespace(fmt.Sprintf("belay-test-%d-%s", os.Getpid(), name))
	if err := ns.Make(t.Context()); err != nil {
		t.Skipf("needs network namespaces: %v", err)
	}
	t.Cleanup(func() {
		if err := ns.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return ns
}

// host makes a host 192.0.2.N with a cable "cable-N" to the bridge.
func host(t *testing.T, middle Namespace, bridge string, n int) Namespace {
	t.Helper()
	ns := namespace(t, fmt.Sprint(n))
	cable := fmt.Sprintf("cable-%d", n)
	err := middle.withLinks(func(links *netlink.Handle) error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = cable
		if err := links.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "plug"}); err != nil {
			return err
		}
		plug, err := links.LinkByName("plug")
		if err != nil {
			return err
		}
		file, err := os.Open(ns.Path())
		if err != nil {
			return err
		}
		defer file.Close()
		return links.LinkSetNsFd(plug, int(file.Fd()))
	})
	if err != nil {
		t.Skipf("needs veth interfaces: %v", err)
	}
	for _, err := range []error{
		middle.Attach(cable, bridge), middle.SetUp(cable, true), ns.SetAddress("plug", fmt.Sprintf("192.0.2.%d/24", n), true), ns.SetUp("plug", true),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return ns
}

// serve sends back what it is sent.
func serve(t *testing.T, ns Namespace) {
	t.Helper()
	var listener net.Listener
	if err := ns.Do(func() (err error) {
		listener, err = net.Listen("tcp", "192.0.2.2:7")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
}
