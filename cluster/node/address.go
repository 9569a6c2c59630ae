package node

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
)

// GossipAddress returns the gossip address that belongs to an API address: the
// next port.
func GossipAddress(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("address %q: %w", address, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || number == 65535 {
		return "", fmt.Errorf("address %q: the port must be between 1 and 65534", address)
	}
	return net.JoinHostPort(host, strconv.FormatUint(number+1, 10)), nil
}

func newIncarnation() string {
	id := make([]byte, 8)
	rand.Read(id)
	return hex.EncodeToString(id)
}
