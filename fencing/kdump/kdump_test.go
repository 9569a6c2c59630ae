package kdump_test

import (
	"context"
	"encoding/binary"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/fencing/kdump"
)

// freePort returns a UDP port that nobody has.
func freePort(t *testing.T) int {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).Port
}

func newDevice(t *testing.T, hub *kdump.Hub, port int, address, timeout string) fencing.Device {
	t.Helper()
	dev, err := kdump.Spec(hub).Make("dump-b", fencing.Params{"address": address, "port": strconv.Itoa(port), "timeout": timeout})
	if err != nil {
		t.Fatal(err)
	}
	return dev
}

// say sends the data again and again, as a crash kernel does, until the test ends.
func say(t *testing.T, from string, port int, data []byte) {
	t.Helper()
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			_, _ = conn.Write(data) // nobody may be listening yet
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-ended; conn.Close() })
}

func message(order binary.ByteOrder, magic, version uint32) []byte {
	data := make([]byte, 8)
	order.PutUint32(data, magic)
	order.PutUint32(data[4:], version)
	return data
}

func TestDumping(t *testing.T) {
	const magic = 0x1B302A40
	tests := []struct {
		name string
		from string
		data []byte
		want fencing.Outcome
	}{
		{"it says so", "127.0.0.2", message(binary.LittleEndian, magic, 1), fencing.OutcomeConfirmed},
		{"from a big-endian host", "127.0.0.2", message(binary.BigEndian, magic, 1), fencing.OutcomeConfirmed},
		{"another host says so", "127.0.0.3", message(binary.LittleEndian, magic, 1), fencing.OutcomeFailed},
		{"another version", "127.0.0.2", message(binary.LittleEndian, magic, 2), fencing.OutcomeFailed},
		{"another message", "127.0.0.2", message(binary.LittleEndian, magic+1, 1), fencing.OutcomeFailed},
		{"more than the message", "127.0.0.2", append(message(binary.LittleEndian, magic, 1), 0), fencing.OutcomeFailed},
		{"nothing", "127.0.0.2", nil, fencing.OutcomeFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			port := freePort(t)
			say(t, tt.from, port, tt.data)
			timeout := "300ms"
			if tt.want == fencing.OutcomeConfirmed {
				timeout = "30s"
			}
			outcome, evidence, err := fencing.Crashed(t.Context(), newDevice(t, new(kdump.Hub), port, "127.0.0.2", timeout), fencing.Options{})
			if outcome != tt.want || (err == nil) != (tt.want == fencing.OutcomeConfirmed) {
				t.Fatalf("got %s, %v", outcome, err)
			}
			if len(evidence) != 1 || evidence[0].Step != fencing.StepDump {
				t.Errorf("evidence %+v", evidence)
			}
			if err != nil && fencing.KindOf(err) != fencing.KindTimeout {
				t.Errorf("kind %s", fencing.KindOf(err))
			}
		})
	}
}

// Two nodes that crash at once are both heard, through one socket.
func TestTwoAtOnce(t *testing.T) {
	hub, port := new(kdump.Hub), freePort(t)
	say(t, "127.0.0.2", port, message(binary.LittleEndian, 0x1B302A40, 1))
	say(t, "127.0.0.3", port, message(binary.LittleEndian, 0x1B302A40, 1))
	results := make(chan error, 2)
	for _, address := range []string{"127.0.0.2", "127.0.0.3"} {
		dev := newDevice(t, hub, port, address, "30s")
		go func() {
			_, _, err := fencing.Crashed(context.Background(), dev, fencing.Options{})
			results <- err
		}()
	}
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestItNeverProvesByPower(t *testing.T) {
	port := freePort(t)
	dev := newDevice(t, new(kdump.Hub), port, "127.0.0.2", "100ms")
	outcome, _, err := fencing.Off(t.Context(), dev, fencing.Options{Timeout: time.Second})
	if outcome == fencing.OutcomeConfirmed || err == nil {
		t.Errorf("off: %s, %v", outcome, err)
	}
	taken, err := net.ListenUDP("udp", &net.UDPAddr{Port: port})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, _, err := dev.Status(t.Context()); fencing.KindOf(err) != fencing.KindConfig || !strings.Contains(err.Error(), "listen for crashed kernels") {
		t.Errorf("a port that somebody else has: %v", err)
	}
}
